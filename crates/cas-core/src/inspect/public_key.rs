//! The public key of a certificate: algorithm, size and components.

use pkcs1::RsaPublicKeyRef;
use x509_parser::asn1_rs::Tag;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The type of a key. Each elliptic curve is a type of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rsa,
    RsaPss,
    P256,
    P384,
    P521,
    Secp256k1,
    Sm2,
    Ed25519,
    /// A type with a name that libcas can only compare.
    Other(&'static str),
    /// Another curve, by OID; empty if the key has explicit curve parameters.
    Curve(String),
    /// Another type, by OID.
    Oid(String),
}

/// OID of elliptic curve keys.
const EC: &str = "1.2.840.10045.2.1";

impl Algorithm {
    /// The type with this OID and, for elliptic curves, this curve.
    pub(super) fn from_oids(algorithm: &str, curve: Option<&str>) -> Self {
        match algorithm {
            EC => Self::from_curve(curve.unwrap_or_default()),
            "1.2.840.113549.1.1.1" => Self::Rsa,
            "1.2.840.113549.1.1.10" => Self::RsaPss,
            "1.3.101.112" => Self::Ed25519,
            "1.3.101.113" => Self::Other("Ed448"),
            "1.3.101.110" => Self::Other("X25519"),
            "1.3.101.111" => Self::Other("X448"),
            "1.2.840.10040.4.1" => Self::Other("DSA"),
            "1.2.840.113549.1.3.1" | "1.2.840.10046.2.1" => Self::Other("DH"),
            "2.16.840.1.101.3.4.3.17" => Self::Other("ML-DSA-44"),
            "2.16.840.1.101.3.4.3.18" => Self::Other("ML-DSA-65"),
            "2.16.840.1.101.3.4.3.19" => Self::Other("ML-DSA-87"),
            other => Self::Oid(other.to_owned()),
        }
    }

    /// The type of keys on this curve.
    pub(super) fn from_curve(oid: &str) -> Self {
        match oid {
            "1.2.840.10045.3.1.7" => Self::P256,
            "1.3.132.0.34" => Self::P384,
            "1.3.132.0.35" => Self::P521,
            "1.3.132.0.10" => Self::Secp256k1,
            "1.2.156.10197.1.301" => Self::Sm2,
            "1.2.840.10045.3.1.1" => Self::Other("EC-P192"),
            "1.3.132.0.33" => Self::Other("EC-P224"),
            "1.3.36.3.3.2.8.1.1.7" => Self::Other("EC-brainpoolP256r1"),
            "1.3.36.3.3.2.8.1.1.11" => Self::Other("EC-brainpoolP384r1"),
            "1.3.36.3.3.2.8.1.1.13" => Self::Other("EC-brainpoolP512r1"),
            other => Self::Curve(other.to_owned()),
        }
    }

    /// Whether the key has explicit curve parameters.
    pub(super) fn has_explicit_curve(&self) -> bool {
        *self == Self::Curve(String::new())
    }

    /// The name without a size, such as "RSA" or "EC-P256".
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Rsa => "RSA",
            Self::RsaPss => "RSA-PSS",
            Self::P256 => "EC-P256",
            Self::P384 => "EC-P384",
            Self::P521 => "EC-P521",
            Self::Secp256k1 => "EC-secp256k1",
            Self::Sm2 => "SM2",
            Self::Ed25519 => "Ed25519",
            Self::Other(name) => name,
            Self::Curve(_) => "EC",
            Self::Oid(oid) => oid,
        }
    }
}

/// The public key of a certificate.
pub(super) struct PublicKey {
    pub(super) algorithm: Algorithm,
    /// Content of `subjectPublicKey`.
    pub(super) bits: Vec<u8>,
}

impl PublicKey {
    pub(super) fn new(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let parameters = info.algorithm.parameters.as_ref();
        // `as_oid` alone accepts values of other types.
        let curve =
            parameters.filter(|any| any.tag() == Tag::Oid).and_then(|any| any.as_oid().ok());
        let curve = curve.map(|oid| oid.to_id_string());
        Self {
            algorithm: Algorithm::from_oids(
                &info.algorithm.algorithm.to_id_string(),
                curve.as_deref(),
            ),
            bits: info.subject_public_key.data.to_vec(),
        }
    }

    /// RSA modulus and public exponent, without leading zeros.
    pub(super) fn rsa(&self) -> Option<(&[u8], &[u8])> {
        if !matches!(self.algorithm, Algorithm::Rsa | Algorithm::RsaPss) {
            return None;
        }
        let key = RsaPublicKeyRef::try_from(&self.bits[..]).ok()?;
        Some((key.modulus.as_bytes(), key.public_exponent.as_bytes()))
    }

    /// Size of the RSA modulus in bits.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        self.rsa().map(|(modulus, _)| Self::rsa_size(modulus))
    }

    /// Size in bits of a modulus without leading zero bytes.
    pub(super) fn rsa_size(modulus: &[u8]) -> usize {
        modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize)
    }

    /// The name with the size, such as "RSA-2048" or "EC-P256".
    pub(super) fn name(&self) -> String {
        let name = self.algorithm.name();
        self.rsa_bits().map_or_else(|| name.to_owned(), |bits| format!("{name}-{bits}"))
    }

    /// Whether ring can verify this key's signatures.
    pub(super) fn can_verify(&self) -> bool {
        match self.algorithm {
            Algorithm::Rsa | Algorithm::RsaPss => {
                self.rsa_bits().is_some_and(|bits| (2048..=8192).contains(&bits))
                    && self.rsa().is_some_and(|(_, exponent)| exponent.len() <= 4)
            }
            // Uncompressed points only.
            Algorithm::P256 | Algorithm::P384 => self.bits.first() == Some(&4),
            Algorithm::Ed25519 => true,
            _ => false,
        }
    }

    /// Whether `point` equals this key's point. Either may be compressed.
    pub(super) fn is_point(&self, point: &[u8]) -> bool {
        match (&self.bits[..], point) {
            ([sign @ (2 | 3), x @ ..], [4, xy @ ..]) | ([4, xy @ ..], [sign @ (2 | 3), x @ ..]) => {
                xy.len() == 2 * x.len()
                    && xy.starts_with(x)
                    && xy.last().is_some_and(|last| last & 1 == sign & 1)
            }
            (bits, point) => bits == point,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_and_uncompressed_points_are_equal() {
        let key = |bits: &[u8]| PublicKey { algorithm: Algorithm::P256, bits: bits.to_vec() };
        let point = [4, 1, 2, 3, 5];
        for (bits, same) in [
            (&[4, 1, 2, 3, 5][..], true),
            (&[3, 1, 2], true),
            (&[2, 1, 2], false),
            (&[3, 1, 9], false),
            (&[4, 1, 2, 3, 6], false),
            (&[3, 1], false),
            (&[], false),
        ] {
            assert_eq!(key(bits).is_point(&point), same, "{bits:?}");
            assert_eq!(key(&point).is_point(bits), same, "{bits:?}");
        }
    }
}
