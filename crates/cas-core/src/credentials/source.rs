//! What a source of access keys is.

use std::time::{Duration, Instant, SystemTime};

use crate::protocol::access_key::AccessKey;
use crate::service::provider::CredentialsError;

/// How long before its expiry a key is replaced, if another one can be had: as the official Python and Node.js packages
/// do. A key that lives shorter is replaced after half of its time.
pub(crate) const REFRESH_MARGIN: Duration = Duration::from_secs(15 * 60);

/// A place where access keys come from. It keeps nothing: the cache does.
pub(crate) trait Source: Send + Sync {
    /// Looks the key up, or fetches it before `deadline`.
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError>;
}

/// A source that is asked by itself, and has a name in messages.
pub(crate) trait NamedSource: Source {
    /// What it is.
    fn name(&self) -> String;
}

/// A key as a source gave it.
#[derive(Clone)]
pub(crate) struct KeyWithExpiry {
    pub(crate) key: AccessKey,
    /// `None`: not known to expire.
    pub(crate) expires: Option<SystemTime>,
}

impl KeyWithExpiry {
    pub(crate) fn lasting(key: AccessKey) -> Self {
        Self { key, expires: None }
    }
}
