//! Recognises input formats by their first bytes, and private keys by their structure.

use x509_parser::asn1_rs::{Any, FromDer};
use zeroize::Zeroizing;

use crate::inspect::findings::{Finding, FindingKind};
use crate::inspect::private_key::{Pkcs8, Sec1};
use crate::inspect::rsa::RsaPrivateKey;
use crate::inspect::sm2_enveloped_key::is_enveloped;

/// The finding about bytes that cannot hold PEM; `source` names them in the finding. Returns `None`
/// for UTF-8 text, and for PEM with surrounding text in any encoding.
#[must_use]
pub fn not_text(bytes: &[u8], source: &str) -> Option<Finding> {
    let is_text = || std::str::from_utf8(bytes).is_ok() || ascii_with_pem(bytes).is_some();
    Some(match bytes {
        _ if is_utf16(bytes) => Finding::new(FindingKind::NotText, format!("{source} is UTF-16")),
        _ if is_pkcs12(bytes) => Finding::new(FindingKind::Pkcs12, source),
        _ if is_pkcs7(bytes) => Finding::new(FindingKind::Pkcs7, source),
        _ if is_enveloped(bytes) => Finding::new(FindingKind::Sm2EnvelopedKey, source),
        _ if is_der(bytes) => Finding::new(FindingKind::Der, source),
        _ if is_java_keystore(bytes) => Finding::new(FindingKind::JavaKeystore, source),
        _ if bytes.starts_with(b"PK\x03\x04") => {
            Finding::new(FindingKind::NotText, format!("{source} is a ZIP archive"))
        }
        _ if is_text() => return None,
        _ => Finding::new(FindingKind::NotText, format!("{source} is not text")),
    })
}

/// Whether bytes begin like a certificate or private key in DER: a SEQUENCE, usually of a length
/// whose encoding does not occur in text.
pub(crate) fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0x84, ..] => true,
        // The end of a short one may be missing: C programs lose trailing NUL bytes.
        [0x30, length, 0x02, ..] => *length < 0x80 && usize::from(*length) + 2 >= bytes.len(),
        _ => false,
    }
}

/// Whether bytes begin like PKCS#12: a SEQUENCE whose first element is the version, 3.
pub(crate) fn is_pkcs12(bytes: &[u8]) -> bool {
    sequence_content(bytes).is_some_and(|content| content.starts_with(&[2, 1, 3]))
}

/// Whether bytes begin like PKCS#7: a SEQUENCE whose first element is the OID of signed data.
pub(crate) fn is_pkcs7(bytes: &[u8]) -> bool {
    const SIGNED_DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    sequence_content(bytes).is_some_and(|content| content.starts_with(SIGNED_DATA))
}

/// The content of a SEQUENCE whose length is indefinite or in long form.
fn sequence_content(bytes: &[u8]) -> Option<&[u8]> {
    let header = match bytes {
        [0x30, 0x80, ..] => 2,
        [0x30, length @ 0x81..=0x84, ..] => 2 + usize::from(length & 0x7f),
        _ => return None,
    };
    bytes.get(header..)
}

/// Whether bytes begin like a keystore of Java: JKS or JCEKS.
fn is_java_keystore(bytes: &[u8]) -> bool {
    [[0xfe, 0xed, 0xfe, 0xed], [0xce; 4]].iter().any(|magic| bytes.starts_with(magic))
}

/// Whether bytes begin like a certificate of version 3, whatever follows: a quick test.
pub(super) fn begins_like_certificate(der: &[u8]) -> bool {
    sequence_content(der)
        .and_then(sequence_content)
        .is_some_and(|content| content.starts_with(&[0xa0, 3, 2, 1, 2]))
}

/// What DER holds by its structure, whatever its PEM label says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Certificate,
    Csr,
    Pkcs7,
    Pkcs12,
    PublicKey,
    PrivateKey,
    EncryptedKey,
    OpensshKey,
    /// A key that a TPM keeps to itself.
    TpmKey,
}

/// The content of a block; `None` if it has another structure, or is damaged.
pub(super) fn content(der: &[u8]) -> Option<Content> {
    /// OIDs below it: keys of a TPM, in DER.
    const TPM_KEYS: &[u8] = &[6, 6, 0x67, 0x81, 5, 0x0a, 1];
    let tags = |elements: &[&[u8]]| -> Vec<u8> {
        elements.iter().filter_map(|element| element.first().copied()).collect()
    };
    if der.starts_with(b"openssh-key-v1\0") {
        return Some(Content::OpensshKey);
    } else if is_pkcs12(der) {
        return Some(Content::Pkcs12);
    } else if is_pkcs7(der) {
        return Some(Content::Pkcs7);
    } else if key_label(der).is_some() {
        return Some(Content::PrivateKey);
    }
    let outer = elements(der)?;
    Some(match (&tags(&outer)[..], &tags(&elements(outer[0]).unwrap_or_default())[..]) {
        ([0x30, 0x30, 3], [0xa0, ..] | [2, 0x30, 0x30, 0x30, ..]) => Content::Certificate,
        ([0x30, 0x30, 3], [2, 0x30, 0x30] | [2, 0x30, 0x30, 0xa0]) => Content::Csr,
        ([0x30, 4], [6, ..]) => Content::EncryptedKey,
        ([0x30, 3], [6, ..]) | ([2, 2], _) => Content::PublicKey,
        ([6, ..], _) if outer[0].starts_with(TPM_KEYS) => Content::TpmKey,
        _ => return None,
    })
}

/// The elements of a SEQUENCE in DER: at least one, and the first few of many.
fn elements(der: &[u8]) -> Option<Vec<&[u8]>> {
    const MAX: usize = 8;
    let (_, sequence) = Any::from_der(der).ok().filter(|_| der.first() == Some(&0x30))?;
    let mut rest = sequence.data;
    let mut elements = Vec::new();
    while !rest.is_empty() && elements.len() < MAX {
        let (after, _) = Any::from_der(rest).ok()?;
        elements.push(&rest[..rest.len() - after.len()]);
        rest = after;
    }
    (!elements.is_empty()).then_some(elements)
}

/// Whether bytes begin like UTF-16, as Windows writes it: with a byte order mark, or with "--".
fn is_utf16(bytes: &[u8]) -> bool {
    [&[0xff, 0xfe][..], &[0xfe, 0xff], b"-\0-\0", b"\0-\0-"]
        .iter()
        .any(|start| bytes.starts_with(start))
}

/// PEM with surrounding text in another encoding than UTF-8, such as a Chinese comment in GBK:
/// replaces each byte outside ASCII with "?", since PEM itself is ASCII. Returns `None` if there is
/// no PEM.
pub(super) fn ascii_with_pem(bytes: &[u8]) -> Option<Zeroizing<String>> {
    memchr::memmem::find(bytes, b"-----BEGIN ")?;
    let mut text = Zeroizing::new(String::with_capacity(bytes.len()));
    text.extend(bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '?' }));
    Some(text)
}

/// The PEM label of a private key in DER: PKCS#8, PKCS#1 or SEC 1.
pub(super) fn key_label(der: &[u8]) -> Option<&'static str> {
    if Pkcs8::read(der).is_some() {
        Some("PRIVATE KEY")
    } else if RsaPrivateKey::read(der).is_some() {
        Some("RSA PRIVATE KEY")
    } else if Sec1::read(der).is_some() {
        Some("EC PRIVATE KEY")
    } else {
        None
    }
}
