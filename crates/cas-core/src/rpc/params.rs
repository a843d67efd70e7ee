//! Request parameters: kept in signing order, written percent-encoded.
//!
//! The rules are those of RPC signature version 1 (the official SDKs' `rpc_signature_composer` and
//! `getRPCSignature` agree on them): sort by the raw name, byte by byte; encode UTF-8 bytes; leave
//! `A-Z a-z 0-9 - _ . ~` as they are; write every other byte as `%XX` with upper-case digits; keep
//! parameters whose value is empty.

use std::borrow::Cow;

/// Parameters of one request, always in the order in which they are signed.
///
/// `Debug` shows names only: a value may be a private key.
#[derive(Default, Clone)]
pub struct Params<'a> {
    sorted: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Params<'a> {
    /// No parameters yet.
    #[must_use]
    pub fn new() -> Self {
        Self { sorted: Vec::with_capacity(20) }
    }

    /// Sets `name` to `value`, replacing the value it had before.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let name = name.into();
        match self.position(&name) {
            Ok(at) => self.sorted[at].1 = value.into(),
            Err(at) => self.sorted.insert(at, (name, value.into())),
        }
    }

    /// The value of `name`, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.position(name).ok().map(|at| self.sorted[at].1.as_ref())
    }

    /// Names and values in signing order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sorted.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// The canonical query: `name=value` pairs, percent-encoded and joined with `&`.
    #[must_use]
    pub fn canonical_query(&self) -> String {
        let mut query = Vec::new();
        self.write_canonical(&mut query);
        String::from_utf8(query).unwrap_or_default() // only ASCII was written
    }

    /// Writes the canonical query into `sink`, reading each value once.
    pub fn write_canonical(&self, sink: &mut impl Sink) {
        for (index, (name, value)) in self.sorted.iter().enumerate() {
            if index > 0 {
                sink.delimiter(b'&');
            }
            encode(name.as_bytes(), sink);
            sink.delimiter(b'=');
            encode(value.as_bytes(), sink);
        }
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|(known, _)| known.as_bytes().cmp(name.as_bytes()))
    }
}

impl std::fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.sorted.iter().map(|(name, _)| name)).finish()
    }
}

/// Where a canonical query goes: a form body, a hash, or both.
pub trait Sink {
    /// Bytes that stand for themselves.
    fn plain(&mut self, run: &[u8]);
    /// One byte that has to be written as `%XX`.
    fn escape(&mut self, byte: u8);
    /// `=` between name and value, or `&` between pairs.
    fn delimiter(&mut self, byte: u8);
}

impl Sink for Vec<u8> {
    fn plain(&mut self, run: &[u8]) {
        self.extend_from_slice(run);
    }
    fn escape(&mut self, byte: u8) {
        self.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    fn delimiter(&mut self, byte: u8) {
        self.push(byte);
    }
}

/// Both at once, so that a value is scanned a single time.
impl<A: Sink, B: Sink> Sink for (&mut A, &mut B) {
    fn plain(&mut self, run: &[u8]) {
        self.0.plain(run);
        self.1.plain(run);
    }
    fn escape(&mut self, byte: u8) {
        self.0.escape(byte);
        self.1.escape(byte);
    }
    fn delimiter(&mut self, byte: u8) {
        self.0.delimiter(byte);
        self.1.delimiter(byte);
    }
}

/// `value` percent-encoded.
#[must_use]
pub fn percent_encode(value: &str) -> String {
    let mut encoded = Vec::with_capacity(value.len());
    encode(value.as_bytes(), &mut encoded);
    String::from_utf8(encoded).unwrap_or_default() // only ASCII was written
}

/// Digits of `%XX`.
pub(crate) const HEX: &[u8; 16] = b"0123456789ABCDEF";

const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        byte += 1;
    }
    table
};

fn encode(value: &[u8], sink: &mut impl Sink) {
    let mut rest = value;
    while let Some(at) = rest.iter().position(|&byte| !UNRESERVED[usize::from(byte)]) {
        if at > 0 {
            sink.plain(&rest[..at]);
        }
        sink.escape(rest[at]);
        rest = &rest[at + 1..];
    }
    if !rest.is_empty() {
        sink.plain(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_sorted_byte_by_byte() {
        let mut params = Params::new();
        for name in ["a", "B", "Tags.2.Key", "Tags.10.Key", "Tags.1.Key", "_"] {
            params.set(name, "");
        }
        let names: Vec<_> = params.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["B", "Tags.1.Key", "Tags.10.Key", "Tags.2.Key", "_", "a"]);
    }

    #[test]
    fn a_second_value_replaces_the_first() {
        let mut params = Params::new();
        params.set("Name", "one");
        params.set("Name", "two");
        assert_eq!(params.canonical_query(), "Name=two");
        assert_eq!(params.get("Name"), Some("two"));
        assert_eq!(params.get("Other"), None);
    }

    #[test]
    fn empty_values_are_kept() {
        let mut params = Params::new();
        params.set("SignatureType", "");
        params.set("A", "1");
        assert_eq!(params.canonical_query(), "A=1&SignatureType=");
    }

    #[test]
    fn only_unreserved_bytes_stand_for_themselves() {
        assert_eq!(percent_encode("aZ09-_.~"), "aZ09-_.~");
        assert_eq!(percent_encode(" *+/!'()=&%\n"), "%20%2A%2B%2F%21%27%28%29%3D%26%25%0A");
        assert_eq!(percent_encode("名"), "%E5%90%8D");
    }

    #[test]
    fn debug_shows_no_value() {
        let mut params = Params::new();
        params.set("Key", "hidden");
        assert_eq!(format!("{params:?}"), r#"["Key"]"#);
    }

    proptest! {
        #[test]
        fn decoding_gives_the_value_back(value in ".*") {
            let encoded = percent_encode(&value);
            prop_assert!(encoded.bytes().all(|b| b == b'%' || UNRESERVED[usize::from(b)]));
            let mut decoded = Vec::new();
            let mut bytes = encoded.bytes();
            while let Some(byte) = bytes.next() {
                decoded.push(if byte == b'%' {
                    let hex = String::from_utf8(bytes.by_ref().take(2).collect()).unwrap();
                    u8::from_str_radix(&hex, 16).unwrap()
                } else {
                    byte
                });
            }
            prop_assert_eq!(String::from_utf8(decoded).unwrap(), value);
        }
    }
}
