//! What is refused here, offline, because the service would refuse it or because it must not be sent; what is warned
//! of; and what is tidied. Pure: time and randomness are arguments.

mod certificate;
mod chain;
mod findings;
mod fingerprint;
mod input;
mod key_match;
mod pem;
mod public_key;
mod upload_name;

use std::time::SystemTime;

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

pub use certificate::Facts;
pub(crate) use certificate::IssuerLink;
pub use findings::{Finding, FindingKind, Severity};
pub(crate) use fingerprint::Fingerprint;

use crate::base::error::{Error, ErrorKind};
use crate::base::quote::quoted;
use crate::base::time::UnixTime;
use certificate::Certificate;
use chain::{Chain, IssuerLinks};
use input::DerBlock;
use key_match::Verdict;

pub use input::not_text;

/// More certificates than any chain has.
const MOST_CERTIFICATES: usize = 16;
/// The most that OpenSSL takes from a server by default (`SSL_MAX_CERT_LIST_DEFAULT`), in bytes of DER. It also bounds
/// the memory that reading takes.
const MOST_BYTES: usize = 100 * 1024;
/// A certificate that is valid no longer than this is warned of, in seconds.
const SOON: i64 = 7 * 24 * 60 * 60;

/// What was read from a certificate, its chain and its key.
#[derive(Clone, Default)]
pub struct Inspection {
    /// What the leaf says; `None` where no certificate could be read.
    pub facts: Option<Facts>,
    /// The chain as it would be sent, leaf first.
    pub chain: Vec<Link>,
    /// The same as PEM: LF, 64 columns; empty where no certificate could be read.
    pub certificate_pem: String,
    /// Everything that was found, what is refused first.
    pub findings: Vec<Finding>,
    /// The key as PEM, tidied in the same way.
    key_pem: Zeroizing<String>,
}

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who it is about.
    pub subject: String,
    /// Who issued it, as it says itself.
    pub issuer: String,
    /// How it is bound to the certificate that issued it; `None` where that one was not given.
    pub bond: Option<IssuerLink>,
    /// When it ceases to be valid.
    pub not_after: UnixTime,
}

/// Shows no PEM text.
impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("findings", &self.findings).finish_non_exhaustive()
    }
}

impl Inspection {
    /// The key as PEM, tidied as the certificate is; empty where none could be read.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The findings for which nothing is sent.
    pub fn refused(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.kind.severity() == Severity::Refused)
    }

    /// The error of an upload as `name`, where it is refused.
    pub(crate) fn refusal(&self, name: &str) -> Option<Error> {
        let all: Vec<String> = self.refused().map(ToString::to_string).collect();
        let mut advice: Vec<&str> = self.refused().map(|finding| finding.kind.advice()).collect();
        advice.dedup();
        if all.is_empty() {
            return None;
        }
        let message =
            format!("The upload of {} was refused here: {}.", quoted(name), all.join("; "));
        Some(Error::new(ErrorKind::Certificate, message).with_hint(advice.join(" ")))
    }

    // Apart from the judging: a finding is the exception.
    #[cold]
    fn add(&mut self, kind: FindingKind, detail: String) {
        self.findings.push(Finding::new(kind, detail));
    }
}

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

impl Inspection {
    /// Reads all certificates, each once. None where one cannot be read: it may be the leaf.
    fn read<'a>(&mut self, ders: &'a [DerBlock]) -> Vec<Certificate<'a>> {
        if ders.len() > MOST_CERTIFICATES {
            self.add(FindingKind::TooMany, ders.len().to_string());
            return Vec::new();
        }
        let bytes: usize = ders.iter().map(|der| der.bytes.len()).sum();
        if bytes > MOST_BYTES {
            self.add(FindingKind::TooLarge, bytes.to_string());
            return Vec::new();
        }
        let mut certificates: Vec<Certificate<'a>> = Vec::with_capacity(ders.len());
        for DerBlock { bytes, line, .. } in ders {
            let Some(certificate) = Certificate::read(bytes) else {
                self.add(
                    FindingKind::BrokenCertificate,
                    format!("{line} cannot be read: its ASN.1 is broken"),
                );
                return Vec::new();
            };
            if certificates.iter().any(|other| other.der == certificate.der) {
                self.add(FindingKind::Duplicate, certificate.shown());
            } else {
                certificates.push(certificate);
            }
        }
        certificates
    }

    /// Puts the certificates in order and judges leaf, chain and key.
    fn judge(
        &mut self,
        certificates: &[Certificate<'_>],
        keys: &[DerBlock],
        now: UnixTime,
        random: &dyn SecureRandom,
    ) {
        let verdict = |key: &DerBlock, certificate: &Certificate<'_>| {
            key_match::compare(&key.label, &key.bytes, &certificate.key, random)
        };
        let belongs = |key: &DerBlock, certificate: &Certificate<'_>| {
            matches!(verdict(key, certificate), Verdict::Proven | Verdict::Compared)
        };
        let bonds = IssuerLinks::of(certificates);
        let chain = bonds.arrange(|one| {
            let one = &certificates[one];
            let is_valid = (one.not_before()..=one.not_after()).contains(&now);
            (keys.iter().any(|key| belongs(key, one)), !one.is_ca(), is_valid)
        });
        self.judge_leaf(&certificates[chain.order[0]], now);
        self.judge_chain(certificates, &bonds, &chain, now);

        let leaf = &certificates[chain.order[0]];
        let Some(key) =
            keys.iter().find(|key| keys.len() == 1 || belongs(key, leaf)).or(keys.first())
        else {
            return;
        };
        pem::write(&key.label, &key.bytes, &mut self.key_pem);
        match verdict(key, leaf) {
            Verdict::Proven => {}
            Verdict::Compared => {
                self.add(
                    FindingKind::KeyNotVerified,
                    "compared with the certificate by its public part only".to_owned(),
                );
            }
            Verdict::Unknown => {
                let name = leaf.key.name();
                self.add(
                    FindingKind::KeyNotVerified,
                    format!("not compared with the certificate: keys of type {name} cannot be checked here"),
                );
            }
            Verdict::Broken(why) => self.add(FindingKind::BrokenKey, format!("{} {why}", key.line)),
            Verdict::Mismatch(why) => {
                let owner = certificates.iter().find(|other| belongs(key, other));
                let why = owner.map_or(why, |owner| format!("it is the key of {}", owner.shown()));
                self.add(FindingKind::KeyMismatch, why);
            }
        }
    }

    fn judge_leaf(&mut self, leaf: &Certificate<'_>, now: UnixTime) {
        let facts = leaf.facts();
        if facts.not_after < now {
            self.add(FindingKind::Expired, facts.not_after.to_string());
        } else if facts.not_after.0.saturating_sub(now.0) < SOON {
            self.add(FindingKind::ExpiresSoon, facts.not_after.to_string());
        }
        if facts.not_before > now {
            self.add(FindingKind::NotYetValid, facts.not_before.to_string());
        }
        if facts.is_ca {
            self.add(FindingKind::CaAsLeaf, leaf.shown());
        }
        if facts.sans.is_empty() {
            self.add(FindingKind::NoSan, String::new());
        }
        self.facts = Some(facts);
    }

    fn judge_chain(
        &mut self,
        certificates: &[Certificate<'_>],
        bonds: &IssuerLinks,
        chain: &Chain,
        now: UnixTime,
    ) {
        let leaf = chain.order[0];
        let mut has_namesake = false;
        for one in &chain.unrelated {
            let certificate = &certificates[*one];
            let is_named = chain
                .order
                .iter()
                .any(|index| certificate.is_named_as_issuer_of(&certificates[*index]));
            has_namesake |= is_named;
            let named =
                if is_named { ", an issuer by its name but not by its signature," } else { "" };
            self.add(FindingKind::ChainUnrelated, certificate.shown() + named);
        }
        for root in &chain.roots {
            self.add(FindingKind::RootLeftOut, certificates[*root].shown());
        }
        let is_self_signed = bonds.get(leaf, leaf).is_some();
        if chain.order.len() == 1 && chain.roots.is_empty() && !is_self_signed && !has_namesake {
            self.add(FindingKind::ChainIncomplete, certificates[leaf].shown_issuer());
        }
        if !chain.order.is_sorted() {
            self.add(FindingKind::Reordered, String::new());
        }
        for index in &chain.order {
            let certificate = &certificates[*index];
            let not_after = certificate.not_after();
            if let Some(bits) = certificate.key.rsa_bits().filter(|bits| *bits < 2048) {
                self.add(FindingKind::WeakRsa, format!("{} has {bits}", certificate.shown()));
            }
            if *index != leaf && not_after < now {
                let detail = format!("{} is not valid after {not_after}", certificate.shown());
                self.add(FindingKind::IssuerExpired, detail);
            }
            if let Some(hash) = certificate.weak_signature()
                && !(is_self_signed && *index == leaf)
            {
                self.add(
                    FindingKind::WeakSignature,
                    format!("{} is signed with {hash}", certificate.shown()),
                );
            }
            let issuers =
                (0..certificates.len()).filter(|issuer| issuer != index || is_self_signed);
            self.chain.push(Link {
                subject: certificate.shown(),
                issuer: certificate.shown_issuer(),
                bond: issuers.filter_map(|issuer| bonds.get(issuer, *index)).max(),
                not_after,
            });
            pem::write("CERTIFICATE", certificate.der, &mut self.certificate_pem);
        }
    }
}

#[cfg(test)]
mod tests;
