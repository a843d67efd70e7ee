//! The checks of certificates, their chain and their key.

use ring::rand::SecureRandom;

use crate::base::time::UnixTime;
use crate::inspect::certificate::Certificate;
use crate::inspect::chain::{Chain, IssuerLinks};
use crate::inspect::findings::FindingKind;
use crate::inspect::input::DerBlock;
use crate::inspect::inspection::{Inspection, Link};
use crate::inspect::key_match;
use crate::inspect::key_match::Verdict;
use crate::inspect::pem;

/// More certificates than any chain has.
const MOST_CERTIFICATES: usize = 16;
/// The most that OpenSSL takes from a server by default (`SSL_MAX_CERT_LIST_DEFAULT`), in bytes of DER. It also bounds
/// the memory that reading takes.
const MOST_BYTES: usize = 100 * 1024;
/// A certificate that is valid no longer than this is warned of, in seconds.
const SOON: i64 = 7 * 24 * 60 * 60;

impl Inspection {
    /// Reads all certificates, each once. None where one cannot be read: it may be the leaf.
    pub(super) fn read<'a>(&mut self, ders: &'a [DerBlock]) -> Vec<Certificate<'a>> {
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
    pub(super) fn judge(
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
