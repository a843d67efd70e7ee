//! The settings that all connections of a client share.

use std::time::Duration;

use ureq::http::{HeaderValue, Uri};

use crate::http::endpoint::Endpoint;
use crate::http::failure::TransportError;
use crate::http::messages::{invalid_route, plaintext_refused};
use crate::http::proxy::{METADATA, Proxy, ProxyPolicy};
use crate::http::roots::RootStore;

#[derive(Debug)]
pub(crate) struct Settings {
    /// For the TCP connection, the tunnel through a proxy and the TLS handshake together.
    pub(crate) connect_timeout: Duration,
    pub(crate) root_store: RootStore,
    pub(crate) proxy_policy: ProxyPolicy,
    /// Whether requests may be sent in plaintext to other machines.
    pub(crate) allow_plaintext: bool,
    pub(crate) user_agent: HeaderValue,
}

impl Settings {
    /// The endpoint that a request to `uri` is for, and the proxy that leads to it, if any. Fails
    /// if the request would be readable on the network and the program does not allow that. The
    /// metadata service is on the host of the instance, and has no TLS.
    pub(crate) fn route(&self, uri: &Uri) -> Result<(Endpoint, Option<Proxy>), TransportError> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let target = Endpoint::parse(&format!("{scheme}://{authority}"))
            .map_err(|error| invalid_route(&error))?;
        if target.is_exposed() && target.host() != METADATA && !self.allow_plaintext {
            return Err(plaintext_refused(&target));
        }
        let proxy = self.proxy_policy.proxy_for(&target).map_err(|error| invalid_route(&error))?;
        Ok((target, proxy))
    }

    /// Whether libcas ignores a proxy or root store that the environment may name.
    pub(crate) fn ignores_environment(&self) -> bool {
        self.proxy_policy.ignores_environment() || self.root_store.ignores_environment()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::env::EnvSnapshot;

    #[test]
    fn plaintext_to_another_machine_must_be_allowed() {
        let proxied = ("HTTP_PROXY", "http://proxy.example:3128");
        for (url, exposed) in [
            ("http://helper.example/key", true),
            ("http://10.0.0.1:8080/", true),
            ("http://localhost.example/", true),
            ("https://helper.example/key", false),
            ("http://127.0.0.1:8080/key", false),
            ("http://[::1]/", false),
            ("http://localhost/", false),
            ("http://100.100.100.200/latest/api/token", false),
        ] {
            let uri: Uri = url.parse().unwrap();
            for (allow_plaintext, variables) in
                [(false, &[][..]), (true, &[]), (false, &[proxied]), (true, &[proxied])]
            {
                let variables: EnvSnapshot = variables.iter().copied().collect();
                let settings = Settings {
                    connect_timeout: Duration::ZERO,
                    root_store: RootStore::of_environment(&variables),
                    proxy_policy: ProxyPolicy::Environment(Arc::new(variables)),
                    allow_plaintext,
                    user_agent: HeaderValue::from_static("test"),
                };
                let route = settings.route(&uri);
                assert_eq!(route.is_err(), exposed && !allow_plaintext, "{url}");
                if let Err(error) = route {
                    assert!(error.permanent && error.hint.is_some(), "{error}");
                    assert!(!error.message.contains("/key"), "{error}");
                }
            }
        }
    }
}
