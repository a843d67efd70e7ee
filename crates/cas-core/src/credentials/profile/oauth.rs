//! The access key of a user who signed in by OAuth with the official CLI. A refresh token is good
//! for one use, so the new tokens are written back to the profile, as the official packages do. See
//! docs/service.md, OAuth.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cas_sign::{FORM_CONTENT_TYPE, Params};
use ureq::http::Request;
use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::exhaustion::{Exhaustion, clause_of};
use crate::base::file;
use crate::base::logger::Level;
use crate::base::quote::quoted_path;
use crate::base::secret::Secret;
use crate::base::time;
use crate::credentials::context::{MAX_REQUEST_TIME, ProviderContext};
use crate::credentials::profile::cli_file::{
    ConfigFile, MAX_WRITE_TIME, POLL_INTERVAL, read_whole,
};
use crate::credentials::profile::fields::Profile;
use crate::credentials::profile::file_lock::FileLock;
use crate::credentials::profile::oauth_tokens::{TokenResponse, Tokens, with_fields};
use crate::credentials::profile::replace_file::Replacement;
use crate::credentials::session_credentials::SessionCredentials;
use crate::credentials::source::{KeyWithExpiry, REFRESH_MARGIN, Source, log_refresh_failure};
use crate::credentials::{files, response};
use crate::service::provider::CredentialsError;

/// The sites, their hosts, and the client ID of the official CLI there.
const SITES: [(&str, &str, &str); 2] = [
    ("CN", "oauth.aliyun.com", "4038181954557748008"),
    ("INTL", "oauth.alibabacloud.com", "4103531455503354461"),
];

/// A refresh token is not used with less time left than this. Once it is used, libcas waits for the
/// response beyond the deadline, because losing the new token ends the sign-in.
const MIN_RENEWAL_TIME: Duration = Duration::from_secs(2);

const SIGN_IN: &str = "Sign in again: aliyun configure --mode OAuth --profile NAME.";

/// The sign-in in one profile of config.json.
pub(crate) struct OAuth {
    context: Arc<ProviderContext>,
    path: PathBuf,
    name: String,
    /// The profile, for the log.
    place: String,
    host: &'static str,
    client_id: &'static str,
}

impl OAuth {
    pub(crate) fn new(
        context: Arc<ProviderContext>,
        path: PathBuf,
        name: &str,
        profile: &Profile,
    ) -> Result<Self, CredentialsError> {
        let site = profile.get("oauth_site_type").unwrap_or("CN").to_ascii_uppercase();
        let (_, host, client_id) = SITES
            .into_iter()
            .find(|(known, ..)| *known == site)
            .ok_or_else(|| profile.error("invalid oauth_site_type: must be CN or INTL"))?;
        let tokens = Tokens::of(profile);
        if tokens.access.is_none() && tokens.refresh.is_none() {
            return Err(profile.error("not signed in").with_hint(SIGN_IN));
        }
        Ok(Self {
            context,
            path,
            name: name.to_owned(),
            place: profile.place.clone(),
            host,
            client_id,
        })
    }

    /// The tokens in the file now. Another program may have renewed them.
    fn read_tokens(&self, deadline: &Deadline) -> Result<Tokens, CredentialsError> {
        let text = read_whole(|limit| self.context.secret_file(&self.path, None, limit), deadline)?;
        let profile = ConfigFile::parse(&text)?.profile(&self.name);
        profile
            .map(|profile| Tokens::of(&profile))
            .ok_or_else(|| CredentialsError::failed("the profile was removed from the file"))
    }

    /// The renewed key. If renewing failed, the current key if it is still valid.
    fn or_current(
        &self,
        renewed: Result<KeyWithExpiry, CredentialsError>,
        current: Option<KeyWithExpiry>,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        match (renewed, current) {
            (Err(error), Some(current)) => {
                log_refresh_failure(&self.context.logger, &error.at(&self.place));
                Ok(current)
            }
            (renewed, _) => renewed,
        }
    }

    /// Exchanges the refresh token for new tokens. It cannot be used again.
    fn refresh(&self, refresh: &Secret, now: SystemTime) -> Result<Tokens, CredentialsError> {
        let timestamp = time::timestamp(now);
        let mut params = Params::new();
        for (name, value) in [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
            ("client_id", self.client_id),
            ("Timestamp", &timestamp),
        ] {
            params.set(name, value);
        }
        let form = Zeroizing::new(params.canonical_query());
        let request = Request::post(format!("https://{}/v1/token", self.host))
            .header("Content-Type", FORM_CONTENT_TYPE)
            .body(form.as_bytes())
            .map_err(|_| CredentialsError::failed("failed to build the request"))?;
        let deadline = Deadline::after(MAX_REQUEST_TIME);
        let response = self.context.send_until(request, self.host, &deadline)?;
        response::read::<TokenResponse>(&response, self.host, Some(&[refresh.expose()]))
            .map_err(|error| with_sign_in_hint(response.status, error))?
            .into_tokens(refresh, now)
            .ok_or_else(|| self.no_access_token())
    }

    fn no_access_token(&self) -> CredentialsError {
        let host = self.host;
        CredentialsError::failed(format!("access_token is missing in the response of {host}"))
    }

    /// Exchanges the access token for an access key.
    fn exchange(
        &self,
        access: &Secret,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let bearer = Zeroizing::new(format!("Bearer {}", access.expose()));
        let request = Request::post(format!("https://{}/v1/exchange", self.host))
            .header("Content-Type", "application/json")
            .header("Authorization", bearer.as_str())
            .body(&[][..])
            .map_err(|_| {
                CredentialsError::failed("invalid oauth_access_token: not valid in an HTTP header")
            })?;
        let response = self.context.send(request, self.host, deadline)?;
        response::read::<SessionCredentials>(&response, self.host, Some(&[access.expose()]))
            .map_err(|error| with_sign_in_hint(response.status, error))?
            .into_key(self.host)
    }

    /// Gets new tokens if the access token expires soon, then a new access key, and writes both to
    /// the file.
    fn renew(
        &self,
        mut tokens: Tokens,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        if let Some(refresh) = tokens.refresh.as_ref().filter(|_| !tokens.is_access_fresh(now)) {
            // If the new token cannot be written, the sign-in ends. So the file is prepared before
            // the token is used.
            let (file, before) = self.prepare(&tokens).map_err(|cause| {
                let error = CredentialsError::of_io(&self.write_failure(), &cause);
                if error.is_fatal() {
                    return error;
                }
                error.with_hint(
                    "Make the file and its directory writable for this program, and check that \
                     the disk has room.",
                )
            })?;
            if deadline.time_left() < MIN_RENEWAL_TIME || deadline.is_cancelled() {
                let seconds = MIN_RENEWAL_TIME.as_secs();
                return Err(CredentialsError::failed(format!(
                    "not enough time to renew the sign-in: less than {seconds} s are left"
                ))
                .with_hint("Set a longer timeout.")
                .with_retryable(true));
            }
            tokens = self.refresh(refresh, now)?;
            self.write(file, &before, &tokens);
            if tokens.access.is_none() {
                return Err(self.no_access_token());
            }
        }
        let Some(access) = &tokens.access else {
            return Err(CredentialsError::failed("not signed in").with_hint(SIGN_IN));
        };
        let fetched = self.exchange(access, deadline)?;
        tokens.key = Some(fetched.clone());
        // Only a token is worth more time than the call has.
        let patience = deadline.within(MAX_WRITE_TIME);
        let written = self
            .prepare(&tokens)
            .and_then(|(mut file, _)| file.commit(&patience, || self.content(&tokens)));
        if let Err(cause) = written {
            self.log_write_failure(&cause, "");
        }
        Ok(fetched)
    }

    fn read_file(&self) -> io::Result<Zeroizing<String>> {
        files::read_with_mark(&self.path, &Deadline::after(file::PIPE_TIME))
    }

    /// The text of the file with these tokens in the profile, and nothing else changed.
    fn content(&self, tokens: &Tokens) -> io::Result<Zeroizing<String>> {
        self.with_tokens(&self.read_file()?, tokens)
    }

    fn with_tokens(&self, whole: &str, tokens: &Tokens) -> io::Result<Zeroizing<String>> {
        let (mark, text) = files::split_mark(whole);
        let config = ConfigFile::parse(text).ok();
        let object = config.as_ref().and_then(|config| config.raw_profile(&self.name));
        object.and_then(|object| with_fields(mark, text, object, &tokens.fields())).ok_or_else(
            || {
                let reason = "it is not valid JSON, or the profile was removed from it";
                io::Error::new(io::ErrorKind::InvalidData, reason)
            },
        )
    }

    /// A replacement for the file, and the text of the file.
    fn prepare(&self, tokens: &Tokens) -> io::Result<(Replacement, Zeroizing<String>)> {
        let before = self.read_file()?;
        let content = self.with_tokens(&before, tokens)?;
        Ok((Replacement::prepare(&self.path, &content)?, before))
    }

    /// Writes the tokens. The file is read again: another program may have changed it. If it stays
    /// unreadable, the tokens are kept in another file, with the text of `before`.
    fn write(&self, mut file: Replacement, before: &str, tokens: &Tokens) {
        let patience = Deadline::after(MAX_WRITE_TIME);
        let content = || loop {
            match self.content(tokens) {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    if !patience.sleep(POLL_INTERVAL) {
                        return Err(error);
                    }
                }
                result => return result,
            }
        };
        if let Err(cause) = file.commit(&patience, content) {
            let kept = self.with_tokens(before, tokens).and_then(|content| file.keep(&content));
            let kept = kept.map_or(String::new(), |path| {
                format!(". The file with the renewed sign-in is {}", quoted_path(&path))
            });
            self.log_write_failure(&cause, &kept);
        }
    }

    fn write_failure(&self) -> String {
        format!("failed to write the renewed sign-in to {}", quoted_path(&self.path))
    }

    fn log_write_failure(&self, cause: &io::Error, kept: &str) {
        self.context.logger.log(Level::Warn, || {
            format!("In {}: {}: {}{kept}.", self.place, self.write_failure(), clause_of(cause))
        });
    }
}

/// Adds a hint if the service refused a token: the user has to sign in again.
fn with_sign_in_hint(status: u16, error: CredentialsError) -> CredentialsError {
    if (400..500).contains(&status) { error.with_hint(SIGN_IN) } else { error }
}

impl Source for OAuth {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let lives = |key: &KeyWithExpiry, longer_than| {
            key.expires.is_some_and(|expires| now + longer_than < expires)
        };
        // The tokens, and the current key if it is valid.
        let read = || {
            let mut tokens = self.read_tokens(deadline)?;
            let current = tokens.key.take().filter(|key| lives(key, Duration::ZERO));
            Ok((tokens, current))
        };
        let (_, current) = read()?;
        if let Some(fresh) = current.clone().filter(|key| lives(key, REFRESH_MARGIN)) {
            return Ok(fresh);
        }
        // Two programs must not use the same refresh token.
        let lock = match FileLock::beside(&self.path, deadline) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let reason =
                    "another program did not finish renewing the sign-in before the deadline";
                let error = CredentialsError::failed(reason).with_retryable(true);
                return self.or_current(Err(error), current);
            }
            // Without the lock, two programs may use the same refresh token.
            Err(error) if Exhaustion::of(&error).is_some() => {
                let what = format!("failed to lock {}", quoted_path(&self.path));
                return self.or_current(Err(CredentialsError::of_io(&what, &error)), current);
            }
            Err(_) => None,
        };
        // Another program may have renewed the key while this one waited for the lock.
        let (tokens, current) = read()?;
        if let Some(fresh) = current.clone().filter(|key| lives(key, REFRESH_MARGIN)) {
            return Ok(fresh);
        }
        let renewed = self.renew(tokens, now, deadline);
        drop(lock);
        self.or_current(renewed, current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;
    use std::thread;

    use crate::base::logger::Logger;

    /// A sign-in in a config.json in a directory of its own, which ends with it.
    struct SignIn {
        source: OAuth,
        log: Arc<Mutex<Vec<String>>>,
    }

    impl SignIn {
        /// `expiration` is that of the access key.
        fn new(name: &str, expiration: u64) -> Self {
            let name = format!("libcas-{}-oauth-{name}", std::process::id());
            let directory = std::env::temp_dir().join(name);
            fs::create_dir_all(&directory).unwrap();
            let path = directory.join("config.json");
            let config = format!(
                r#"{{"profiles": [{{"name": "web", "oauth_refresh_token": "r",
                    "access_key_id": "STS.x", "access_key_secret": "s", "sts_token": "t",
                    "sts_expiration": {expiration}}}]}}"#
            );
            fs::write(&path, &config).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let log = Arc::new(Mutex::new(Vec::new()));
            let sink = Arc::clone(&log);
            let mut context = Arc::into_inner(ProviderContext::of_test(&[])).unwrap();
            context.logger = Logger::new(Level::Warn, move |_, message| {
                sink.lock().unwrap().push(message.to_owned());
            });
            let profile = ConfigFile::parse(&config).unwrap().profile("web").unwrap();
            let source = OAuth::new(Arc::new(context), path, "web", &profile).unwrap();
            Self { source, log }
        }

        fn log(&self) -> Vec<String> {
            self.log.lock().unwrap().clone()
        }
    }

    impl Drop for SignIn {
        fn drop(&mut self) {
            fs::remove_dir_all(self.source.path.parent().unwrap()).unwrap();
        }
    }

    /// Fetches 1,000 s after 1970, while another program holds the lock, from a file whose key
    /// expires after `expiration` seconds: the ID of the key or the error, and the log.
    fn fetch_while_locked(expiration: u64) -> (Result<String, String>, Vec<String>) {
        let sign_in = SignIn::new(&format!("locked-{expiration}"), expiration);
        let lock = FileLock::beside(&sign_in.source.path, &Deadline::over()).unwrap().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let fetched = sign_in.source.fetch(now, &Deadline::over());
        drop(lock);
        let fetched = fetched.map(|fetched| fetched.key.id().to_owned());
        (fetched.map_err(|error| error.reason), sign_in.log())
    }

    /// Another program changes the file to `meanwhile` and then to `at_last`, while `r2` is on its
    /// way. Returns the refresh tokens in the files afterwards, and the log.
    fn write_while(meanwhile: &str, at_last: Option<&str>) -> (Vec<String>, Vec<String>) {
        let sign_in = SignIn::new(&format!("write-{}", meanwhile.len()), 1);
        let (source, path) = (&sign_in.source, &sign_in.source.path);
        let (file, before) =
            source.prepare(&source.read_tokens(&Deadline::over()).unwrap()).unwrap();
        let with = |text: &str| text.replace("BEFORE", &before);
        fs::write(path, with(meanwhile)).unwrap();
        let tokens = Tokens {
            access: None,
            access_expires: None,
            refresh: Some(Secret::new("r2".to_owned())),
            key: None,
        };
        thread::scope(|scope| {
            scope.spawn(|| at_last.map(|text| fs::write(path, with(text)).unwrap()));
            source.write(file, &before, &tokens);
        });
        let mut found = Vec::new();
        for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let profile = ConfigFile::parse(&text).ok().and_then(|config| config.profile("web"));
            found.extend(profile.and_then(|profile| profile.text("oauth_refresh_token")));
        }
        (found, sign_in.log())
    }

    #[test]
    fn new_tokens_are_kept_whatever_happens_to_the_file() {
        let r2 = vec!["r2".to_owned()];
        assert_eq!(write_while("BEFORE", None), (r2.clone(), vec![]));
        assert_eq!(write_while("{\"profiles\": [", Some("BEFORE\n")), (r2.clone(), vec![]));
        for broken in ["{\"profiles\": [{\"name\": \"we", "{\"profiles\": [{\"name\": \"x\"}]}"] {
            let (found, log) = write_while(broken, None);
            assert_eq!(found, r2);
            let [warning] = log.as_slice() else { panic!("{log:?}") };
            assert!(
                warning.contains(
                    "it is not valid JSON, or the profile was removed from it. The \
                                  file with the renewed sign-in is \""
                ) && warning.contains("config.json.libcas-")
                    && !warning.contains("r2"),
                "{warning}"
            );
        }
    }

    #[test]
    fn the_key_in_the_file_is_used_until_the_refresh_margin_and_if_renewing_fails() {
        let busy = "another program did not finish renewing the sign-in before the deadline";
        let key = || Ok("STS.x".to_owned());
        assert_eq!(fetch_while_locked(1901), (key(), vec![]));
        let logged = format!(
            "Failed to refresh the access key; the current one is still valid: profile \"web\" \
             (line 1): {busy}."
        );
        assert_eq!(fetch_while_locked(1900), (key(), vec![logged.clone()]));
        assert_eq!(fetch_while_locked(1001), (key(), vec![logged]));
        assert_eq!(fetch_while_locked(1000), (Err(busy.to_owned()), vec![]));
    }

    #[test]
    fn refused_tokens_ask_for_a_new_sign_in() {
        let hint = |status| with_sign_in_hint(status, CredentialsError::failed("x")).hint;
        for (status, asks) in [(200, false), (400, true), (401, true), (499, true), (500, false)] {
            assert_eq!(hint(status).is_some(), asks, "{status}");
        }
    }
}
