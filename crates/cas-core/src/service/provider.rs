//! Where the access key of a request comes from, as the caller sees it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::protocol::access_key::AccessKey;

/// Why there is no access key. Holds no secret.
#[derive(Clone, Debug)]
pub(crate) struct CredentialsError {
    /// What is missing or went wrong, as a clause.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether nobody set this source up, which is no mistake.
    pub not_configured: bool,
    /// Whether no other source is to be asked: here is an access key, which only libcas refuses.
    pub fatal: bool,
    /// Whether asking again later may help.
    pub retryable: bool,
}

impl CredentialsError {
    pub(crate) fn not_configured(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: None, not_configured: true, fatal: false, retryable: false }
    }

    pub(crate) fn broken(why: impl Into<String>) -> Self {
        Self { not_configured: false, ..Self::not_configured(why) }
    }

    pub(crate) fn fatal(mut self) -> Self {
        self.fatal = true;
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
}

/// Gives the access keys to sign with.
pub(crate) trait Provider: Send + Sync {
    /// The key to sign the next attempt with. `now` is the time by which expiry is judged; what must be fetched is fetched
    /// before `deadline`.
    fn access_key(
        &self,
        now: SystemTime,
        deadline: Instant,
    ) -> Result<Arc<AccessKey>, CredentialsError>;

    /// Where the key comes from, for messages.
    fn origin(&self) -> String;

    /// The service says that `refused` is not good, or no longer: whether there is another one now.
    fn renew(&self, refused: &AccessKey, now: SystemTime, deadline: Instant) -> bool;
}

/// The key that the program itself gave.
pub(crate) struct StaticProvider(Arc<AccessKey>);

impl StaticProvider {
    /// Always answers `access_key`.
    #[must_use]
    pub(crate) fn new(access_key: AccessKey) -> Self {
        Self(Arc::new(access_key))
    }
}

impl Provider for StaticProvider {
    fn access_key(&self, _: SystemTime, _: Instant) -> Result<Arc<AccessKey>, CredentialsError> {
        Ok(Arc::clone(&self.0))
    }

    fn origin(&self) -> String {
        "the program".to_owned()
    }

    fn renew(&self, _: &AccessKey, _: SystemTime, _: Instant) -> bool {
        false
    }
}
