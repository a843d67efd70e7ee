//! Parses the certificates, checks leaf, chain and private key, and collects the findings.

use std::cell::OnceCell;

use ring::rand::SecureRandom;

use crate::base::time::UnixTime;
use crate::inspect::certificate::ParsedCertificate;
use crate::inspect::chain::{Chain, IssuerGraph};
use crate::inspect::findings::{Finding, FindingKind};
use crate::inspect::input::DerBlock;
use crate::inspect::inspection::{ChainEntry, Inspection};
use crate::inspect::key_match;
use crate::inspect::key_match::Verdict;
use crate::inspect::pem;
use crate::inspect::public_key::Algorithm;

/// Real chains are shorter.
const MAX_CERTIFICATES: usize = 16;
/// Bytes of DER that OpenSSL accepts from a server by default (`SSL_MAX_CERT_LIST_DEFAULT`). Also
/// bounds the memory of parsing.
const MAX_CHAIN_BYTES: usize = 100 * 1024;
/// Remaining validity with a warning, in seconds. Of certificates that are valid for less than
/// three times that, it is a third of the validity.
const EXPIRES_SOON: i64 = 7 * 24 * 60 * 60;
/// Smallest RSA key without a warning, in bits.
const MIN_RSA_BITS: usize = 2048;

/// Types of keys that cannot authenticate a server in TLS 1.2 or 1.3, besides those without a name.
const WITHOUT_TLS: [&str; 4] = ["DH", "DSA", "X25519", "X448"];

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
    inspection.sort_findings();
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
        let mut certificate = match ParsedCertificate::parse(bytes) {
            Ok(certificate) => certificate,
            Err(reason) => {
                inspection.add(FindingKind::BrokenCertificate, format!("{line} {reason}"));
                return Vec::new();
            }
        };
        certificate.line = *line;
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
    // Each key is compared with each certificate at most once: it takes longer than all the rest.
    let verdicts = vec![OnceCell::new(); keys.len() * certificates.len()];
    let compare = |key: usize, certificate: usize| -> &Verdict {
        verdicts[key * certificates.len() + certificate].get_or_init(|| {
            let DerBlock { label, bytes, .. } = &keys[key];
            key_match::compare(label, bytes, &certificates[certificate].key, random)
        })
    };
    let issuers = IssuerGraph::new(certificates);
    let chain = issuers.chain(|index| {
        let certificate = &certificates[index];
        let is_valid = (certificate.not_before()..=certificate.not_after()).contains(&now);
        let has_key = (0..keys.len()).any(|key| compare(key, index).is_match());
        (has_key, !certificate.is_ca(), is_valid)
    });
    let leaf = chain.order[0];
    let own = (0..keys.len()).find(|key| compare(*key, leaf).is_match()).unwrap_or(0);
    let has_own_key = !keys.is_empty() && !compare(own, leaf).is_mismatch();
    check_leaf(&certificates[leaf], has_own_key, now, inspection);
    check_chain(certificates, &issuers, &chain, now, inspection);

    let Some(key) = keys.get(own) else { return };
    pem::write(&key.label, &key.bytes, &mut inspection.key_pem);
    match compare(own, leaf) {
        Verdict::Verified => {}
        Verdict::PublicPartMatches => inspection.add(
            FindingKind::KeyNotVerified,
            "compared with the certificate by its public part only",
        ),
        Verdict::Unsupported => {
            let name = certificates[leaf].key.name();
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
            let owner = (0..certificates.len()).find(|other| compare(own, *other).is_match());
            let detail = owner.map_or_else(
                || reason.clone(),
                |owner| format!("it is the key of {}", certificates[owner].quoted_subject()),
            );
            inspection.add(FindingKind::KeyMismatch, detail);
        }
    }
}

/// `has_own_key` says that no other key was passed with it.
fn check_leaf(
    leaf: &ParsedCertificate<'_>,
    has_own_key: bool,
    now: UnixTime,
    inspection: &mut Inspection,
) {
    let facts = leaf.facts();
    let third = facts.not_after.0.saturating_sub(facts.not_before.0) / 3;
    if facts.not_after < now {
        inspection.add(FindingKind::Expired, facts.not_after.to_string());
    } else if facts.not_after.0.saturating_sub(now.0) < EXPIRES_SOON.min(third) {
        let limit = if third < EXPIRES_SOON { "a third of its validity" } else { "7 days" };
        let detail = format!("{}, in less than {limit}", facts.not_after);
        inspection.add(FindingKind::ExpiresSoon, detail);
    }
    if facts.not_before > now {
        inspection.add(FindingKind::NotYetValid, facts.not_before.to_string());
    }
    if facts.is_ca {
        let is_taken = has_own_key && leaf.claims_to_be_self_signed();
        let kind = if is_taken { FindingKind::SelfSignedCa } else { FindingKind::CaAsLeaf };
        inspection.add(kind, leaf.quoted_subject());
    }
    if leaf.is_precertificate() {
        inspection.add(FindingKind::Precertificate, leaf.quoted_subject());
    }
    let algorithm = &leaf.key.algorithm;
    if WITHOUT_TLS.contains(&algorithm.name()) || matches!(algorithm, Algorithm::Oid(_)) {
        inspection.add(FindingKind::KeyType, &facts.key_type);
    }
    if let Some(defect) = leaf.extension_defect() {
        // Nothing else is said about extensions that cannot be read.
        inspection.add(FindingKind::BrokenCertificate, format!("{} {defect}", leaf.line));
    } else {
        if facts.sans.is_empty() {
            inspection.add(FindingKind::NoSan, "");
        }
        if let Some(reason) = leaf.not_for_servers() {
            inspection.add(FindingKind::NotForServers, reason);
        }
        if let Some(name) = leaf.bad_name() {
            inspection.add(FindingKind::BadName, name);
        }
        if let Some(repeated) = leaf.repeated_extension() {
            let detail = format!("{} {repeated}", leaf.quoted_subject());
            inspection.add(FindingKind::BrokenExtension, detail);
        }
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
    let is_self_signed = issuers.link(leaf, leaf).is_some();
    let has_issuer = |subject: usize| {
        (0..certificates.len()).any(|issuer| issuers.link(issuer, subject).is_some())
    };
    // Two algorithms are refused. They say nothing about who signed.
    let is_broken = |index: usize| !certificates[index].has_one_signature_algorithm();
    let mut has_namesake = false;
    for index in &chain.unrelated {
        let certificate = &certificates[*index];
        let is_issuer_by_name =
            |subject: &&usize| certificate.is_named_as_issuer_of(&certificates[**subject]);
        let subjects: Vec<usize> = chain.order.iter().filter(is_issuer_by_name).copied().collect();
        has_namesake |= !subjects.is_empty();
        if subjects.iter().any(|subject| is_broken(*subject)) {
            continue;
        }
        // It may have been passed for an intermediate that is missing. A root need not be sent.
        let is_root = issuers.link(*index, *index).is_some();
        let is_mistaken = !is_root && subjects.iter().any(|subject| !has_issuer(*subject));
        let subject = certificate.quoted_subject();
        if has_issuer(leaf) && certificate.is_ca() && !is_mistaken {
            inspection.add(FindingKind::UnrelatedLeftOut, subject);
            continue;
        }
        let why = match certificate.why_not_issuer() {
            _ if subjects.is_empty() => String::new(),
            Some(reason) => format!(", which has an issuer's name but {reason},"),
            None => ", which has an issuer's name but not its key,".to_owned(),
        };
        inspection.add(FindingKind::ChainUnrelated, subject + &why);
        pem::write("CERTIFICATE", certificate.der, &mut inspection.unrelated_pem);
    }
    for root in &chain.roots {
        inspection.add(FindingKind::RootLeftOut, certificates[*root].quoted_subject());
    }
    if !has_issuer(leaf) && !is_broken(leaf) {
        let certificate = &certificates[leaf];
        if certificate.claims_to_be_self_signed() {
            inspection.add(FindingKind::BadSelfSignature, certificate.quoted_subject());
        } else if !has_namesake {
            inspection.add(FindingKind::ChainIncomplete, certificate.quoted_issuer());
        }
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
        if let Some(oid) = certificate.unknown_critical() {
            let detail = format!("{subject} has the critical extension {oid}");
            inspection.add(FindingKind::UnknownCritical, detail);
        }
        if is_broken(*index) {
            let detail = format!("{} names two signature algorithms", certificate.line);
            inspection.add(FindingKind::BrokenCertificate, detail);
        }
        // Servers read only those of the leaf.
        if *index != leaf
            && let Some(defect) =
                certificate.extension_defect().or_else(|| certificate.repeated_extension())
        {
            inspection.add(FindingKind::BrokenExtension, format!("{subject} {defect}"));
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
