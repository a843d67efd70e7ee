//! The credential provider chain: the sources in the order of the official SDKs (docs/service.md,
//! Credential chain).

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use crate::base::deadline::Deadline;
use crate::base::env::Variable;
use crate::base::logger::{Level, Logger};
use crate::base::quote::quoted;
use crate::credentials::context::{EXTERNAL_DISABLED, ProviderContext};
use crate::credentials::ecs_ram_role;
use crate::credentials::ecs_ram_role::EcsRamRole;
use crate::credentials::environment::Environment;
use crate::credentials::oidc::Oidc;
use crate::credentials::profile::cli::CliProfile;
use crate::credentials::profile::file::{Location, ProfileFile};
use crate::credentials::profile::ini::IniProfile;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::credentials::uri::CredentialsUri;
use crate::service::provider::{CredentialsError, CredentialsErrorKind};

const PROFILE: Variable = Variable::ALIBABA_CLOUD_PROFILE;
const CLI_FILE: Variable = Variable::ALIBABA_CLOUD_CONFIG_FILE;
const CLI_DEFAULT: &str = ".aliyun/config.json";
const CLI_DISABLED: Variable = Variable::ALIBABA_CLOUD_CLI_PROFILE_DISABLED;
const INI_FILE: Variable = Variable::ALIBABA_CLOUD_CREDENTIALS_FILE;
/// The file of the official Go and Node.js packages, and that of the Python package.
const INI_DEFAULTS: [&str; 2] = [".alibabacloud/credentials", ".alibabacloud/credentials.ini"];

const CORRECT_SOURCE: &str = "Correct the configuration of the source that failed. \
                              docs/credentials.md lists what each source needs.";
const SET_PROFILE: &str = "Set a profile that exists in one of these files. libcas asks no other \
                           source if the program sets a profile.";

const IGNORED: &str = "ignored, because the program runs with raised privileges (set-user-ID, \
                       set-group-ID or file capabilities)";
const SETTERS: &str = "libcas ignores the environment, because the program runs with raised \
                       privileges: call cas_config_set_access_key, or cas_config_set_profile for a \
                       profile in the home directory of the effective user. A program that \
                       chooses its environment itself can call cas_config_set_trust_environment.";

/// The delay before a source is asked again; it doubles each time.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// The value of [`ProviderChain::used`] before a source has returned a key.
const NONE: usize = usize::MAX;

/// Asks its sources in order until one returns a key. From then on it asks only that source: a
/// program must not change its identity while it runs.
pub(crate) struct ProviderChain {
    sources: Vec<Box<dyn NamedSource>>,
    /// Index of the source that returned a key.
    used: AtomicUsize,
    /// Whether the program set a profile, so that only the profile files are asked.
    files_only: bool,
    /// Whether libcas ignores the environment.
    is_ignored: bool,
    /// Variables that are set and that libcas does not read, for the hint.
    former: Vec<Variable>,
    logger: Logger,
}

impl ProviderChain {
    /// `profile` is the one that the program set, if it did.
    pub(crate) fn new(context: &Arc<ProviderContext>, profile: Option<&str>) -> Self {
        let variables = &context.variables;
        let shared = || Arc::clone(context);
        let files_only = profile.is_some();
        let mut sources: Vec<Box<dyn NamedSource>> = Vec::new();
        let is_ignored = variables.is_ignored();
        if is_ignored {
            sources.push(DisabledSource::boxed("the environment", IGNORED));
        } else if !files_only {
            sources.push(Box::new(Environment(shared())));
            sources.push(Box::new(Oidc(shared())));
        }
        sources.extend(profile_files(context, profile));
        if !files_only && let Some(name) = variables.get(PROFILE) {
            sources.push(Box::new(MissingProfile(name.into_owned())));
        }
        if !files_only {
            sources.push(if variables.is_true(ecs_ram_role::DISABLED) {
                DisabledSource::by("the instance RAM role", ecs_ram_role::DISABLED)
            } else {
                Box::new(EcsRamRole::of_environment(shared()))
            });
            if context.is_external_disabled() {
                sources.push(DisabledSource::by("the credentials URI", EXTERNAL_DISABLED));
            } else if !is_ignored {
                sources.push(Box::new(CredentialsUri::of_environment(shared())));
            }
        }
        // With a profile of the program, no variable decides.
        let former = if files_only { Vec::new() } else { variables.former() };
        let (used, logger) = (AtomicUsize::new(NONE), context.logger.clone());
        Self { sources, used, files_only, is_ignored, former, logger }
    }

    fn used(&self) -> Option<&dyn NamedSource> {
        self.sources.get(self.used.load(Ordering::Relaxed)).map(AsRef::as_ref)
    }

    /// The error if all sources failed, or one of them fatally.
    fn error(&self, errors: Vec<CredentialsError>) -> CredentialsError {
        let reasons: Vec<_> = errors.iter().map(|error| error.reason.as_str()).collect();
        let (asked, reason) = (reasons.len(), reasons.join("; "));
        let failed: Vec<_> =
            errors.into_iter().filter(|error| !error.is_not_configured()).collect();
        let retryable = failed.iter().any(|error| error.retryable);
        let former_names = former_names(&self.former);
        let last = asked.checked_sub(1).and_then(|last| self.sources.get(last));
        let last_is_set_up = last.is_none_or(|source| source.is_set_up());
        let hint = match failed.as_slice() {
            [] if self.files_only => Some(SET_PROFILE),
            [] => former_names.as_deref(),
            // A profile that has failed: its own hint, not that it is missing.
            [error, _] if !last_is_set_up => Some(error.hint.as_deref().unwrap_or(CORRECT_SOURCE)),
            [_, _, ..] if !last_is_set_up => Some(CORRECT_SOURCE),
            // It ended the search, so it is what has to be corrected.
            [.., error] if error.is_fatal() => {
                Some(error.hint.as_deref().unwrap_or(CORRECT_SOURCE))
            }
            [error] => Some(error.hint.as_deref().unwrap_or(CORRECT_SOURCE)),
            // The hint of one source may not apply to the others.
            [_, _, ..] => Some(CORRECT_SOURCE),
        };
        let setters = self.is_ignored.then_some(SETTERS);
        let hints: Vec<_> = hint.into_iter().chain(setters).collect();
        let hint = (!hints.is_empty()).then(|| hints.join(" "));
        CredentialsError { hint, ..CredentialsError::failed(reason).with_retryable(retryable) }
    }
}

/// The hint if no source is configured, but older variables are set.
fn former_names(set: &[Variable]) -> Option<String> {
    let names: Vec<_> = set.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| {
        format!(
            "libcas does not read {}, like the official packages: set {} and {} instead.",
            names.join(" and "),
            Variable::ALIBABA_CLOUD_ACCESS_KEY_ID,
            Variable::ALIBABA_CLOUD_ACCESS_KEY_SECRET,
        )
    })
}

/// The sources that read profile files: config.json of the CLI, then the credentials files.
fn profile_files(
    context: &Arc<ProviderContext>,
    profile: Option<&str>,
) -> Vec<Box<dyn NamedSource>> {
    let variables = &context.variables;
    let chosen = profile.map(Cow::from).or_else(|| variables.get(PROFILE)).map(Cow::into_owned);
    let file =
        |location| ProfileFile { context: Arc::clone(context), location, profile: chosen.clone() };
    let named =
        |variable| variables.path(variable).map(|path| Location::Named(path.to_owned(), variable));
    let mut sources: Vec<Box<dyn NamedSource>> = Vec::new();
    // The switch turns the file off for the chain, not for a profile that the program sets.
    sources.push(if profile.is_none() && variables.is_true(CLI_DISABLED) {
        DisabledSource::by(CLI_DEFAULT, CLI_DISABLED)
    } else {
        let location = named(CLI_FILE).unwrap_or(Location::InHome(CLI_DEFAULT));
        Box::new(CliProfile::new(file(location)))
    });
    let ini_files = match named(INI_FILE) {
        Some(location) => vec![location],
        None => INI_DEFAULTS.map(Location::InHome).into(),
    };
    for location in ini_files {
        sources.push(Box::new(IniProfile(file(location))));
    }
    sources
}

/// Asks a source. One that is set up and fails for a reason that may pass is asked again for a
/// quarter of the time that is left. Then its error ends the search: the next source could be
/// another identity.
fn fetch_patiently(
    source: &dyn NamedSource,
    now: SystemTime,
    deadline: &Deadline,
) -> Result<KeyWithExpiry, CredentialsError> {
    let may_pass = |error: &CredentialsError| {
        error.retryable && !error.is_not_configured() && source.is_set_up()
    };
    let first = match source.fetch(now, deadline) {
        Err(error) if may_pass(&error) => error,
        result => return result,
    };
    let patience = deadline.within(deadline.time_left() / 4);
    let mut delay = RETRY_DELAY;
    while patience.sleep(delay) {
        match source.fetch(now, &patience) {
            Err(error) if may_pass(&error) => delay *= 2,
            result => return result,
        }
    }
    // The first attempt had the most time, so its error says the most.
    Err(first.with_kind(CredentialsErrorKind::Fatal))
}

/// Ends the search after the profile files: the environment names a profile that none of them has.
struct MissingProfile(String);

impl NamedSource for MissingProfile {
    fn name(&self) -> String {
        PROFILE.to_string()
    }

    fn is_set_up(&self) -> bool {
        false
    }
}

impl Source for MissingProfile {
    fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        let reason = format!("no file has a usable profile {}", quoted(&self.0));
        Err(CredentialsError::fatal(reason).with_hint(format!(
            "Set {PROFILE} to a profile that one of these files has, or unset it."
        )))
    }
}

/// A source that is turned off, for the message that names all sources.
struct DisabledSource {
    name: &'static str,
    reason: String,
}

impl DisabledSource {
    fn boxed(name: &'static str, reason: impl Into<String>) -> Box<dyn NamedSource> {
        Box::new(Self { name, reason: reason.into() })
    }

    /// Turned off by this environment variable.
    fn by(name: &'static str, variable: Variable) -> Box<dyn NamedSource> {
        Self::boxed(name, format!("{variable} is set"))
    }
}

impl NamedSource for DisabledSource {
    fn name(&self) -> String {
        self.name.to_owned()
    }
}

impl Source for DisabledSource {
    fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        Err(CredentialsError::not_configured(self.reason.as_str()))
    }
}

impl NamedSource for ProviderChain {
    fn name(&self) -> String {
        let used = self.used().map(NamedSource::name);
        used.unwrap_or_else(|| "the credential provider chain".to_owned())
    }
}

impl Source for ProviderChain {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        if let Some(source) = self.used() {
            return source.fetch(now, deadline).map_err(|error| error.at(&source.name()));
        }
        let mut errors = Vec::new();
        for (index, source) in self.sources.iter().enumerate() {
            match fetch_patiently(source.as_ref(), now, deadline) {
                Ok(fetched) => {
                    self.used.store(index, Ordering::Relaxed);
                    self.logger.log(Level::Debug, || {
                        format!("The access key comes from {}.", source.name())
                    });
                    return Ok(fetched);
                }
                // Another source must not be used because this one was interrupted.
                Err(error) if deadline.is_cancelled() => return Err(error.at(&source.name())),
                Err(error) => {
                    let (fatal, error) = (error.is_fatal(), error.at(&source.name()));
                    if !error.is_not_configured() {
                        self.logger.log(Level::Warn, || {
                            format!("A credential source failed: {}.", error.reason)
                        });
                    }
                    errors.push(error);
                    if fatal {
                        break;
                    }
                }
            }
        }
        Err(self.error(errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Mutex;

    use crate::base::secret::Secret;
    use crate::protocol::access_key::AccessKey;

    type Results = Mutex<Vec<Result<&'static str, CredentialsError>>>;

    struct Scripted(&'static str, Results);

    impl NamedSource for Scripted {
        fn name(&self) -> String {
            self.0.to_owned()
        }
    }

    impl Source for Scripted {
        fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
            let id = self.1.lock().unwrap().remove(0)?;
            Ok(KeyWithExpiry::without_expiry(AccessKey::new(
                id.to_owned(),
                Secret::new("s".to_owned()),
                None,
            )))
        }
    }

    fn chain(
        sources: Vec<(&'static str, Vec<Result<&'static str, CredentialsError>>)>,
    ) -> ProviderChain {
        let boxed =
            |(name, results)| Box::new(Scripted(name, Mutex::new(results))) as Box<dyn NamedSource>;
        let sources = sources.into_iter().map(boxed).collect();
        ProviderChain {
            sources,
            used: AtomicUsize::new(NONE),
            files_only: false,
            is_ignored: false,
            former: Vec::new(),
            logger: Logger::default(),
        }
    }

    fn fetch(chain: &ProviderChain) -> Result<String, CredentialsError> {
        chain.fetch(SystemTime::now(), &Deadline::over()).map(|fetched| fetched.key.id().to_owned())
    }

    #[test]
    fn the_first_source_that_returns_a_key_stays_in_use() {
        let failed = || Err(CredentialsError::failed("it broke").with_retryable(true));
        let chain = chain(vec![
            ("one", vec![Err(CredentialsError::not_configured("nothing"))]),
            ("two", vec![Ok("a"), failed(), Ok("b")]),
            ("three", vec![]),
        ]);
        assert_eq!(chain.name(), "the credential provider chain");
        assert_eq!(fetch(&chain).unwrap(), "a");
        assert_eq!(chain.name(), "two");
        let error = fetch(&chain).unwrap_err();
        assert_eq!((error.reason.as_str(), error.retryable), ("two: it broke", true));
        assert_eq!(fetch(&chain).unwrap(), "b");
    }

    #[test]
    fn a_malformed_key_is_not_replaced_by_another_identity() {
        let malformed = Err(CredentialsError::fatal("it contains a line break"));
        let chain = chain(vec![("one", vec![malformed]), ("two", vec![Ok("a")])]);
        assert_eq!(fetch(&chain).unwrap_err().reason, "one: it contains a line break");
    }

    #[test]
    fn a_source_that_cannot_be_asked_now_is_not_replaced() {
        let emfile = io::Error::from_raw_os_error(libc::EMFILE);
        let now = || Err(CredentialsError::of_io("failed to read it", &emfile));
        let missing = io::ErrorKind::PermissionDenied.into();
        let failed = || Err(CredentialsError::of_io("failed to read it", &missing));
        let chain = chain(vec![
            ("one", vec![failed(), failed()]),
            ("two", vec![now(), Ok("a")]),
            ("three", vec![Ok("b"), Ok("b")]),
        ]);
        let error = fetch(&chain).unwrap_err();
        assert!(error.reason.ends_with(
            "two: failed to read it: this process has too many open \
                                        files (EMFILE)"
        ));
        assert!(error.retryable && error.hint.unwrap().contains("ulimit -n"));
        assert_eq!(fetch(&chain).unwrap(), "a");
    }

    #[test]
    fn a_source_that_fails_for_a_passing_reason_is_asked_again_and_not_replaced() {
        let busy = || Err(CredentialsError::failed("HTTP 503").with_retryable(true));
        let gone = || Err(CredentialsError::failed("HTTP 403"));
        let hour = Deadline::after(Duration::from_secs(3600));
        let fetch = |first: Vec<_>, deadline: &Deadline| {
            let chain = chain(vec![("one", first), ("two", vec![Ok("b")])]);
            chain.fetch(SystemTime::now(), deadline).map(|fetched| fetched.key.id().to_owned())
        };
        assert_eq!(fetch(vec![busy(), Ok("a")], &hour).unwrap(), "a");
        assert_eq!(fetch(vec![busy(), busy(), Ok("a")], &hour).unwrap(), "a");
        // What stays wrong may be skipped, as in the official packages.
        assert_eq!(fetch(vec![gone()], &hour).unwrap(), "b");
        assert_eq!(fetch(vec![busy(), gone()], &hour).unwrap(), "b");
        // A quarter of this leaves no time for another attempt.
        let error = fetch(vec![busy()], &Deadline::after(RETRY_DELAY * 4)).unwrap_err();
        assert_eq!((error.reason.as_str(), error.retryable), ("one: HTTP 503", true));
        // The first error is reported: later attempts have little time.
        let late = Err(CredentialsError::failed("timed out").with_retryable(true));
        let error = fetch(vec![busy(), late], &Deadline::after(RETRY_DELAY * 6)).unwrap_err();
        assert_eq!(error.reason, "one: HTTP 503");
        let emfile = io::Error::from_raw_os_error(libc::EMFILE);
        let exhausted = || Err(CredentialsError::of_io("failed to read it", &emfile));
        assert_eq!(fetch(vec![exhausted(), Ok("a")], &hour).unwrap(), "a");
    }

    #[test]
    fn a_source_that_no_one_has_set_up_may_be_replaced() {
        struct Unnamed;
        impl NamedSource for Unnamed {
            fn name(&self) -> String {
                "unnamed".to_owned()
            }
            fn is_set_up(&self) -> bool {
                false
            }
        }
        impl Source for Unnamed {
            fn fetch(
                &self,
                _: SystemTime,
                _: &Deadline,
            ) -> Result<KeyWithExpiry, CredentialsError> {
                Err(CredentialsError::failed("HTTP 503").with_retryable(true))
            }
        }
        let mut chain = chain(vec![("two", vec![Ok("b")])]);
        chain.sources.insert(0, Box::new(Unnamed));
        assert_eq!(fetch(&chain).unwrap(), "b");
    }

    #[test]
    fn a_profile_of_the_environment_must_exist_once_the_files_are_reached() {
        let variables = [("HOME", "/nonexistent"), ("ALIBABA_CLOUD_PROFILE", "p")];
        let chain = |more: &[(&str, &str)], profile| {
            let context = ProviderContext::of_test(&[&variables, more].concat());
            ProviderChain::new(&context, profile)
        };
        let error = fetch(&chain(&[], None)).unwrap_err();
        let end = "; ALIBABA_CLOUD_PROFILE: no file has a usable profile \"p\"";
        assert!(error.reason.ends_with(end) && !error.retryable, "{}", error.reason);
        assert!(error.hint.unwrap().starts_with("Set ALIBABA_CLOUD_PROFILE to"));
        let key =
            [("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")];
        assert_eq!(fetch(&chain(&key, None)).unwrap(), "id");
        assert_eq!(fetch(&chain(&[], Some("q"))).unwrap_err().hint.as_deref(), Some(SET_PROFILE));
    }

    #[test]
    fn the_hint_of_a_profile_that_fails_is_its_own() {
        let gone = || Err(CredentialsError::failed("HTTP 400").with_hint("Sign in again."));
        let hint = |sources| {
            let mut chain = chain(sources);
            chain.sources.push(Box::new(MissingProfile("p".to_owned())));
            fetch(&chain).unwrap_err().hint.unwrap()
        };
        assert_eq!(hint(vec![("one", vec![gone()])]), "Sign in again.");
        assert_eq!(hint(vec![("one", vec![gone()]), ("two", vec![gone()])]), CORRECT_SOURCE);
        let none = Err(CredentialsError::not_configured("nothing"));
        assert!(hint(vec![("one", vec![none])]).starts_with("Set ALIBABA_CLOUD_PROFILE"));
    }

    #[test]
    fn if_all_sources_fail_each_reason_is_given_in_order() {
        let not_configured = || Err(CredentialsError::not_configured("nothing"));
        let failed = || Err(CredentialsError::failed("it broke").with_hint("Fix it."));
        let one = fetch(&chain(vec![("one", vec![not_configured()]), ("two", vec![failed()])]))
            .unwrap_err();
        assert_eq!(one.reason, "one: nothing; two: it broke");
        assert_eq!((one.hint.as_deref(), one.retryable), (Some("Fix it."), false));
        let two =
            fetch(&chain(vec![("one", vec![failed()]), ("two", vec![failed()])])).unwrap_err();
        assert_eq!((two.hint.as_deref(), two.retryable), (Some(CORRECT_SOURCE), false));
        let none = fetch(&chain(vec![("one", vec![not_configured()])])).unwrap_err();
        assert_eq!((none.is_not_configured(), none.hint), (false, None));
    }

    #[test]
    fn the_error_is_retryable_if_a_configured_source_may_succeed_later() {
        let failed = |retryable| Err(CredentialsError::failed("x").with_retryable(retryable));
        for (first, second, expected) in
            [(true, false, true), (false, true, true), (false, false, false)]
        {
            let sources = vec![("one", vec![failed(first)]), ("two", vec![failed(second)])];
            let error = fetch(&chain(sources)).unwrap_err();
            assert_eq!(error.retryable, expected, "{first} {second}");
        }
        let unreachable = CredentialsError::not_configured("x").with_retryable(true);
        assert!(!fetch(&chain(vec![("one", vec![Err(unreachable)])])).unwrap_err().retryable);
    }

    #[test]
    fn a_profile_that_is_not_found_has_a_hint() {
        let chain =
            ProviderChain::new(&ProviderContext::of_test(&[("HOME", "/nonexistent")]), Some("p"));
        let error = fetch(&chain).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some(SET_PROFILE));
        assert!(error.reason.starts_with("\"/nonexistent/.aliyun/config.json\": file not found; "));
    }

    #[test]
    fn older_variables_are_named_if_no_source_is_configured() {
        let hint = |variables: &[(&str, &str)], profile| {
            let off = [("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"), ("HOME", "/nonexistent")];
            let context = ProviderContext::of_test(&[variables, &off].concat());
            fetch(&ProviderChain::new(&context, profile)).unwrap_err().hint
        };
        let old = [("ALICLOUD_ACCESS_KEY", "hidden"), ("ALICLOUD_SECRET_KEY", "hidden")];
        assert_eq!(
            hint(&old, None).unwrap(),
            "libcas does not read ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY, like the official \
             packages: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET instead."
        );
        assert_eq!(hint(&[], None), None);
        assert_eq!(hint(&old, Some("p")).as_deref(), Some(SET_PROFILE));
        let half = [old[0], ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")];
        assert_eq!(hint(&half, None).as_deref(), Some(CORRECT_SOURCE));
    }

    fn names(variables: &[(&str, &str)], profile: Option<&str>) -> Vec<String> {
        let chain = ProviderChain::new(&ProviderContext::of_test(variables), profile);
        chain.sources.iter().map(|source| source.name()).collect()
    }

    #[test]
    fn the_order_is_that_of_the_official_sdks() {
        let home = ("HOME", "/h");
        let [cli, go, python] = [
            "/h/.aliyun/config.json",
            "/h/.alibabacloud/credentials",
            "/h/.alibabacloud/credentials.ini",
        ]
        .map(|path| format!("\"{path}\""));
        assert_eq!(
            names(&[home], None),
            [
                "the environment",
                "OIDC",
                &cli,
                &go,
                &python,
                "the instance RAM role",
                "the credentials URI"
            ]
        );
        let off = [
            ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true"),
            ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "TRUE"),
        ];
        let variables = [&off[..], &[home, ("ALIBABA_CLOUD_CREDENTIALS_FILE", "/i")]].concat();
        let some_off = [
            "the environment",
            "OIDC",
            CLI_DEFAULT,
            "\"/i\"",
            "the instance RAM role",
            "the credentials URI",
        ];
        assert_eq!(names(&variables, None), some_off);
        assert_eq!(
            names(&[home, ("ALIBABA_CLOUD_CONFIG_FILE", "/c")], Some("p")),
            ["\"/c\"", &go, &python]
        );
        // A switch does not hide the file from a profile that the program sets.
        assert_eq!(names(&[home, off[0]], Some("p")), [cli, go, python]);
    }
}
