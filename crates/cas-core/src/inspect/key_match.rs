//! Does the private key belong to the certificate? Nothing of it is kept, copied only into memory that is wiped, and
//! never quoted.

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

/// What came out of comparing a private key with a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to the certificate: a signature was made and verified, or its public key computed.
    Proven,
    /// Its public half, as it stands in the key, is the certificate's.
    Compared,
    /// It may belong to it; keys of this kind cannot be checked here.
    Unknown,
    /// It is another certificate's.
    Mismatch(String),
    /// It is no key, or its parts do not belong together.
    Broken(&'static str),
}

/// What is signed to prove that two keys belong together.
const PROOF: &[u8] = b"libcas: does this key belong to this certificate?";
const NOT_DER: &str = "cannot be read: its ASN.1 is broken";
const NOT_SEC1: &str =
    "cannot be read: its ASN.1 is broken, or spells its curve out instead of naming it";
const NOT_PKCS1: &str = "cannot be read: its ASN.1 is broken, or it has more than two primes";
const INCONSISTENT: &str = "is damaged: its parts do not belong together";

/// Compares the private key in `der`, from a PEM block with this label, with the public key of a certificate.
pub(super) fn compare(
    label: &str,
    der: &[u8],
    public: &PublicKey,
    random: &dyn SecureRandom,
) -> Verdict {
    let key = match label {
        "RSA PRIVATE KEY" => Private { algorithm: Algorithm::Rsa, key: der, public: None },
        "EC PRIVATE KEY" | "SM2 PRIVATE KEY" => {
            // The curve may stand in the block before the key, or nowhere.
            let Ok(key) = EcPrivateKey::from_der(der) else { return Verdict::Broken(NOT_SEC1) };
            let curve = curve_of(&key).unwrap_or_else(|| public.algorithm.clone());
            Private { algorithm: curve, key: der, public: None }
        }
        "DSA PRIVATE KEY" => Private { algorithm: Algorithm::Named("DSA"), key: der, public: None },
        _ => match PrivateKeyInfoRef::try_from(der) {
            Ok(info) => {
                let curve = info.algorithm.parameters_oid().ok().map(|oid| oid.to_string());
                let mut algorithm =
                    Algorithm::from_oids(&info.algorithm.oid.to_string(), curve.as_deref());
                if algorithm.is_unnamed_curve() && public.algorithm.name().starts_with("EC") {
                    // Its curve is written out; only the certificate can name it.
                    algorithm = public.algorithm.clone();
                }
                let public = info.public_key.and_then(|bits| bits.as_bytes());
                Private { algorithm, key: info.private_key.as_bytes(), public }
            }
            Err(_) => return Verdict::Broken(NOT_DER),
        },
    };
    key.compare(public, random)
}

/// The curve that a key in SEC 1 form names.
fn curve_of(key: &EcPrivateKey<'_>) -> Option<Algorithm> {
    key.parameters
        .and_then(EcParameters::named_curve)
        .map(|oid| Algorithm::from_curve(&oid.to_string()))
}

struct Private<'a> {
    algorithm: Algorithm,
    /// In the form that is the algorithm's own.
    key: &'a [u8],
    /// PKCS#8 may carry the public key as well.
    public: Option<&'a [u8]>,
}

impl Private<'_> {
    fn compare(&self, public: &PublicKey, random: &dyn SecureRandom) -> Verdict {
        let is_rsa =
            |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa | Algorithm::RsaPss);
        if self.algorithm != public.algorithm
            && !(is_rsa(&self.algorithm) && is_rsa(&public.algorithm))
        {
            return Verdict::Mismatch(format!(
                "the key is {}, the certificate's {}",
                self.algorithm.name(),
                public.name()
            ));
        }
        match &self.algorithm {
            Algorithm::Rsa | Algorithm::RsaPss => compare_rsa(self.key, public, random),
            Algorithm::Ed25519 => compare_ed25519(self.key, public),
            Algorithm::P256 | Algorithm::P384 | Algorithm::P521 | Algorithm::Secp256k1 => {
                let Ok(key) = EcPrivateKey::from_der(self.key) else {
                    return Verdict::Broken(NOT_SEC1);
                };
                if curve_of(&key).is_some_and(|named| named != self.algorithm) {
                    return Verdict::Broken("names two curves");
                }
                let stated = key.public_key.is_none_or(|stated| public.is_point(stated));
                let verdict = match self.algorithm {
                    Algorithm::P256 => compare_ecdsa(&key, public, &P256, random),
                    Algorithm::P384 => compare_ecdsa(&key, public, &P384, random),
                    Algorithm::P521 => compare_point::<p521::NistP521>(&key, public),
                    _ => compare_point::<k256::Secp256k1>(&key, public),
                };
                // The right secret number beside a wrong point.
                if verdict == Verdict::Proven && !stated {
                    Verdict::Broken(INCONSISTENT)
                } else {
                    verdict
                }
            }
            _ => self.compare_stated(public),
        }
    }

    /// By what the key itself says its public key is.
    fn compare_stated(&self, public: &PublicKey) -> Verdict {
        let in_sec1 = EcPrivateKey::from_der(self.key).ok().and_then(|key| key.public_key);
        match self.public.or(in_sec1) {
            // SM2 has signatures of its own; that the key says so itself proves nothing.
            _ if self.algorithm == Algorithm::Sm2 => Verdict::Unknown,
            Some(stated) if public.is_point(stated) => Verdict::Compared,
            Some(_) => another_key(public),
            None => Verdict::Unknown,
        }
    }
}

fn another_key(public: &PublicKey) -> Verdict {
    Verdict::Mismatch(format!("both are {}, but not the same key", public.name()))
}

/// The private exponent itself is not looked at: ring computes with the primes alone, as servers do.
fn compare_rsa(der: &[u8], public: &PublicKey, random: &dyn SecureRandom) -> Verdict {
    let Ok(key) = RsaPrivateKeyRef::try_from(der) else { return Verdict::Broken(NOT_PKCS1) };
    let Some((modulus, exponent)) = public.rsa() else { return Verdict::Unknown };
    if key.modulus.as_bytes() != modulus {
        return match PublicKey::rsa_size(key.modulus.as_bytes()) {
            own if Some(own) == public.rsa_bits() => another_key(public),
            own => Verdict::Mismatch(format!(
                "the key is RSA-{own}, the certificate's {}",
                public.name()
            )),
        };
    }
    if key.public_exponent.as_bytes() != exponent {
        return Verdict::Mismatch("the same modulus, but another public exponent".to_owned());
    }
    // ring takes no primes of unequal length, and calls them inconsistent.
    let half = PublicKey::rsa_size(modulus).div_ceil(2);
    if [key.prime1, key.prime2].iter().any(|prime| PublicKey::rsa_size(prime.as_bytes()) != half) {
        return Verdict::Compared;
    }
    let pair = match RsaKeyPair::from_der(der) {
        Ok(pair) => pair,
        Err(rejected) if rejected.to_string() == "InconsistentComponents" => {
            return Verdict::Broken(INCONSISTENT);
        }
        // Sizes and exponents that ring does not sign with.
        Err(_) => return Verdict::Compared,
    };
    let mut proof = vec![0; pair.public().modulus_len()];
    if pair.sign(&signature::RSA_PKCS1_SHA256, random, PROOF, &mut proof).is_err() {
        return Verdict::Broken(INCONSISTENT);
    }
    proven(&signature::RSA_PKCS1_2048_8192_SHA256, public, &proof)
}

fn compare_ed25519(der: &[u8], public: &PublicKey) -> Verdict {
    let Ok(seed) = <&OctetStringRef>::from_der(der) else { return Verdict::Broken(NOT_DER) };
    let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()) else {
        return Verdict::Broken("is not 32 bytes long, as Ed25519 keys are");
    };
    proven(&signature::ED25519, public, pair.sign(PROOF).as_ref())
}

/// What ring signs and verifies a curve with, and the length of its secret numbers in bytes.
struct Ecdsa {
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static signature::EcdsaVerificationAlgorithm,
    length: usize,
}

static P256: Ecdsa = Ecdsa {
    signing: &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
    verifying: &signature::ECDSA_P256_SHA256_ASN1,
    length: 32,
};
static P384: Ecdsa = Ecdsa {
    signing: &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
    verifying: &signature::ECDSA_P384_SHA384_ASN1,
    length: 48,
};

fn compare_ecdsa(
    key: &EcPrivateKey<'_>,
    public: &PublicKey,
    ecdsa: &Ecdsa,
    random: &dyn SecureRandom,
) -> Verdict {
    // ring computes the point anew and takes the pair only if it is this one. It wants the point written out.
    let point = match (public.bits.first(), key.public_key) {
        (Some(4), _) => &public.bits[..],
        (_, Some(stated)) if public.is_point(stated) => stated,
        (_, Some(_)) => return another_key(public),
        (_, None) => return Verdict::Unknown,
    };
    let Some(number) = padded(key.private_key, ecdsa.length) else { return too_long(public) };
    let pair = EcdsaKeyPair::from_private_key_and_public_key(ecdsa.signing, &number, point, random);
    let Ok(pair) = pair else { return another_number(key, public) };
    match pair.sign(random, PROOF) {
        Ok(proof) => {
            match UnparsedPublicKey::new(ecdsa.verifying, point).verify(PROOF, proof.as_ref()) {
                Ok(()) => Verdict::Proven,
                Err(_) => another_number(key, public),
            }
        }
        Err(_) => Verdict::Broken(INCONSISTENT),
    }
}

/// A key whose curve is written out may be of a larger one than the certificate's.
fn too_long(public: &PublicKey) -> Verdict {
    Verdict::Mismatch(format!("it is longer than keys of type {} are", public.name()))
}

/// Compares the point that belongs to the secret number with the certificate's: curves that ring does not sign with.
fn compare_point<C>(key: &EcPrivateKey<'_>, public: &PublicKey) -> Verdict
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let Some(number) = padded(key.private_key, FieldBytes::<C>::default().len()) else {
        return too_long(public);
    };
    let Ok(secret) = SecretKey::<C>::from_slice(&number) else {
        return Verdict::Broken("is zero, or larger than keys of its curve are");
    };
    if public.is_point(secret.public_key().to_sec1_point(false).as_bytes()) {
        Verdict::Proven
    } else {
        another_number(key, public)
    }
}

/// The secret number is not that of the certificate's point. Where the key says that it is, it is damaged.
fn another_number(key: &EcPrivateKey<'_>, public: &PublicKey) -> Verdict {
    if key.public_key.is_some_and(|stated| public.is_point(stated)) {
        Verdict::Broken(INCONSISTENT)
    } else {
        another_key(public)
    }
}

/// Some tools write a secret number without its leading zeros, some with more of them.
fn padded(number: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let number = match number.len().checked_sub(length) {
        Some(more) if number[..more].iter().any(|b| *b != 0) => return None,
        Some(more) => &number[more..],
        None => number,
    };
    let mut padded = Zeroizing::new(vec![0; length]);
    padded[length - number.len()..].copy_from_slice(number);
    Some(padded)
}

fn proven(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    public: &PublicKey,
    proof: &[u8],
) -> Verdict {
    match UnparsedPublicKey::new(algorithm, &public.bits).verify(PROOF, proof) {
        Ok(()) => Verdict::Proven,
        Err(_) => another_key(public),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_numbers_are_padded_to_the_length_of_their_curve() {
        for (number, padded_to) in [
            (&[1, 2][..], Some(vec![0, 1, 2])),
            (&[1, 2, 3], Some(vec![1, 2, 3])),
            (&[0, 0, 1, 2, 3], Some(vec![1, 2, 3])),
            (&[9, 1, 2, 3], None),
            (&[], Some(vec![0, 0, 0])),
        ] {
            assert_eq!(padded(number, 3).map(|bytes| bytes.to_vec()), padded_to);
        }
    }
}
