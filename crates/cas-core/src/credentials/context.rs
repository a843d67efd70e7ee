//! What all sources work with: environment variables, files with secrets, and HTTP.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, io};

use once_cell::race::OnceBox;
use ureq::AsSendBody;
use ureq::http::Request;
use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::env::{EnvSnapshot, Variable};
use crate::base::exhaustion::Exhaustion;
use crate::base::logger::{Level, Logger};
use crate::base::lookups::{Lookups, OfProcess};
use crate::base::quote::quoted_path;
use crate::credentials::files;
use crate::http::client::HttpClient;
use crate::http::deadline::Connection;
use crate::http::response::HttpResponse;
use crate::protocol::Signature;
use crate::service::provider::CredentialsError;

/// Longest time for one request of a source. The official SDKs allow 5 s to connect and 10 s for
/// the response (docs/service.md, Credentials URI).
pub(crate) const MAX_REQUEST_TIME: Duration = Duration::from_secs(15);

/// Shortest time between two questions to the password database, after one that failed.
const HOME_RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Turns off what runs a program or asks a URL that a file or variable names.
pub(crate) const EXTERNAL_DISABLED: Variable = Variable::ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS;

/// The user who may read and change everything.
const ROOT: u32 = 0;

/// The mode bit of directories in which only owners may replace files.
const STICKY: u32 = 0o1000;

static HOME_LOOKUPS: OfProcess<Option<PathBuf>> = OfProcess::new();

/// Without an answer, no other source is asked: it would stay in use for good.
fn home_error(cause: &io::Error) -> CredentialsError {
    const WHAT: &str = "failed to look up the home directory of this user";
    if Exhaustion::of(cause).is_some() {
        return CredentialsError::of_io(WHAT, cause);
    }
    let reason = match cause.kind() {
        io::ErrorKind::TimedOut => "the password database did not respond".to_owned(),
        _ => cause.to_string(),
    };
    CredentialsError::fatal(format!("{WHAT}: {reason}"))
        .with_hint("Set HOME, or check the password database of this machine.")
        .with_retryable(true)
}

/// Shared by all sources of a client.
pub(crate) struct ProviderContext {
    pub(crate) variables: Arc<EnvSnapshot>,
    pub(crate) connections: Arc<HttpClient>,
    /// How requests to STS are signed.
    pub(crate) signature: Signature,
    pub(crate) logger: Logger,
    /// The files for which warnings about their exposure have been logged.
    warned: Mutex<Vec<PathBuf>>,
    /// What the password database said.
    home: OnceBox<Option<PathBuf>>,
    /// How it failed to say anything, and when.
    no_home: Mutex<Option<(Instant, CredentialsError)>>,
}

impl ProviderContext {
    #[must_use]
    pub(crate) fn new(
        variables: Arc<EnvSnapshot>,
        connections: Arc<HttpClient>,
        signature: Signature,
        logger: Logger,
    ) -> Self {
        let (warned, home, no_home) = (Mutex::default(), OnceBox::new(), Mutex::default());
        Self { variables, connections, signature, logger, warned, home, no_home }
    }

    /// The user's home directory: `HOME`, or else that of the password database. The database is
    /// asked once, when a source first needs the directory, and after a failure once a minute. It
    /// may be a service that hangs, so a thread asks it.
    pub(crate) fn home(&self, deadline: &Deadline) -> Result<&Path, CredentialsError> {
        if self.known_home().is_none() && self.home.get().is_none() {
            if let Some(error) = self.recent_failure() {
                return Err(error);
            }
            let lookups = Lookups::of_process(&HOME_LOOKUPS, 1);
            match lookups.look_up("the effective user", deadline, |_| cas_sys::home_directory()) {
                Ok(found) => drop(self.home.set(Box::new(found))), // another thread may be faster
                Err(cause) => {
                    let error = home_error(&cause);
                    // The thread goes on asking after the deadline: that is not asked again either.
                    if let Ok(mut failure) = self.no_home.try_lock()
                        && cause.kind() != io::ErrorKind::TimedOut
                    {
                        *failure = Some((Instant::now(), error.clone()));
                    }
                    return Err(error);
                }
            }
        }
        self.known_home().ok_or_else(|| {
            let home = if self.variables.is_ignored() { "" } else { "HOME is not set, and " };
            CredentialsError::not_configured(format!(
                "the home directory is unknown ({home}the password database does not have it)"
            ))
        })
    }

    /// Whether [`EXTERNAL_DISABLED`] is set. The official CLI also accepts 1.
    pub(crate) fn is_external_disabled(&self) -> bool {
        let variables = &self.variables;
        variables.is_true(EXTERNAL_DISABLED)
            || variables.get(EXTERNAL_DISABLED).is_some_and(|value| value.trim() == "1")
    }

    /// The failure of the last minute. Does not wait, as in [`Self::is_first_warning`].
    fn recent_failure(&self) -> Option<CredentialsError> {
        let failure = self.no_home.try_lock().ok()?;
        let (at, error) = failure.as_ref()?;
        (at.elapsed() < HOME_RETRY_INTERVAL).then(|| error.clone())
    }

    /// The same, unless the password database has to be asked for it.
    pub(crate) fn known_home(&self) -> Option<&Path> {
        let in_database = || self.home.get().and_then(Option::as_deref);
        self.variables.path(Variable::HOME).or_else(in_database)
    }

    /// Reads a file with access keys. Logs warnings, once, if other users may read or change it.
    /// `variable` is the environment variable that names the file, if one does.
    pub(crate) fn secret_file(
        &self,
        path: &Path,
        variable: Option<Variable>,
        deadline: &Deadline,
    ) -> Result<Zeroizing<String>, CredentialsError> {
        let text = files::read_text(path, deadline)?.ok_or_else(|| match variable {
            Some(variable) => CredentialsError::failed(format!(
                "file not found, although {variable} names it (libcas does not expand ~)"
            )),
            None => CredentialsError::not_configured("file not found"),
        })?;
        let warnings = exposures(path, cas_sys::effective_user());
        if !warnings.is_empty() && self.is_first_warning(path) {
            for warning in warnings {
                self.logger.log(Level::Warn, || warning);
            }
        }
        Ok(text)
    }

    fn is_first_warning(&self, path: &Path) -> bool {
        // Does not wait: after a fork, the thread that held the lock may not exist. A second
        // warning is better than none.
        let Ok(mut warned) = self.warned.try_lock() else { return true };
        let is_first = !warned.iter().any(|known| known == path);
        if is_first {
            warned.push(path.to_owned());
        }
        is_first
    }

    /// Sends a request to `host` and returns the response, whatever its status. A service that
    /// does not respond leaves half of the time.
    pub(crate) fn send(
        &self,
        request: Request<impl AsSendBody>,
        host: &str,
        deadline: &Deadline,
    ) -> Result<HttpResponse, CredentialsError> {
        self.send_until(request, host, &deadline.halfway().within(MAX_REQUEST_TIME))
    }

    /// The same, with the whole time.
    pub(crate) fn send_until(
        &self,
        request: Request<impl AsSendBody>,
        host: &str,
        deadline: &Deadline,
    ) -> Result<HttpResponse, CredentialsError> {
        self.connections
            .send(request, host, Connection::Any, deadline)
            .map_err(CredentialsError::of_request)
    }
}

/// What lets other users read a file with access keys or decide what is in it, in sentences. `user`
/// is the one that the program runs as.
fn exposures(path: &Path, user: u32) -> Vec<String> {
    let file = quoted_path(path);
    let mut warnings = Vec::new();
    if let Ok(metadata) = fs::metadata(path) {
        let (mode, owner) = (metadata.mode() & 0o777, metadata.uid());
        if mode & 0o066 != 0 {
            warnings.push(format!(
                "Other users may read or change {file}, which contains access keys (mode \
                 {mode:o}). Run chmod 600 on it."
            ));
        }
        if ![user, ROOT].contains(&owner) {
            warnings.push(format!(
                "Another user owns {file}, and decides which access keys libcas finds there (user \
                 ID {owner}). Run chown on it."
            ));
        }
    }
    // A link may lead to another directory.
    let real = fs::canonicalize(path);
    let directory = real.as_deref().ok().and_then(Path::parent);
    if let Some((directory, metadata)) = directory.and_then(|it| Some((it, fs::metadata(it).ok()?)))
    {
        let mode = metadata.mode() & 0o7777;
        if ![user, ROOT].contains(&metadata.uid()) {
            warnings.push(format!(
                "Another user may replace {file}, which contains access keys: user ID {} owns {}. \
                 Run chown on it.",
                metadata.uid(),
                quoted_path(directory)
            ));
        }
        // In a directory with the sticky bit, others cannot replace files.
        if mode & 0o022 != 0 && mode & STICKY == 0 {
            warnings.push(format!(
                "Other users may replace {file}, which contains access keys: they may write to \
                 {} (mode {mode:o}). Run chmod go-w on it.",
                quoted_path(directory)
            ));
        }
    }
    warnings
}

#[cfg(test)]
impl ProviderContext {
    /// A context with these variables. Its sources can send nothing that a test expects.
    pub(crate) fn of_test(variables: &[(&str, &str)]) -> Arc<Self> {
        use crate::http::proxy::ProxyPolicy;
        use crate::http::roots::RootStore;
        let variables: Arc<EnvSnapshot> = Arc::new(variables.iter().copied().collect());
        let proxy_policy = ProxyPolicy::Environment(Arc::clone(&variables));
        let connections = HttpClient::new(
            MAX_REQUEST_TIME,
            RootStore::of_environment(&variables),
            proxy_policy,
            false,
            "test".to_owned(),
        );
        Arc::new(Self::new(
            variables,
            Arc::new(connections),
            Signature::default(),
            Logger::default(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown};

    #[test]
    fn a_missing_file_is_an_error_only_if_a_variable_names_it() {
        let context = ProviderContext::of_test(&[]);
        let path = Path::new("/nonexistent/config.json");
        let over = Deadline::over();
        assert!(context.secret_file(path, None, &over).unwrap_err().is_not_configured());
        let variable = Some(Variable::ALIBABA_CLOUD_CONFIG_FILE);
        let error = context.secret_file(path, variable, &over).unwrap_err();
        assert!(
            !error.is_not_configured()
                && error.reason.contains("although ALIBABA_CLOUD_CONFIG_FILE names it")
        );
    }

    #[test]
    fn files_that_other_users_control_are_warned_of() {
        let name = format!("libcas-{}-exposures", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let file = directory.join("config.json");
        fs::write(&file, "").unwrap();
        let owner = fs::metadata(&file).unwrap().uid();
        let warnings = |directory_mode, mode, user| {
            let set = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
            set(&file, mode).unwrap();
            set(&directory, directory_mode).unwrap();
            exposures(&file, user)
        };
        for mode in [0o700, 0o755, 0o1777] {
            assert_eq!(warnings(mode, 0o600, owner), [""; 0], "{mode:o}");
        }
        for mode in [0o777, 0o720, 0o702, 0o2775] {
            let warnings = warnings(mode, 0o600, owner);
            assert!(warnings[0].starts_with("Other users may replace \"") && warnings.len() == 1);
            assert!(warnings[0].contains(&format!("(mode {mode:o})")), "{warnings:?}");
        }
        let warnings = warnings(0o777, 0o644, owner);
        assert!(warnings[0].starts_with("Other users may read or change") && warnings.len() == 2);
        // Only root can change the owner. Files of root are trusted.
        if chown(&file, Some(4242), None).is_ok() {
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let warnings = exposures(&file, 0);
            assert!(warnings[0].starts_with("Another user owns \"") && warnings.len() == 1);
            assert!(warnings[0].contains("(user ID 4242)"), "{warnings:?}");
            assert_eq!(exposures(&file, 4242), [""; 0]);
            chown(&file, Some(0), None).unwrap();
            assert_eq!(exposures(&file, 4242), [""; 0]);
            chown(&directory, Some(4242), None).unwrap();
            let warnings = exposures(&file, 0);
            assert!(warnings[0].starts_with("Another user may replace \"") && warnings.len() == 1);
            assert!(warnings[0].contains("user ID 4242 owns \""), "{warnings:?}");
        }
        fs::remove_dir_all(directory).unwrap();
        assert_eq!(exposures(&file, owner), [""; 0]);
    }

    #[test]
    fn the_exposure_of_each_file_is_warned_of_once() {
        let context = ProviderContext::of_test(&[]);
        for (path, first) in [("/a", true), ("/a", false), ("/b", true), ("/b", false)] {
            assert_eq!(context.is_first_warning(Path::new(path)), first, "{path}");
        }
        let _locked = context.warned.lock().unwrap();
        assert!(context.is_first_warning(Path::new("/a")));
    }

    #[test]
    fn the_switch_for_programs_is_that_of_the_cli() {
        for (value, disabled) in [
            ("true", true),
            (" TRUE", true),
            ("1", true),
            ("0", false),
            ("false", false),
            ("", false),
        ] {
            let variables = [("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS", value)];
            let context = ProviderContext::of_test(&variables);
            assert_eq!(context.is_external_disabled(), disabled, "{value}");
        }
        assert!(!ProviderContext::of_test(&[]).is_external_disabled());
    }

    #[test]
    fn a_failed_connection_is_retryable() {
        // A port on which no program listens.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        drop(listener);
        let request = Request::get(format!("http://{host}/")).body(()).unwrap();
        let deadline = &Deadline::after(Duration::from_secs(60));
        let error = ProviderContext::of_test(&[]).send(request, &host, deadline).unwrap_err();
        assert!(error.reason.contains(&host) && error.retryable, "{}", error.reason);
        assert!(!error.is_not_configured());
    }
}
