//! Distinguished names and general names as text, for facts and messages.

use std::net::{Ipv4Addr, Ipv6Addr};

use base16ct::upper;
use x509_parser::asn1_rs::{Any, Class, Tag};
use x509_parser::extensions::GeneralName;
use x509_parser::x509::X509Name;

use crate::base::quote::quoted_public;

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
        let oid = attribute.attr_type().to_id_string();
        let label = match oid.as_str() {
            "2.5.4.3" => "CN",
            "2.5.4.5" => "serialNumber",
            "2.5.4.6" => "C",
            "2.5.4.7" => "L",
            "2.5.4.8" => "ST",
            "2.5.4.10" => "O",
            "2.5.4.11" => "OU",
            "0.9.2342.19200300.100.1.25" => "DC",
            "1.2.840.113549.1.9.1" => "emailAddress",
            other => other,
        };
        let separator = if text.is_empty() { "" } else { ", " };
        for part in [separator, label, "=", &display_string(attribute.attr_value())] {
            text.push_str(part);
        }
    }
    text
}

/// Quotes a name for messages. Names in certificates are public, even if they look like a key.
pub(super) fn quoted(name: &str) -> String {
    if name.is_empty() { "(no name)".to_owned() } else { quoted_public(name) }
}

/// A name for comparison: CAs may vary its string type, case and spaces (RFC 5280, section 7.1).
pub(super) fn normalized(name: &X509Name<'_>) -> String {
    let text = display(name).to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether OpenSSL accepts all string types of a name.
pub(super) fn is_readable(name: &X509Name<'_>) -> bool {
    name.iter_attributes().all(|attribute| is_text(attribute.attr_value()))
}

/// Whether OpenSSL, and so most clients, accepts the type of a value as text.
fn is_text(value: &Any<'_>) -> bool {
    let data = value.data;
    value.class() == Class::Universal
        && match value.tag() {
            Tag::Utf8String => std::str::from_utf8(data).is_ok(),
            Tag::BmpString => data.len().is_multiple_of(2),
            Tag::UniversalString => data.len().is_multiple_of(4),
            tag => [
                Tag::NumericString,
                Tag::PrintableString,
                Tag::T61String,
                Tag::Ia5String,
                Tag::BitString,
                Tag::Sequence,
            ]
            .contains(&tag),
        }
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
        GeneralName::RegisteredID(oid) | GeneralName::OtherName(oid, _) => oid.to_id_string(),
        GeneralName::X400Address(_) => "X.400 address".to_owned(),
        GeneralName::EDIPartyName(_) => "EDI party".to_owned(),
        GeneralName::Invalid(..) => "unreadable name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_invalid_length_are_not_text() {
        for (tag, data, wanted) in [
            (Tag::BmpString, &[0, 65][..], true),
            (Tag::BmpString, &[0, 65, 0], false),
            (Tag::UniversalString, &[0, 0, 0, 65], true),
            (Tag::UniversalString, &[0, 65], false),
            (Tag::Utf8String, &[0xff], false),
            (Tag::PrintableString, &[65], true),
            (Tag::Integer, &[65], false),
        ] {
            assert_eq!(is_text(&Any::from_tag_and_data(tag, data)), wanted, "{tag:?} {data:?}");
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
