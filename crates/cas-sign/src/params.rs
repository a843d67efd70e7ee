//! Request parameters: kept in signing order, written percent-encoded.
//!
//! The rules are those of signature version 1 (docs/service.md, Signature version 1): sort by the
//! raw name, byte by byte; percent-encode names and values; keep parameters with an empty value.

use std::borrow::Cow;
use std::fmt;

use crate::percent::{Chunk, Encoded, Sink, encode};

/// Parameters of one request, in signing order.
///
/// `Debug` prints names only: a value may be a private key.
#[derive(Default, Clone)]
pub struct Params<'a> {
    sorted: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Params<'a> {
    /// Creates an empty set of parameters.
    #[must_use]
    pub fn new() -> Self {
        Self { sorted: Vec::with_capacity(20) }
    }

    /// Sets `name` to `value`, replacing any previous value.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let name = name.into();
        match self.position(&name) {
            Ok(at) => self.sorted[at].1 = value.into(),
            Err(at) => self.sorted.insert(at, (name, value.into())),
        }
    }

    /// Returns the value of `name`, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.position(name).ok().map(|at| self.sorted[at].1.as_ref())
    }

    /// Iterates over names and values in signing order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sorted.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Returns the canonical query: `name=value` pairs, percent-encoded and joined with `&`.
    #[must_use]
    pub fn canonical_query(&self) -> String {
        let mut query = Encoded::with_room_for(self.raw_len());
        self.write_canonical(&mut query);
        query.into_string()
    }

    /// Writes the canonical query into `sink`, reading each value once.
    pub(crate) fn write_canonical(&self, sink: &mut impl Sink) {
        let mut chunk = Chunk::new();
        for (index, (name, value)) in self.sorted.iter().enumerate() {
            if index > 0 {
                sink.delimiter(b'&');
            }
            encode(name, &mut chunk, sink);
            sink.delimiter(b'=');
            encode(value, &mut chunk, sink);
        }
    }

    /// Bytes of all names and values with their delimiters, before encoding.
    pub(crate) fn raw_len(&self) -> usize {
        self.sorted.iter().map(|(name, value)| name.len() + value.len() + 2).sum()
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|(known, _)| known.as_bytes().cmp(name.as_bytes()))
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sorted.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_by_byte() {
        let mut params = Params::new();
        for name in ["a", "B", "Tags.2.Key", "Tags.10.Key", "Tags.1.Key", "_"] {
            params.set(name, "");
        }
        let names: Vec<_> = params.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["B", "Tags.1.Key", "Tags.10.Key", "Tags.2.Key", "_", "a"]);
    }

    #[test]
    fn setting_a_name_again_replaces_its_value() {
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
    fn debug_prints_names_only() {
        let mut params = Params::new();
        params.set("Key", "hidden");
        assert_eq!(format!("{params:?}"), r#"["Key"]"#);
    }
}
