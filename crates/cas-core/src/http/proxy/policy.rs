//! Which proxy a request goes through, if any.

use std::sync::Arc;

use crate::base::env::{EnvSnapshot, Variable};
use crate::base::error::{Error, ErrorKind};
use crate::http::endpoint::Endpoint;
use crate::http::proxy::no_proxy::is_exempt;
use crate::http::proxy::url::Proxy;

/// Hint for an invalid proxy.
const FORMS: &str = "Set it to \"http://[user:password@]host:port\", \"socks5://…\" or \
                     \"socks5h://…\" (the proxy looks up host names).";

/// The address of the metadata service on every instance (docs/service.md, Instance metadata). It
/// returns access keys.
pub(crate) const METADATA: &str = "100.100.100.200";

/// Selects the proxy for each endpoint.
#[derive(Debug)]
pub(crate) enum ProxyPolicy {
    /// The program's choice.
    Configured {
        /// `None`: no proxy.
        proxy: Option<Proxy>,
        /// The endpoint of the client. The choice applies to it even if it is on this machine.
        endpoint: Endpoint,
    },
    /// The variables of the environment.
    Environment(Arc<EnvSnapshot>),
}

impl ProxyPolicy {
    /// The proxy for `target`. There is none for the metadata service, which would respond for the
    /// machine of the proxy, nor for this machine, unless it is the client's endpoint and the
    /// program chose a proxy.
    pub(crate) fn proxy_for(&self, target: &Endpoint) -> Result<Option<Proxy>, Error> {
        let is_local = target.is_loopback() || target.host() == METADATA;
        match self {
            Self::Configured { proxy, endpoint } if !is_local || target == endpoint => {
                Ok(proxy.clone())
            }
            Self::Environment(variables) if !is_local => from_env(target, variables),
            _ => Ok(None),
        }
    }

    /// Where the choice of a proxy for `target` comes from, for diagnostics.
    pub(crate) fn reason(&self, target: &Endpoint) -> String {
        match self {
            Self::Configured { proxy: None, .. } => "the configuration turns it off".to_owned(),
            Self::Configured { .. } => "the configuration".to_owned(),
            Self::Environment(_) if target.is_loopback() => {
                "the endpoint is on this machine".to_owned()
            }
            Self::Environment(variables) => match variable(target, variables) {
                Some((name, false)) => name.to_string(),
                Some((name, true)) => format!("NO_PROXY exempts the endpoint from {name}"),
                None if variables.is_ignored() => "libcas ignores the environment".to_owned(),
                None => "the environment sets none".to_owned(),
            },
        }
    }

    /// Whether libcas ignores the proxies of the environment.
    pub(crate) fn ignores_environment(&self) -> bool {
        matches!(self, Self::Environment(variables) if variables.is_ignored())
    }
}

/// The proxy that the environment sets for `target`: `HTTPS_PROXY` or `HTTP_PROXY`, else
/// `ALL_PROXY`, unless `NO_PROXY` exempts it. A name in capitals comes before the same name in
/// small letters, as in the official SDKs.
fn from_env(target: &Endpoint, variables: &EnvSnapshot) -> Result<Option<Proxy>, Error> {
    let Some((name, false)) = variable(target, variables) else { return Ok(None) };
    let url = variables.get(name).unwrap_or_default();
    Proxy::parse(&url).map(Some).map_err(|cause| invalid_proxy(Some(name), cause))
}

/// The variable that sets the proxy for `target`, and whether `NO_PROXY` exempts it.
fn variable(target: &Endpoint, variables: &EnvSnapshot) -> Option<(Variable, bool)> {
    let is_cgi = variables.get(Variable::REQUEST_METHOD).is_some();
    let for_scheme: &[Variable] = match (target.is_plaintext(), is_cgi) {
        (false, _) => &[Variable::HTTPS_PROXY, Variable::https_proxy],
        (true, false) => &[Variable::HTTP_PROXY, Variable::http_proxy],
        // HTTP_PROXY holds a header of the request (CVE-2016-5385).
        (true, true) => &[Variable::http_proxy],
    };
    let first = |names: &[Variable]| {
        names.iter().find_map(|name| variables.get(*name).map(|value| (*name, value)))
    };
    let (name, _) =
        first(for_scheme).or_else(|| first(&[Variable::ALL_PROXY, Variable::all_proxy]))?;
    let exempt = first(&[Variable::NO_PROXY, Variable::no_proxy]);
    Some((name, exempt.is_some_and(|(_, list)| is_exempt(&list, target))))
}

/// The error for a proxy URL, from an environment variable or from the configuration.
pub(crate) fn invalid_proxy(variable: Option<Variable>, cause: &str) -> Error {
    let source = variable.map(|name| format!(" in {name}")).unwrap_or_default();
    Error::new(ErrorKind::InvalidArgument, format!("Invalid proxy{source}: {cause}."))
        .with_hint(FORMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy_from_env(endpoint: &str, variables: &[(&str, &str)]) -> Option<String> {
        let proxy_policy = ProxyPolicy::Environment(Arc::new(variables.iter().copied().collect()));
        proxy_policy
            .proxy_for(&Endpoint::parse(endpoint).unwrap())
            .unwrap()
            .map(|proxy| proxy.to_string())
    }

    #[test]
    fn environment_selects_a_proxy_by_scheme() {
        let (http, https, all) =
            (("HTTP_PROXY", "p:1"), ("HTTPS_PROXY", "p:2"), ("ALL_PROXY", "p:3"));
        assert_eq!(proxy_from_env("host", &[http, https, all]).as_deref(), Some("p:2"));
        assert_eq!(proxy_from_env("http://host", &[http, https, all]).as_deref(), Some("p:1"));
        assert_eq!(proxy_from_env("host", &[http, all]).as_deref(), Some("p:3"));
        assert_eq!(proxy_from_env("host", &[http]), None);
        assert_eq!(proxy_from_env("host", &[("https_proxy", "p:4"), all]).as_deref(), Some("p:4"));
        assert_eq!(
            proxy_from_env("host", &[("https_proxy", "p:4"), https]).as_deref(),
            Some("p:2")
        );
        assert_eq!(
            proxy_from_env("host", &[("HTTPS_PROXY", ""), ("all_proxy", "p:5")]).as_deref(),
            Some("p:5")
        );
        for local in ["127.0.0.1", "http://localhost:8480", "[::1]", "http://100.100.100.200"] {
            assert_eq!(proxy_from_env(local, &[http, https, all]), None, "{local}");
        }
        let cgi = ("REQUEST_METHOD", "GET");
        assert_eq!(proxy_from_env("http://host", &[http, cgi]), None);
        assert_eq!(
            proxy_from_env("http://host", &[("http_proxy", "p:6"), cgi]).as_deref(),
            Some("p:6")
        );
    }

    #[test]
    fn configured_proxy_is_for_the_endpoint_and_for_remote_hosts() {
        let endpoint = |text: &str| Endpoint::parse(text).unwrap();
        let proxy = Some(Proxy::parse("p:1").unwrap());
        let proxy_policy =
            ProxyPolicy::Configured { proxy, endpoint: endpoint("http://127.0.0.1:8480") };
        for (target, proxied) in [
            ("http://127.0.0.1:8480", true),
            ("sts.aliyuncs.com", true),
            ("http://127.0.0.1:80", false),
            ("http://100.100.100.200", false),
        ] {
            assert_eq!(
                proxy_policy.proxy_for(&endpoint(target)).unwrap().is_some(),
                proxied,
                "{target}"
            );
        }
    }

    #[test]
    fn invalid_variable_is_named_without_its_password() {
        let variables = EnvSnapshot::from_iter([("HTTPS_PROXY", "ftp://user:hidden@proxy")]);
        let proxy_policy = ProxyPolicy::Environment(Arc::new(variables));
        let error = proxy_policy.proxy_for(&Endpoint::parse("host").unwrap()).unwrap_err();
        let cause = "the scheme must be http, socks5 or socks5h";
        assert_eq!(error.message(), format!("Invalid proxy in HTTPS_PROXY: {cause}."));
    }
}
