//! Request parameters: kept in signing order, written percent-encoded.
//!
//! The rules are those of RPC signature version 1 (the official SDKs' `rpc_signature_composer` and
//! `getRPCSignature` agree on them): sort by the raw name, byte by byte; encode UTF-8 bytes; leave
//! `A-Z a-z 0-9 - _ . ~` as they are; write every other byte as `%XX` with upper-case digits; keep
//! parameters whose value is empty.

use std::borrow::Cow;

use zeroize::Zeroize;

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
        let mut query = Encoded::with_room_for(self.raw_len());
        self.write_canonical(&mut query);
        query.into_string()
    }

    /// Writes the canonical query into `sink`, reading each value once.
    pub fn write_canonical(&self, sink: &mut impl Sink) {
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

impl std::fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.sorted.iter().map(|(name, _)| name)).finish()
    }
}

/// Where a canonical query goes: a form body, a hash, or both.
pub trait Sink {
    /// A piece of a name or value, not encoded yet.
    fn encode(&mut self, chunk: &Chunk);
    /// `=` between name and value, or `&` between pairs.
    fn delimiter(&mut self, byte: u8);
}

/// A percent-encoded text in the making. Its memory never moves, so no copy of a key is left behind, and is
/// wiped when it goes.
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    used: usize,
}

impl Encoded {
    /// Room for the worst case of so many bytes, each of them escaped.
    pub(crate) fn with_room_for(raw: usize) -> Self {
        Self { bytes: vec![0; 3 * raw + SPARE], used: 0 }
    }

    /// Where the next bytes go.
    pub(crate) fn rest(&mut self) -> &mut [u8] {
        &mut self.bytes[self.used..]
    }

    /// So many more bytes count.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.used += bytes;
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Adds one more pair behind a canonical query.
    pub(crate) fn append(&mut self, name: &str, value: &str) {
        let mut chunk = Chunk::new();
        self.delimiter(b'&');
        encode(name, &mut chunk, self);
        self.delimiter(b'=');
        encode(value, &mut chunk, self);
    }

    fn into_string(self) -> String {
        String::from_utf8_lossy(self.as_bytes()).into_owned()
    }
}

impl Sink for Encoded {
    fn encode(&mut self, chunk: &Chunk) {
        let [written] = chunk.write([(&ONCE, self.rest())]);
        self.wrote(written);
    }
    fn delimiter(&mut self, byte: u8) {
        self.bytes[self.used] = byte;
        self.used += 1;
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        // As a slice: a Vec would be wiped byte by byte.
        self.bytes[..self.used].zeroize();
    }
}

/// `value` percent-encoded.
#[must_use]
pub(crate) fn percent_encode(value: &str) -> String {
    let mut encoded = Encoded::with_room_for(value.len());
    encode(value, &mut Chunk::new(), &mut encoded);
    encoded.into_string()
}

/// Most bytes of a [`Chunk`].
pub(crate) const CHUNK: usize = 64;

/// Bytes that are moved at once.
const MOVE: usize = 32;

/// What an output needs beyond the bytes that count: a move writes too much, and the next overwrites that.
pub(crate) const SPARE: usize = 2 * MOVE;

/// A piece of a name or value. Signing spends its time in encoding, so this goes without a step for each
/// byte: one mask says where the escapes are, and what lies between them moves in one piece. Wiped when it
/// goes, for it may hold a piece of a key.
pub struct Chunk {
    bytes: [u8; CHUNK + MOVE],
    length: usize,
    /// A bit for each byte that is neither a letter nor a digit.
    others: u64,
}

impl Chunk {
    fn new() -> Self {
        Self { bytes: [0; CHUNK + MOVE], length: 0, others: 0 }
    }

    /// Takes at most [`CHUNK`] bytes.
    fn load(&mut self, piece: &[u8]) {
        self.length = piece.len();
        match <&[u8; CHUNK]>::try_from(piece) {
            Ok(whole) => self.bytes[..CHUNK].copy_from_slice(whole),
            Err(_) => self.bytes[..piece.len()].copy_from_slice(piece),
        }
        let mut flags = [0; CHUNK];
        for (flag, &byte) in flags.iter_mut().zip(&self.bytes) {
            let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
            let digit = byte.wrapping_sub(b'0') < 10;
            *flag = u8::from(!(letter | digit));
        }
        self.others = 0;
        for (index, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
            // The multiplication gathers one bit of each of eight bytes in the highest.
            let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            self.others |= bits << (8 * index);
        }
        if self.length < CHUNK {
            self.others &= (1 << self.length) - 1;
        }
    }

    /// Writes the chunk to the front of each output, encoded by the table beside it; says how many bytes
    /// count in each. An output needs [`SPARE`] bytes more than that.
    pub(crate) fn write<const N: usize>(
        &self,
        mut outputs: [(&Escapes, &mut [u8]); N],
    ) -> [usize; N] {
        let mut written = [0; N];
        let (mut from, mut left) = (0, self.others);
        loop {
            let end = (left.trailing_zeros() as usize).min(self.length);
            for ((_, to), at) in outputs.iter_mut().zip(&mut written) {
                to[*at..*at + MOVE].copy_from_slice(&self.bytes[from..from + MOVE]);
                if end - from > MOVE {
                    to[*at + MOVE..*at + 2 * MOVE]
                        .copy_from_slice(&self.bytes[from + MOVE..from + 2 * MOVE]);
                }
                *at += end - from;
            }
            if left == 0 {
                return written;
            }
            for ((table, to), at) in outputs.iter_mut().zip(&mut written) {
                let entry = &table.0[usize::from(self.bytes[end])];
                to[*at..*at + 8].copy_from_slice(entry);
                *at += usize::from(entry[7]);
            }
            left &= left - 1;
            from = end + 1;
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// How each byte is written: in at most seven bytes, whose number is the eighth.
pub(crate) struct Escapes([[u8; 8]; 256]);

/// `%XX`.
pub(crate) static ONCE: Escapes = Escapes::new(b"%");

/// `%25XX`: what becomes of `%XX` when it is encoded again.
pub(crate) static TWICE: Escapes = Escapes::new(b"%25");

impl Escapes {
    /// An escape is `mark` and two upper-case digits; letters, digits and `-_.~` stand for themselves.
    const fn new(mark: &[u8]) -> Self {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut table = [[0; 8]; 256];
        let mut byte = 0u8;
        loop {
            let entry = &mut table[byte as usize];
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                entry[0] = byte;
                entry[7] = 1;
            } else {
                let mut at = 0;
                while at < mark.len() {
                    entry[at] = mark[at];
                    at += 1;
                    entry[7] += 1;
                }
                entry[at] = HEX[(byte >> 4) as usize];
                entry[at + 1] = HEX[(byte & 15) as usize];
                entry[7] += 2;
            }
            if byte == u8::MAX {
                return Self(table);
            }
            byte += 1;
        }
    }
}

fn encode(value: &str, chunk: &mut Chunk, sink: &mut impl Sink) {
    for piece in value.as_bytes().chunks(CHUNK) {
        chunk.load(piece);
        sink.encode(chunk);
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
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"%-_.~".contains(&b)));
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
