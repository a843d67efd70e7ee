//! Where the access key of a request comes from, as the caller sees it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::protocol::access_key::AccessKey;

/// Why there is no access key. Holds no secret.
#[derive(Clone, Debug)]
pub(crate) struct Unavailable {
    /// What is missing or went wrong, as a clause.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether nobody set this source up, which is no mistake.
    pub absent: bool,
    /// Whether no other source is to be asked: here is an access key, which only libcas refuses.
    pub decisive: bool,
    /// Whether asking again later may help.
    pub retryable: bool,
}

impl Unavailable {
    pub(crate) fn absent(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: None, absent: true, decisive: false, retryable: false }
    }

    pub(crate) fn broken(why: impl Into<String>) -> Self {
        Self { absent: false, ..Self::absent(why) }
    }

    pub(crate) fn decisive(mut self) -> Self {
        self.decisive = true;
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
    fn access_key(&self, now: SystemTime, deadline: Instant) -> Result<Arc<AccessKey>, Unavailable>;

    /// Where the key comes from, for messages.
    fn origin(&self) -> String;

    /// The service says that `refused` is not good, or no longer: whether there is another one now.
    fn renew(&self, refused: &AccessKey, now: SystemTime, deadline: Instant) -> bool;
}

/// The key that the program itself gave.
pub(crate) struct Given(Arc<AccessKey>);

impl Given {
    /// Always answers `access_key`.
    #[must_use]
    pub(crate) fn new(access_key: AccessKey) -> Self {
        Self(Arc::new(access_key))
    }
}

impl Provider for Given {
    fn access_key(&self, _: SystemTime, _: Instant) -> Result<Arc<AccessKey>, Unavailable> {
        Ok(Arc::clone(&self.0))
    }

    fn origin(&self) -> String {
        "the program".to_owned()
    }

    fn renew(&self, _: &AccessKey, _: SystemTime, _: Instant) -> bool {
        false
    }
}
