//! The public key of a certificate: algorithm, size and components.

use std::borrow::Cow;

use x509_parser::asn1_rs::{Any, FromDer, Oid, Tag, oid};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::inspect::curve::{Curve, are_equal_points};
use crate::inspect::der::Values;
use crate::inspect::rsa::{MAX_BITS, RsaPublicKey};

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
const EC: Oid<'_> = oid!(1.2.840.10045.2.1);
const ED25519: Oid<'_> = oid!(1.3.101.112);
/// The other types by OID.
static TYPES: [(Oid<'_>, Algorithm); 13] = [
    (oid!(1.2.840.113549.1.1.1), Algorithm::Rsa),
    // X.509's own, from before PKCS#1.
    (oid!(2.5.8.1.1), Algorithm::Rsa),
    (oid!(1.2.840.113549.1.1.10), Algorithm::RsaPss),
    (ED25519, Algorithm::Ed25519),
    (oid!(1.3.101.113), Algorithm::Other("Ed448")),
    (oid!(1.3.101.110), Algorithm::Other("X25519")),
    (oid!(1.3.101.111), Algorithm::Other("X448")),
    (oid!(1.2.840.10040.4.1), Algorithm::Other("DSA")),
    (oid!(1.2.840.113549.1.3.1), Algorithm::Other("DH")),
    (oid!(1.2.840.10046.2.1), Algorithm::Other("DH")),
    (oid!(2.16.840.1.101.3.4.3.17), Algorithm::Other("ML-DSA-44")),
    (oid!(2.16.840.1.101.3.4.3.18), Algorithm::Other("ML-DSA-65")),
    (oid!(2.16.840.1.101.3.4.3.19), Algorithm::Other("ML-DSA-87")),
];

impl Algorithm {
    /// Reads the content of an `AlgorithmIdentifier`. `None` if the OID or the parameters cannot be
    /// read.
    pub(super) fn read(identifier: &[u8]) -> Option<Self> {
        let mut values = Values::new(identifier);
        let oid = Oid::new(values.next(Tag::Oid)?.into());
        if oid == EC {
            return Self::of_curve(&mut values);
        }
        let known = TYPES.iter().find(|(known, _)| *known == oid);
        let algorithm = known.map_or_else(|| Self::Oid(oid.to_id_string()), |(_, it)| it.clone());
        let is_readable = match &algorithm {
            Self::Ed25519 => values.is_empty(),
            Self::RsaPss => values.is_empty() || is_pss(values.rest()),
            _ => true,
        };
        is_readable.then_some(algorithm)
    }

    /// Reads the parameters of an elliptic curve key: an OID, or explicit ones.
    pub(super) fn of_curve(parameters: &mut Values<'_>) -> Option<Self> {
        let curve = if let Some(oid) = parameters.next(Tag::Oid) {
            let oid = Oid::new(oid.into());
            match Curve::by_oid(&oid) {
                Some(curve) => Self::on(curve),
                None => Self::Curve(oid.to_id_string()),
            }
        } else {
            let explicit = parameters.next(Tag::Sequence)?;
            Curve::by_parameters(explicit).ok()?.map_or(Self::Curve(String::new()), Self::on)
        };
        parameters.is_empty().then_some(curve)
    }

    /// The type of keys on a known curve.
    fn on(curve: &Curve) -> Self {
        let named = [Self::P256, Self::P384, Self::P521, Self::Secp256k1, Self::Sm2];
        let found = named.into_iter().find(|algorithm| algorithm.name() == curve.name);
        found.unwrap_or(Self::Other(curve.name))
    }

    /// The curve, if libcas knows it.
    pub(super) fn curve(&self) -> Option<&'static Curve> {
        Curve::by_name(self.name())
    }

    pub(super) fn is_rsa(&self) -> bool {
        matches!(self, Self::Rsa | Self::RsaPss)
    }

    pub(super) fn is_curve(&self) -> bool {
        self.curve().is_some() || matches!(self, Self::Curve(_))
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

    /// Length of the public key, where all keys of the type are as long.
    fn public_key_length(&self) -> Option<usize> {
        match self {
            Self::Ed25519 | Self::Other("X25519") => Some(32),
            Self::Other("X448") => Some(56),
            Self::Other("Ed448") => Some(57),
            _ => None,
        }
    }
}

/// Whether a value is the parameters of an RSA-PSS key.
fn is_pss(parameters: &[u8]) -> bool {
    let parameters = Any::from_der(parameters).ok().filter(|(rest, _)| rest.is_empty());
    parameters.is_some_and(|(_, parameters)| RsaSsaPssParams::try_from(&parameters).is_ok())
}

/// The public key of a certificate. It is a key that others can use: an RSA modulus and exponent
/// that are possible, a point of its curve, a key of the right length.
#[derive(PartialEq, Eq)]
pub(super) struct PublicKey<'a> {
    pub(super) algorithm: Algorithm,
    /// Content of `subjectPublicKey`; a point of a known curve is uncompressed.
    pub(super) bits: Cow<'a, [u8]>,
}

impl<'a> PublicKey<'a> {
    /// Reads a certificate's public key. The error is a clause.
    pub(super) fn read(info: &SubjectPublicKeyInfo<'a>) -> Result<Self, &'static str> {
        let identifier = Values::of_sequence(info.raw).and_then(|mut it| it.next(Tag::Sequence));
        let algorithm = identifier
            .and_then(Algorithm::read)
            .ok_or("has a public key whose parameters cannot be read")?;
        let mut key = Self { algorithm, bits: info.subject_public_key.data.clone() };
        if key.algorithm.is_rsa() {
            match key.rsa() {
                Some(rsa) if rsa.bits() > MAX_BITS => {
                    return Err("has an RSA key of more than 16384 bits, which clients reject");
                }
                Some(rsa) if rsa.is_possible() => {}
                _ => return Err("has an RSA public key that cannot be read"),
            }
        } else if let Some(curve) = key.algorithm.curve() {
            let point = curve.uncompressed(&key.bits).map(Cow::into_owned);
            let point = point.ok_or("has a public key that is not a point of its curve")?;
            if point != *key.bits {
                key.bits = point.into();
            }
        } else if key.algorithm.public_key_length().is_some_and(|length| length != key.bits.len()) {
            return Err("has a public key of the wrong length");
        }
        Ok(key)
    }

    /// The components of an RSA key.
    pub(super) fn rsa(&self) -> Option<RsaPublicKey<'_>> {
        if self.algorithm.is_rsa() { RsaPublicKey::read(&self.bits) } else { None }
    }

    /// Size of the RSA modulus in bits.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        self.rsa().map(RsaPublicKey::bits)
    }

    /// The name with the size, such as "RSA-2048" or "EC-P256".
    pub(super) fn name(&self) -> String {
        let name = self.algorithm.name();
        self.rsa_bits().map_or_else(|| name.to_owned(), |bits| format!("{name}-{bits}"))
    }

    /// Whether `other`, the public key stored beside a private one, equals this key. Either may be
    /// a compressed point.
    pub(super) fn is_equal(&self, other: &[u8]) -> bool {
        match self.algorithm.curve() {
            Some(curve) => {
                curve.uncompressed(other).is_some_and(|other| are_equal_points(&self.bits, &other))
            }
            None => are_equal_points(&self.bits, other),
        }
    }
}
