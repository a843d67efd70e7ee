//! Parses the certificates, checks leaf, chain and private key, and collects the findings.

use ring::rand::SecureRandom;

use crate::base::time::UnixTime;
use crate::inspect::certificate::ParsedCertificate;
use crate::inspect::chain::{Chain, IssuerGraph};
use crate::inspect::findings::{Finding, FindingKind, Severity};
use crate::inspect::input::DerBlock;
use crate::inspect::inspection::{ChainEntry, Inspection};
use crate::inspect::key_match;
use crate::inspect::key_match::Verdict;
use crate::inspect::pem;

/// Real chains are shorter.
const MAX_CERTIFICATES: usize = 16;
/// Bytes of DER that OpenSSL accepts from a server by default (`SSL_MAX_CERT_LIST_DEFAULT`). Also
/// bounds the memory of parsing.
const MAX_CHAIN_BYTES: usize = 100 * 1024;
/// Shortest remaining validity without a warning, in seconds.
const EXPIRES_SOON: i64 = 7 * 24 * 60 * 60;
/// Smallest RSA key without a warning, in bits.
const MIN_RSA_BITS: usize = 2048;

/// Checks `certificates` and `keys`; adds to the `findings` of reading them.
pub(super) fn check(
    certificates: &[DerBlock],
    keys: &[DerBlock],
    findings: Vec<Finding>,
    now: UnixTime,
    random: &dyn SecureRandom,
) -> Inspection {
    let mut inspection = Inspection { findings, ..Inspection::default() };
    let certificates = parse(certificates, &mut inspection);
    if certificates.is_empty() {
        if let [key, ..] = keys {
            pem::write(&key.label, &key.bytes, &mut inspection.key_pem);
        }
    } else {
        check_parsed(&certificates, keys, now, random, &mut inspection);
    }
    // Three passes: a sort would add some kilobytes of code.
    let found = std::mem::take(&mut inspection.findings);
    for severity in [Severity::Refused, Severity::Warning, Severity::Note] {
        let of_severity = found.iter().filter(|finding| finding.kind.severity() == severity);
        inspection.findings.extend(of_severity.cloned());
    }
    inspection
}

/// Parses each certificate once and drops duplicates. Returns nothing if one of them is invalid: it
/// may be the leaf.
fn parse<'a>(ders: &'a [DerBlock], inspection: &mut Inspection) -> Vec<ParsedCertificate<'a>> {
    if ders.len() > MAX_CERTIFICATES {
        inspection.add(FindingKind::TooManyCertificates, ders.len().to_string());
        return Vec::new();
    }
    let bytes: usize = ders.iter().map(|der| der.bytes.len()).sum();
    if bytes > MAX_CHAIN_BYTES {
        inspection.add(FindingKind::TooLarge, bytes.to_string());
        return Vec::new();
    }
    let mut certificates: Vec<ParsedCertificate<'a>> = Vec::with_capacity(ders.len());
    for DerBlock { bytes, line, .. } in ders {
        let certificate = match ParsedCertificate::parse(bytes) {
            Ok(certificate) => certificate,
            Err(reason) => {
                inspection.add(FindingKind::BrokenCertificate, format!("{line} {reason}"));
                return Vec::new();
            }
        };
        if certificates.iter().any(|other| other.der == certificate.der) {
            inspection.add(FindingKind::Duplicate, certificate.quoted_subject());
        } else {
            certificates.push(certificate);
        }
    }
    certificates
}

/// Sorts the certificates into a chain and checks leaf, chain and private key.
fn check_parsed(
    certificates: &[ParsedCertificate<'_>],
    keys: &[DerBlock],
    now: UnixTime,
    random: &dyn SecureRandom,
    inspection: &mut Inspection,
) {
    let compare = |key: &DerBlock, certificate: &ParsedCertificate<'_>| {
        key_match::compare(&key.label, &key.bytes, &certificate.key, random)
    };
    let issuers = IssuerGraph::new(certificates);
    let chain = issuers.chain(|index| {
        let certificate = &certificates[index];
        let is_valid = (certificate.not_before()..=certificate.not_after()).contains(&now);
        let has_key = keys.iter().any(|key| compare(key, certificate).is_match());
        (has_key, !certificate.is_ca(), is_valid)
    });
    let leaf = &certificates[chain.order[0]];
    check_leaf(leaf, now, inspection);
    check_chain(certificates, &issuers, &chain, now, inspection);

    let mut compared = keys.iter().map(|key| (key, compare(key, leaf)));
    let Some(first) = compared.next() else { return };
    let (key, verdict) = if first.1.is_match() {
        first
    } else {
        compared.find(|(_, verdict)| verdict.is_match()).unwrap_or(first)
    };
    pem::write(&key.label, &key.bytes, &mut inspection.key_pem);
    match verdict {
        Verdict::Verified => {}
        Verdict::PublicPartMatches => inspection.add(
            FindingKind::KeyNotVerified,
            "compared with the certificate by its public part only",
        ),
        Verdict::Unsupported => {
            let name = leaf.key.name();
            inspection.add(
                FindingKind::KeyNotVerified,
                format!(
                    "not compared with the certificate: libcas cannot check keys of type {name}"
                ),
            );
        }
        Verdict::Invalid(reason) => {
            inspection.add(FindingKind::BrokenKey, format!("{} {reason}", key.line));
        }
        Verdict::Mismatch(reason) => {
            let owner = certificates.iter().find(|other| compare(key, other).is_match());
            let detail = owner
                .map_or(reason, |owner| format!("it is the key of {}", owner.quoted_subject()));
            inspection.add(FindingKind::KeyMismatch, detail);
        }
    }
}

fn check_leaf(leaf: &ParsedCertificate<'_>, now: UnixTime, inspection: &mut Inspection) {
    let facts = leaf.facts();
    if facts.not_after < now {
        inspection.add(FindingKind::Expired, facts.not_after.to_string());
    } else if facts.not_after.0.saturating_sub(now.0) < EXPIRES_SOON {
        inspection.add(FindingKind::ExpiresSoon, facts.not_after.to_string());
    }
    if facts.not_before > now {
        inspection.add(FindingKind::NotYetValid, facts.not_before.to_string());
    }
    if facts.is_ca {
        inspection.add(FindingKind::CaAsLeaf, leaf.quoted_subject());
    }
    if facts.sans.is_empty() {
        inspection.add(FindingKind::NoSan, "");
    }
    inspection.facts = Some(facts);
}

fn check_chain(
    certificates: &[ParsedCertificate<'_>],
    issuers: &IssuerGraph,
    chain: &Chain,
    now: UnixTime,
    inspection: &mut Inspection,
) {
    let leaf = chain.order[0];
    let mut has_namesake = false;
    for index in &chain.unrelated {
        let certificate = &certificates[*index];
        let is_namesake = chain
            .order
            .iter()
            .any(|subject| certificate.is_named_as_issuer_of(&certificates[*subject]));
        has_namesake |= is_namesake;
        let namesake =
            if is_namesake { ", which has an issuer's name but not its key," } else { "" };
        inspection.add(FindingKind::ChainUnrelated, certificate.quoted_subject() + namesake);
        pem::write("CERTIFICATE", certificate.der, &mut inspection.unrelated_pem);
    }
    for root in &chain.roots {
        inspection.add(FindingKind::RootLeftOut, certificates[*root].quoted_subject());
    }
    let is_self_signed = issuers.link(leaf, leaf).is_some();
    if chain.order.len() == 1 && chain.roots.is_empty() && !is_self_signed && !has_namesake {
        inspection.add(FindingKind::ChainIncomplete, certificates[leaf].quoted_issuer());
    }
    if !chain.order.is_sorted() {
        inspection.add(FindingKind::Reordered, "");
    }
    for index in &chain.order {
        let certificate = &certificates[*index];
        let subject = certificate.quoted_subject();
        let not_after = certificate.not_after();
        if let Some(bits) = certificate.key.rsa_bits().filter(|bits| *bits < MIN_RSA_BITS) {
            inspection.add(FindingKind::WeakRsa, format!("{subject} has {bits}"));
        }
        if *index != leaf && not_after < now {
            let detail = format!("{subject} expired at {not_after}");
            inspection.add(FindingKind::IssuerExpired, detail);
        }
        if let Some(hash) = certificate.weak_signature()
            && !(is_self_signed && *index == leaf)
        {
            let detail = format!("{subject} is signed with {hash}");
            inspection.add(FindingKind::WeakSignature, detail);
        }
        let candidates = (0..certificates.len()).filter(|issuer| issuer != index || is_self_signed);
        inspection.chain.push(ChainEntry {
            subject,
            issuer: certificate.quoted_issuer(),
            issuer_link: candidates.filter_map(|issuer| issuers.link(issuer, *index)).max(),
            not_after,
        });
        pem::write("CERTIFICATE", certificate.der, &mut inspection.certificate_pem);
    }
}
