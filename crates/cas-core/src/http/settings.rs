//! What every connection of a client has in common.

use std::time::Duration;

use crate::http::proxy::ProxyPolicy;
use crate::http::roots::RootStore;

/// What a connection needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) connect_timeout: Duration,
    pub(crate) trust: RootStore,
    pub(crate) proxy_policy: ProxyPolicy,
    pub(crate) user_agent: String,
}
