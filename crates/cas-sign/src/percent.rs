//! Percent-encoding of names and values, with the rules of signature version 1.
//!
//! `A-Z a-z 0-9 - _ . ~` stand for themselves; every other byte of the UTF-8 text becomes `%XX`
//! with upper-case digits. Signing encodes a value once for the form body and twice for the string
//! to sign, and reads it a single time for both:
//!
//! ```text
//!   "a b…"            a value of any length: up to 64 bytes of it at a time
//!      │ Chunk::load  copies them, and notes in one u64 which bytes may need an escape
//!      ▼
//!    Chunk ──────────▶ Sink::encode        one call for each chunk
//!      │ Chunk::write (table, output) for each output, in the same pass over the bytes
//!      ├─ ONCE   %20   ──▶ Encoded         the form body, allocated once for the worst case
//!      └─ TWICE  %2520 ──▶ block of 1 KiB  ──▶ HMAC: the string to sign never exists as a whole
//! ```
//!
//! Uses nothing of this crate.

use zeroize::{Zeroize, Zeroizing};

/// Receives a canonical query: a form body, a hash, or both.
pub(crate) trait Sink {
    /// A piece of a name or value that is still to be encoded.
    fn encode(&mut self, chunk: &Chunk);
    /// `=` between name and value, or `&` between pairs.
    fn delimiter(&mut self, byte: u8);
}

/// Most bytes of a [`Chunk`].
pub(crate) const CHUNK: usize = 64;

/// Bytes that are copied at once.
const MOVE: usize = 32;

/// What an output needs beyond the bytes that count: a copy writes too much, and the next one
/// overwrites the excess.
pub(crate) const SPARE: usize = 2 * MOVE;

/// A piece of a name or value. Signing spends its time in encoding, so there is no step for each
/// byte: a mask says where the escapes are, and what lies between them is copied in one piece.
/// Zeroized on drop: it may hold a piece of a private key.
pub(crate) struct Chunk {
    bytes: [u8; CHUNK + MOVE],
    length: usize,
    /// A bit for each byte that is neither a letter nor a digit.
    others: u64,
}

impl Chunk {
    pub(crate) fn new() -> Self {
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

    /// Writes the chunk to the front of each output, encoded by the table beside it, and returns
    /// how many bytes count in each. An output needs [`SPARE`] bytes more than that.
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

/// How each byte is written: at most seven bytes, and their number in the eighth.
pub(crate) struct Escapes([[u8; 8]; 256]);

/// `%XX`.
pub(crate) static ONCE: Escapes = Escapes::new(b"%");

/// `%25XX`: `%XX` encoded again.
pub(crate) static TWICE: Escapes = Escapes::new(b"%25");

impl Escapes {
    /// An escape is `mark` and two upper-case digits.
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

/// A percent-encoded text under construction. Its memory never moves, so it leaves no copy of a key
/// behind, and it is zeroized on drop.
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    used: usize,
}

impl Encoded {
    /// Room for `raw` bytes in the worst case, where each of them is escaped.
    pub(crate) fn with_room_for(raw: usize) -> Self {
        Self { bytes: vec![0; 3 * raw + SPARE], used: 0 }
    }

    /// Where the next bytes go.
    pub(crate) fn rest(&mut self) -> &mut [u8] {
        &mut self.bytes[self.used..]
    }

    /// Counts `bytes` more bytes, which were written to [`Self::rest`].
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.used += bytes;
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Adds one more pair after a canonical query.
    pub(crate) fn append(&mut self, name: &str, value: &str) {
        let mut chunk = Chunk::new();
        self.delimiter(b'&');
        encode(name, &mut chunk, self);
        self.delimiter(b'=');
        encode(value, &mut chunk, self);
    }

    pub(crate) fn into_string(self) -> String {
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
        // As a slice: a Vec would be zeroized byte by byte.
        self.bytes[..self.used].zeroize();
    }
}

/// Feeds `value` to `sink`, chunk by chunk.
pub(crate) fn encode(value: &str, chunk: &mut Chunk, sink: &mut impl Sink) {
    for piece in value.as_bytes().chunks(CHUNK) {
        chunk.load(piece);
        sink.encode(chunk);
    }
}

/// Returns `value` percent-encoded.
#[must_use]
pub fn percent_encode(value: &str) -> String {
    let mut encoded = Encoded::with_room_for(value.len());
    encode(value, &mut Chunk::new(), &mut encoded);
    encoded.into_string()
}

/// Returns `text` with each `%XX` decoded, or `None` if it has none. Lenient, because
/// it only searches for secrets: what is not an escape stays, and bytes that are not UTF-8 are
/// replaced.
#[must_use]
pub fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *byte == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(value) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(value);
            rest = &tail[2..];
        } else {
            decoded.push(*byte);
            rest = tail;
        }
    }
    (decoded.len() < text.len()).then(|| String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unreserved_bytes_are_not_encoded() {
        assert_eq!(percent_encode("aZ09-_.~"), "aZ09-_.~");
        assert_eq!(percent_encode(" *+/!'()=&%\n"), "%20%2A%2B%2F%21%27%28%29%3D%26%25%0A");
        assert_eq!(percent_encode("名"), "%E5%90%8D");
    }

    #[test]
    fn decoding_is_lenient() {
        for (text, decoded) in [
            ("a%20b", Some("a b")),
            ("%e5%90%8D%", Some("名%")),
            ("%2", None),
            ("100%", None),
            ("%zz %41", Some("%zz A")),
            ("%%41", Some("%A")),
            ("%ff", Some("\u{fffd}")),
            ("plain", None),
        ] {
            assert_eq!(percent_decode(text).as_deref(), decoded, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decoding_restores_the_value(value in ".*") {
            let encoded = percent_encode(&value);
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"%-_.~".contains(&b);
            prop_assert!(encoded.bytes().all(allowed));
            prop_assert_eq!(percent_decode(&encoded).unwrap_or(encoded), value);
        }
    }
}
