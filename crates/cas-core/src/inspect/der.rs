//! Reads the values of a DER structure one after another.

use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};

/// The remaining values of a constructed value.
#[derive(Clone, Copy)]
pub(super) struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// The values of a constructed value with this content.
    pub(super) fn new(content: &'a [u8]) -> Self {
        Self(content)
    }

    /// The values of the SEQUENCE `der`. `None` if it is not one, or if bytes follow it.
    pub(super) fn of_sequence(der: &'a [u8]) -> Option<Self> {
        let mut outer = Self(der);
        let values = Self(outer.next(Tag::Sequence)?);
        outer.is_empty().then_some(values)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of the remaining bytes.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The content of the next value, which has this universal tag.
    pub(super) fn next(&mut self, tag: Tag) -> Option<&'a [u8]> {
        let (rest, value) = Any::from_der(self.0).ok()?;
        let is_constructed = matches!(tag, Tag::Sequence | Tag::Set);
        let header = &value.header;
        if header.class() != Class::Universal
            || value.tag() != tag
            || header.is_constructed() != is_constructed
        {
            return None;
        }
        self.0 = rest;
        Some(value.data)
    }

    /// The content of the next value if it has this context-specific tag.
    pub(super) fn next_tagged(&mut self, number: u32, is_constructed: bool) -> Option<&'a [u8]> {
        let (rest, value) = Any::from_der(self.0).ok()?;
        let header = &value.header;
        if header.class() != Class::ContextSpecific
            || value.tag() != Tag(number)
            || header.is_constructed() != is_constructed
        {
            return None;
        }
        self.0 = rest;
        Some(value.data)
    }

    /// The next INTEGER as an unsigned number without leading zeros. Like OpenSSL, takes a number
    /// whose leading zero is missing.
    pub(super) fn next_unsigned(&mut self) -> Option<&'a [u8]> {
        let number = self.next(Tag::Integer).filter(|number| !number.is_empty())?;
        Some(without_leading_zeros(number))
    }
}

/// A number in big-endian order without leading zeros.
pub(super) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// The bytes of a BIT STRING with this content. Bits that count as unused have to be zero.
pub(super) fn bytes_of_bit_string(content: &[u8]) -> Option<&[u8]> {
    let (unused, bytes) = content.split_first()?;
    let last = bytes.last()?;
    (*unused < 8 && last & ((1 << unused) - 1) == 0).then_some(bytes)
}
