//! Checks whether a private key belongs to a certificate.
//!
//! Copies of key material are wiped when dropped, and no message quotes any.

use k256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use k256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, SecretKey};
use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use pkcs8::der::asn1::OctetStringRef;
use ring::rand::SecureRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, UnparsedPublicKey,
};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use crate::inspect::public_key::{Algorithm, PublicKey};

/// The result of comparing a private key with a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The key belongs to the certificate: the certificate's public key verified a test signature,
    /// or equals the one computed from the private key.
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
}

/// The message of test signatures.
const TEST_MESSAGE: &[u8] = b"libcas: does this key belong to this certificate?";
const INVALID_DER: &str = "has invalid ASN.1";
const INVALID_SEC1: &str =
    "has invalid ASN.1, or explicit curve parameters instead of a named curve";
const INVALID_PKCS1: &str = "has invalid ASN.1, or more than two primes";
const INCONSISTENT: &str = "is damaged: its components are inconsistent";

/// Compares the private key in a PEM block, `label` and `der`, with a certificate's public key.
pub(super) fn compare(
    label: &str,
    der: &[u8],
    public: &PublicKey,
    random: &dyn SecureRandom,
) -> Verdict {
    let key = match label {
        "RSA PRIVATE KEY" => PrivateKey { algorithm: Algorithm::Rsa, key: der, public: None },
        "EC PRIVATE KEY" | "SM2 PRIVATE KEY" => {
            // A key that names no curve takes the certificate's.
            let Ok(key) = EcPrivateKey::from_der(der) else {
                return Verdict::Invalid(INVALID_SEC1);
            };
            let curve = named_curve(&key).unwrap_or_else(|| public.algorithm.clone());
            PrivateKey { algorithm: curve, key: der, public: None }
        }
        "DSA PRIVATE KEY" => {
            PrivateKey { algorithm: Algorithm::Other("DSA"), key: der, public: None }
        }
        _ => match PrivateKeyInfoRef::try_from(der) {
            Ok(info) => {
                let curve = info.algorithm.parameters_oid().ok().map(|oid| oid.to_string());
                let mut algorithm =
                    Algorithm::from_oids(&info.algorithm.oid.to_string(), curve.as_deref());
                if algorithm.has_explicit_curve() && public.algorithm.name().starts_with("EC") {
                    // Explicit curve parameters: only the certificate can name the curve.
                    algorithm = public.algorithm.clone();
                }
                let public = info.public_key.and_then(|bits| bits.as_bytes());
                PrivateKey { algorithm, key: info.private_key.as_bytes(), public }
            }
            Err(_) => return Verdict::Invalid(INVALID_DER),
        },
    };
    key.compare(public, random)
}

/// The named curve of a key in SEC 1 format.
fn named_curve(key: &EcPrivateKey<'_>) -> Option<Algorithm> {
    key.parameters
        .and_then(EcParameters::named_curve)
        .map(|oid| Algorithm::from_curve(&oid.to_string()))
}

struct PrivateKey<'a> {
    algorithm: Algorithm,
    /// In the algorithm's own format.
    key: &'a [u8],
    /// The public key, which PKCS#8 may contain as well.
    public: Option<&'a [u8]>,
}

impl PrivateKey<'_> {
    fn compare(&self, public: &PublicKey, random: &dyn SecureRandom) -> Verdict {
        let is_rsa =
            |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa | Algorithm::RsaPss);
        if self.algorithm != public.algorithm
            && !(is_rsa(&self.algorithm) && is_rsa(&public.algorithm))
        {
            return Verdict::Mismatch(format!(
                "the private key is {}, the certificate's key is {}",
                self.algorithm.name(),
                public.name()
            ));
        }
        match &self.algorithm {
            Algorithm::Rsa | Algorithm::RsaPss => compare_rsa(self.key, public, random),
            Algorithm::Ed25519 => compare_ed25519(self.key, public),
            Algorithm::P256 | Algorithm::P384 | Algorithm::P521 | Algorithm::Secp256k1 => {
                let Ok(key) = EcPrivateKey::from_der(self.key) else {
                    return Verdict::Invalid(INVALID_SEC1);
                };
                if named_curve(&key).is_some_and(|named| named != self.algorithm) {
                    return Verdict::Invalid("names two different curves");
                }
                let is_consistent = key.public_key.is_none_or(|point| public.is_point(point));
                let verdict = match self.algorithm {
                    Algorithm::P256 => compare_ecdsa(&key, public, &P256, random),
                    Algorithm::P384 => compare_ecdsa(&key, public, &P384, random),
                    Algorithm::P521 => compare_point::<p521::NistP521>(&key, public),
                    _ => compare_point::<k256::Secp256k1>(&key, public),
                };
                // The private key is right, but the public key stored beside it is not.
                if verdict == Verdict::Verified && !is_consistent {
                    Verdict::Invalid(INCONSISTENT)
                } else {
                    verdict
                }
            }
            _ => self.compare_public_part(public),
        }
    }

    /// Compares the public key that is stored beside the private key.
    fn compare_public_part(&self, public: &PublicKey) -> Verdict {
        let in_sec1 = EcPrivateKey::from_der(self.key).ok().and_then(|key| key.public_key);
        match self.public.or(in_sec1) {
            // Proves nothing for SM2, whose signatures libcas cannot verify.
            _ if self.algorithm == Algorithm::Sm2 => Verdict::Unsupported,
            Some(point) if public.is_point(point) => Verdict::PublicPartMatches,
            Some(_) => different_key(public),
            None => Verdict::Unsupported,
        }
    }
}

fn different_key(public: &PublicKey) -> Verdict {
    Verdict::Mismatch(format!("both are {} keys, but different ones", public.name()))
}

/// Does not check the private exponent: ring uses the primes only, as servers do.
fn compare_rsa(der: &[u8], public: &PublicKey, random: &dyn SecureRandom) -> Verdict {
    let Ok(key) = RsaPrivateKeyRef::try_from(der) else { return Verdict::Invalid(INVALID_PKCS1) };
    let Some((modulus, exponent)) = public.rsa() else { return Verdict::Unsupported };
    if key.modulus.as_bytes() != modulus {
        return match PublicKey::rsa_size(key.modulus.as_bytes()) {
            bits if Some(bits) == public.rsa_bits() => different_key(public),
            bits => Verdict::Mismatch(format!(
                "the private key is RSA-{bits}, the certificate's key is {}",
                public.name()
            )),
        };
    }
    if key.public_exponent.as_bytes() != exponent {
        return Verdict::Mismatch("same modulus, but different public exponents".to_owned());
    }
    // ring rejects primes of unequal length as inconsistent.
    let half = PublicKey::rsa_size(modulus).div_ceil(2);
    if [key.prime1, key.prime2].iter().any(|prime| PublicKey::rsa_size(prime.as_bytes()) != half) {
        return Verdict::PublicPartMatches;
    }
    let pair = match RsaKeyPair::from_der(der) {
        Ok(pair) => pair,
        Err(rejected) if rejected.to_string() == "InconsistentComponents" => {
            return Verdict::Invalid(INCONSISTENT);
        }
        // A size or an exponent that ring does not support.
        Err(_) => return Verdict::PublicPartMatches,
    };
    let mut test_signature = vec![0; pair.public().modulus_len()];
    if pair.sign(&signature::RSA_PKCS1_SHA256, random, TEST_MESSAGE, &mut test_signature).is_err() {
        return Verdict::Invalid(INCONSISTENT);
    }
    verify(&signature::RSA_PKCS1_2048_8192_SHA256, public, &test_signature)
}

fn compare_ed25519(der: &[u8], public: &PublicKey) -> Verdict {
    let Ok(seed) = <&OctetStringRef>::from_der(der) else { return Verdict::Invalid(INVALID_DER) };
    let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()) else {
        return Verdict::Invalid("is not 32 bytes long, as Ed25519 requires");
    };
    verify(&signature::ED25519, public, pair.sign(TEST_MESSAGE).as_ref())
}

/// How ring signs and verifies on a curve.
struct Ecdsa {
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static signature::EcdsaVerificationAlgorithm,
    /// Length of a private key in bytes.
    key_length: usize,
}

static P256: Ecdsa = Ecdsa {
    signing: &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
    verifying: &signature::ECDSA_P256_SHA256_ASN1,
    key_length: 32,
};
static P384: Ecdsa = Ecdsa {
    signing: &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
    verifying: &signature::ECDSA_P384_SHA384_ASN1,
    key_length: 48,
};

fn compare_ecdsa(
    key: &EcPrivateKey<'_>,
    public: &PublicKey,
    ecdsa: &Ecdsa,
    random: &dyn SecureRandom,
) -> Verdict {
    // ring needs the uncompressed point, and rejects the pair if the private key gives another one.
    let point = match (public.bits.first(), key.public_key) {
        (Some(4), _) => &public.bits[..],
        (_, Some(point)) if public.is_point(point) => point,
        (_, Some(_)) => return different_key(public),
        (_, None) => return Verdict::Unsupported,
    };
    let Some(scalar) = pad(key.private_key, ecdsa.key_length) else { return too_long(public) };
    let pair = EcdsaKeyPair::from_private_key_and_public_key(ecdsa.signing, &scalar, point, random);
    let Ok(pair) = pair else { return wrong_scalar(key, public) };
    let Ok(test_signature) = pair.sign(random, TEST_MESSAGE) else {
        return Verdict::Invalid(INCONSISTENT);
    };
    let public_key = UnparsedPublicKey::new(ecdsa.verifying, point);
    match public_key.verify(TEST_MESSAGE, test_signature.as_ref()) {
        Ok(()) => Verdict::Verified,
        Err(_) => wrong_scalar(key, public),
    }
}

/// Possible with explicit curve parameters: they may be those of a larger curve.
fn too_long(public: &PublicKey) -> Verdict {
    Verdict::Mismatch(format!("it is too long for a key of type {}", public.name()))
}

/// Computes the public key and compares it: for curves that ring does not support.
fn compare_point<C>(key: &EcPrivateKey<'_>, public: &PublicKey) -> Verdict
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let Some(scalar) = pad(key.private_key, FieldBytes::<C>::default().len()) else {
        return too_long(public);
    };
    let Ok(secret) = SecretKey::<C>::from_slice(&scalar) else {
        return Verdict::Invalid("is zero or too large for its curve");
    };
    if public.is_point(secret.public_key().to_sec1_point(false).as_bytes()) {
        Verdict::Verified
    } else {
        wrong_scalar(key, public)
    }
}

/// The private key does not give the certificate's public key. If the public key stored beside it
/// is the certificate's, the private key is damaged.
fn wrong_scalar(key: &EcPrivateKey<'_>, public: &PublicKey) -> Verdict {
    if key.public_key.is_some_and(|point| public.is_point(point)) {
        Verdict::Invalid(INCONSISTENT)
    } else {
        different_key(public)
    }
}

/// Brings a private key to the length of its curve: some tools omit leading zeros, some add more.
/// Returns `None` if it is too long.
fn pad(scalar: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let scalar = match scalar.len().checked_sub(length) {
        Some(excess) if scalar[..excess].iter().any(|b| *b != 0) => return None,
        Some(excess) => &scalar[excess..],
        None => scalar,
    };
    let mut padded = Zeroizing::new(vec![0; length]);
    padded[length - scalar.len()..].copy_from_slice(scalar);
    Some(padded)
}

/// Verifies a test signature with the certificate's public key.
fn verify(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    public: &PublicKey,
    signature: &[u8],
) -> Verdict {
    match UnparsedPublicKey::new(algorithm, &public.bits).verify(TEST_MESSAGE, signature) {
        Ok(()) => Verdict::Verified,
        Err(_) => different_key(public),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_are_padded_to_the_length_of_their_curve() {
        for (scalar, wanted) in [
            (&[1, 2][..], Some(vec![0, 1, 2])),
            (&[1, 2, 3], Some(vec![1, 2, 3])),
            (&[0, 0, 1, 2, 3], Some(vec![1, 2, 3])),
            (&[9, 1, 2, 3], None),
            (&[], Some(vec![0, 0, 0])),
        ] {
            assert_eq!(pad(scalar, 3).map(|bytes| bytes.to_vec()), wanted);
        }
    }
}
