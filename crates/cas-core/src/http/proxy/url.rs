//! Which proxy requests go through, if any: the program's, or the environment's as curl and the official SDKs read it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::base::env::EnvSnapshot;
use crate::base::error::{Error, ErrorKind};
use crate::base::secret::Secret;
use crate::http::endpoint::Endpoint;

/// How a proxy is given.
const FORMS: &str = "Give it as \"http://[user:password@]host:port\", \"socks5://…\" or \"socks5h://…\" (the proxy looks \
                     names up).";

/// The address of every instance's own metadata (FACTS.md 5); whoever answers there hands out access keys.
pub(crate) const METADATA: &str = "100.100.100.200";

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// CONNECT, RFC 9110.
    Http,
    /// RFC 1928; names are looked up here.
    Socks5,
    /// RFC 1928; the proxy looks names up.
    Socks5h,
}

/// A proxy, with what signs in to it.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) protocol: Protocol,
    /// IPv6 addresses in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// User name and password.
    pub(crate) login: Option<(Secret, Secret)>,
}

/// Host and port, never the password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl Proxy {
    /// Reads `[scheme://][user[:password]@]host[:port][/]`; without a scheme it is HTTP. The error says what is wrong and
    /// never quotes the text: it may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
        let (protocol, usual_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Protocol::Http, 80),
            "socks5" => (Protocol::Socks5, 1080),
            "socks5h" => (Protocol::Socks5h, 1080),
            "https" => return Err("TLS to the proxy itself is not spoken"),
            _ => return Err("its scheme is none of http, socks5 and socks5h"),
        };
        let (login, authority) = match rest.rsplit_once('@') {
            Some((login, authority)) => (Some(login), authority),
            None => (None, rest),
        };
        // Its rules for host and port are those of an endpoint.
        let address = Endpoint::parse(authority).map_err(|_| "its host or port cannot be one")?;
        let decoded =
            |text: &str| decode(text).ok_or("its user name or password is wrongly encoded");
        let login = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            Some((user, password)) => Some((decoded(user)?, decoded(password)?)),
            None => None,
        };
        let is_long = |part: &Secret| part.expose().len() > usize::from(u8::MAX);
        if protocol != Protocol::Http
            && login.iter().any(|(user, password)| is_long(user) || is_long(password))
        {
            return Err("its user name or password is longer than the 255 bytes that SOCKS allows");
        }
        Ok(Self {
            protocol,
            host: address.host().to_owned(),
            port: address.port().unwrap_or(usual_port),
            login,
        })
    }

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
        Self::parse(text).map(Some).map_err(|why| refused(&format!("The proxy in {name}"), why))
    }
}

/// Which proxy each host is reached through.
#[derive(Debug)]
pub(crate) enum ProxyPolicy {
    /// The program's own choice.
    StaticProvider {
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
            Self::StaticProvider { proxy, endpoint: own } if !is_here || endpoint == own => {
                Ok(proxy.clone())
            }
            Self::Environment(variables) if !is_here => Proxy::of_environment(endpoint, variables),
            _ => Ok(None),
        }
    }
}

/// A proxy that cannot be used.
pub(crate) fn refused(which: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{which} is not usable: {why}."))
        .with_hint(FORMS)
}

/// Percent-decoded. The text is wiped when it goes.
fn decode(text: &str) -> Option<Secret> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            decoded.push(*byte);
        }
    }
    let text = std::str::from_utf8(&decoded).ok()?;
    Some(Secret::new(text.to_owned()))
}

/// Whether a `NO_PROXY` list names the endpoint: host names, which stand for what is below them as well, IP addresses,
/// networks (`10.0.0.0/8`), each with or without a port, or `*`.
fn is_exempt(list: &str, endpoint: &Endpoint) -> bool {
    let host = endpoint.host().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let port = endpoint.port().unwrap_or(if endpoint.is_plaintext() { 80 } else { 443 });
    let entries =
        list.split([',', ' ', '\t', ';']).map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(str::to_ascii_lowercase).any(|entry| entry == "*" || names(&entry, &host, port))
}

fn names(entry: &str, host: &str, port: u16) -> bool {
    let (name, wanted_port) = match entry.rsplit_once(':') {
        // More than one colon, and no bracket: an IPv6 address without a port.
        Some((name, digits)) if !name.contains(':') || name.ends_with(']') => {
            match digits.parse::<u16>() {
                Ok(wanted) => (name, Some(wanted)),
                Err(_) => (entry, None),
            }
        }
        _ => (entry, None),
    };
    if wanted_port.is_some_and(|wanted| wanted != port) {
        return false;
    }
    let name = name.trim_matches(['[', ']']);
    if let Ok(ip) = host.parse::<IpAddr>() {
        return match name.split_once('/') {
            Some((network, bits)) => bits.parse().is_ok_and(|bits| is_within(ip, network, bits)),
            None => name.parse() == Ok(ip),
        };
    }
    let name = name.trim_start_matches('*').trim_start_matches('.').trim_end_matches('.');
    let above = host.strip_suffix(name).filter(|_| !name.is_empty());
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

fn is_within(ip: IpAddr, network: &str, bits: u32) -> bool {
    // IPv4 as the last 32 bits of 128, so that one comparison does for both.
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (Ipv6Addr::to_bits(v6), 128),
    };
    let Ok(network) = network.parse::<IpAddr>() else { return false };
    let ((ip, size), (network, network_size)) = (number(ip), number(network));
    size == network_size
        && bits <= size
        && (ip ^ network).checked_shr(size - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_with_all_its_parts() {
        for (text, protocol, shown, login) in [
            ("proxy", Protocol::Http, "proxy:80", None),
            ("http://proxy:3128/", Protocol::Http, "proxy:3128", None),
            ("HTTP://10.0.0.1:3128", Protocol::Http, "10.0.0.1:3128", None),
            ("socks5://[::1]", Protocol::Socks5, "[::1]:1080", None),
            ("socks5h://u:p@proxy:9", Protocol::Socks5h, "proxy:9", Some(("u", "p"))),
            (
                "http://us%40er:p%3Aa:s%25s@proxy",
                Protocol::Http,
                "proxy:80",
                Some(("us@er", "p:a:s%s")),
            ),
            ("http://user@proxy", Protocol::Http, "proxy:80", Some(("user", ""))),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!((proxy.protocol, proxy.to_string().as_str()), (protocol, shown), "{text}");
            let found =
                proxy.login.as_ref().map(|(user, password)| (user.expose(), password.expose()));
            assert_eq!(found, login, "{text}");
            assert!(!format!("{proxy:?}").contains("p%3A"));
        }
        let long = format!("://{}:p@proxy", "u".repeat(256));
        assert!(
            Proxy::parse(&format!("http{long}")).is_ok()
                && Proxy::parse(&format!("socks5{long}")).is_err()
        );
        for text in [
            "",
            "http://",
            "https://proxy",
            "ftp://proxy",
            "http://proxy:x",
            "http://a/b",
            "http://%zz@a",
        ] {
            assert!(Proxy::parse(text).is_err(), "{text}");
        }
    }

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
            ProxyPolicy::StaticProvider { proxy, endpoint: endpoint("http://127.0.0.1:8480") };
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

    #[test]
    fn no_proxy_names_hosts_networks_and_ports() {
        for (list, endpoint, exempt) in [
            ("*", "cas.aliyuncs.com", true),
            ("aliyuncs.com", "cas.aliyuncs.com", true),
            (".aliyuncs.com", "cas.aliyuncs.com", true),
            ("*.aliyuncs.com", "cas.aliyuncs.com", true),
            ("other,  CAS.aliyuncs.com ", "cas.aliyuncs.com", true),
            ("yuncs.com", "cas.aliyuncs.com", false),
            ("cas.aliyuncs.com.cn", "cas.aliyuncs.com", false),
            ("aliyuncs.com:443", "cas.aliyuncs.com", true),
            ("aliyuncs.com:444", "cas.aliyuncs.com", false),
            ("aliyuncs.com:444", "cas.aliyuncs.com:444", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:80", "http://10.1.2.3", true),
            ("0.0.0.0/0", "10.1.2.3", true),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "[fe80::1]", false),
            ("::1", "[::1]", true),
            ("[fd12::1]:443", "[fd12::1]", true),
            ("::/0", "10.1.2.3", false),
            ("10.0.0.0/33", "10.1.2.3", false),
            ("1", "10.1.2.1", false),
            ("", "host", false),
        ] {
            assert_eq!(
                is_exempt(list, &Endpoint::parse(endpoint).unwrap()),
                exempt,
                "{list:?} {endpoint}"
            );
        }
    }
}
