//! The endpoint that requests are sent to.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::base::error::{Error, ErrorKind};

/// Hint for an invalid endpoint.
pub(crate) const FORMS: &str =
    "Set it to \"host\", \"host:port\", \"https://host[:port]\" or \"http://127.0.0.1:port\".";

/// Hint for an endpoint that is exposed.
pub(crate) const AVOID_PLAINTEXT: &str =
    "Use https. If the network is trusted, call cas_config_set_allow_plaintext.";

/// Scheme, host and port. It never holds a user name, path or query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    plaintext: bool,
    /// As in a URL: an IPv6 address is in brackets.
    host: String,
    port: Option<u16>,
}

impl Endpoint {
    /// `host` over TLS, at the default port. It must be a valid host name.
    pub(crate) fn https(host: String) -> Self {
        Self { plaintext: false, host, port: None }
    }

    /// Parses `host`, `host:port`, `https://host[:port]` or `http://host[:port]`, each with or
    /// without a trailing `/`; the case of the scheme does not matter (RFC 3986, section 3.1). The
    /// error never quotes the text, which may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::new(ErrorKind::InvalidArgument, format!("Invalid endpoint: {why}."))
                .with_hint(FORMS)
        };
        let (plaintext, rest) = match text.split_once("://") {
            None => (false, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (true, rest),
            Some(_) => return Err(invalid("the scheme must be https or http")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(invalid("a user name is not allowed"));
        }
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(invalid("a path or query is not allowed"));
        }
        let (host, port) = split_port(authority)
            .ok_or_else(|| invalid("the port must be a number from 1 to 65535"))?;
        if host.is_empty() {
            return Err(invalid("missing host"));
        }
        let valid = match without_brackets(host) {
            bare if bare.len() < host.len() => bare.parse::<Ipv6Addr>().is_ok(),
            name => is_host_name(name),
        };
        if !valid {
            return Err(invalid("the host must be a name or an IP address (IPv6 in brackets)"));
        }
        Ok(Self { plaintext, host: host.to_ascii_lowercase(), port })
    }

    /// Whether requests are sent without TLS.
    #[must_use]
    pub(crate) fn is_plaintext(&self) -> bool {
        self.plaintext
    }

    /// Whether requests stay on this machine: `localhost` or a loopback address.
    #[must_use]
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.bare_host();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether requests to it can be read on the network.
    #[must_use]
    pub(crate) fn is_exposed(&self) -> bool {
        self.is_plaintext() && !self.is_loopback()
    }

    /// The host, with IPv6 addresses in brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The host, with IPv6 addresses without their brackets.
    pub(crate) fn bare_host(&self) -> &str {
        without_brackets(&self.host)
    }

    /// The port, if one is given.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port, or the default of the scheme.
    pub(crate) fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.plaintext { 80 } else { 443 })
    }

    /// The URL of every request: scheme, host, port if given, and `/`.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        format!("{}://{self}/", if self.plaintext { "http" } else { "https" })
    }
}

/// `host` or `host:port`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The text between `[` and `]`, as in an IPv6 address of a URL; any other host as it is.
pub(crate) fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let digits_only = port.bytes().all(|b| b.is_ascii_digit());
            let port = port.parse().ok().filter(|&port| port > 0 && digits_only)?;
            Some((host, Some(port)))
        }
        _ => Some((authority, None)),
    }
}

/// Letters, digits, `-` and dots (RFC 1123), and `_`, which is in use as well. One dot may follow.
fn is_host_name(host: &str) -> bool {
    host.len() <= 253
        && host.strip_suffix('.').unwrap_or(host).split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_endpoints_are_parsed() {
        for (text, url, loopback) in [
            ("cas.aliyuncs.com", "https://cas.aliyuncs.com/", false),
            ("CAS.aliyuncs.com:8443", "https://cas.aliyuncs.com:8443/", false),
            ("https://proxy_host/", "https://proxy_host/", false),
            ("http://127.0.0.1:8480", "http://127.0.0.1:8480/", true),
            ("http://127.8.9.1", "http://127.8.9.1/", true),
            ("http://[::1]:8480/", "http://[::1]:8480/", true),
            ("[2001:db8::1]", "https://[2001:db8::1]/", false),
            ("http://localhost", "http://localhost/", true),
            ("HTTPS://host", "https://host/", false),
            ("Http://127.0.0.1:8480/", "http://127.0.0.1:8480/", true),
            ("host.", "https://host./", false),
            ("http://localhost.example", "http://localhost.example/", false),
            ("http://10.0.0.1", "http://10.0.0.1/", false),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.url(), url, "{text}");
            assert_eq!(endpoint.is_loopback(), loopback, "{text}");
            assert_eq!(endpoint.is_plaintext(), url.starts_with("http:"), "{text}");
        }
    }

    #[test]
    fn brackets_and_default_port() {
        for (text, host, bare, port) in [
            ("host", "host", "host", 443),
            ("http://host", "host", "host", 80),
            ("http://host:443", "host", "host", 443),
            ("https://[2001:db8::1]", "[2001:db8::1]", "2001:db8::1", 443),
            ("[::1]:8443", "[::1]", "::1", 8443),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!((endpoint.host(), endpoint.bare_host()), (host, bare), "{text}");
            assert_eq!(endpoint.port_or_default(), port, "{text}");
        }
        for text in ["[::1", "::1]", "host"] {
            assert_eq!(without_brackets(text), text);
        }
    }

    #[test]
    fn invalid_endpoints_are_rejected_without_being_quoted() {
        for text in [
            "",
            "https://",
            "ftp://host",
            "host/path",
            "host?x=1",
            "host#x",
            "https://id:hidden@host",
            "ho st",
            "host:",
            "host:0",
            "host:65536",
            "host:+80",
            "[::1",
            "::1",
            "[::g]",
            "a..b",
            "host..",
            "https://host..:443",
            ".",
            "httpss://host",
            "höst",
            "host\n",
            "host//",
        ] {
            let error = Endpoint::parse(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}");
            assert!(!error.message().contains("hidden"));
        }
    }
}
