//! A proxy and its URL.

use std::fmt;

use zeroize::Zeroizing;

use crate::base::secret::Secret;
use crate::http::endpoint::Endpoint;

/// How to speak to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP, with CONNECT for what is sent over TLS.
    Http,
    /// SOCKS 5. libcas looks up host names.
    Socks5,
    /// SOCKS 5. The proxy looks up host names.
    Socks5h,
}

/// A proxy and the login for it. `Display` and `Debug` show only host and port.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) protocol: Protocol,
    /// As in a URL: an IPv6 address is in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// User name and password.
    pub(crate) login: Option<(Secret, Secret)>,
}

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
    /// Whether the proxy forwards the requests to `target` itself: those that it could read anyway.
    pub(crate) fn forwards(&self, target: &Endpoint) -> bool {
        self.protocol == Protocol::Http && target.is_plaintext()
    }

    /// Its URL, with asterisks for the login.
    pub(crate) fn masked_url(&self) -> String {
        let scheme = match self.protocol {
            Protocol::Http => "http",
            Protocol::Socks5 => "socks5",
            Protocol::Socks5h => "socks5h",
        };
        let login = if self.login.is_some() { "****:****@" } else { "" };
        format!("{scheme}://{login}{self}")
    }

    /// Parses `[scheme://][user[:password]@]host[:port][/]`; the default scheme is `http`. The
    /// error says what is wrong and never quotes the text, which may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Protocol::Http, 80),
            "socks5" => (Protocol::Socks5, 1080),
            "socks5h" => (Protocol::Socks5h, 1080),
            "https" => return Err("TLS to the proxy is not supported"),
            _ => return Err("the scheme must be http, socks5 or socks5h"),
        };
        let (login, authority) = match rest.rsplit_once('@') {
            Some((login, authority)) => (Some(login), authority),
            None => (None, rest),
        };
        // Host and port follow the rules of an endpoint.
        let address = Endpoint::parse(authority).map_err(|_| "invalid host or port")?;
        let login = login.map(parse_login).transpose()?;
        let is_long = |part: &Secret| part.expose().len() > usize::from(u8::MAX);
        if protocol != Protocol::Http
            && login.iter().any(|(user, password)| is_long(user) || is_long(password))
        {
            return Err("SOCKS allows at most 255 bytes for the user name and for the password");
        }
        Ok(Self {
            protocol,
            host: address.host().to_owned(),
            port: address.port().unwrap_or(default_port),
            login,
        })
    }
}

fn parse_login(text: &str) -> Result<(Secret, Secret), &'static str> {
    let decode =
        |part| percent_decode(part).ok_or("invalid percent-encoding in the user name or password");
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    Ok((decode(user)?, decode(password)?))
}

/// Decodes `%XX`; `None` if two hexadecimal digits are missing or the result is not UTF-8. Strict,
/// because a user would not notice that a password was decoded wrongly.
fn percent_decode(text: &str) -> Option<Secret> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte == b'%' {
            let (digits, tail) = tail.split_at_checked(2)?;
            let digit = |digit: u8| char::from(digit).to_digit(16);
            let value = 16 * digit(digits[0])? + digit(digits[1])?;
            decoded.push(u8::try_from(value).ok()?);
            rest = tail;
        } else {
            decoded.push(*byte);
        }
    }
    Some(Secret::new(std::str::from_utf8(&decoded).ok()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_urls_are_parsed() {
        for (text, protocol, address, login) in [
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
            ("http://us:p@ss:@proxy", Protocol::Http, "proxy:80", Some(("us", "p@ss:"))),
            ("http://user@proxy", Protocol::Http, "proxy:80", Some(("user", ""))),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!((proxy.protocol, proxy.to_string().as_str()), (protocol, address), "{text}");
            let parsed =
                proxy.login.as_ref().map(|(user, password)| (user.expose(), password.expose()));
            assert_eq!(parsed, login, "{text}");
            assert_eq!(format!("{proxy:?}"), format!("Proxy({address})"));
        }
    }

    #[test]
    fn socks_limits_the_length_of_the_login() {
        for (length, allowed) in [(255, true), (256, false)] {
            let part = "u".repeat(length);
            for login in [format!("{part}:p"), format!("u:{part}")] {
                assert!(Proxy::parse(&format!("http://{login}@proxy")).is_ok());
                let socks = Proxy::parse(&format!("socks5://{login}@proxy"));
                assert_eq!(socks.is_ok(), allowed, "{length}");
            }
        }
    }

    #[test]
    fn invalid_urls_are_rejected() {
        for text in [
            "",
            "http://",
            "https://proxy",
            "ftp://proxy",
            "http://proxy:x",
            "http://a/b",
            "http://%zz@a",
            "http://%2@a",
            "http://%+1@a",
            "http://u:%ff@a",
        ] {
            assert!(Proxy::parse(text).is_err(), "{text}");
        }
    }
}
