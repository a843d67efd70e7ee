//! What the service keeps of a certificate, read from the certificate itself.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name};

use crate::pem;

/// The facts about a leaf certificate.
pub(crate) struct Facts {
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
    /// Upper-case hexadecimal.
    pub(crate) sha1: String,
    /// Upper-case hexadecimal.
    pub(crate) sha256: String,
    /// Lower-case hexadecimal, two digits for each byte.
    pub(crate) serial: String,
    pub(crate) public_key: PublicKey,
}

/// The public key of a certificate.
pub(crate) struct PublicKey {
    pub(crate) algorithm: Algorithm,
    /// The bits of `subjectPublicKey`.
    pub(crate) bits: Vec<u8>,
}

/// The kinds of key whose match with a private key can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rsa,
    P256,
    P384,
    P521,
    Secp256k1,
    Sm2,
    Ed25519,
}

impl Algorithm {
    /// As the service calls it; the names beside RSA are assumed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::P256 | Self::P384 | Self::P521 | Self::Secp256k1 => "ECC",
            Self::Sm2 => "SM2",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The algorithm with this identifier and, for elliptic curves, this curve.
    pub(crate) fn from_oids(algorithm: &str, curve: Option<&str>) -> Option<Self> {
        match (algorithm, curve) {
            ("1.2.840.113549.1.1.1", _) => Some(Self::Rsa),
            ("1.3.101.112", _) => Some(Self::Ed25519),
            ("1.2.840.10045.2.1", Some(curve)) => Self::from_curve(curve),
            _ => None,
        }
    }

    /// The algorithm of keys on this curve.
    pub(crate) fn from_curve(oid: &str) -> Option<Self> {
        match oid {
            "1.2.840.10045.3.1.7" => Some(Self::P256),
            "1.3.132.0.34" => Some(Self::P384),
            "1.3.132.0.35" => Some(Self::P521),
            "1.3.132.0.10" => Some(Self::Secp256k1),
            "1.2.156.10197.1.301" => Some(Self::Sm2),
            _ => None,
        }
    }
}

/// The text is not a chain of certificates in PEM, or its leaf cannot be understood.
#[derive(Debug)]
pub(crate) struct NotACertificate;

/// Reads `text`, leaf first. Every certificate of the chain has to parse; the facts are the leaf's.
pub(crate) fn read(text: &str) -> Result<Facts, NotACertificate> {
    let mut leaf = None;
    each(text, |certificate, der| {
        leaf.get_or_insert_with(|| facts(certificate, der));
    })?;
    leaf.flatten().ok_or(NotACertificate)
}

/// One certificate of a chain.
pub(crate) struct Link {
    pub(crate) common_name: String,
    pub(crate) issuer: String,
    /// Seconds since 1970, UTC.
    pub(crate) not_before: i64,
    /// Seconds since 1970, UTC.
    pub(crate) not_after: i64,
}

/// The certificates of `text`, leaf first.
pub(crate) fn chain(text: &str) -> Result<Vec<Link>, NotACertificate> {
    let mut links = Vec::new();
    each(text, |certificate, _| {
        links.push(Link {
            common_name: first(certificate.subject().iter_common_name()),
            issuer: name_of(certificate.issuer()),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        });
    })?;
    Ok(links)
}

/// Shows every certificate of `text` and its DER to `see`.
fn each(
    text: &str,
    mut see: impl FnMut(&X509Certificate<'_>, &[u8]),
) -> Result<(), NotACertificate> {
    let labels = ["CERTIFICATE", "X509 CERTIFICATE"];
    for block in pem::read(text).map_err(|_| NotACertificate)? {
        if block.encrypted || !labels.contains(&block.label.as_str()) {
            return Err(NotACertificate);
        }
        match X509Certificate::from_der(&block.der) {
            Ok(([], certificate)) => see(&certificate, &block.der),
            _ => return Err(NotACertificate),
        }
    }
    Ok(())
}

fn facts(certificate: &X509Certificate<'_>, der: &[u8]) -> Option<Facts> {
    let subject = certificate.subject();
    Some(Facts {
        common_name: first(subject.iter_common_name()),
        sans: alternative_names(certificate),
        issuer: name_of(certificate.issuer()),
        organization: first(subject.iter_organization()),
        city: first(subject.iter_locality()),
        province: first(subject.iter_state_or_province()),
        country: first(X509Name::iter_country(subject)),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
        sha1: upper_hex(&Sha1::digest(der)),
        sha256: upper_hex(&Sha256::digest(der)),
        serial: serial(certificate.raw_serial()),
        public_key: public_key(certificate.public_key())?,
    })
}

/// The common name, or the organization where there is none.
fn name_of(name: &X509Name<'_>) -> String {
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

/// The service prints serial numbers with whole bytes and without the sign byte of DER.
fn serial(raw: &[u8]) -> String {
    let bytes = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        whole => whole,
    };
    lower_hex(bytes)
}

/// Two lower-case digits for each byte.
pub(crate) fn lower_hex(bytes: &[u8]) -> String {
    hex(bytes, |text, byte| write!(text, "{byte:02x}"))
}

fn upper_hex(bytes: &[u8]) -> String {
    hex(bytes, |text, byte| write!(text, "{byte:02X}"))
}

fn hex(bytes: &[u8], digits: impl Fn(&mut String, u8) -> std::fmt::Result) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        let _ = digits(&mut text, byte); // a String takes everything
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_a_certificate() {
        let facts = read(include_str!("../tests/data/keys/sm2.crt")).unwrap();
        assert_eq!(facts.common_name, "leaf.example.com");
        assert_eq!(facts.sans, ["leaf.example.com", "*.example.com", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(facts.issuer, "leaf.example.com");
        assert_eq!(facts.organization, "Example Tests");
        assert_eq!((facts.city.as_str(), facts.province.as_str()), ("Hangzhou", "Zhejiang"));
        assert_eq!(facts.country, "CN");
        assert_eq!(facts.not_after - facts.not_before, 36500 * 24 * 3600);
        assert_eq!((facts.sha1.len(), facts.sha256.len()), (40, 64));
        assert_eq!(facts.public_key.algorithm.name(), "SM2");
    }

    #[test]
    fn the_leaf_counts_and_all_of_the_chain_must_parse() {
        let (leaf, above) = (
            include_str!("../tests/data/keys/rsa.crt"),
            include_str!("../tests/data/keys/p256.crt"),
        );
        let facts = read(&format!("{leaf}{above}")).unwrap();
        assert_eq!(facts.public_key.algorithm, Algorithm::Rsa);
        assert_eq!(facts.sha256, read(leaf).unwrap().sha256);

        let key = include_str!("../tests/data/keys/rsa.pkcs8.key");
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for bad in [&leaf.replace('\n', ""), key, &format!("{leaf}{junk}"), &format!("{leaf}{key}")]
        {
            assert!(read(bad).is_err());
        }
    }

    #[test]
    fn serials_are_whole_bytes() {
        assert_eq!(serial(&[0x0a, 0x1b]), "0a1b");
        assert_eq!(serial(&[0, 0xff]), "ff");
        assert_eq!(serial(&[0]), "00");
    }
}
