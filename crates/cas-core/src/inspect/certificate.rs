//! What a certificate says.

use x509_parser::asn1_rs::{Any, FromDer, Oid};
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::error::X509Error;
use x509_parser::extensions::{
    AuthorityKeyIdentifier, BasicConstraints, GeneralName, KeyIdentifier, KeyUsage,
};
use x509_parser::nom::Parser as _;
use x509_parser::oid_registry as oids;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

use crate::base::hex;
use crate::base::time::UnixTime;
use crate::inspect::dn::{common_name, comparable, is_readable, shown, text_of_dn, text_of_name};
use crate::inspect::fingerprint::Fingerprint;
use crate::inspect::public_key::PublicKey;

/// What a certificate says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The most specific common name of the subject; may be empty.
    pub common_name: String,
    /// Subject alternative names: host names, IP addresses, and whatever else is there.
    pub sans: Vec<String>,
    /// The issuer's name, as "C=CN, O=Example, CN=Example CA".
    pub issuer: String,
    /// Upper-case hexadecimal, two digits for each byte.
    pub serial: String,
    /// When it begins to be valid.
    pub not_before: UnixTime,
    /// When it ceases to be valid.
    pub not_after: UnixTime,
    /// Fingerprint, 40 upper-case hexadecimal digits.
    pub sha1: String,
    /// Fingerprint, 64 upper-case hexadecimal digits.
    pub sha256: String,
    /// Type and size of its key: "RSA-2048", "EC-P256", "Ed25519", "SM2", …
    pub key_type: String,
    /// Whether its basic constraints say that it is a CA's.
    pub is_ca: bool,
}

/// A certificate that was read.
pub(super) struct Certificate<'a> {
    parsed: X509Certificate<'a>,
    pub(super) der: &'a [u8],
    pub(super) key: PublicKey,
}

/// How sure it is that one certificate issued another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuerLink {
    /// Names and key identifiers fit; the signature is of a kind that cannot be verified here.
    Name,
    /// The signature was verified as well.
    Signature,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate. Extensions are read one by one where they are asked for, so that memory stays in
    /// proportion.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let (_, parsed) = parser.parse(der).ok()?;
        if ![parsed.subject(), parsed.issuer()].into_iter().all(is_readable) {
            return None;
        }
        let key = PublicKey::of(parsed.public_key());
        Some(Self { parsed, der, key })
    }

    pub(super) fn facts(&self) -> Facts {
        let Fingerprint { sha1, sha256 } = Fingerprint::of_der(self.der);
        Facts {
            common_name: self.common_name(),
            sans: self.sans(),
            issuer: text_of_dn(self.parsed.issuer()),
            serial: hex::upper(self.parsed.tbs_certificate.raw_serial()),
            not_before: self.not_before(),
            not_after: self.not_after(),
            sha1,
            sha256,
            key_type: self.key.name(),
            is_ca: self.is_ca(),
        }
    }

    pub(super) fn not_before(&self) -> UnixTime {
        UnixTime(self.parsed.validity().not_before.timestamp())
    }

    pub(super) fn not_after(&self) -> UnixTime {
        UnixTime(self.parsed.validity().not_after.timestamp())
    }

    /// Who it is about, for a message.
    pub(super) fn shown(&self) -> String {
        match self.common_name() {
            name if !name.is_empty() => shown(&name),
            _ => match self.sans().first() {
                Some(name) => shown(name),
                None => shown(&text_of_dn(self.parsed.subject())),
            },
        }
    }

    /// Who issued it, for a message.
    pub(super) fn shown_issuer(&self) -> String {
        match common_name(self.parsed.issuer()) {
            name if !name.is_empty() => shown(&name),
            _ => shown(&text_of_dn(self.parsed.issuer())),
        }
    }

    fn common_name(&self) -> String {
        common_name(self.parsed.subject())
    }

    fn extension(&self, oid: &Oid<'_>) -> Option<&[u8]> {
        self.parsed
            .iter_extensions()
            .find(|extension| extension.oid == *oid)
            .map(|extension| extension.value)
    }

    /// Whether its basic constraints say that it is a CA's.
    pub(super) fn is_ca(&self) -> bool {
        let constraints = self.extension(&oids::OID_X509_EXT_BASIC_CONSTRAINTS);
        constraints
            .and_then(|value| BasicConstraints::from_der(value).ok())
            .is_some_and(|(_, read)| read.ca)
    }

    /// Whether clients take it for a CA's. Certificates of version 1 cannot say it; some of version 3 say it by their
    /// key usage alone.
    fn may_issue(&self) -> bool {
        let usage = self.extension(&oids::OID_X509_EXT_KEY_USAGE);
        let signs = || {
            usage
                .and_then(|value| KeyUsage::from_der(value).ok())
                .is_some_and(|(_, usage)| usage.key_cert_sign())
        };
        let constraints = self.extension(&oids::OID_X509_EXT_BASIC_CONSTRAINTS);
        self.is_ca() || self.parsed.extensions().is_empty() || constraints.is_none() && signs()
    }

    pub(super) fn sans(&self) -> Vec<String> {
        let mut names = Vec::new();
        let value = self.extension(&oids::OID_X509_EXT_SUBJECT_ALT_NAME);
        let Some((_, sequence)) = value.and_then(|value| Any::from_der(value).ok()) else {
            return names;
        };
        let mut rest = sequence.data;
        while let Ok((after, name)) = GeneralName::from_der(rest) {
            names.push(text_of_name(&name));
            rest = after;
        }
        names
    }

    /// What the signature is made with, where it is too weak for today's clients.
    pub(super) fn weak_signature(&self) -> Option<&'static str> {
        let AlgorithmIdentifier { algorithm, parameters } = &self.parsed.signature_algorithm;
        match algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.5"
            | "1.3.14.3.2.29"
            | "1.2.840.10045.4.1"
            | "1.2.840.10040.4.3" => Some("SHA-1"),
            "1.2.840.113549.1.1.4" | "1.3.14.3.2.25" => Some("MD5"),
            "1.2.840.113549.1.1.2" => Some("MD2"),
            // RSA-PSS says in its parameters what it hashes with; where they are absent, with SHA-1.
            "1.2.840.113549.1.1.10" => match parameters.as_ref().map(RsaSsaPssParams::try_from) {
                Some(Ok(read)) if *read.hash_algorithm_oid() != oids::OID_HASH_SHA1 => None,
                Some(Err(_)) => None,
                _ => Some("SHA-1"),
            },
            _ => None,
        }
    }

    /// Whether `other` says that it was issued by somebody of this name.
    pub(super) fn is_named_as_issuer_of(&self, other: &Certificate<'_>) -> bool {
        let (subject, issuer) = (self.parsed.subject(), other.parsed.issuer());
        subject.as_raw() == issuer.as_raw() || comparable(subject) == comparable(issuer)
    }

    /// Whether this certificate's key signed `other`.
    pub(super) fn issued(&self, other: &Certificate<'_>) -> Option<IssuerLink> {
        if !std::ptr::eq(self, other) && !self.may_issue() {
            return None;
        }
        if !self.is_named_as_issuer_of(other) {
            return None;
        }
        // What the signature is made with stands twice, and has to be the same (RFC 5280, 4.1.1.2).
        if other.parsed.signature_algorithm != other.parsed.tbs_certificate.signature {
            return None;
        }
        let same_key = match (other.authority_key(), self.subject_key()) {
            (Some(wanted), Some(own)) => Some(wanted == own),
            _ => None,
        };
        if self.key.can_verify() {
            match other.parsed.verify_signature(Some(self.parsed.public_key())) {
                Ok(()) => return Some(IssuerLink::Signature),
                Err(X509Error::SignatureUnsupportedAlgorithm) => {}
                // ring knows only salts as long as the hash.
                Err(_) if *other.parsed.signature_algorithm.oid() == oids::OID_PKCS1_RSASSAPSS => {}
                Err(_) => return None,
            }
        }
        (same_key != Some(false)).then_some(IssuerLink::Name)
    }

    fn subject_key(&self) -> Option<&[u8]> {
        let value = self.extension(&oids::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER)?;
        KeyIdentifier::from_der(value).ok().map(|(_, identifier)| identifier.0)
    }

    fn authority_key(&self) -> Option<&[u8]> {
        let value = self.extension(&oids::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER)?;
        AuthorityKeyIdentifier::from_der(value)
            .ok()?
            .1
            .key_identifier
            .map(|identifier| identifier.0)
    }
}
