//! Private keys in the formats of PKCS#8 and SEC 1.

use x509_parser::asn1_rs::Tag;

use crate::inspect::der::{Values, bytes_of_bit_string};

/// A private key in PKCS#8 format, of any type.
pub(super) struct Pkcs8<'a> {
    /// The content of its `AlgorithmIdentifier`.
    pub(super) algorithm: &'a [u8],
    /// The private key in the algorithm's own format.
    pub(super) key: &'a [u8],
    /// The public key, which version 2 may contain.
    pub(super) public: Option<&'a [u8]>,
}

impl<'a> Pkcs8<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut values = Values::of_sequence(der)?;
        let version = values.next(Tag::Integer)?;
        let (algorithm, key) = (values.next(Tag::Sequence)?, values.next(Tag::OctetString)?);
        let _attributes = values.next_tagged(0, true);
        let public = values.next_tagged(1, false);
        if !matches!(version, [0 | 1]) || !values.is_empty() {
            return None;
        }
        let public = match public {
            Some(content) => Some(bytes_of_bit_string(content)?),
            None => None,
        };
        Some(Self { algorithm, key, public })
    }
}

/// A private key in SEC 1 format: one of an elliptic curve.
pub(super) struct Sec1<'a> {
    /// The private number, big-endian, of any length.
    pub(super) number: &'a [u8],
    /// The curve: what an `AlgorithmIdentifier` has as its parameters.
    pub(super) curve: Option<Values<'a>>,
    pub(super) public: Option<&'a [u8]>,
}

impl<'a> Sec1<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut values = Values::of_sequence(der)?;
        let (version, number) = (values.next(Tag::Integer)?, values.next(Tag::OctetString)?);
        let curve = values.next_tagged(0, true).map(Values::new);
        let public = match values.next_tagged(1, true) {
            Some(content) => {
                let mut content = Values::new(content);
                let bits = content.next(Tag::BitString).filter(|_| content.is_empty())?;
                Some(bytes_of_bit_string(bits)?)
            }
            None => None,
        };
        (version == [1] && values.is_empty()).then_some(Self { number, curve, public })
    }
}
