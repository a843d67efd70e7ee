//! What is refused here, offline, because the service would refuse it or because it must not be sent; what is warned
//! of; and what is tidied. Pure: time and randomness are arguments.

mod certificate;
mod chain;
mod checks;
mod dn;
mod findings;
mod fingerprint;
mod formats;
mod input;
mod inspection;
mod key_match;
mod pem;
mod public_key;
mod upload_name;

use std::time::SystemTime;

use ring::rand::{SecureRandom, SystemRandom};

pub use certificate::Facts;
pub use findings::{Finding, FindingKind, Severity};
pub(crate) use fingerprint::Fingerprint;
pub use formats::not_text;
pub use inspection::Inspection;

use crate::base::error::{Error, ErrorKind};
use crate::base::time::UnixTime;

/// Refuses what cannot be a name; returns what is to be warned of. A name may be of `any_length` where the service is
/// to judge it.
pub(crate) fn check_name(name: &str, any_length: bool) -> Result<Option<Finding>, Error> {
    let Some(finding) = upload_name::look_at(name) else { return Ok(None) };
    let kind = match finding.kind {
        FindingKind::NameTooLong if any_length => return Ok(None),
        FindingKind::NameEmpty => ErrorKind::InvalidArgument,
        kind if kind.severity() == Severity::Refused => ErrorKind::Certificate,
        _ => return Ok(Some(finding)),
    };
    Err(Error::new(kind, format!("Nothing was sent: {finding}.")).with_hint(finding.kind.advice()))
}

/// Reads a certificate with its chain, and its key where one is given, and says all that is to be said about them.
#[must_use]
pub fn inspect(
    certificate: &[u8],
    key: Option<&[u8]>,
    now: UnixTime,
    random: &dyn SecureRandom,
) -> Inspection {
    let mut inspection = Inspection::default();
    let ders = input::certificates(certificate, &mut inspection.findings);
    let keys = key.map(|key| input::keys(key, &mut inspection.findings)).unwrap_or_default();
    let certificates = inspection.read(&ders);
    if !certificates.is_empty() {
        inspection.judge(&certificates, &keys, now, random);
    }
    if let [key, ..] = &keys[..]
        && inspection.key_pem.is_empty()
    {
        pem::write(&key.label, &key.bytes, &mut inspection.key_pem);
    }
    // In three passes: sorting would add some kilobytes of code.
    let found = std::mem::take(&mut inspection.findings);
    for severity in [Severity::Refused, Severity::Warning, Severity::Note] {
        let of_it = found.iter().filter(|finding| finding.kind.severity() == severity);
        inspection.findings.extend(of_it.cloned());
    }
    inspection
}

/// [`inspect`] by this machine's clock.
#[must_use]
pub fn inspect_now(certificate: &[u8], key: Option<&[u8]>) -> Inspection {
    inspect(certificate, key, UnixTime::of(SystemTime::now()), &SystemRandom::new())
}

#[cfg(test)]
mod tests;
