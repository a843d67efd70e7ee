//! Inspects a certificate chain and its private key before an upload: refuses what the service
//! would refuse and what must not be sent, warns about what may fail later, and tidies the PEM.
//!
//! Works offline. Uses `base` only. This file has the entry points; the other files do not use it.

mod allowed;
mod certificate;
mod chain;
mod checks;
mod curve;
mod der;
mod dn;
mod double_certificates;
mod encoded_text;
mod escapes;
mod extensions;
mod findings;
mod fingerprint;
mod formats;
mod input;
mod inspection;
mod key_match;
mod pem;
mod private_key;
mod public_key;
mod renewal;
mod root;
mod rsa;
mod signature;
mod size;
mod sm2_enveloped_key;
mod sm2_signature;
mod syntax;
mod text_formats;
mod upload_name;
mod wrapping;

use std::time::SystemTime;

use ring::rand::{SecureRandom, SystemRandom};

pub(crate) use allowed::{AllowedFindings, allowable};
pub use certificate::{Facts, IssuerLink};
pub(crate) use double_certificates::single_sm2;
pub use findings::{Finding, FindingKind, Severity};
pub(crate) use fingerprint::Fingerprint;
pub use formats::not_text;
pub(crate) use formats::{is_der, is_pkcs7, is_pkcs12};
pub use inspection::{ChainEntry, Inspection};
pub(crate) use pem::{decode_bare, write as write_pem};
pub(crate) use renewal::is_renewal;
pub(crate) use root::trusted_for_servers;
pub(crate) use size::copied;
pub use size::{MAX_PEM_BYTES, check_size};
pub(crate) use upload_name::{check_name, suggested_name};

use crate::base::time::UnixTime;
use certificate::ParsedCertificate;
use input::DerBlock;

/// Inspects a certificate with its chain and, if `key` is given, its private key.
///
/// The input is PEM in any layout; the result holds the facts, the tidied PEM and the findings.
/// `now` decides about validity periods. `random` hides computations with the key from
/// observers.
#[must_use]
pub fn inspect(
    certificate: &[u8],
    key: Option<&[u8]>,
    now: UnixTime,
    random: &dyn SecureRandom,
) -> Inspection {
    let mut findings = Vec::new();
    let certificates = input::certificates(certificate, &mut findings);
    let keys = key.map(|key| input::keys(key, &mut findings)).unwrap_or_default();
    checks::check(&certificates, &keys, findings, now, random)
}

/// Like [`inspect`], with this machine's clock and the operating system's random numbers.
#[must_use]
pub fn inspect_now(certificate: &[u8], key: Option<&[u8]>) -> Inspection {
    inspect(certificate, key, UnixTime::of(SystemTime::now()), &SystemRandom::new())
}

/// Inspects SM2 double certificates: the certificate and the key of the `signing` and of the
/// `encryption` pair. The first inspection has the findings of both.
#[must_use]
pub(crate) fn inspect_double(
    signing: [&[u8]; 2],
    encryption: [&[u8]; 2],
    now: UnixTime,
    random: &dyn SecureRandom,
) -> [Inspection; 2] {
    let mut inspections = [signing, encryption]
        .map(|[certificate, key]| inspect(certificate, Some(key), now, random));
    double_certificates::check(&mut inspections, signing[0], random);
    inspections
}

/// Whether the key usage of a certificate in DER allows it to sign others. A certificate without a
/// key usage may, and so may one that is malformed: that is not for this function to report.
#[must_use]
pub(crate) fn may_sign(certificate: &[u8]) -> bool {
    ParsedCertificate::parse(certificate).ok().is_none_or(|parsed| parsed.may_sign())
}

/// Inspects one certificate in DER, such as one from a TLS handshake, with this machine's clock.
#[must_use]
pub(crate) fn inspect_der(certificate: &[u8]) -> Inspection {
    let now = UnixTime::of(SystemTime::now());
    let certificates = [DerBlock::certificate(1, certificate.to_vec().into())];
    checks::check(&certificates, &[], Vec::new(), now, &SystemRandom::new())
}

#[cfg(test)]
mod tests;
