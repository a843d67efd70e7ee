//! Reads BER. PKCS#12 files are DER, or BER with lengths that are not stated and strings in parts,
//! as NSS and Bouncy Castle write them.

use x509_parser::asn1_rs::{Any, Class, FromBer, Tag};
use zeroize::Zeroizing;

use crate::pkcs12::problem::Problem;

/// How deep the parts of a string may be nested.
const MAX_PARTS: usize = 4;
/// Longest object identifier, in bytes: the time to write a number grows with its square.
const MAX_OID: usize = 64;

/// The elements of a constructed value that are not read yet.
#[derive(Clone)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element.
    fn any(&mut self) -> Result<Any<'a>, Problem> {
        let (rest, any) = Any::from_ber(self.0).map_err(|_| Problem::Malformed)?;
        self.0 = rest;
        Ok(any)
    }

    fn expect(&mut self, class: Class, tag: Tag) -> Result<Any<'a>, Problem> {
        let any = self.any()?;
        if any.class() == class && any.tag() == tag { Ok(any) } else { Err(Problem::Malformed) }
    }

    fn constructed(&mut self, class: Class, tag: Tag) -> Result<Self, Problem> {
        let any = self.expect(class, tag)?;
        if any.header.is_constructed() { Ok(Self(any.data)) } else { Err(Problem::Malformed) }
    }

    /// The content of a SEQUENCE.
    pub(super) fn sequence(&mut self) -> Result<Self, Problem> {
        self.constructed(Class::Universal, Tag::Sequence)
    }

    /// The content of a SET.
    pub(super) fn set(&mut self) -> Result<Self, Problem> {
        self.constructed(Class::Universal, Tag::Set)
    }

    /// The content of `[0] EXPLICIT`.
    pub(super) fn tagged(&mut self) -> Result<Self, Problem> {
        self.constructed(Class::ContextSpecific, Tag(0))
    }

    /// An object identifier in dotted form.
    pub(super) fn oid(&mut self) -> Result<String, Problem> {
        let any = self.expect(Class::Universal, Tag::Oid)?;
        let is_short = any.data.len() <= MAX_OID;
        match any.oid() {
            Ok(oid) if is_short => Ok(oid.to_id_string()),
            _ => Err(Problem::Malformed),
        }
    }

    /// A whole number from 0. One that is too large becomes the largest.
    pub(super) fn number(&mut self) -> Result<u32, Problem> {
        let any = self.expect(Class::Universal, Tag::Integer)?;
        match any.data {
            [] | [0x80..=0xff, ..] => Err(Problem::Malformed),
            digits => Ok(digits.iter().fold(0_u32, |number, digit| {
                number.checked_mul(256).map_or(u32::MAX, |high| high | u32::from(*digit))
            })),
        }
    }

    /// A number, if the next element is one.
    pub(super) fn optional_number(&mut self) -> Result<Option<u32>, Problem> {
        let mut ahead = self.clone();
        let is_number = !self.is_empty() && ahead.any()?.tag() == Tag::Integer;
        if is_number { self.number().map(Some) } else { Ok(None) }
    }

    /// The bytes of an OCTET STRING.
    pub(super) fn octets(&mut self) -> Result<Zeroizing<Vec<u8>>, Problem> {
        joined(&self.expect(Class::Universal, Tag::OctetString)?)
    }

    /// The bytes of `[0] IMPLICIT OCTET STRING`.
    pub(super) fn tagged_octets(&mut self) -> Result<Zeroizing<Vec<u8>>, Problem> {
        joined(&self.expect(Class::ContextSpecific, Tag(0))?)
    }

    /// The bytes of a `BMPString` as text.
    pub(super) fn text(&mut self) -> Result<String, Problem> {
        let any = self.expect(Class::Universal, Tag::BmpString)?;
        let units = any.data.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
        Ok(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// Whether bytes are one SEQUENCE and nothing else: random bytes hardly ever are.
pub(super) fn is_sequence(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    reader.sequence().is_ok() && reader.is_empty()
}

/// The bytes of a string, which may be in parts.
fn joined(string: &Any<'_>) -> Result<Zeroizing<Vec<u8>>, Problem> {
    // Reserved at once: reallocation would leave a copy of a key in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(string.data.len()));
    append(string, &mut bytes, MAX_PARTS)?;
    Ok(bytes)
}

fn append(string: &Any<'_>, bytes: &mut Vec<u8>, depth: usize) -> Result<(), Problem> {
    if !string.header.is_constructed() {
        bytes.extend_from_slice(string.data);
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or(Problem::Malformed)?;
    let mut parts = Reader::new(string.data);
    while !parts.is_empty() {
        append(&parts.expect(Class::Universal, Tag::OctetString)?, bytes, depth)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_joined_whatever_their_form() {
        for (encoded, wanted) in [
            (&b"\x04\x03abc"[..], Some(&b"abc"[..])),
            (b"\x24\x07\x04\x01a\x04\x02bc", Some(b"abc")),
            (b"\x24\x80\x04\x01a\x24\x80\x04\x02bc\0\0\0\0", Some(b"abc")),
            (b"\x24\x80\0\0", Some(b"")),
            (b"\x24\x80\x04\x01a", None),
            (b"\x24\x03\x02\x01a", None),
            (b"\x04\x04abc", None),
            (b"\x04\x80abc\0\0", None),
            (b"\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80\0\0\0\0\0\0\0\0\0\0", None),
        ] {
            let octets = Reader::new(encoded).octets().ok();
            assert_eq!(octets.as_deref().map(Vec::as_slice), wanted, "{encoded:02x?}");
        }
    }

    #[test]
    fn numbers_do_not_overflow() {
        for (encoded, wanted) in [
            (&b"\x02\x01\x00"[..], Some(0)),
            (b"\x02\x02\x08\x00", Some(2048)),
            (b"\x02\x05\x00\xff\xff\xff\xff", Some(u32::MAX)),
            (b"\x02\x05\x01\x00\x00\x00\x00", Some(u32::MAX)),
            (b"\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x01", Some(u32::MAX)),
            (b"\x02\x01\xff", None),
            (b"\x02\x00", None),
        ] {
            assert_eq!(Reader::new(encoded).number().ok(), wanted, "{encoded:02x?}");
        }
    }
}
