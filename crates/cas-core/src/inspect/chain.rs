//! Which certificate is the leaf, who issued whom, and in which order they are sent.

use crate::inspect::certificate::{Certificate, IssuerLink};

/// Certificates put in order; numbers are indices of what was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// The leaf first, each issuer after its subject; self-signed roots are left out.
    pub(super) order: Vec<usize>,
    /// Self-signed roots above the leaf.
    pub(super) roots: Vec<usize>,
    /// Certificates that issued nothing in the chain.
    pub(super) unrelated: Vec<usize>,
}

/// Who issued whom.
pub(super) struct IssuerLinks(Vec<Vec<Option<IssuerLink>>>);

impl IssuerLinks {
    pub(super) fn of(certificates: &[Certificate<'_>]) -> Self {
        let issued = |issuer: &Certificate<'_>| {
            certificates.iter().map(|subject| issuer.issued(subject)).collect()
        };
        Self(certificates.iter().map(issued).collect())
    }

    /// Whether `issuer` issued `subject`; both may be the same.
    pub(super) fn get(&self, issuer: usize, subject: usize) -> Option<IssuerLink> {
        self.0[issuer][subject]
    }

    fn has(&self, issuer: usize, subject: usize) -> bool {
        issuer != subject && self.get(issuer, subject).is_some()
    }

    /// Arranges all certificates. The leaf is the one that issued no other; among several the first that ranks
    /// highest.
    pub(super) fn arrange<R: Ord>(&self, rank: impl Fn(usize) -> R) -> Chain {
        let all = 0..self.0.len();
        let mut ends: Vec<usize> =
            all.clone().filter(|end| !all.clone().any(|other| self.has(*end, other))).collect();
        if ends.is_empty() {
            // They issued each other in a circle.
            ends = all.clone().collect();
        }
        let leaf = if let [only] = ends[..] {
            // Ranking compares keys, which costs more than all the rest.
            only
        } else {
            // The last of the highest, so from the end.
            ends.into_iter().rev().max_by_key(|end| rank(*end)).unwrap_or(0)
        };
        let mut reached = vec![leaf];
        let mut next = 0;
        while let Some(subject) = reached.get(next).copied() {
            reached.extend(
                all.clone()
                    .filter(|issuer| self.has(*issuer, subject) && !reached.contains(issuer))
                    .collect::<Vec<_>>(),
            );
            next += 1;
        }
        let is_root = |certificate: &usize| {
            *certificate != leaf && self.get(*certificate, *certificate).is_some()
        };
        let mut rest: Vec<usize> = all
            .clone()
            .filter(|one| *one != leaf && reached.contains(one) && !is_root(one))
            .collect();
        let mut order = vec![leaf];
        while !rest.is_empty() {
            // The first of which nothing below it is missing yet; in a circle, the one that is nearest to the leaf.
            let free = rest
                .iter()
                .position(|issuer| !rest.iter().any(|subject| self.has(*issuer, *subject)));
            let nearest =
                || reached.iter().find_map(|near| rest.iter().position(|one| one == near));
            let next = free.or_else(nearest).unwrap_or(0);
            order.push(rest.remove(next));
        }
        Chain {
            order,
            roots: reached.iter().copied().filter(is_root).collect(),
            unrelated: all.filter(|one| !reached.contains(one)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Certificates that issued each other as given: (issuer, subject).
    fn bonds(size: usize, pairs: &[(usize, usize)]) -> IssuerLinks {
        let mut bonds = vec![vec![None; size]; size];
        for (issuer, subject) in pairs {
            bonds[*issuer][*subject] = Some(IssuerLink::Signature);
        }
        IssuerLinks(bonds)
    }

    fn arranged(size: usize, pairs: &[(usize, usize)]) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
        let Chain { order, roots, unrelated } = bonds(size, pairs).arrange(|_| 0);
        (order, roots, unrelated)
    }

    #[test]
    fn every_order_becomes_leaf_first() {
        // 0 is the root, 1 the intermediate, 2 the leaf; and the other way round.
        assert_eq!(arranged(3, &[(0, 0), (0, 1), (1, 2)]), (vec![2, 1], vec![0], vec![]));
        assert_eq!(arranged(3, &[(2, 2), (2, 1), (1, 0)]), (vec![0, 1], vec![2], vec![]));
        assert_eq!(arranged(1, &[(0, 0)]), (vec![0], vec![], vec![]));
        assert_eq!(arranged(1, &[]), (vec![0], vec![], vec![]));
    }

    #[test]
    fn a_cross_signed_chain_stays_whole() {
        // Leaf 0, intermediate 3, and its issuer twice: self-signed (1), and signed by an old root (2 by 4).
        let pairs = [(3, 0), (1, 3), (2, 3), (1, 1), (4, 2), (4, 4)];
        assert_eq!(arranged(5, &pairs), (vec![0, 3, 2], vec![1, 4], vec![]));
    }

    #[test]
    fn what_does_not_belong_is_named() {
        assert_eq!(arranged(3, &[(1, 0)]), (vec![0, 1], vec![], vec![2]));
        let two = bonds(2, &[]);
        assert_eq!(two.arrange(|one| one).order, [1]);
        assert_eq!(two.arrange(|_| 0).order, [0]);
    }

    #[test]
    fn a_circle_ends() {
        let (order, _, unrelated) = arranged(3, &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!((order.len(), unrelated.len()), (3, 0));
        // The leaf, 0, was issued by 2, which 1 issued, and the other way round.
        assert_eq!(arranged(3, &[(2, 0), (1, 2), (2, 1)]), (vec![0, 2, 1], vec![], vec![]));
    }
}
