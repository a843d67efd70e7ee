//! The settings that all connections of a client share.

use std::time::Duration;

use ureq::http::{HeaderValue, Uri};

use crate::http::endpoint::Endpoint;
use crate::http::failure::TransportError;
use crate::http::messages::invalid_route;
use crate::http::proxy::{Proxy, ProxyPolicy};
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
    /// The endpoint that a request to `uri` is for, and the proxy that leads to it, if any.
    pub(crate) fn route(&self, uri: &Uri) -> Result<(Endpoint, Option<Proxy>), TransportError> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        Endpoint::parse(&format!("{scheme}://{authority}"))
            .and_then(|target| {
                let proxy = self.proxy_policy.proxy_for(&target)?;
                Ok((target, proxy))
            })
            .map_err(|error| invalid_route(&error))
    }

    /// Whether libcas ignores a proxy or root store that the environment may name.
    pub(crate) fn ignores_environment(&self) -> bool {
        self.proxy_policy.ignores_environment() || self.root_store.ignores_environment()
    }
}
