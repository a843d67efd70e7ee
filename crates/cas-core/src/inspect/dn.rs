//! Distinguished names and general names as text.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_parser::asn1_rs::{Any, Class, Tag};
use x509_parser::extensions::GeneralName;
use x509_parser::x509::X509Name;

use crate::base::hex;
use crate::base::quote::on_one_line;

/// The most specific one, which stands last (RFC 6125, 6.4.4).
pub(super) fn common_name(name: &X509Name<'_>) -> String {
    name.iter_common_name()
        .last()
        .map_or_else(String::new, |attribute| text_of(attribute.attr_value()))
}

/// As OpenSSL writes it: "C = CN, O = Example", but without the spaces around "=".
pub(super) fn text_of_dn(name: &X509Name<'_>) -> String {
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
        for part in [separator, label, "=", &text_of(attribute.attr_value())] {
            text.push_str(part);
        }
    }
    text
}

/// A name in a certificate, which is public, whatever it looks like.
pub(super) fn shown(name: &str) -> String {
    if name.is_empty() { "(no name)".to_owned() } else { on_one_line(name) }
}

/// CAs write the same name in another string type, in capitals or with more spaces now and then (RFC 5280, 7.1).
pub(super) fn comparable(name: &X509Name<'_>) -> String {
    let text = text_of_dn(name).to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn is_readable(name: &X509Name<'_>) -> bool {
    name.iter_attributes().all(|attribute| is_text(attribute.attr_value()))
}

/// Whether a part of a name is of a type that OpenSSL, and so most of what reads certificates, takes for text.
fn is_text(value: &Any<'_>) -> bool {
    let data = value.data;
    value.class() == Class::Universal
        && match value.tag() {
            Tag::Utf8String => std::str::from_utf8(data).is_ok(),
            Tag::BmpString => data.len().is_multiple_of(2),
            Tag::UniversalString => data.len().is_multiple_of(4),
            other => [
                Tag::NumericString,
                Tag::PrintableString,
                Tag::T61String,
                Tag::Ia5String,
                Tag::BitString,
                Tag::Sequence,
            ]
            .contains(&other),
        }
}

/// The string types of X.520, as far as certificates hold them; what fits no type is shown as far as it can be.
fn text_of(value: &Any<'_>) -> String {
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
        // Written as Latin-1 by those who still write it.
        Tag::T61String => data.iter().map(|b| char::from(*b)).collect(),
        _ => String::from_utf8_lossy(data).into_owned(),
    }
}

pub(super) fn text_of_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            (*text).to_owned()
        }
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|v4| Ipv4Addr::from(v4).to_string());
            let v6 = <[u8; 16]>::try_from(*bytes).map(|v6| Ipv6Addr::from(v6).to_string());
            v4.or(v6).unwrap_or_else(|_| hex::upper(bytes))
        }
        GeneralName::DirectoryName(name) => text_of_dn(name),
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
    fn strings_of_every_type_are_read() {
        for (tag, data, text) in [
            (Tag::Utf8String, &b"\xe5\x90\x8d"[..], "名"),
            (Tag::PrintableString, b"a.example", "a.example"),
            (Tag::BmpString, b"\x54\x0d", "名"),
            (Tag::UniversalString, b"\0\0\x54\x0d", "名"),
            (Tag::T61String, b"\xe9", "é"),
            (Tag::Utf8String, b"\xff", "\u{fffd}"),
        ] {
            assert_eq!(text_of(&Any::from_tag_and_data(tag, data)), text);
        }
    }
}
