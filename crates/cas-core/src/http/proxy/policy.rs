//! Which proxy requests go through, if any.

use std::sync::Arc;

use crate::base::env::EnvSnapshot;
use crate::base::error::{Error, ErrorKind};
use crate::http::endpoint::Endpoint;
use crate::http::proxy::no_proxy::is_exempt;
use crate::http::proxy::url::Proxy;

/// How a proxy is given.
const FORMS: &str = "Give it as \"http://[user:password@]host:port\", \"socks5://…\" or \"socks5h://…\" (the proxy looks \
                     names up).";

/// The address of every instance's own metadata (FACTS.md 5); whoever answers there hands out access keys.
pub(crate) const METADATA: &str = "100.100.100.200";

impl Proxy {
    /// The proxy that the environment names for `endpoint`: `HTTPS_PROXY` or `HTTP_PROXY`, then `ALL_PROXY`, unless
    /// `NO_PROXY` says otherwise; each in capitals first, as the official SDKs read them, then in small letters.
    fn of_environment(endpoint: &Endpoint, variables: &EnvSnapshot) -> Result<Option<Self>, Error> {
        let own = if endpoint.is_plaintext() { "HTTP_PROXY" } else { "HTTPS_PROXY" };
        let is_cgi = variables.get("REQUEST_METHOD").is_some();
        let both = |name: &str| {
            // In a CGI program HTTP_PROXY is a header of whoever asks (CVE-2016-5385).
            let capitals =
                if is_cgi && name == "HTTP_PROXY" { None } else { Some(name.to_owned()) };
            [capitals, Some(name.to_ascii_lowercase())]
                .into_iter()
                .flatten()
                .find_map(|name| variables.get(&name).map(|value| (name, value)))
        };
        let Some((name, text)) = both(own).or_else(|| both("ALL_PROXY")) else { return Ok(None) };
        if both("NO_PROXY").is_some_and(|(_, list)| is_exempt(list, endpoint)) {
            return Ok(None);
        }
        Self::parse(text)
            .map(Some)
            .map_err(|why| invalid_proxy(&format!("The proxy in {name}"), why))
    }
}

/// Which proxy each host is reached through.
#[derive(Debug)]
pub(crate) enum ProxyPolicy {
    /// The program's own choice.
    Configured {
        /// `None`: no proxy.
        proxy: Option<Proxy>,
        /// What it was chosen for, wherever that is.
        endpoint: Endpoint,
    },
    /// As the environment says.
    Environment(Arc<EnvSnapshot>),
}

impl ProxyPolicy {
    /// The proxy to reach `endpoint` through. Whatever is said, a metadata service is never asked through one: it would
    /// answer for the proxy's machine. Nor is this machine, unless it is the endpoint that a proxy was chosen for.
    pub(crate) fn proxy_for(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, Error> {
        let is_here = endpoint.is_loopback() || endpoint.host() == METADATA;
        match self {
            Self::Configured { proxy, endpoint: own } if !is_here || endpoint == own => {
                Ok(proxy.clone())
            }
            Self::Environment(variables) if !is_here => Proxy::of_environment(endpoint, variables),
            _ => Ok(None),
        }
    }
}

/// A proxy that cannot be used.
pub(crate) fn invalid_proxy(which: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{which} is not usable: {why}."))
        .with_hint(FORMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(endpoint: &str, variables: &[(&str, &str)]) -> Option<String> {
        let proxy_policy = ProxyPolicy::Environment(Arc::new(variables.iter().copied().collect()));
        proxy_policy
            .proxy_for(&Endpoint::parse(endpoint).unwrap())
            .unwrap()
            .map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_environment_is_read_as_others_read_it() {
        let (http, https, all) =
            (("HTTP_PROXY", "p:1"), ("HTTPS_PROXY", "p:2"), ("ALL_PROXY", "p:3"));
        assert_eq!(chosen("host", &[http, https, all]).as_deref(), Some("p:2"));
        assert_eq!(chosen("http://host", &[http, https, all]).as_deref(), Some("p:1"));
        assert_eq!(chosen("host", &[http, all]).as_deref(), Some("p:3"));
        assert_eq!(chosen("host", &[http]), None);
        assert_eq!(chosen("host", &[("https_proxy", "p:4"), all]).as_deref(), Some("p:4"));
        assert_eq!(chosen("host", &[("https_proxy", "p:4"), https]).as_deref(), Some("p:2"));
        assert_eq!(
            chosen("host", &[("HTTPS_PROXY", ""), ("all_proxy", "p:5")]).as_deref(),
            Some("p:5")
        );
        for here in ["127.0.0.1", "http://localhost:8480", "[::1]", "http://100.100.100.200"] {
            assert_eq!(chosen(here, &[http, https, all]), None, "{here}");
        }
        let cgi = ("REQUEST_METHOD", "GET");
        assert_eq!(chosen("http://host", &[http, cgi]), None);
        assert_eq!(chosen("http://host", &[("http_proxy", "p:6"), cgi]).as_deref(), Some("p:6"));
    }

    #[test]
    fn a_given_proxy_is_for_the_endpoint_and_whatever_is_not_here() {
        let endpoint = |text: &str| Endpoint::parse(text).unwrap();
        let proxy = Some(Proxy::parse("p:1").unwrap());
        let proxy_policy =
            ProxyPolicy::Configured { proxy, endpoint: endpoint("http://127.0.0.1:8480") };
        for (to, through) in [
            ("http://127.0.0.1:8480", true),
            ("sts.aliyuncs.com", true),
            ("http://127.0.0.1:80", false),
            ("http://100.100.100.200", false),
        ] {
            assert_eq!(proxy_policy.proxy_for(&endpoint(to)).unwrap().is_some(), through, "{to}");
        }
    }

    #[test]
    fn what_is_wrong_in_the_environment_is_said_by_its_name_and_without_the_password() {
        let variables = EnvSnapshot::from_iter([("HTTPS_PROXY", "ftp://user:hidden@proxy")]);
        let proxy_policy = ProxyPolicy::Environment(Arc::new(variables));
        let error = proxy_policy.proxy_for(&Endpoint::parse("host").unwrap()).unwrap_err();
        assert!(
            error.message().contains("HTTPS_PROXY") && !error.message().contains("hidden"),
            "{error}"
        );
    }
}
