//! Whether a private key belongs to a certificate.

use p256::elliptic_curve::sec1::{FromSec1Point, ToSec1Point};
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytesSize, PublicKey as Point, SecretKey,
};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::{Decode, asn1::OctetStringRef};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use crate::certificate::{Algorithm, PublicKey};
use crate::pem;

/// Why a key is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// Not a private key in PEM, or an encrypted one.
    Unreadable,
    /// A readable key of another certificate.
    Mismatch,
}

/// Checks that `text` holds the private key of `certificate`. Nothing of the key is kept.
pub(crate) fn check(text: &str, certificate: &PublicKey) -> Result<(), KeyError> {
    let blocks = pem::read(text).map_err(|_| KeyError::Unreadable)?;
    // `openssl ecparam -genkey` writes the curve in a block before the key; it has labels of its own for SM2.
    let mut keys =
        blocks.iter().filter(|block| !["EC PARAMETERS", "SM2 PARAMETERS"].contains(&&*block.label));
    let (Some(block), None) = (keys.next(), keys.next()) else { return Err(KeyError::Unreadable) };
    if block.encrypted {
        return Err(KeyError::Unreadable);
    }
    let (algorithm, public) = match block.label.as_str() {
        "PRIVATE KEY" => from_pkcs8(&block.der)?,
        "RSA PRIVATE KEY" => (Algorithm::Rsa, rsa_public_key(&block.der)?),
        // The curve may be left out here; then only the certificate can name it.
        "EC PRIVATE KEY" | "SM2 PRIVATE KEY" => from_sec1(&block.der, None, certificate.algorithm)?,
        _ => return Err(KeyError::Unreadable),
    };
    let wanted = comparable(certificate).filter(|_| algorithm == certificate.algorithm);
    if wanted == Some(public) { Ok(()) } else { Err(KeyError::Mismatch) }
}

type Public = (Algorithm, Vec<u8>);

fn from_pkcs8(der: &[u8]) -> Result<Public, KeyError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Unreadable)?;
    let curve = info.algorithm.parameters_oid().ok().map(|oid| oid.to_string());
    let algorithm = Algorithm::from_oids(&info.algorithm.oid.to_string(), curve.as_deref());
    let key = info.private_key.as_bytes();
    match algorithm.ok_or(KeyError::Unreadable)? {
        Algorithm::Rsa => Ok((Algorithm::Rsa, rsa_public_key(key)?)),
        Algorithm::Ed25519 => Ok((Algorithm::Ed25519, ed25519_public_key(key)?)),
        curve => from_sec1(key, Some(curve), curve),
    }
}

fn from_sec1(
    der: &[u8],
    stated: Option<Algorithm>,
    fallback: Algorithm,
) -> Result<Public, KeyError> {
    let key = EcPrivateKey::from_der(der).map_err(|_| KeyError::Unreadable)?;
    let named = match key.parameters.and_then(EcParameters::named_curve) {
        Some(oid) => Some(Algorithm::from_curve(&oid.to_string()).ok_or(KeyError::Unreadable)?),
        None => None,
    };
    let algorithm = match (stated, named) {
        (Some(stated), Some(named)) if stated != named => return Err(KeyError::Unreadable),
        (stated, named) => stated.or(named).unwrap_or(fallback),
    };
    let point = match algorithm {
        Algorithm::P256 => point_of::<p256::NistP256>(key.private_key),
        Algorithm::P384 => point_of::<p384::NistP384>(key.private_key),
        Algorithm::P521 => point_of::<p521::NistP521>(key.private_key),
        Algorithm::Secp256k1 => point_of::<k256::Secp256k1>(key.private_key),
        Algorithm::Sm2 => point_of::<sm2::Sm2>(key.private_key),
        // A key without a curve beside a certificate that has none either.
        Algorithm::Rsa | Algorithm::Ed25519 => return Err(KeyError::Mismatch),
    };
    Ok((algorithm, point.ok_or(KeyError::Unreadable)?))
}

/// The public point of a secret number, computed: the copy in the key file is optional and may be wrong.
fn point_of<C>(secret: &[u8]) -> Option<Vec<u8>>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: p256::elliptic_curve::sec1::ModulusSize,
{
    let width = p256::elliptic_curve::FieldBytes::<C>::default().len();
    // Some tools write the number without its leading zeros.
    let mut padded = Zeroizing::new(vec![0; width]);
    padded.get_mut(width.checked_sub(secret.len())?..)?.copy_from_slice(secret);
    let key = SecretKey::<C>::from_slice(&padded).ok()?;
    Some(key.public_key().to_sec1_point(false).as_bytes().to_vec())
}

/// The public key of a certificate in the form that the functions above give.
fn comparable(certificate: &PublicKey) -> Option<Vec<u8>> {
    let bits = &certificate.bits[..];
    match certificate.algorithm {
        Algorithm::Rsa => {
            let key = RsaPublicKeyRef::try_from(bits).ok()?;
            Some(rsa_numbers(&key))
        }
        Algorithm::P256 => expand::<p256::NistP256>(bits),
        Algorithm::P384 => expand::<p384::NistP384>(bits),
        Algorithm::P521 => expand::<p521::NistP521>(bits),
        Algorithm::Secp256k1 => expand::<k256::Secp256k1>(bits),
        Algorithm::Sm2 => expand::<sm2::Sm2>(bits),
        Algorithm::Ed25519 => Some(bits.to_vec()),
    }
}

/// A certificate may hold its point compressed.
fn expand<C>(bits: &[u8]) -> Option<Vec<u8>>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: p256::elliptic_curve::sec1::ModulusSize,
{
    let point = Point::<C>::from_sec1_bytes(bits).ok()?;
    Some(point.to_sec1_point(false).as_bytes().to_vec())
}

fn ed25519_public_key(wrapped: &[u8]) -> Result<Vec<u8>, KeyError> {
    let seed = <&OctetStringRef>::from_der(wrapped).map_err(|_| KeyError::Unreadable)?;
    let seed = <&[u8; 32]>::try_from(seed.as_bytes()).map_err(|_| KeyError::Unreadable)?;
    Ok(ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes().to_vec())
}

fn rsa_public_key(der: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = RsaPrivateKeyRef::try_from(der).map_err(|_| KeyError::Unreadable)?;
    Ok(rsa_numbers(&key.public_key()))
}

/// Modulus and exponent behind the modulus's length, so that no two keys look alike.
fn rsa_numbers(key: &RsaPublicKeyRef<'_>) -> Vec<u8> {
    let modulus = key.modulus.as_bytes();
    [&modulus.len().to_be_bytes(), modulus, key.public_exponent.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate;

    fn file(name: &str) -> String {
        let path = format!("{}/tests/data/keys/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    const KINDS: [&str; 7] = ["rsa", "p256", "p384", "p521", "secp256k1", "sm2", "ed25519"];

    #[test]
    fn a_key_fits_its_own_certificate_and_no_other() {
        let mut checked = 0;
        for kind in KINDS {
            let own = certificate::read(&file(&format!("{kind}.crt"))).unwrap().public_key;
            for form in ["pkcs1", "sec1", "no-public", "pkcs8"] {
                let name = format!("{kind}.{form}.key");
                let path = format!("{}/tests/data/keys/{name}", env!("CARGO_MANIFEST_DIR"));
                if !std::path::Path::new(&path).exists() {
                    continue;
                }
                assert_eq!(check(&file(&name), &own), Ok(()), "{name}");
                for other in KINDS.into_iter().filter(|other| *other != kind) {
                    let other =
                        certificate::read(&file(&format!("{other}.crt"))).unwrap().public_key;
                    assert_eq!(check(&file(&name), &other), Err(KeyError::Mismatch), "{name}");
                }
                checked += 1;
            }
        }
        assert_eq!(checked, 18);
    }

    #[test]
    fn unreadable_keys_are_told_from_wrong_ones() {
        let own = certificate::read(&file("rsa.crt")).unwrap().public_key;
        for name in ["rsa.pkcs1-encrypted.key", "rsa.pkcs8-encrypted.key", "rsa.crt"] {
            assert_eq!(check(&file(name), &own), Err(KeyError::Unreadable), "{name}");
        }
        let two = file("rsa.pkcs1.key") + &file("rsa.pkcs1.key");
        let cut = file("p256.sec1.key").replace("MHc", "MHd");
        for text in
            ["", &two, &cut, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
        {
            assert_eq!(check(text, &own), Err(KeyError::Unreadable));
        }
    }

    #[test]
    fn numbers_out_of_range_are_no_keys() {
        assert!(point_of::<p256::NistP256>(&[]).is_none());
        assert!(point_of::<p256::NistP256>(&[0; 32]).is_none());
        assert!(point_of::<p256::NistP256>(&[0xff; 32]).is_none());
        assert!(point_of::<p256::NistP256>(&[1; 33]).is_none());
        assert_eq!(point_of::<p256::NistP256>(&[7]), point_of::<p256::NistP256>(&[0, 0, 7]));
    }
}
