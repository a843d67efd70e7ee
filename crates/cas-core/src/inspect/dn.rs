//! Distinguished names and general names as text, for facts and messages.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use base16ct::upper;
use x509_parser::asn1_rs::{Any, Oid, Tag, oid};
use x509_parser::extensions::GeneralName;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::base::quote::quoted_public;

/// The attribute types that OpenSSL shows by a short name.
static SHORT_NAMES: [(Oid<'_>, &str); 9] = [
    (oid!(2.5.4.3), "CN"),
    (oid!(2.5.4.5), "serialNumber"),
    (oid!(2.5.4.6), "C"),
    (oid!(2.5.4.7), "L"),
    (oid!(2.5.4.8), "ST"),
    (oid!(2.5.4.10), "O"),
    (oid!(2.5.4.11), "OU"),
    (oid!(0.9.2342.19200300.100.1.25), "DC"),
    (oid!(1.2.840.113549.1.9.1), "emailAddress"),
];

/// The most specific common name, which comes last (RFC 6125, section 6.4.4); empty if there is
/// none.
pub(super) fn common_name(name: &X509Name<'_>) -> String {
    name.iter_common_name()
        .last()
        .map_or_else(String::new, |attribute| display_string(attribute.attr_value()))
}

/// A distinguished name such as "C=CN, O=Example": OpenSSL's format without spaces around "=".
pub(super) fn display(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for attribute in name.iter_attributes() {
        let oid = attribute.attr_type();
        let short_name = SHORT_NAMES.iter().find(|(known, _)| known == oid);
        let label = short_name
            .map_or_else(|| Cow::Owned(display_oid(oid)), |(_, name)| Cow::Borrowed(*name));
        let separator = if text.is_empty() { "" } else { ", " };
        for part in [separator, &label, "=", &display_string(attribute.attr_value())] {
            text.push_str(part);
        }
    }
    text
}

/// Quotes a name for messages. Names in certificates are public, even if they look like a key.
pub(super) fn quoted(name: &str) -> String {
    if name.is_empty() { "(no name)".to_owned() } else { quoted_public(name) }
}

/// Whether two names are equal: CAs may vary string types, case and spaces (RFC 5280, section 7.1).
pub(super) fn are_equal(one: &X509Name<'_>, other: &X509Name<'_>) -> bool {
    // Nearly all names differ in a type, or in a value that has nothing to vary but its case.
    let differ = |(one, other): (&AttributeTypeAndValue<'_>, &AttributeTypeAndValue<'_>)| {
        let (value, other_value) = (one.attr_value(), other.attr_value());
        one.attr_type() != other.attr_type()
            || is_plain(value)
                && is_plain(other_value)
                && !value.data.eq_ignore_ascii_case(other_value.data)
    };
    one.as_raw() == other.as_raw()
        || one.iter_attributes().count() == other.iter_attributes().count()
            && !one.iter_attributes().zip(other.iter_attributes()).any(differ)
            && normalized(one) == normalized(other)
}

/// Whether a value is visible ASCII characters, one a byte.
fn is_plain(value: &Any<'_>) -> bool {
    !matches!(value.tag(), Tag::BmpString | Tag::UniversalString)
        && value.data.iter().all(u8::is_ascii_graphic)
}

/// A name for comparison.
fn normalized(name: &X509Name<'_>) -> String {
    let text = display(name).to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An OID in decimal; in hexadecimal if one of its numbers has more than 128 bits.
pub(super) fn display_oid(oid: &Oid<'_>) -> String {
    let mut text = String::new();
    let mut number = 0_u128;
    for byte in oid.as_bytes() {
        let Some(shifted) = number.checked_mul(128) else {
            return upper::encode_string(oid.as_bytes());
        };
        number = shifted | u128::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            // The first two numbers share one.
            let first = (number / 40).min(2);
            text = first.to_string();
            number -= first * 40;
        }
        text += ".";
        text += &number.to_string();
        number = 0;
    }
    text
}

/// Decodes the string types of X.520. Replaces what is invalid.
fn display_string(value: &Any<'_>) -> String {
    let data = value.data;
    match value.tag() {
        Tag::BmpString => {
            let units = data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Tag::UniversalString => data
            .chunks_exact(4)
            .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
            .map(|number| char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        // In practice Latin-1.
        Tag::T61String => data.iter().map(|b| char::from(*b)).collect(),
        _ => String::from_utf8_lossy(data).into_owned(),
    }
}

/// Tags of the general names that are text: e-mail addresses, domains and URIs.
const IA5_TAGS: [u32; 3] = [1, 2, 6];

/// A subject alternative name as text.
pub(super) fn display_general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            (*text).to_owned()
        }
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|v4| Ipv4Addr::from(v4).to_string());
            let v6 = <[u8; 16]>::try_from(*bytes).map(|v6| Ipv6Addr::from(v6).to_string());
            v4.or(v6).unwrap_or_else(|_| upper::encode_string(bytes))
        }
        GeneralName::DirectoryName(name) => display(name),
        GeneralName::RegisteredID(oid) | GeneralName::OtherName(oid, _) => display_oid(oid),
        GeneralName::X400Address(_) => "X.400 address".to_owned(),
        GeneralName::EDIPartyName(_) => "EDI party".to_owned(),
        // Not in UTF-8.
        GeneralName::Invalid(tag, bytes) if IA5_TAGS.contains(&tag.0) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        GeneralName::Invalid(..) => "unreadable name".to_owned(),
    }
}

/// Whether a name is text, which is ASCII alone (RFC 5280, section 4.2.1.6).
pub(super) fn is_ia5_string(name: &GeneralName<'_>) -> bool {
    match name {
        GeneralName::DNSName(_) | GeneralName::RFC822Name(_) | GeneralName::URI(_) => true,
        GeneralName::Invalid(tag, _) => IA5_TAGS.contains(&tag.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oids_are_shown_as_openssl_shows_them() {
        let uuid = [&[0x69][..], &[0x83], &[0xff; 17], &[0x7f]].concat();
        let longer = [&[0x69][..], &[0x87], &[0xff; 17], &[0x7f]].concat();
        for (bytes, text) in [
            (&[0x55, 0x1d, 0x13][..], "2.5.29.19"),
            (&[0x2a, 0x86, 0x48], "1.2.840"),
            (&[0x27], "0.39"),
            (&[0x28], "1.0"),
            (&[0x4f], "1.39"),
            (&[0x50], "2.0"),
            (&[0x7f], "2.47"),
            (&[0x81, 0], "2.48"),
            (&[0x88, 0x37, 3], "2.999.3"),
            (&uuid, "2.25.340282366920938463463374607431768211455"),
            (&longer, "6987FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF7F"),
        ] {
            assert_eq!(display_oid(&Oid::new(bytes.into())), text, "{bytes:x?}");
        }
    }

    #[test]
    fn every_string_type_is_decoded() {
        for (tag, data, text) in [
            (Tag::Utf8String, &b"\xe5\x90\x8d"[..], "名"),
            (Tag::PrintableString, b"a.example", "a.example"),
            (Tag::BmpString, b"\x54\x0d", "名"),
            (Tag::UniversalString, b"\0\0\x54\x0d", "名"),
            (Tag::T61String, b"\xe9", "é"),
            (Tag::Utf8String, b"\xff", "\u{fffd}"),
        ] {
            assert_eq!(display_string(&Any::from_tag_and_data(tag, data)), text);
        }
    }
}
