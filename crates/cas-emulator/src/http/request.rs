//! An HTTP request.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::budget::Permit;

/// A request as it was received.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Wiped on drop: it may contain a private key.
    pub(crate) target: Zeroizing<String>,
    /// Wiped on drop: it may contain a private key.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Of HTTP/1.1, not HTTP/1.0.
    pub(super) http_1_1: bool,
    /// The client wants to reuse the connection.
    pub(crate) keep_alive: bool,
    pub(super) headers: Vec<(String, String)>,
    /// The host and port of the `CONNECT` that opened the tunnel through which it came.
    pub(crate) tunnel: Option<Arc<str>>,
    /// For the memory of a long request, until it has its response.
    #[expect(dead_code, reason = "dropped with the request")]
    pub(super) permit: Option<Permit>,
}

impl Request {
    /// The value of the first header `name`. Header names are case-insensitive.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// The values of all headers `name`. Header names are case-insensitive.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let all = self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name));
        all.map(|(_, value)| value.as_str())
    }

    /// The path of the request target, without scheme, host and query.
    pub(crate) fn path(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        match split_scheme(path) {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => path,
        }
    }

    /// Scheme and authority of a request target in the absolute form, which a client sends to a
    /// proxy: `http` and `host:80` of `http://host:80/path`.
    pub(crate) fn origin(&self) -> Option<(&str, &str)> {
        let (scheme, rest) = split_scheme(&self.target)?;
        Some((scheme, rest.split(['/', '?', '#']).next().unwrap_or_default()))
    }

    /// The host, and the port unless it is the usual one, to which the client addressed the
    /// request. Empty if it did not say.
    pub(crate) fn host(&self) -> &str {
        match self.origin() {
            Some((_, authority)) => authority,
            None => self.header("host").unwrap_or_default(),
        }
    }
}

/// Splits a target such as `http://host/` at `://`. `None` for a path, also one such as `/a://`.
fn split_scheme(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.bytes().all(is_scheme_byte).then_some((scheme, rest))
}

/// The value of the first header `name` in `headers`. Header names are case-insensitive.
pub(super) fn find_header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}
