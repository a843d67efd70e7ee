//! Sorts certificates into a chain: finds the leaf, then its issuers.

use crate::inspect::certificate::{IssuerLink, ParsedCertificate};
use crate::inspect::signature::Validity;

/// Certificates sorted into a chain, by index.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// The leaf first, each issuer after its subject, without self-signed roots.
    pub(super) order: Vec<usize>,
    /// Self-signed roots above the leaf.
    pub(super) roots: Vec<usize>,
    /// Certificates that issued nothing in the chain.
    pub(super) unrelated: Vec<usize>,
}

/// Which certificate issued which: a row for each issuer, a column for each subject.
pub(super) struct IssuerGraph {
    size: usize,
    links: Vec<Option<IssuerLink>>,
}

/// Signatures verified for one inspection. Real chains need one for each certificate; more are
/// needed where several certificates have one name and no key identifiers.
const MAX_VERIFICATIONS: usize = 64;

impl IssuerGraph {
    pub(super) fn new(certificates: &[ParsedCertificate<'_>]) -> Self {
        let size = certificates.len();
        let mut links = vec![None; size * size];
        let mut verifications = 0;
        for (subject, certificate) in certificates.iter().enumerate() {
            let verify = |issuer: usize| {
                verifications += 1;
                if verifications > MAX_VERIFICATIONS {
                    return Validity::Unsupported;
                }
                certificates[issuer].verify_signature(certificate)
            };
            for (issuer, link) in issuers(certificates, subject, verify) {
                links[issuer * size + subject] = Some(link);
            }
        }
        Self { size, links }
    }

    /// The link from `issuer` to `subject`, which may be the same certificate.
    pub(super) fn link(&self, issuer: usize, subject: usize) -> Option<IssuerLink> {
        self.links[issuer * self.size + subject]
    }

    fn issued_other(&self, issuer: usize, subject: usize) -> bool {
        issuer != subject && self.link(issuer, subject).is_some()
    }

    /// Sorts all certificates. The leaf is the one that issued no other; among several, the first
    /// one with the highest rank.
    pub(super) fn chain<R: Ord>(&self, rank: impl Fn(usize) -> R) -> Chain {
        let all = 0..self.size;
        let issued_any =
            |issuer: &usize| all.clone().any(|subject| self.issued_other(*issuer, subject));
        let mut candidates: Vec<usize> = all.clone().filter(|index| !issued_any(index)).collect();
        if candidates.is_empty() {
            // The certificates issued each other in a circle.
            candidates = all.clone().collect();
        }
        let leaf = if let [only] = candidates[..] {
            // Not ranked: ranking compares keys, which takes longer than everything else.
            only
        } else {
            // `max_by_key` returns the last of several maxima.
            candidates.into_iter().rev().max_by_key(|index| rank(*index)).unwrap_or(0)
        };

        // Breadth first: the closest to the leaf come first.
        let mut reached = vec![leaf];
        let mut next = 0;
        while let Some(subject) = reached.get(next).copied() {
            let issuers = all.clone().filter(|issuer| self.issued_other(*issuer, subject));
            let new: Vec<usize> = issuers.filter(|issuer| !reached.contains(issuer)).collect();
            reached.extend(new);
            next += 1;
        }
        let is_root = |index: &usize| *index != leaf && self.link(*index, *index).is_some();

        let mut rest: Vec<usize> = all
            .clone()
            .filter(|index| *index != leaf && reached.contains(index) && !is_root(index))
            .collect();
        let mut order = vec![leaf];
        while !rest.is_empty() {
            // The first issuer all of whose subjects are placed; in a circle, the closest to the
            // leaf.
            let ready = rest.iter().position(|issuer| {
                !rest.iter().any(|subject| self.issued_other(*issuer, *subject))
            });
            let closest =
                || reached.iter().find_map(|near| rest.iter().position(|index| index == near));
            let next = ready.or_else(closest).unwrap_or(0);
            order.push(rest.remove(next));
        }
        Chain {
            order,
            roots: reached.iter().copied().filter(is_root).collect(),
            unrelated: all.filter(|index| !reached.contains(index)).collect(),
        }
    }
}

/// The issuers of a certificate. Each key verifies its signature at most once, the most likely one
/// first, and none after one that succeeds: the certificates of that key alone are the issuers.
fn issuers(
    certificates: &[ParsedCertificate<'_>],
    subject: usize,
    mut verify: impl FnMut(usize) -> Validity,
) -> Vec<(usize, IssuerLink)> {
    let certificate = &certificates[subject];
    let mut candidates: Vec<(Option<bool>, usize)> = (0..certificates.len())
        .filter(|issuer| certificates[*issuer].may_have_issued(certificate))
        .map(|issuer| (certificates[issuer].is_identified_as_issuer_of(certificate), issuer))
        .collect();
    // Identified ones first, those with other identifiers last; among equals the certificate
    // itself, which is a root.
    let likeliness = |identified: Option<bool>| match identified {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    };
    candidates.sort_by_key(|(identified, issuer)| (likeliness(*identified), *issuer != subject));

    let mut tried: Vec<(usize, Validity)> = Vec::new();
    let mut by_name = Vec::new();
    for (identified, issuer) in &candidates {
        let key = &certificates[*issuer].key;
        let known = tried.iter().find(|(other, _)| certificates[*other].key == *key);
        let validity = known.map_or_else(|| verify(*issuer), |(_, validity)| *validity);
        match validity {
            Validity::Valid => {
                let same_key = |issuer: &usize| certificates[*issuer].key == *key;
                let issuers = candidates.iter().map(|(_, issuer)| *issuer).filter(same_key);
                return issuers.map(|issuer| (issuer, IssuerLink::Signature)).collect();
            }
            Validity::Unsupported if *identified != Some(false) => {
                by_name.push((*issuer, IssuerLink::NameOnly));
            }
            Validity::Unsupported | Validity::Invalid => {}
        }
        tried.push((*issuer, validity));
    }
    by_name
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    /// A graph of (issuer, subject) pairs.
    fn graph(size: usize, pairs: &[(usize, usize)]) -> IssuerGraph {
        let mut links = vec![None; size * size];
        for (issuer, subject) in pairs {
            links[issuer * size + subject] = Some(IssuerLink::Signature);
        }
        IssuerGraph { size, links }
    }

    fn chain(size: usize, pairs: &[(usize, usize)]) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
        let Chain { order, roots, unrelated } = graph(size, pairs).chain(|_| 0);
        (order, roots, unrelated)
    }

    #[test]
    fn every_order_is_sorted_leaf_first() {
        // 0 is the root, 1 the intermediate, 2 the leaf; and the other way round.
        assert_eq!(chain(3, &[(0, 0), (0, 1), (1, 2)]), (vec![2, 1], vec![0], vec![]));
        assert_eq!(chain(3, &[(2, 2), (2, 1), (1, 0)]), (vec![0, 1], vec![2], vec![]));
        assert_eq!(chain(1, &[(0, 0)]), (vec![0], vec![], vec![]));
        assert_eq!(chain(1, &[]), (vec![0], vec![], vec![]));
    }

    #[test]
    fn cross_signed_chain_is_kept_whole() {
        // Leaf 0, intermediate 3, and its issuer twice: self-signed (1), and signed by an old
        // root (2 by 4).
        let pairs = [(3, 0), (1, 3), (2, 3), (1, 1), (4, 2), (4, 4)];
        assert_eq!(chain(5, &pairs), (vec![0, 3, 2], vec![1, 4], vec![]));
    }

    #[test]
    fn unrelated_certificates_are_reported() {
        assert_eq!(chain(3, &[(1, 0)]), (vec![0, 1], vec![], vec![2]));
        let two = graph(2, &[]);
        assert_eq!(two.chain(|index| index).order, [1]);
        assert_eq!(two.chain(|_| 0).order, [0]);
    }

    #[test]
    fn circle_of_issuers_is_sorted() {
        let (order, _, unrelated) = chain(3, &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!((order.len(), unrelated.len()), (3, 0));
        // 2 issued the leaf, 0; 1 and 2 issued each other.
        assert_eq!(chain(3, &[(2, 0), (1, 2), (2, 1)]), (vec![0, 2, 1], vec![], vec![]));
    }

    /// The issuers of each certificate, and how many signatures were verified.
    fn verified(ders: &[Vec<u8>]) -> (Vec<Vec<usize>>, usize) {
        let parse = |der| ParsedCertificate::parse(der).unwrap();
        let certificates: Vec<_> = ders.iter().map(|der| parse(der)).collect();
        let mut verifications = 0;
        let mut issuers_of = |subject: usize| {
            let verify = |issuer: usize| {
                verifications += 1;
                certificates[issuer].verify_signature(&certificates[subject])
            };
            let found = issuers(&certificates, subject, verify);
            assert!(found.iter().all(|(_, link)| *link == IssuerLink::Signature));
            found.into_iter().map(|(issuer, _)| issuer).collect()
        };
        let all = (0..certificates.len()).map(&mut issuers_of).collect();
        (all, verifications)
    }

    #[test]
    fn each_signature_is_verified_once_among_namesakes() {
        for has_identifiers in [false, true] {
            let ca = || {
                let mut params = CertificateParams::new([]).unwrap();
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.use_authority_key_identifier_extension = has_identifiers;
                CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
            };
            let namesakes: Vec<_> = (0..15).map(|_| ca()).collect();
            let mut ders: Vec<_> = namesakes.iter().map(|ca| ca.der().to_vec()).collect();
            let (issuers, verifications) = verified(&ders);
            assert_eq!(issuers, (0..15).map(|index| vec![index]).collect::<Vec<_>>());
            assert_eq!(verifications, 15);
            let mut leaf = CertificateParams::new(["a.example".to_owned()]).unwrap();
            leaf.distinguished_name.push(DnType::CommonName, "leaf");
            leaf.use_authority_key_identifier_extension = has_identifiers;
            let key = KeyPair::generate().unwrap();
            ders.push(leaf.signed_by(&key, &namesakes[9]).unwrap().der().to_vec());
            let (issuers, verifications) = verified(&ders);
            assert_eq!(issuers[15], [9]);
            assert_eq!(verifications, if has_identifiers { 16 } else { 25 });
        }
    }

    #[test]
    fn all_certificates_of_the_key_that_signed_are_issuers() {
        let key = KeyPair::generate().unwrap();
        let ca = |year: i32| {
            let mut params = CertificateParams::new([]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            CertifiedIssuer::self_signed(params, &key).unwrap().der().to_vec()
        };
        let (issuers, verifications) = verified(&[ca(2030), ca(2040)]);
        assert_eq!((issuers, verifications), (vec![vec![0, 1], vec![1, 0]], 2));
    }
}
