//! Fingerprints identify a certificate.

use base16ct::upper;
use ring::digest;
use sha1::{Digest, Sha1};

use crate::inspect::pem;

/// The fingerprints of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// SHA-1, 40 upper-case hexadecimal digits, as in the service's lists.
    pub sha1: String,
    /// SHA-256, 64 upper-case hexadecimal digits.
    pub sha256: String,
}

impl Fingerprint {
    /// Fingerprints of the first certificate in a PEM text, whatever its layout. Returns `None` if
    /// the text has no certificate or the certificate's PEM is invalid.
    #[must_use]
    pub(crate) fn of_pem(text: &str) -> Option<Self> {
        pem::first_certificate(text).map(|der| Self::of_der(&der))
    }

    pub(super) fn of_der(der: &[u8]) -> Self {
        Self {
            sha1: upper::encode_string(&Sha1::digest(der)),
            sha256: upper::encode_string(digest::digest(&digest::SHA256, der).as_ref()),
        }
    }

    /// The first eight digits of the SHA-256, in lower case, as a suffix for unique names.
    #[must_use]
    pub(crate) fn short(&self) -> String {
        self.sha256[..8].to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_does_not_depend_on_the_layout() {
        let plain = "-----BEGIN CERTIFICATE-----\nbGliY2Fz\nIQ==\n-----END CERTIFICATE-----\n";
        let leaf = Fingerprint::of_pem(plain).unwrap();
        // printf 'libcas!' | sha1sum, sha256sum
        assert_eq!(leaf.sha1, "D1976D004D8B204DDD6967CC767CF52C448BAB25");
        assert_eq!(leaf.short(), "8678b925");
        for layout in [
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\\n"),
            plain.replace("\nIQ", " IQ"),
            plain.replace("==", ""),
            format!("Bag Attributes\n  a: b\n{plain}{plain}"),
        ] {
            assert_eq!(Fingerprint::of_pem(&layout).as_ref(), Some(&leaf), "{layout}");
        }
        for invalid in [
            "",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nA?\n-----END CERTIFICATE-----",
        ] {
            assert_eq!(Fingerprint::of_pem(invalid), None);
        }
    }
}
