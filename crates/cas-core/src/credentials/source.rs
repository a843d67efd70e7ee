//! The trait of credential sources, and the keys that they return.

use std::time::{Duration, Instant, SystemTime};

use crate::base::logger::{Level, Logger};
use crate::protocol::access_key::AccessKey;
use crate::service::provider::CredentialsError;

/// How long before its expiry a key is refreshed, as in the official Python and Node.js packages.
/// A key that lives less than twice this long is refreshed after half of its life.
pub(crate) const REFRESH_MARGIN: Duration = Duration::from_secs(15 * 60);

/// A place where access keys come from. It caches nothing; `cache.rs` does.
pub(crate) trait Source: Send + Sync {
    /// Reads or requests a key before `deadline`. `now` is the time for expiry and signatures.
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError>;
}

/// A source in the credential provider chain, with a name for messages.
pub(crate) trait NamedSource: Source {
    /// The name as it stands in "The access key comes from {name}."
    fn name(&self) -> String;
}

/// An access key as a source returned it.
#[derive(Clone)]
pub(crate) struct KeyWithExpiry {
    pub(crate) key: AccessKey,
    /// `None`: not known to expire.
    pub(crate) expires: Option<SystemTime>,
}

impl KeyWithExpiry {
    pub(crate) fn without_expiry(key: AccessKey) -> Self {
        Self { key, expires: None }
    }
}

/// Logs a refresh that failed while the current key is still valid.
pub(crate) fn log_refresh_failure(logger: &Logger, error: &CredentialsError) {
    logger.log(Level::Warn, || {
        format!(
            "Failed to refresh the access key; the current one is still valid: {}.",
            error.reason
        )
    });
}
