//! The syntax of certificates and of their extensions, as OpenSSL requires it.
//!
//! x509-parser overlooks some errors for which OpenSSL does not load a certificate.

use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};

/// A type of ASN.1.
pub(super) enum Type {
    Boolean,
    Integer,
    BitString,
    OctetString,
    Null,
    Oid,
    /// `UTCTime` or `GeneralizedTime`; the digits are not checked.
    Time,
    /// What OpenSSL accepts as text in a name.
    Text,
    Any,
    /// A SEQUENCE or SET whose content OpenSSL does not read.
    Opaque,
    Sequence(&'static [Field]),
    SequenceOf(&'static Type),
    SetOf(&'static Type),
    Choice(&'static [Field]),
}

/// A field of a SEQUENCE, or an alternative of a CHOICE.
pub(super) struct Field {
    tagging: Tagging,
    is_optional: bool,
    of: Type,
}

enum Tagging {
    Universal,
    Implicit(u32),
    Explicit(u32),
}

impl Field {
    pub(super) const fn new(of: Type) -> Self {
        Self { tagging: Tagging::Universal, is_optional: false, of }
    }

    pub(super) const fn implicit(tag: u32, of: Type) -> Self {
        Self { tagging: Tagging::Implicit(tag), ..Self::new(of) }
    }

    pub(super) const fn explicit(tag: u32, of: Type) -> Self {
        Self { tagging: Tagging::Explicit(tag), ..Self::new(of) }
    }

    pub(super) const fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    fn has_tag(&self, value: &Any<'_>) -> bool {
        match self.tagging {
            Tagging::Universal => self.of.has_tag(value),
            Tagging::Implicit(tag) | Tagging::Explicit(tag) => {
                value.class() == Class::ContextSpecific && value.tag() == Tag(tag)
            }
        }
    }

    fn has_content(&self, value: &Any<'_>) -> bool {
        match self.tagging {
            Tagging::Universal | Tagging::Implicit(_) => self.of.has_content(value),
            Tagging::Explicit(_) => {
                value.header.is_constructed()
                    && first(value.data)
                        .is_some_and(|(rest, inner)| rest.is_empty() && self.of.is_type_of(&inner))
            }
        }
    }
}

impl Type {
    /// Whether `der` begins with a value of this type. OpenSSL ignores what follows it.
    pub(super) fn reads(&self, der: &[u8]) -> bool {
        first(der).is_some_and(|(_, value)| self.is_type_of(&value))
    }

    fn is_type_of(&self, value: &Any<'_>) -> bool {
        self.has_tag(value) && self.has_content(value)
    }

    fn has_tag(&self, value: &Any<'_>) -> bool {
        let tag = match self {
            Self::Any => return true,
            Self::Choice(alternatives) => return alternatives.iter().any(|one| one.has_tag(value)),
            // The content says which.
            Self::Text => value.tag(),
            Self::Time if value.tag() == Tag::GeneralizedTime => Tag::GeneralizedTime,
            Self::Time => Tag::UtcTime,
            Self::Opaque if value.tag() == Tag::Set => Tag::Set,
            Self::Boolean => Tag::Boolean,
            Self::Integer => Tag::Integer,
            Self::BitString => Tag::BitString,
            Self::OctetString => Tag::OctetString,
            Self::Null => Tag::Null,
            Self::Oid => Tag::Oid,
            Self::Sequence(_) | Self::SequenceOf(_) | Self::Opaque => Tag::Sequence,
            Self::SetOf(_) => Tag::Set,
        };
        value.class() == Class::Universal && value.tag() == tag
    }

    /// Whether the content is of this type. The tag may be an implicit one.
    fn has_content(&self, value: &Any<'_>) -> bool {
        let (data, is_constructed) = (value.data, value.header.is_constructed());
        match self {
            Self::Boolean => !is_constructed && data.len() == 1,
            Self::Null => !is_constructed && data.is_empty(),
            Self::Integer => !is_constructed && is_integer(data),
            Self::Oid => !is_constructed && is_oid(data),
            Self::BitString => !is_constructed && data.first().is_some_and(|unused| *unused < 8),
            // A string in pieces, which DER forbids and OpenSSL reads.
            Self::OctetString | Self::Time | Self::Text if is_constructed => {
                elements(data).all(|piece| piece.is_some())
            }
            Self::OctetString | Self::Time => true,
            Self::Text => is_text(value),
            Self::Opaque => is_constructed,
            Self::Any => {
                CHECKED_ANYWHERE.iter().all(|of| !of.has_tag(value) || of.has_content(value))
            }
            Self::Sequence(fields) => is_constructed && has_fields(data, fields),
            Self::SequenceOf(of) | Self::SetOf(of) => {
                is_constructed
                    && elements(data).all(|one| one.is_some_and(|one| of.is_type_of(&one)))
            }
            Self::Choice(alternatives) => alternatives
                .iter()
                .find(|one| one.has_tag(value))
                .is_some_and(|one| one.has_content(value)),
        }
    }
}

const CHECKED_ANYWHERE: [Type; 6] =
    [Type::Boolean, Type::Integer, Type::BitString, Type::Null, Type::Oid, Type::Opaque];

/// The first value in DER, after the rest.
// Not inlined: that would double the code.
#[inline(never)]
pub(super) fn first(der: &[u8]) -> Option<(&[u8], Any<'_>)> {
    Any::from_der(der).ok()
}

/// The values in the content of a SEQUENCE or SET; at last `None` if the rest is not a value.
pub(super) fn elements(mut rest: &[u8]) -> impl Iterator<Item = Option<Any<'_>>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let value = first(rest);
        rest = value.as_ref().map_or(&[], |(after, _)| after);
        Some(value.map(|(_, value)| value))
    })
}

/// Whether the lengths outside of the signed content are of the shortest form. OpenSSL writes these
/// again, so a server would send other bytes, with another fingerprint.
pub(super) fn has_shortest_lengths(certificate: &[u8]) -> bool {
    let Some((_, outer)) = first(certificate) else { return false };
    let Some((unsigned, _)) = first(outer.data) else { return false };
    let algorithm = first(unsigned).map_or(&[][..], |(_, algorithm)| algorithm.data);
    [certificate, unsigned, algorithm].into_iter().all(|mut rest| {
        while let Some((after, value)) = first(rest) {
            let length = value.data.len();
            let long_form = if length < 0x80 { 0 } else { length.ilog2() as usize / 8 + 1 };
            if rest.len() - after.len() - length != 2 + long_form {
                return false;
            }
            rest = after;
        }
        true
    })
}

fn has_fields(content: &[u8], fields: &[Field]) -> bool {
    let mut fields = fields.iter();
    let all_fit = elements(content).all(|value| {
        value.is_some_and(|value| {
            fields
                .find(|field| field.has_tag(&value) || !field.is_optional)
                .is_some_and(|field| field.has_tag(&value) && field.has_content(&value))
        })
    });
    all_fit && fields.all(|field| field.is_optional)
}

/// Whether an INTEGER is of the shortest form.
fn is_integer(data: &[u8]) -> bool {
    match data {
        [] => false,
        [0, next, ..] => next & 0x80 != 0,
        [0xff, next, ..] => next & 0x80 == 0,
        _ => true,
    }
}

/// Whether each part of an OBJECT IDENTIFIER ends, and is of the shortest form.
fn is_oid(data: &[u8]) -> bool {
    let starts = |at: usize| at == 0 || data[at - 1] & 0x80 == 0;
    data.last().is_some_and(|last| last & 0x80 == 0)
        && !data.iter().enumerate().any(|(at, byte)| *byte == 0x80 && starts(at))
}

/// Whether OpenSSL, and so most clients, accepts a value as text.
fn is_text(value: &Any<'_>) -> bool {
    let data = value.data;
    match value.tag() {
        Tag::Utf8String => std::str::from_utf8(data).is_ok(),
        Tag::BmpString => is_unicode::<2>(data),
        Tag::UniversalString => is_unicode::<4>(data),
        Tag::BitString => Type::BitString.has_content(value),
        // Primitive, since those in pieces are not looked at here.
        Tag::Sequence => false,
        tag => [Tag::NumericString, Tag::PrintableString, Tag::T61String, Tag::Ia5String]
            .contains(&tag),
    }
}

/// Whether these are characters of Unicode, each a big-endian number of `N` bytes.
fn is_unicode<const N: usize>(data: &[u8]) -> bool {
    let (numbers, rest) = data.as_chunks::<N>();
    let number =
        |bytes: &[u8; N]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    rest.is_empty() && numbers.iter().all(|bytes| char::from_u32(number(bytes)).is_some())
}

/// An attribute of a name: type and value.
const ATTRIBUTE: Type = Type::Sequence(&[Field::new(Type::Oid), Field::new(Type::Text)]);
/// Attributes that belong together.
pub(super) const RELATIVE_NAME: Type = Type::SetOf(&ATTRIBUTE);
pub(super) const NAME: Type = Type::SequenceOf(&RELATIVE_NAME);
const ALGORITHM: Type = Type::Sequence(&[Field::new(Type::Oid), Field::new(Type::Any).optional()]);
const VALIDITY: Type = Type::Sequence(&[Field::new(Type::Time), Field::new(Type::Time)]);
const PUBLIC_KEY: Type = Type::Sequence(&[Field::new(ALGORITHM), Field::new(Type::BitString)]);
const EXTENSION: Type = Type::Sequence(&[
    Field::new(Type::Oid),
    Field::new(Type::Boolean).optional(),
    Field::new(Type::OctetString),
]);
const SIGNED: Type = Type::Sequence(&[
    Field::explicit(0, Type::Integer).optional(),
    Field::new(Type::Integer),
    Field::new(ALGORITHM),
    Field::new(NAME),
    Field::new(VALIDITY),
    Field::new(NAME),
    Field::new(PUBLIC_KEY),
    Field::implicit(1, Type::BitString).optional(),
    Field::implicit(2, Type::BitString).optional(),
    Field::explicit(3, Type::SequenceOf(&EXTENSION)).optional(),
]);
/// A certificate (RFC 5280, section 4.1); the values of its extensions are not read.
pub(super) static CERTIFICATE: Type =
    Type::Sequence(&[Field::new(SIGNED), Field::new(ALGORITHM), Field::new(Type::BitString)]);

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(of: &Type, tag: Tag, data: &[u8]) -> bool {
        of.is_type_of(&Any::from_tag_and_data(tag, data))
    }

    #[test]
    fn content_of_simple_types_is_checked() {
        for (of, tag, data, wanted) in [
            (Type::Text, Tag::BmpString, &[0, 65][..], true),
            (Type::Text, Tag::BmpString, &[0, 65, 0], false),
            (Type::Text, Tag::UniversalString, &[0, 0, 0, 65], true),
            (Type::Text, Tag::BmpString, &[0xd8, 0], false),
            (Type::Text, Tag::UniversalString, &[0, 65], false),
            (Type::Text, Tag::UniversalString, &[0, 0x11, 0, 0], false),
            (Type::Text, Tag::BitString, &[9], false),
            (Type::Text, Tag::Utf8String, &[0xff], false),
            (Type::Text, Tag::PrintableString, &[65], true),
            (Type::Text, Tag::Integer, &[65], false),
            (Type::Integer, Tag::Integer, &[], false),
            (Type::Integer, Tag::Integer, &[0], true),
            (Type::Integer, Tag::Integer, &[0, 0x7f], false),
            (Type::Integer, Tag::Integer, &[0, 0x80], true),
            (Type::Integer, Tag::Integer, &[0xff, 0x80], false),
            (Type::Integer, Tag::Integer, &[0xff, 0x7f], true),
            (Type::Integer, Tag::Boolean, &[0], false),
            (Type::Oid, Tag::Oid, &[], false),
            (Type::Oid, Tag::Oid, &[0x55, 0x1d, 0x80, 1], false),
            (Type::Oid, Tag::Oid, &[0x55, 0x81, 0x80, 1], true),
            (Type::Oid, Tag::Oid, &[0x55, 0x81], false),
            (Type::Boolean, Tag::Boolean, &[1], true),
            (Type::Boolean, Tag::Boolean, &[0, 0], false),
            (Type::BitString, Tag::BitString, &[], false),
            (Type::BitString, Tag::BitString, &[8, 0], false),
            (Type::Any, Tag::Null, &[], true),
            (Type::Any, Tag::Null, &[0], false),
            (Type::Any, Tag::Integer, &[0, 1], false),
            (Type::Any, Tag::Utf8String, &[0xff], true),
        ] {
            assert_eq!(fits(&of, tag, data), wanted, "{tag:?} {data:?}");
        }
    }

    #[test]
    fn only_signed_content_may_have_long_lengths() {
        for (der, wanted) in [
            (&[0x30, 9, 0x30, 0, 0x30, 2, 5, 0, 3, 1, 0][..], true),
            (&[0x30, 10, 0x30, 0x81, 0, 0x30, 2, 5, 0, 3, 1, 0], true),
            (&[0x30, 0x81, 9, 0x30, 0, 0x30, 2, 5, 0, 3, 1, 0], false),
            (&[0x30, 10, 0x30, 0, 0x30, 0x81, 2, 5, 0, 3, 1, 0], false),
            (&[0x30, 10, 0x30, 0, 0x30, 3, 5, 0x81, 0, 3, 1, 0], false),
            (&[0x30, 10, 0x30, 0, 0x30, 2, 5, 0, 3, 0x81, 1, 0], false),
        ] {
            assert_eq!(has_shortest_lengths(der), wanted, "{der:x?}");
        }
        for length in [0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000_usize] {
            let bytes = length.to_be_bytes();
            let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..];
            let form = [0x80 | u8::try_from(bytes.len()).unwrap()];
            let form = if length < 0x80 { &[] } else { &form[..] };
            let outer = [&[0x30], form, bytes, &[0x30, 0], &vec![0; length - 2]].concat();
            assert!(has_shortest_lengths(&outer), "{length}");
        }
    }

    #[test]
    fn fields_are_read_in_order() {
        const SOME: Type = Type::Sequence(&[
            Field::implicit(0, Type::Integer).optional(),
            Field::new(Type::Null),
            Field::explicit(1, Type::Boolean).optional(),
        ]);
        for (der, wanted) in [
            (&[0x30, 2, 5, 0][..], true),
            (&[0x30, 5, 0x80, 1, 7, 5, 0], true),
            (&[0x30, 7, 5, 0, 0xa1, 3, 1, 1, 0], true),
            // What follows is ignored.
            (&[0x30, 2, 5, 0, 9], true),
            // The tag is not that of a SEQUENCE, or its bit for constructed values is missing.
            (&[0x31, 2, 5, 0], false),
            (&[0x10, 2, 5, 0], false),
            (&[0x30, 0], false),
            (&[0x30, 3, 5, 0, 9], false),
            (&[0x30, 4, 5, 0, 5, 0], false),
            (&[0x30, 5, 5, 0, 0x80, 1, 7], false),
            (&[0x30, 5, 0xa0, 1, 7, 5, 0], false),
            (&[0x30, 7, 5, 0, 0x81, 3, 1, 1, 0], false),
            (&[0x30, 9, 5, 0, 0xa1, 5, 1, 1, 0, 5, 0], false),
        ] {
            assert_eq!(SOME.reads(der), wanted, "{der:x?}");
        }
    }
}
