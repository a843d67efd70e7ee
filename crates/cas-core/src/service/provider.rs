//! The trait of credential providers, as the caller sees it, and the provider with a fixed access
//! key. The other providers are in `credentials`, above this module.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use crate::base::deadline::Deadline;
use crate::base::error::Error;
use crate::base::exhaustion::{Exhaustion, clause_of};
use crate::base::file;
use crate::http::failure::TransportError;
use crate::protocol::access_key::AccessKey;

/// Why a credential source or the provider returned no access key. Contains no secret.
#[derive(Clone, Debug)]
pub(crate) struct CredentialsError {
    /// Whether the next source may be asked.
    pub kind: CredentialsErrorKind,
    /// What failed: a clause without a full stop, which messages embed after a colon.
    pub reason: String,
    /// What the user can do about it, in full sentences.
    pub hint: Option<String>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

/// What a failure means for the sources that come later in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialsErrorKind {
    /// The source is not configured, which is normal. The next source is asked.
    NotConfigured,
    /// The source is configured and failed. The next source is asked, and the failure is logged.
    Failed,
    /// The source holds a malformed access key, or it cannot be asked now: a service fails, a
    /// resource of the system is used up, or a file is not written yet. No other source is asked:
    /// the program must not continue under another identity.
    Fatal,
}

impl CredentialsError {
    pub(crate) fn not_configured(reason: impl Into<String>) -> Self {
        Self::new(CredentialsErrorKind::NotConfigured, reason.into())
    }

    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self::new(CredentialsErrorKind::Failed, reason.into())
    }

    pub(crate) fn fatal(reason: impl Into<String>) -> Self {
        Self::new(CredentialsErrorKind::Fatal, reason.into())
    }

    /// A failure to use `what`, which is fatal if the cause says nothing about it.
    pub(crate) fn of_io(what: &str, cause: &io::Error) -> Self {
        let error = Self::failed(format!("{what}: {}", clause_of(cause)));
        if file::is_retryable(cause) { error.for_now(file::hint(cause, "")) } else { error }
    }

    /// A request of the source got no response.
    pub(crate) fn of_request(failure: TransportError) -> Self {
        Self { hint: failure.hint, ..Self::failed(failure.message) }
            .with_retryable(!failure.permanent)
            .unless_exhausted(failure.exhaustion)
    }

    /// A call of the source failed. `reason` is the message of `error` as a clause.
    pub(crate) fn of_call(reason: String, error: &Error) -> Self {
        let hint = error.hint().map(ToOwned::to_owned);
        Self { hint, ..Self::failed(reason) }
            .with_retryable(error.is_retryable())
            .unless_exhausted(error.exhaustion())
    }

    /// Makes it fatal if a resource of the system is used up.
    fn unless_exhausted(self, exhaustion: Option<Exhaustion>) -> Self {
        match exhaustion {
            Some(exhaustion) => self.for_now(exhaustion.hint()),
            None => self,
        }
    }

    /// The source cannot be asked now, and no other one replaces it.
    fn for_now(self, hint: &str) -> Self {
        self.with_kind(CredentialsErrorKind::Fatal).with_hint(hint).with_retryable(true)
    }

    #[cold]
    fn new(kind: CredentialsErrorKind, reason: String) -> Self {
        Self { kind, reason, hint: None, retryable: false }
    }

    pub(crate) fn is_not_configured(&self) -> bool {
        self.kind == CredentialsErrorKind::NotConfigured
    }

    pub(crate) fn is_fatal(&self) -> bool {
        self.kind == CredentialsErrorKind::Fatal
    }

    pub(crate) fn with_kind(mut self, kind: CredentialsErrorKind) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Puts `place` and a colon before the reason: the source or the profile that failed.
    pub(crate) fn at(mut self, place: &str) -> Self {
        self.reason = format!("{place}: {}", self.reason);
        self
    }
}

/// Returns the access keys that requests are signed with. All threads share one provider.
pub(crate) trait Provider: Send + Sync {
    /// The key for the next attempt. `now` is the time that expiry is compared with. A key that
    /// has to be fetched is fetched before `deadline`.
    fn access_key(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<Arc<AccessKey>, CredentialsError>;

    /// The source of the key, for messages: "The access key comes from {origin}."
    fn origin(&self) -> String;

    /// Replaces `refused`, which the service rejected. Returns whether there is another key now.
    fn renew(&self, refused: &AccessKey, now: SystemTime, deadline: &Deadline) -> bool;
}

/// Returns one fixed access key: that of the program, or the one that signs a request to STS.
pub(crate) struct StaticProvider(Arc<AccessKey>);

impl StaticProvider {
    #[must_use]
    pub(crate) fn new(access_key: AccessKey) -> Self {
        Self(Arc::new(access_key))
    }
}

impl Provider for StaticProvider {
    fn access_key(&self, _: SystemTime, _: &Deadline) -> Result<Arc<AccessKey>, CredentialsError> {
        Ok(Arc::clone(&self.0))
    }

    fn origin(&self) -> String {
        "the program".to_owned()
    }

    fn renew(&self, _: &AccessKey, _: SystemTime, _: &Deadline) -> bool {
        false
    }
}

/// Returns a key that was fetched from the source `origin`, for diagnostics.
pub(crate) struct FetchedProvider {
    pub(crate) key: Arc<AccessKey>,
    pub(crate) origin: String,
}

impl Provider for FetchedProvider {
    fn access_key(&self, _: SystemTime, _: &Deadline) -> Result<Arc<AccessKey>, CredentialsError> {
        Ok(Arc::clone(&self.key))
    }

    fn origin(&self) -> String {
        self.origin.clone()
    }

    fn renew(&self, _: &AccessKey, _: SystemTime, _: &Deadline) -> bool {
        false
    }
}
