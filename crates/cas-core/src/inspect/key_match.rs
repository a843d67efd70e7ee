//! Checks whether a private key belongs to a certificate.
//!
//! Copies of key material are wiped when dropped, and no message quotes any.

use k256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use k256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, SecretKey};
use ring::rand::SecureRandom;
use ring::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair};
use x509_parser::asn1_rs::Tag;
use zeroize::Zeroizing;

use crate::inspect::curve::Curve;
use crate::inspect::der::{Values, without_leading_zeros};
use crate::inspect::private_key::{Pkcs8, Sec1};
use crate::inspect::public_key::{Algorithm, PublicKey};
use crate::inspect::rsa::{RsaPrivateKey, RsaPublicKey};

/// The result of comparing a private key with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The key belongs to the certificate: the certificate's public key follows from it.
    Verified,
    /// The public key stored beside the private key is the certificate's; nothing else was checked.
    PublicPartMatches,
    /// libcas cannot check keys of this type.
    Unsupported,
    /// The key belongs to another certificate; the reason is a clause.
    Mismatch(String),
    /// The key is invalid; the reason follows "the private key at line N".
    Invalid(&'static str),
}

impl Verdict {
    /// Whether the key belongs to the certificate, as far as libcas can tell.
    pub(super) fn is_match(&self) -> bool {
        matches!(self, Self::Verified | Self::PublicPartMatches)
    }

    /// Whether the key belongs to another certificate.
    pub(super) fn is_mismatch(&self) -> bool {
        matches!(self, Self::Mismatch(_))
    }
}

const INVALID_DER: &str = "has invalid ASN.1";
const NO_CURVE: &str = "names no curve";
const INVALID_CURVE: &str = "has curve parameters that cannot be read";
const INCONSISTENT: &str = "is damaged: its components are inconsistent";

/// Compares the private key in a PEM block, `label` and `der`, with a certificate's public key.
pub(super) fn compare(
    label: &str,
    der: &[u8],
    public: &PublicKey<'_>,
    random: &dyn SecureRandom,
) -> Verdict {
    let key = match label {
        "RSA PRIVATE KEY" => Ok(PrivateKey::new(Algorithm::Rsa, der)),
        "EC PRIVATE KEY" | "SM2 PRIVATE KEY" => PrivateKey::sec1(der, public),
        "DSA PRIVATE KEY" => Ok(PrivateKey::dsa(der)),
        _ => PrivateKey::pkcs8(der),
    };
    match key {
        Ok(key) => key.compare(public, random),
        Err(reason) => Verdict::Invalid(reason),
    }
}

struct PrivateKey<'a> {
    algorithm: Algorithm,
    /// In the algorithm's own format.
    key: &'a [u8],
    /// The public key, if it is stored outside of `key`.
    public: Option<&'a [u8]>,
}

impl<'a> PrivateKey<'a> {
    fn new(algorithm: Algorithm, key: &'a [u8]) -> Self {
        Self { algorithm, key, public: None }
    }

    fn pkcs8(der: &'a [u8]) -> Result<Self, &'static str> {
        let Pkcs8 { algorithm, key, public } = Pkcs8::read(der).ok_or(INVALID_DER)?;
        let algorithm =
            Algorithm::read(algorithm).ok_or("has algorithm parameters that cannot be read")?;
        Ok(Self { algorithm, key, public })
    }

    fn sec1(der: &'a [u8], public: &PublicKey<'_>) -> Result<Self, &'static str> {
        let key = Sec1::read(der).ok_or(INVALID_DER)?;
        // A key that names no curve takes the certificate's.
        let of_certificate = || Some(&public.algorithm).filter(|other| other.is_curve()).cloned();
        let algorithm = sec1_curve(&key)?.or_else(of_certificate).ok_or(NO_CURVE)?;
        Ok(Self::new(algorithm, der))
    }

    /// OpenSSL's own format: version, p, q, g, public key, private key.
    fn dsa(der: &'a [u8]) -> Self {
        let public = Values::of_sequence(der).and_then(|mut values| {
            for _ in 0..4 {
                values.next(Tag::Integer)?;
            }
            let rest = values.rest();
            values.next(Tag::Integer)?;
            rest.get(..rest.len() - values.rest().len())
        });
        Self { algorithm: Algorithm::Other("DSA"), key: der, public }
    }

    fn compare(&self, public: &PublicKey<'_>, random: &dyn SecureRandom) -> Verdict {
        if self.algorithm != public.algorithm {
            return Verdict::Mismatch(format!(
                "the private key is {}, the certificate's key is {}",
                self.algorithm.name(),
                public.name()
            ));
        }
        let (verdict, stored) = match &self.algorithm {
            Algorithm::Rsa | Algorithm::RsaPss => (compare_rsa(self.key, public), None),
            Algorithm::Ed25519 => (compare_ed25519(self.key, public), None),
            algorithm if algorithm.is_curve() => {
                let Some(key) = Sec1::read(self.key) else { return Verdict::Invalid(INVALID_DER) };
                match sec1_curve(&key) {
                    Ok(curve) if curve.as_ref().is_none_or(|curve| curve == algorithm) => {}
                    Ok(_) => return Verdict::Invalid("names two different curves"),
                    Err(reason) => return Verdict::Invalid(reason),
                }
                (compare_number(key.number, public, random), key.public)
            }
            _ => (Verdict::Unsupported, None),
        };
        let mut stored = [stored, self.public].into_iter().flatten();
        match verdict {
            // Only the stored public key can tell.
            Verdict::Unsupported => match stored.next() {
                Some(stored) if public.is_equal(stored) => Verdict::PublicPartMatches,
                Some(_) => different_key(public),
                None => Verdict::Unsupported,
            },
            // The private key is right, but a public key stored beside it is not.
            Verdict::Verified if !stored.all(|stored| public.is_equal(stored)) => {
                Verdict::Invalid(INCONSISTENT)
            }
            // The stored public key is the certificate's, so the private key is damaged.
            Verdict::Mismatch(_) if stored.any(|stored| public.is_equal(stored)) => {
                Verdict::Invalid(INCONSISTENT)
            }
            verdict => verdict,
        }
    }
}

/// The curve of a key in SEC 1 format, if it says one.
fn sec1_curve(key: &Sec1<'_>) -> Result<Option<Algorithm>, &'static str> {
    let read = |mut parameters| Algorithm::of_curve(&mut parameters).ok_or(INVALID_CURVE);
    key.curve.map(read).transpose()
}

fn different_key(public: &PublicKey<'_>) -> Verdict {
    Verdict::Mismatch(format!("both are {} keys, but different ones", public.name()))
}

fn compare_rsa(der: &[u8], public: &PublicKey<'_>) -> Verdict {
    let (Some(key), Some(wanted)) = (RsaPrivateKey::read(der), public.rsa()) else {
        return Verdict::Invalid(INVALID_DER);
    };
    let RsaPublicKey { modulus, exponent } = key.public;
    if modulus != wanted.modulus {
        return match key.public.bits() {
            bits if bits == wanted.bits() => different_key(public),
            bits => Verdict::Mismatch(format!(
                "the private key is RSA-{bits}, the certificate's key is {}",
                public.name()
            )),
        };
    }
    if exponent != wanted.exponent {
        return Verdict::Mismatch("same modulus, but different public exponents".to_owned());
    }
    if key.is_consistent() { Verdict::Verified } else { Verdict::Invalid(INCONSISTENT) }
}

fn compare_ed25519(der: &[u8], public: &PublicKey<'_>) -> Verdict {
    let mut values = Values::new(der);
    let Some(seed) = values.next(Tag::OctetString).filter(|_| values.is_empty()) else {
        return Verdict::Invalid(INVALID_DER);
    };
    if seed.len() != 32 {
        return Verdict::Invalid("is not 32 bytes long, as Ed25519 requires");
    }
    match Ed25519KeyPair::from_seed_and_public_key(seed, &public.bits) {
        Ok(_) => Verdict::Verified,
        Err(_) => different_key(public),
    }
}

/// Compares the private number of an elliptic curve key: its public point has to be the
/// certificate's.
fn compare_number(number: &[u8], public: &PublicKey<'_>, random: &dyn SecureRandom) -> Verdict {
    let Some(curve) = public.algorithm.curve() else { return Verdict::Unsupported };
    let Some(number) = pad(number, curve) else { return Verdict::Invalid(OUT_OF_RANGE) };
    match public.algorithm {
        Algorithm::P256 => {
            compare_by_ring(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, &number, public, random)
        }
        Algorithm::P384 => {
            compare_by_ring(&signature::ECDSA_P384_SHA384_ASN1_SIGNING, &number, public, random)
        }
        Algorithm::P521 => compare_point::<p521::NistP521>(&number, public),
        Algorithm::Secp256k1 => compare_point::<k256::Secp256k1>(&number, public),
        Algorithm::Sm2 => compare_point::<sm2::Sm2>(&number, public),
        _ => Verdict::Unsupported,
    }
}

const OUT_OF_RANGE: &str = "is zero or too large for its curve";

/// ring computes the public key, and compares it. For P-256 and P-384 it is the fastest.
fn compare_by_ring(
    algorithm: &'static EcdsaSigningAlgorithm,
    number: &[u8],
    public: &PublicKey<'_>,
    random: &dyn SecureRandom,
) -> Verdict {
    match EcdsaKeyPair::from_private_key_and_public_key(algorithm, number, &public.bits, random) {
        Ok(_) => Verdict::Verified,
        Err(rejected) if rejected.to_string() == "InvalidComponent" => {
            Verdict::Invalid(OUT_OF_RANGE)
        }
        Err(_) => different_key(public),
    }
}

/// Computes the public key and compares it: for curves that ring does not support.
fn compare_point<C>(number: &[u8], public: &PublicKey<'_>) -> Verdict
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let Ok(secret) = SecretKey::<C>::from_slice(number) else {
        return Verdict::Invalid(OUT_OF_RANGE);
    };
    if *public.bits == *secret.public_key().to_sec1_point(false).as_bytes() {
        Verdict::Verified
    } else {
        different_key(public)
    }
}

/// Brings a private key to the length of its curve: some tools omit leading zeros, some add more.
/// Returns `None` if it is too long.
fn pad(number: &[u8], curve: &Curve) -> Option<Zeroizing<Vec<u8>>> {
    let number = without_leading_zeros(number);
    let mut padded = Zeroizing::new(vec![0; curve.key_length()]);
    let start = padded.len().checked_sub(number.len())?;
    padded[start..].copy_from_slice(number);
    Some(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_are_padded_to_the_length_of_their_curve() {
        let curve = Curve::by_name("EC-P256").unwrap();
        let padded = |end: &[u8]| Some([&vec![0; 32 - end.len()], end].concat());
        for (number, wanted) in [
            (&[1, 2][..], padded(&[1, 2])),
            (&[9; 32], padded(&[9; 32])),
            (&[[0; 4].as_slice(), &[9; 32]].concat(), padded(&[9; 32])),
            (&[9; 33], None),
            (&[], padded(&[])),
        ] {
            assert_eq!(pad(number, curve).map(|bytes| bytes.to_vec()), wanted);
        }
    }
}
