//! An HTTP request.

use zeroize::Zeroizing;

use super::budget::Permit;

/// A request as it was received.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Wiped on drop: it may contain a private key.
    pub(crate) target: Zeroizing<String>,
    /// Wiped on drop: it may contain a private key.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// The client wants to reuse the connection.
    pub(crate) keep_alive: bool,
    pub(super) headers: Vec<(String, String)>,
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
        match path.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => path,
        }
    }
}

/// The value of the first header `name` in `headers`. Header names are case-insensitive.
pub(super) fn find_header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}
