//! Verifies the signatures of certificates.

use ring::signature::{self, RsaParameters, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::oid_registry as oids;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

use crate::inspect::public_key::{Algorithm, PublicKey};
use crate::inspect::sm2_signature;

/// The result of verifying a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Valid,
    Invalid,
    /// libcas cannot verify signatures of this kind, or with keys of this type or size.
    Unsupported,
}

/// What a signature algorithm needs.
enum Scheme {
    Rsa(&'static RsaParameters),
    /// `None` for a hash that ring does not support.
    RsaPss(Option<&'static RsaParameters>),
    /// With a hash of this many bits.
    Ecdsa(u32),
    Ed25519,
    Sm2,
}

impl Scheme {
    fn read(algorithm: &AlgorithmIdentifier<'_>) -> Option<Self> {
        const OIW_SHA1_WITH_RSA: Oid<'_> = oid!(1.3.14.3.2.29);
        let oid = &algorithm.algorithm;
        let schemes = [
            (
                oids::OID_PKCS1_SHA1WITHRSA,
                Self::Rsa(&signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
            ),
            (
                OIW_SHA1_WITH_RSA,
                Self::Rsa(&signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
            ),
            (oids::OID_PKCS1_SHA256WITHRSA, Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256)),
            (oids::OID_PKCS1_SHA384WITHRSA, Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384)),
            (oids::OID_PKCS1_SHA512WITHRSA, Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512)),
            (oids::OID_SIG_ECDSA_WITH_SHA256, Self::Ecdsa(256)),
            (oids::OID_SIG_ECDSA_WITH_SHA384, Self::Ecdsa(384)),
            (oids::OID_SIG_ED25519, Self::Ed25519),
            (sm2_signature::SM2_WITH_SM3, Self::Sm2),
        ];
        if *oid == oids::OID_PKCS1_RSASSAPSS {
            return Some(Self::RsaPss(pss(algorithm)));
        }
        schemes.into_iter().find(|(known, _)| known == oid).map(|(_, scheme)| scheme)
    }
}

/// How ring verifies RSA-PSS with the hash that the parameters name. Without any it is SHA-1, which
/// ring does not support.
fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Option<&'static RsaParameters> {
    let parameters = RsaSsaPssParams::try_from(algorithm.parameters.as_ref()?).ok()?;
    let hash = parameters.hash_algorithm_oid();
    [
        (oids::OID_NIST_HASH_SHA256, &signature::RSA_PSS_2048_8192_SHA256),
        (oids::OID_NIST_HASH_SHA384, &signature::RSA_PSS_2048_8192_SHA384),
        (oids::OID_NIST_HASH_SHA512, &signature::RSA_PSS_2048_8192_SHA512),
    ]
    .into_iter()
    .find(|(known, _)| known == hash)
    .map(|(_, parameters)| parameters)
}

/// Verifies the signature of `message` with this public key.
pub(super) fn verify(
    key: &PublicKey<'_>,
    algorithm: &AlgorithmIdentifier<'_>,
    message: &[u8],
    signature: &[u8],
) -> Validity {
    let with = |algorithm: &'static dyn VerificationAlgorithm| match UnparsedPublicKey::new(
        algorithm, &key.bits,
    )
    .verify(message, signature)
    {
        Ok(()) => Validity::Valid,
        Err(_) => Validity::Invalid,
    };
    let Some(scheme) = Scheme::read(algorithm) else { return Validity::Unsupported };
    match (scheme, &key.algorithm) {
        (Scheme::Rsa(parameters), Algorithm::Rsa) => {
            verify_rsa(key, parameters, message, signature)
        }
        (Scheme::RsaPss(Some(parameters)), Algorithm::Rsa | Algorithm::RsaPss) => {
            // ring supports only salts as long as the hash.
            match verify_rsa(key, parameters, message, signature) {
                Validity::Invalid => Validity::Unsupported,
                other => other,
            }
        }
        (Scheme::RsaPss(None), Algorithm::Rsa | Algorithm::RsaPss) => Validity::Unsupported,
        (Scheme::Ecdsa(256), Algorithm::P256) => with(&signature::ECDSA_P256_SHA256_ASN1),
        (Scheme::Ecdsa(384), Algorithm::P256) => with(&signature::ECDSA_P256_SHA384_ASN1),
        (Scheme::Ecdsa(256), Algorithm::P384) => with(&signature::ECDSA_P384_SHA256_ASN1),
        (Scheme::Ecdsa(384), Algorithm::P384) => with(&signature::ECDSA_P384_SHA384_ASN1),
        (Scheme::Ecdsa(_), other) if other.is_curve() => Validity::Unsupported,
        (Scheme::Ed25519, Algorithm::Ed25519) => with(&signature::ED25519),
        (Scheme::Sm2, Algorithm::Sm2) => {
            if sm2_signature::is_valid(key, message, signature) {
                Validity::Valid
            } else {
                Validity::Invalid
            }
        }
        // The key is of another type than the one that signed.
        _ => Validity::Invalid,
    }
}

fn verify_rsa(
    key: &PublicKey<'_>,
    parameters: &RsaParameters,
    message: &[u8],
    signature: &[u8],
) -> Validity {
    let Some(rsa) = key.rsa() else { return Validity::Unsupported };
    // ring's limits.
    if !(2048..=8192).contains(&rsa.bits()) || rsa.exponent.len() > 4 {
        return Validity::Unsupported;
    }
    let components = signature::RsaPublicKeyComponents { n: rsa.modulus, e: rsa.exponent };
    match components.verify(parameters, message, signature) {
        Ok(()) => Validity::Valid,
        Err(_) => Validity::Invalid,
    }
}
