//! The credential provider chain: the sources in the order of the official SDKs (docs/service.md,
//! Credential chain).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use crate::base::deadline::Deadline;
use crate::base::env::Variable;
use crate::base::logger::{Level, Logger};
use crate::credentials::context::ProviderContext;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::credentials::sources::{ChainSource, sources};
use crate::service::provider::{CredentialsError, CredentialsErrorKind};

const CORRECT_SOURCE: &str = "Correct the configuration of the source that failed. \
                              docs/credentials.md lists what each source needs.";
const SET_PROFILE: &str = "Set a profile that exists in one of these files. libcas asks no other \
                           source if the program sets a profile.";

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
        let (variables, files_only) = (&context.variables, profile.is_some());
        let sources = sources(context, profile).into_iter().map(ChainSource::boxed).collect();
        // With a profile of the program, no variable decides.
        let former = if files_only { Vec::new() } else { variables.former() };
        let (used, logger) = (AtomicUsize::new(NONE), context.logger.clone());
        let is_ignored = variables.is_ignored();
        Self { sources, used, files_only, is_ignored, former, logger }
    }

    fn used(&self) -> Option<&dyn NamedSource> {
        self.sources.get(self.used.load(Ordering::Relaxed)).map(AsRef::as_ref)
    }

    /// The error if all sources failed, or one of them fatally.
    pub(super) fn error(&self, errors: Vec<CredentialsError>) -> CredentialsError {
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

/// Asks a source. One that is set up and fails for a reason that may pass is asked again for a
/// quarter of the time that is left. Then its error ends the search: the next source could be
/// another identity.
pub(super) fn fetch_patiently(
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
