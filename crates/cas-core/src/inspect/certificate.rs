//! A parsed X.509 certificate.

use base16ct::upper;
use x509_parser::asn1_rs::{Any, FromDer, Oid, oid};
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::extensions::{
    AuthorityKeyIdentifier, BasicConstraints, GeneralName, KeyIdentifier, KeyUsage,
};
use x509_parser::nom::Parser as _;
use x509_parser::oid_registry as oids;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

use crate::base::time::UnixTime;
use crate::inspect::dn;
use crate::inspect::extensions;
use crate::inspect::fingerprint::Fingerprint;
use crate::inspect::pem;
use crate::inspect::public_key::PublicKey;
use crate::inspect::signature;
use crate::inspect::signature::Validity;
use crate::inspect::syntax::{CERTIFICATE, has_shortest_lengths};

/// Facts about a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Most specific common name of the subject; may be empty.
    pub common_name: String,
    /// Subject alternative names: host names, IP addresses and any others.
    pub sans: Vec<String>,
    /// Distinguished name of the issuer, such as "C=CN, O=Example, CN=Example CA".
    pub issuer: String,
    /// Serial number: upper-case hexadecimal, two digits for each byte; "-" before a negative one.
    pub serial: String,
    /// Start of the validity period.
    pub not_before: UnixTime,
    /// End of the validity period.
    pub not_after: UnixTime,
    /// SHA-1 fingerprint, 40 upper-case hexadecimal digits.
    pub sha1: String,
    /// SHA-256 fingerprint, 64 upper-case hexadecimal digits.
    pub sha256: String,
    /// Type and size of the public key: "RSA-2048", "EC-P256", "Ed25519", "SM2", …
    pub key_type: String,
    /// Whether the basic constraints mark a CA certificate.
    pub is_ca: bool,
}

impl Facts {
    /// Facts about the first certificate in a PEM text, if libcas can read it.
    pub(crate) fn of_pem(text: &str) -> Option<Self> {
        let der = pem::first_certificate(text)?;
        ParsedCertificate::parse(&der).ok().map(|certificate| certificate.facts())
    }
}

/// A certificate whose extensions are parsed on demand.
pub(super) struct ParsedCertificate<'a> {
    parsed: X509Certificate<'a>,
    pub(super) der: &'a [u8],
    pub(super) key: PublicKey<'a>,
    /// Line of its BEGIN marker in the text, counted from 1.
    pub(super) line: usize,
}

/// A serial number as OpenSSL shows it, except that leading zeros stay.
fn display_serial(number: &[u8]) -> String {
    if number.first().is_none_or(|first| first & 0x80 == 0) {
        return upper::encode_string(number);
    }
    let mut magnitude: Vec<u8> = number.iter().map(|byte| !byte).collect();
    // Adds one. There is a byte to carry to, since not all bytes are zero.
    for byte in magnitude.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    let start = magnitude.iter().position(|byte| *byte != 0).unwrap_or(0);
    format!("-{}", upper::encode_string(&magnitude[start..]))
}

/// Whether a key usage has keyCertSign.
fn allows_signing(usage: &[u8]) -> bool {
    KeyUsage::from_der(usage).is_ok_and(|(_, usage)| usage.key_cert_sign())
}

/// Signature algorithms whose hash is too weak for today's clients.
static WEAK_SIGNATURES: [(Oid<'_>, &str); 7] = [
    (oid!(1.2.840.113549.1.1.5), "SHA-1"),
    (oid!(1.3.14.3.2.29), "SHA-1"),
    (oid!(1.2.840.10045.4.1), "SHA-1"),
    (oid!(1.2.840.10040.4.3), "SHA-1"),
    (oid!(1.2.840.113549.1.1.4), "MD5"),
    (oid!(1.3.14.3.2.25), "MD5"),
    (oid!(1.2.840.113549.1.1.2), "MD2"),
];

/// Evidence that one certificate issued another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuerLink {
    /// Names and key identifiers match; libcas cannot verify this kind of signature.
    NameOnly,
    /// The signature is valid.
    Signature,
}

impl<'a> ParsedCertificate<'a> {
    /// Parses DER. Leaves the extensions unparsed, so that memory stays proportional to the input.
    /// The error is a clause.
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, &'static str> {
        const INVALID_DER: &str = "has invalid ASN.1";
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let (_, parsed) = parser.parse(der).map_err(|_| INVALID_DER)?;
        if !CERTIFICATE.reads(der) || !has_shortest_lengths(der) {
            return Err(INVALID_DER);
        }
        let key = PublicKey::read(&parsed.tbs_certificate.subject_pki)?;
        Ok(Self { parsed, der, key, line: 1 })
    }

    pub(super) fn facts(&self) -> Facts {
        let Fingerprint { sha1, sha256 } = Fingerprint::of_der(self.der);
        Facts {
            common_name: self.common_name(),
            sans: self.sans(),
            issuer: dn::display(self.parsed.issuer()),
            serial: display_serial(self.parsed.tbs_certificate.raw_serial()),
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

    /// The subject, quoted for messages: common name, first SAN or distinguished name.
    pub(super) fn quoted_subject(&self) -> String {
        match self.common_name() {
            name if !name.is_empty() => dn::quoted(&name),
            _ => match self.sans().first() {
                Some(name) => dn::quoted(name),
                None => dn::quoted(&dn::display(self.parsed.subject())),
            },
        }
    }

    /// The issuer, quoted for messages.
    pub(super) fn quoted_issuer(&self) -> String {
        match dn::common_name(self.parsed.issuer()) {
            name if !name.is_empty() => dn::quoted(&name),
            _ => dn::quoted(&dn::display(self.parsed.issuer())),
        }
    }

    pub(super) fn common_name(&self) -> String {
        dn::common_name(self.parsed.subject())
    }

    fn extension(&self, oid: &Oid<'_>) -> Option<&[u8]> {
        self.parsed
            .iter_extensions()
            .find(|extension| extension.oid == *oid)
            .map(|extension| extension.value)
    }

    /// Whether the basic constraints mark a CA certificate.
    pub(super) fn is_ca(&self) -> bool {
        let constraints = self.extension(&oids::OID_X509_EXT_BASIC_CONSTRAINTS);
        constraints
            .and_then(|value| BasicConstraints::from_der(value).ok())
            .is_some_and(|(_, constraints)| constraints.ca)
    }

    /// What a server with OpenSSL does not read in its extensions, as a clause without subject.
    pub(super) fn extension_defect(&self) -> Option<String> {
        extensions::defect(self.parsed.extensions())
    }

    /// An extension that it has twice, as a clause without subject.
    pub(super) fn repeated_extension(&self) -> Option<String> {
        extensions::repeated(self.parsed.extensions())
    }

    /// A critical extension that clients do not know.
    pub(super) fn unknown_critical(&self) -> Option<String> {
        extensions::unknown_critical(self.parsed.extensions())
    }

    pub(super) fn is_precertificate(&self) -> bool {
        extensions::mark_precertificate(self.parsed.extensions())
    }

    /// Why it is not for servers, as a clause; `None` if it is.
    pub(super) fn not_for_servers(&self) -> Option<&'static str> {
        let purposes = self.extension(&oids::OID_X509_EXT_EXTENDED_KEY_USAGE);
        let usage = self.extension(&oids::OID_X509_EXT_KEY_USAGE);
        if purposes.is_some_and(|purposes| !extensions::include_servers(purposes)) {
            Some("its extended key usage does not include servers")
        } else if !self.is_ca() && usage.is_some_and(|usage| !extensions::allow_handshakes(usage)) {
            Some("its key usage allows neither signatures nor key exchange")
        } else {
            None
        }
    }

    /// The first name that is not written as it has to be, with the reason.
    pub(super) fn bad_name(&self) -> Option<String> {
        let subject = dn::display(self.parsed.subject());
        if subject.contains('\0') {
            return Some(format!("{} contains a NUL character", dn::quoted(&subject)));
        }
        self.general_names().find_map(|name| {
            let text = dn::display_general_name(&name);
            let is_text = dn::is_ia5_string(&name);
            if is_text && text.contains('\0') {
                Some(format!("{} contains a NUL character", dn::quoted(&text)))
            } else if is_text && !text.is_ascii() {
                Some(format!("{} is not written in ASCII", dn::quoted(&text)))
            } else {
                None
            }
        })
    }

    /// Whether both algorithm identifiers are equal (RFC 5280, section 4.1.1.2).
    pub(super) fn has_one_signature_algorithm(&self) -> bool {
        self.parsed.signature_algorithm == self.parsed.tbs_certificate.signature
    }

    /// Whether it says that it signed itself: it has the name and the key identifier of its issuer.
    pub(super) fn claims_to_be_self_signed(&self) -> bool {
        self.is_named_as_issuer_of(self) && self.is_key_named_by(self)
    }

    /// Why clients do not accept it as an issuer, as a clause without subject; `None` if they do.
    pub(super) fn why_not_issuer(&self) -> Option<&'static str> {
        if self.may_issue() {
            return None;
        }
        let constraints = self.extension(&oids::OID_X509_EXT_BASIC_CONSTRAINTS);
        Some(match constraints.map(BasicConstraints::from_der) {
            Some(Ok(_)) => "is not a CA: its basic constraints say so",
            Some(Err(_)) => "has invalid ASN.1 in its basic constraints",
            None => "is not marked as a CA by basic constraints",
        })
    }

    /// Whether clients accept it as an issuer. Version 1 certificates have no extensions to say so;
    /// some of version 3 have only the key usage.
    fn may_issue(&self) -> bool {
        let may_sign = || self.extension(&oids::OID_X509_EXT_KEY_USAGE).is_some_and(allows_signing);
        let constraints = self.extension(&oids::OID_X509_EXT_BASIC_CONSTRAINTS);
        self.is_ca() || self.parsed.extensions().is_empty() || constraints.is_none() && may_sign()
    }

    /// Whether its key usage, if there is one, allows it to sign certificates.
    pub(super) fn may_sign(&self) -> bool {
        self.extension(&oids::OID_X509_EXT_KEY_USAGE).is_none_or(allows_signing)
    }

    /// The key usage, if there is one that can be read.
    pub(super) fn key_usage(&self) -> Option<KeyUsage> {
        let value = self.extension(&oids::OID_X509_EXT_KEY_USAGE)?;
        KeyUsage::from_der(value).ok().map(|(_, usage)| usage)
    }

    /// Whether both have the same subject.
    pub(super) fn has_subject_of(&self, other: &ParsedCertificate<'_>) -> bool {
        dn::are_equal(self.parsed.subject(), other.parsed.subject())
    }

    /// Subject alternative names. Stops at the first invalid one.
    pub(super) fn sans(&self) -> Vec<String> {
        self.general_names().map(|name| dn::display_general_name(&name)).collect()
    }

    fn general_names(&self) -> impl Iterator<Item = GeneralName<'_>> {
        let value = self.extension(&oids::OID_X509_EXT_SUBJECT_ALT_NAME);
        let sequence = value.and_then(|value| Any::from_der(value).ok());
        let mut rest = sequence.map_or(&[][..], |(_, sequence)| sequence.data);
        std::iter::from_fn(move || {
            let (after, name) = GeneralName::from_der(rest).ok()?;
            rest = after;
            Some(name)
        })
    }

    /// The DER of each subject alternative name. In domains and e-mail addresses, capitals are
    /// small letters. `None` if one of them is invalid.
    pub(super) fn encoded_sans(&self) -> Option<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        let Some(value) = self.extension(&oids::OID_X509_EXT_SUBJECT_ALT_NAME) else {
            return Some(names);
        };
        let mut rest = Any::from_der(value).ok()?.1.data;
        while !rest.is_empty() {
            let (after, name) = GeneralName::from_der(rest).ok()?;
            let mut encoded = rest[..rest.len() - after.len()].to_vec();
            match name {
                GeneralName::DNSName(_) | GeneralName::RFC822Name(_) => {
                    encoded.make_ascii_lowercase();
                }
                GeneralName::Invalid(..) => return None,
                _ => {}
            }
            names.push(encoded);
            rest = after;
        }
        Some(names)
    }

    /// The hash of the signature, if it is too weak for today's clients.
    pub(super) fn weak_signature(&self) -> Option<&'static str> {
        let AlgorithmIdentifier { algorithm, parameters } = &self.parsed.signature_algorithm;
        let weak = WEAK_SIGNATURES.iter().find(|(weak, _)| weak == algorithm);
        match weak {
            Some((_, hash)) => Some(hash),
            // The parameters of RSA-PSS name the hash. The default is SHA-1.
            None if *algorithm == oids::OID_PKCS1_RSASSAPSS => {
                match parameters.as_ref().map(RsaSsaPssParams::try_from) {
                    Some(Ok(read)) if *read.hash_algorithm_oid() != oids::OID_HASH_SHA1 => None,
                    Some(Err(_)) => None,
                    _ => Some("SHA-1"),
                }
            }
            None => None,
        }
    }

    /// Whether this certificate's subject is the issuer of `other` by name.
    pub(super) fn is_named_as_issuer_of(&self, other: &ParsedCertificate<'_>) -> bool {
        dn::are_equal(self.parsed.subject(), other.parsed.issuer())
    }

    /// Whether this certificate can be the issuer of `other`, which may be itself, as far as that
    /// is known without the signature.
    pub(super) fn may_have_issued(&self, other: &ParsedCertificate<'_>) -> bool {
        (std::ptr::eq(self, other) || self.may_issue())
            && self.is_named_as_issuer_of(other)
            && other.has_one_signature_algorithm()
    }

    /// Whether the key identifiers say that this certificate issued `other`; `None` if they do not
    /// say.
    pub(super) fn is_identified_as_issuer_of(&self, other: &ParsedCertificate<'_>) -> Option<bool> {
        Some(other.authority_key_id()? == self.subject_key_id()?)
    }

    /// Verifies the signature of `other` with this certificate's key.
    pub(super) fn verify_signature(&self, other: &ParsedCertificate<'_>) -> Validity {
        let parsed = &other.parsed;
        let (message, signature) = (parsed.tbs_certificate.as_ref(), &parsed.signature_value.data);
        signature::verify(&self.key, &parsed.signature_algorithm, message, signature)
    }

    /// Whether the key identifiers allow that this certificate's key signed `other`.
    fn is_key_named_by(&self, other: &ParsedCertificate<'_>) -> bool {
        self.is_identified_as_issuer_of(other) != Some(false)
    }

    fn subject_key_id(&self) -> Option<&[u8]> {
        let value = self.extension(&oids::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER)?;
        KeyIdentifier::from_der(value).ok().map(|(_, identifier)| identifier.0)
    }

    fn authority_key_id(&self) -> Option<&[u8]> {
        let value = self.extension(&oids::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER)?;
        AuthorityKeyIdentifier::from_der(value)
            .ok()?
            .1
            .key_identifier
            .map(|identifier| identifier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_shown_as_openssl_shows_them() {
        for (number, text) in [
            (&[5][..], "05"),
            (&[0], "00"),
            (&[0, 0xff], "00FF"),
            (&[0xff], "-01"),
            (&[0x80], "-80"),
            (&[0x80, 0], "-8000"),
            (&[0xff, 0x7f], "-81"),
            (&[0xfe, 0], "-0200"),
        ] {
            assert_eq!(display_serial(number), text, "{number:x?}");
        }
    }
}
