//! The settings that all connections of a client share.

use std::time::Duration;

use ureq::http::HeaderValue;

use crate::http::proxy::ProxyPolicy;
use crate::http::roots::RootStore;

#[derive(Debug)]
pub(crate) struct Settings {
    /// For the TCP connection, the tunnel through a proxy and the TLS handshake together.
    pub(crate) connect_timeout: Duration,
    pub(crate) root_store: RootStore,
    pub(crate) proxy_policy: ProxyPolicy,
    pub(crate) user_agent: HeaderValue,
}

impl Settings {
    /// Whether libcas ignores a proxy or root store that the environment may name.
    pub(crate) fn ignores_environment(&self) -> bool {
        self.proxy_policy.ignores_environment() || self.root_store.ignores_environment()
    }
}
