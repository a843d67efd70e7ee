//! Recognises input formats by their first bytes, and private keys by their structure.

use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

use crate::inspect::findings::{Finding, FindingKind};

/// The finding about bytes that cannot hold PEM; `source` names them in the finding. Returns `None`
/// for UTF-8 text, and for PEM with surrounding text in any encoding.
#[must_use]
pub fn not_text(bytes: &[u8], source: &str) -> Option<Finding> {
    let is_text = || std::str::from_utf8(bytes).is_ok() || ascii_with_pem(bytes).is_some();
    Some(match bytes {
        _ if is_utf16(bytes) => Finding::new(FindingKind::NotText, format!("{source} is UTF-16")),
        _ if is_pkcs12(bytes) => Finding::new(FindingKind::Pkcs12, source),
        _ if is_pkcs7(bytes) => Finding::new(FindingKind::Pkcs7, source),
        _ if is_der(bytes) => Finding::new(FindingKind::Der, source),
        _ if is_text() => return None,
        _ => Finding::new(FindingKind::NotText, format!("{source} is not text")),
    })
}

/// Whether bytes begin like a certificate or private key in DER: a SEQUENCE, usually of a length
/// whose encoding does not occur in text.
pub(super) fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0x84, ..] => true,
        // The end of a short one may be missing: C programs lose trailing NUL bytes.
        [0x30, length, 0x02, ..] => *length < 0x80 && usize::from(*length) + 2 >= bytes.len(),
        _ => false,
    }
}

/// Whether bytes begin like PKCS#12: a SEQUENCE whose first element is the version, 3.
pub(super) fn is_pkcs12(bytes: &[u8]) -> bool {
    sequence_content(bytes).is_some_and(|content| content.starts_with(&[2, 1, 3]))
}

/// Whether bytes begin like PKCS#7: a SEQUENCE whose first element is the OID of signed data.
pub(super) fn is_pkcs7(bytes: &[u8]) -> bool {
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
    if PrivateKeyInfoRef::try_from(der).is_ok() {
        Some("PRIVATE KEY")
    } else if RsaPrivateKeyRef::try_from(der).is_ok() {
        Some("RSA PRIVATE KEY")
    } else if EcPrivateKey::from_der(der).is_ok() {
        Some("EC PRIVATE KEY")
    } else {
        None
    }
}
