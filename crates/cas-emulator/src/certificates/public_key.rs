//! Public keys of certificates.

use pkcs1::RsaPublicKeyRef;

/// The public key of a certificate.
pub(crate) struct PublicKey {
    pub(crate) algorithm: Algorithm,
    /// The bits of `subjectPublicKey`.
    pub(crate) bits: Vec<u8>,
}

impl PublicKey {
    /// The length of the key in bits: of the modulus, or of the curve.
    pub(crate) fn size(&self) -> usize {
        match self.algorithm {
            Algorithm::Rsa => RsaPublicKeyRef::try_from(self.bits.as_slice())
                .map_or(0, |key| 8 * key.modulus.as_bytes().len()),
            Algorithm::P384 => 384,
            Algorithm::P521 => 521,
            Algorithm::P256 | Algorithm::Secp256k1 | Algorithm::Sm2 | Algorithm::Ed25519 => 256,
        }
    }
}

/// The supported kinds of key.
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
    /// The name that the service uses; names other than `RSA` are assumed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::P256 | Self::P384 | Self::P521 | Self::Secp256k1 => "ECC",
            Self::Sm2 => "SM2",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The algorithm with this OID and, for elliptic curves, this curve OID.
    pub(crate) fn from_oids(algorithm: &str, curve: Option<&str>) -> Option<Self> {
        match (algorithm, curve) {
            ("1.2.840.113549.1.1.1", _) => Some(Self::Rsa),
            ("1.3.101.112", _) => Some(Self::Ed25519),
            ("1.2.840.10045.2.1", Some(curve)) => Self::from_curve(curve),
            _ => None,
        }
    }

    /// The algorithm of keys on the curve with this OID.
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
