//! Verifies certificates that are signed by SM2 with SM3 (GM/T 0009, GM/T 0015).

use sm2::FieldBytes;
use sm2::dsa::signature::Verifier;
use sm2::dsa::{Signature, VerifyingKey};
use x509_parser::asn1_rs::{FromDer, Integer, Oid, Sequence, oid};

use crate::inspect::public_key::PublicKey;

/// OID of signatures by SM2 with SM3.
pub(super) const SM2_WITH_SM3: Oid<'_> = oid!(1.2.156.10197.1.501);

/// The signer's identity, which is signed together with the certificate: the one of GM/T 0009,
/// which all CAs use, and none, the default of OpenSSL 3.0.
const IDENTITIES: [&str; 2] = ["1234567812345678", ""];

/// Whether `signature` is that of `message` by this SM2 key.
pub(super) fn is_valid(key: &PublicKey<'_>, message: &[u8], signature: &[u8]) -> bool {
    read(signature).is_some_and(|signature| {
        IDENTITIES.iter().any(|identity| {
            VerifyingKey::from_sec1_bytes(identity, &key.bits)
                .is_ok_and(|key| key.verify(message, &signature).is_ok())
        })
    })
}

/// Reads a SEQUENCE of two numbers, r and s.
fn read(der: &[u8]) -> Option<Signature> {
    let (_, sequence) = Sequence::from_der(der).ok()?;
    let (rest, r) = Integer::from_der(&sequence.content).ok()?;
    let (rest, s) = Integer::from_der(rest).ok()?;
    let signature = Signature::from_scalars(number(&r)?, number(&s)?);
    signature.ok().filter(|_| rest.is_empty())
}

/// A positive number, padded to the length of the curve. Zero and numbers beyond the order of the
/// curve are for [`Signature`] to refuse.
fn number(integer: &Integer<'_>) -> Option<FieldBytes> {
    let bytes = integer.as_ref();
    if bytes.first().is_some_and(|first| *first >= 0x80) {
        return None; // negative
    }
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut padded = FieldBytes::default();
    let offset = padded.len().checked_sub(bytes.len() - start)?;
    padded[offset..].copy_from_slice(&bytes[start..]);
    Some(padded)
}

#[cfg(test)]
mod tests;
