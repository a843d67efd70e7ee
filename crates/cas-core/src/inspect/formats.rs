//! Formats by their first bytes, and private keys by their structure.

use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

use crate::inspect::findings::{Finding, FindingKind};

/// What is wrong with bytes that no PEM can be read from, whatever it holds; `None` for a text, and for a PEM among words
/// in any encoding.
#[must_use]
pub fn not_text(bytes: &[u8], what: &str) -> Option<Finding> {
    let is_text = || std::str::from_utf8(bytes).is_ok() || in_ascii(bytes).is_some();
    Some(match bytes {
        _ if is_utf16(bytes) => Finding::new(FindingKind::NotText, format!("{what} is UTF-16")),
        _ if is_pkcs12(bytes) => Finding::new(FindingKind::Pkcs12, what),
        _ if is_pkcs7(bytes) => Finding::new(FindingKind::Pkcs7, what),
        _ if is_der(bytes) => Finding::new(FindingKind::DerBlock, what),
        _ if is_text() => return None,
        _ => Finding::new(FindingKind::NotText, format!("{what} is not text")),
    })
}

/// Whether bytes begin as a certificate or key in DER does: a SEQUENCE, mostly of a length that no text begins with.
pub(super) fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0x84, ..] => true,
        // C programs lose zeros at the end.
        [0x30, length, 0x02, ..] => *length < 0x80 && usize::from(*length) + 2 >= bytes.len(),
        _ => false,
    }
}

/// Whether bytes begin as PKCS#12 does: a SEQUENCE whose first part is the version, 3.
pub(super) fn is_pkcs12(bytes: &[u8]) -> bool {
    content_of(bytes).is_some_and(|content| content.starts_with(&[2, 1, 3]))
}

/// Whether bytes begin as PKCS#7 does: a SEQUENCE whose first part says that it is signed data.
pub(super) fn is_pkcs7(bytes: &[u8]) -> bool {
    const SIGNED_DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    content_of(bytes).is_some_and(|content| content.starts_with(SIGNED_DATA))
}

/// What is in a SEQUENCE whose length does not fit in one byte.
fn content_of(bytes: &[u8]) -> Option<&[u8]> {
    let header = match bytes {
        [0x30, 0x80, ..] => 2,
        [0x30, length @ 0x81..=0x84, ..] => 2 + usize::from(length & 0x7f),
        _ => return None,
    };
    bytes.get(header..)
}

/// As Windows writes text: with its mark, or with every other byte of "--" being 0.
fn is_utf16(bytes: &[u8]) -> bool {
    [&[0xff, 0xfe][..], &[0xfe, 0xff], b"-\0-\0", b"\0-\0-"]
        .iter()
        .any(|start| bytes.starts_with(start))
}

/// A PEM among words in another encoding than UTF-8, as in a file that says in Chinese whose it is: each byte of these
/// becomes "?". PEM itself is ASCII. `None` where there is no PEM.
pub(super) fn in_ascii(bytes: &[u8]) -> Option<Zeroizing<String>> {
    memchr::memmem::find(bytes, b"-----BEGIN ")?;
    let mut text = Zeroizing::new(String::with_capacity(bytes.len()));
    text.extend(bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '?' }));
    Some(text)
}

/// The label that belongs to a private key in this form.
pub(super) fn form(der: &[u8]) -> Option<&'static str> {
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
