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
mod tests;
