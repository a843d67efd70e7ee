//! A proxy and its URL.

use std::fmt;

use zeroize::Zeroizing;

use crate::base::secret::Secret;
use crate::http::endpoint::Endpoint;

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
}
