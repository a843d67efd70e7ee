//! X.509 certificates: the fields that the service shows, and the chain.

use std::net::{Ipv4Addr, Ipv6Addr};

use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name};

use super::pem;
use super::public_key::{Algorithm, PublicKey};
use crate::hex;

/// What the service shows of a leaf certificate.
pub(crate) struct Leaf {
    pub(crate) common_name: String,
    pub(crate) sans: Vec<String>,
    pub(crate) issuer: String,
    pub(crate) organization: String,
    pub(crate) city: String,
    pub(crate) province: String,
    pub(crate) country: String,
    /// Seconds since 1970, UTC.
    pub(crate) not_before: i64,
    /// Seconds since 1970, UTC.
    pub(crate) not_after: i64,
    /// Fingerprint, upper-case hexadecimal.
    pub(crate) sha1: String,
    /// Fingerprint, upper-case hexadecimal.
    pub(crate) sha256: String,
    /// Lower-case hexadecimal, two digits for each byte.
    pub(crate) serial: String,
    pub(crate) public_key: PublicKey,
}

/// The text is not a chain of certificates in PEM, or the algorithm of the leaf is not supported.
#[derive(Debug)]
pub(crate) struct InvalidCertificate;

/// Parses every certificate of `pem`, leaf first, and returns the fields of the leaf.
pub(crate) fn parse_leaf(pem: &str) -> Result<Leaf, InvalidCertificate> {
    let mut leaf = None;
    for_each(pem, |certificate, der| {
        leaf.get_or_insert_with(|| leaf_of(certificate, der));
    })?;
    leaf.flatten().ok_or(InvalidCertificate)
}

/// One certificate of a chain.
pub(crate) struct ChainEntry {
    pub(crate) common_name: String,
    pub(crate) issuer: String,
    /// Seconds since 1970, UTC.
    pub(crate) not_before: i64,
    /// Seconds since 1970, UTC.
    pub(crate) not_after: i64,
}

/// Parses every certificate of `pem`, leaf first.
pub(crate) fn parse_chain(pem: &str) -> Result<Vec<ChainEntry>, InvalidCertificate> {
    let mut entries = Vec::new();
    for_each(pem, |certificate, _| {
        entries.push(ChainEntry {
            common_name: first(certificate.subject().iter_common_name()),
            issuer: display_name(certificate.issuer()),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        });
    })?;
    Ok(entries)
}

/// Calls `visit` with every certificate of `text` and its DER.
fn for_each(
    text: &str,
    mut visit: impl FnMut(&X509Certificate<'_>, &[u8]),
) -> Result<(), InvalidCertificate> {
    let labels = ["CERTIFICATE", "X509 CERTIFICATE"];
    for block in pem::parse(text).map_err(|_| InvalidCertificate)? {
        if block.encrypted || !labels.contains(&block.label.as_str()) {
            return Err(InvalidCertificate);
        }
        match X509Certificate::from_der(&block.der) {
            Ok(([], certificate)) => visit(&certificate, &block.der),
            _ => return Err(InvalidCertificate),
        }
    }
    Ok(())
}

fn leaf_of(certificate: &X509Certificate<'_>, der: &[u8]) -> Option<Leaf> {
    let subject = certificate.subject();
    Some(Leaf {
        common_name: first(subject.iter_common_name()),
        sans: alternative_names(certificate),
        issuer: display_name(certificate.issuer()),
        organization: first(subject.iter_organization()),
        city: first(subject.iter_locality()),
        province: first(subject.iter_state_or_province()),
        country: first(X509Name::iter_country(subject)),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
        sha1: hex::upper(&Sha1::digest(der)),
        sha256: hex::upper(&Sha256::digest(der)),
        serial: serial(certificate.raw_serial()),
        public_key: public_key(certificate.public_key())?,
    })
}

/// The common name, or the organization if there is none.
fn display_name(name: &X509Name<'_>) -> String {
    let common_name = first(name.iter_common_name());
    if common_name.is_empty() { first(name.iter_organization()) } else { common_name }
}

fn first<'a>(mut attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> String {
    attributes.next().and_then(|attribute| attribute.as_str().ok()).unwrap_or_default().to_owned()
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| Ipv4Addr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> Option<PublicKey> {
    let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let curve = curve.map(|oid| oid.to_id_string());
    let algorithm =
        Algorithm::from_oids(&info.algorithm.algorithm.to_id_string(), curve.as_deref())?;
    Some(PublicKey { algorithm, bits: info.subject_public_key.data.to_vec() })
}

/// The service shows serial numbers in whole bytes and without the sign byte of DER.
fn serial(raw: &[u8]) -> String {
    let bytes = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        whole => whole,
    };
    hex::lower(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_fields_of_a_certificate() {
        let leaf = parse_leaf(include_str!("../../tests/data/keys/sm2.crt")).unwrap();
        assert_eq!(leaf.common_name, "leaf.example.com");
        assert_eq!(leaf.sans, ["leaf.example.com", "*.example.com", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(leaf.issuer, "leaf.example.com");
        assert_eq!(leaf.organization, "Example Tests");
        assert_eq!((leaf.city.as_str(), leaf.province.as_str()), ("Hangzhou", "Zhejiang"));
        assert_eq!(leaf.country, "CN");
        assert_eq!(leaf.not_after - leaf.not_before, 36500 * 24 * 3600);
        assert_eq!((leaf.sha1.len(), leaf.sha256.len()), (40, 64));
        assert_eq!(leaf.public_key.algorithm.name(), "SM2");
    }

    #[test]
    fn takes_the_leaf_and_requires_the_whole_chain_to_parse() {
        let rsa = include_str!("../../tests/data/keys/rsa.crt");
        let issuer = include_str!("../../tests/data/keys/p256.crt");
        let leaf = parse_leaf(&format!("{rsa}{issuer}")).unwrap();
        assert_eq!(leaf.public_key.algorithm, Algorithm::Rsa);
        assert_eq!(leaf.sha256, parse_leaf(rsa).unwrap().sha256);

        let key = include_str!("../../tests/data/keys/rsa.pkcs8.key");
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let one_line = rsa.replace('\n', "");
        for bad in [&one_line, key, &format!("{rsa}{junk}"), &format!("{rsa}{key}")] {
            assert!(parse_leaf(bad).is_err());
        }
    }

    #[test]
    fn serial_numbers_have_whole_bytes() {
        assert_eq!(serial(&[0x0a, 0x1b]), "0a1b");
        assert_eq!(serial(&[0, 0xff]), "ff");
        assert_eq!(serial(&[0]), "00");
    }
}
