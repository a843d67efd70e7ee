//! Which of the stored certificates are superseded by newer ones. Pure: no I/O, no clock.
//!
//! Uses `deployment` for names, and `service` and `base` for data types.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::time::{UnixTime, unix_day};
use crate::deployment::names_of;
use crate::service::certificate::Certificate;
use crate::service::types::CertId;

/// Which certificates to prune.
#[derive(Clone, Debug, Default)]
pub struct PruneRules {
    /// How many certificates with the same names stay, the newest.
    pub keep: usize,
    /// Whether only certificates that have expired are superseded.
    pub only_expired: bool,
    /// Certificates that stay in any case, such as those that this run has uploaded.
    pub protected: BTreeSet<CertId>,
    /// Certificates that a cloud resource or a deployment job uses.
    pub in_use: BTreeSet<CertId>,
}

/// What becomes of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PruneDecision {
    /// It is superseded.
    Delete,
    /// It is one of the newest with its names.
    Newest,
    /// It is the only valid one with its names.
    OnlyValid,
    /// It has not expired, and only expired ones are pruned.
    NotExpired,
    /// It is protected.
    Protected,
    /// A cloud resource or a deployment job uses it.
    InUse,
    /// The service gives no names or no period of validity for it, so nothing can be compared.
    Unclear,
}

/// Decides about each certificate, grouped by names, the newest first. Certificates have the same
/// names if their common names and SANs together are the same domains.
#[must_use]
pub fn prune<'a>(
    certificates: &'a [Certificate],
    rules: &PruneRules,
    now: UnixTime,
) -> Vec<(&'a Certificate, PruneDecision)> {
    let mut groups: BTreeMap<BTreeSet<String>, Vec<&Certificate>> = BTreeMap::new();
    for certificate in certificates {
        let names = names_of(&certificate.common_name, &certificate.sans);
        groups.entry(names).or_default().push(certificate);
    }
    let decided = groups.into_iter().flat_map(|(names, group)| decide(&names, group, rules, now));
    decided.collect()
}

fn decide<'a>(
    names: &BTreeSet<String>,
    mut group: Vec<&'a Certificate>,
    rules: &PruneRules,
    now: UnixTime,
) -> Vec<(&'a Certificate, PruneDecision)> {
    let is_clear = |certificate: &Certificate| period(certificate).is_some() && !names.is_empty();
    // What was issued later is newer; of the same day, what was uploaded later.
    group.sort_by_key(|certificate| Reverse((period(certificate), certificate.id)));
    let mut kept = 0;
    let mut decided: Vec<_> = group
        .into_iter()
        .map(|certificate| {
            let decision = if !is_clear(certificate) {
                PruneDecision::Unclear
            } else if kept < rules.keep {
                kept += 1;
                PruneDecision::Newest
            } else if rules.protected.contains(&certificate.id) {
                PruneDecision::Protected
            } else if rules.in_use.contains(&certificate.id) {
                PruneDecision::InUse
            } else if rules.only_expired && !certificate.expired {
                PruneDecision::NotExpired
            } else {
                PruneDecision::Delete
            };
            (certificate, decision)
        })
        .collect();
    let stays_valid = decided.iter().any(|(certificate, decision)| {
        *decision != PruneDecision::Delete && is_valid(certificate, now)
    });
    if !stays_valid {
        let newest_valid = decided.iter_mut().find(|(certificate, _)| is_valid(certificate, now));
        if let Some((_, decision)) = newest_valid {
            *decision = PruneDecision::OnlyValid;
        }
    }
    decided
}

/// The first and the last day of the validity.
fn period(certificate: &Certificate) -> Option<(i64, i64)> {
    Some((unix_day(&certificate.not_before)?, unix_day(&certificate.not_after)?))
}

/// Whether a certificate is valid today, by its days and by what the service says.
fn is_valid(certificate: &Certificate, now: UnixTime) -> bool {
    const DAY: i64 = 24 * 60 * 60;
    let today = now.0.div_euclid(DAY);
    !certificate.expired
        && period(certificate).is_some_and(|(first, last)| (first..=last).contains(&today))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    use crate::protocol::fields::parse;
    use PruneDecision::{Delete, InUse, Newest, NotExpired, OnlyValid, Protected, Unclear};

    /// 2026-06-01.
    const NOW: UnixTime = UnixTime(1_780_272_000);

    fn id(id: i64) -> CertId {
        CertId::new(id).unwrap()
    }

    fn certificate(id: i64, names: &str, from: &str, to: &str) -> Certificate {
        let expired = to < "2026-06-01";
        parse(json!({
            "CertificateId": id, "Name": format!("n{id}"), "Sans": names, "StartDate": from,
            "EndDate": to, "Expired": expired,
        }))
        .unwrap()
    }

    fn decided(certificates: &[Certificate], rules: &PruneRules) -> Vec<(i64, PruneDecision)> {
        let decided = prune(certificates, rules, NOW);
        decided.iter().map(|(certificate, decision)| (certificate.id.get(), *decision)).collect()
    }

    fn keep(keep: usize) -> PruneRules {
        PruneRules { keep, ..PruneRules::default() }
    }

    /// Three renewals, the newest with the lowest ID.
    fn renewals() -> [Certificate; 3] {
        [
            certificate(3, "a.example", "2026-01-01", "2026-04-01"),
            certificate(1, "a.example", "2026-05-01", "2026-08-01"),
            certificate(2, "A.example.", "2026-03-01", "2026-06-15"),
        ]
    }

    #[test]
    fn the_newest_stay() {
        let renewals = renewals();
        assert_eq!(decided(&renewals, &keep(1)), [(1, Newest), (2, Delete), (3, Delete)]);
        assert_eq!(decided(&renewals, &keep(2)), [(1, Newest), (2, Newest), (3, Delete)]);
        assert_eq!(decided(&renewals, &keep(9)), [(1, Newest), (2, Newest), (3, Newest)]);
        assert_eq!(decided(&renewals, &keep(0)), [(1, OnlyValid), (2, Delete), (3, Delete)]);
        let only_expired = PruneRules { only_expired: true, ..keep(1) };
        assert_eq!(decided(&renewals, &only_expired), [(1, Newest), (2, NotExpired), (3, Delete)]);
    }

    #[test]
    fn what_is_in_use_or_protected_stays() {
        let protected = [id(3)].into();
        let in_use = [id(1), id(2)].into();
        let rules = PruneRules { protected, in_use, ..keep(1) };
        assert_eq!(decided(&renewals(), &rules), [(1, Newest), (2, InUse), (3, Protected)]);
    }

    #[test]
    fn the_only_valid_one_stays() {
        let certificates = [
            certificate(1, "a.example", "2026-07-01", "2026-10-01"),
            certificate(2, "a.example", "2026-03-01", "2026-06-15"),
            certificate(3, "a.example", "2026-02-01", "2026-06-10"),
        ];
        // The newest is not valid yet.
        assert_eq!(decided(&certificates, &keep(1)), [(1, Newest), (2, OnlyValid), (3, Delete)]);
        // The last day of the validity counts.
        let last_day = [
            certificate(1, "a.example", "2026-07-01", "2026-10-01"),
            certificate(2, "a.example", "2026-03-01", "2026-06-01"),
        ];
        assert_eq!(decided(&last_day, &keep(1)), [(1, Newest), (2, OnlyValid)]);
    }

    #[test]
    fn certificates_with_other_names_are_not_compared() {
        let dates = ("2026-05-01", "2026-08-01");
        let certificates = [
            certificate(1, "a.example,b.example", dates.0, dates.1),
            certificate(2, "a.example", dates.0, dates.1),
            certificate(3, "*.a.example", dates.0, dates.1),
            certificate(4, "b.example,a.example", dates.0, dates.1),
        ];
        let decided = decided(&certificates, &keep(1));
        assert_eq!(decided, [(3, Newest), (2, Newest), (4, Newest), (1, Delete)]);
    }

    #[test]
    fn what_the_service_does_not_describe_stays() {
        let certificates = [
            certificate(1, "", "2026-01-01", "2026-04-01"),
            certificate(2, "", "2026-02-01", "2026-05-01"),
            certificate(3, "a.example", "", ""),
            certificate(4, "a.example", "2026-05-01", "soon"),
        ];
        let decisions = decided(&certificates, &keep(0));
        assert!(decisions.iter().all(|(_, decision)| *decision == Unclear), "{decisions:?}");
    }

    proptest! {
        #[test]
        fn a_valid_certificate_is_left_for_each_name_that_had_one(
            certificates in proptest::collection::vec(
                (0usize..3, 1u32..13, 1u32..13), 0..12
            ),
            keep in 0usize..4,
            only_expired: bool,
            others in proptest::collection::btree_set(1i64..12, 0..4),
        ) {
            let certificates: Vec<_> = (1..)
                .zip(&certificates)
                .map(|(id, (name, from, to))| {
                    let names = ["a.example", "b.example", "a.example,b.example"][*name];
                    let (from, to) = (format!("2026-{from:02}-01"), format!("2026-{to:02}-28"));
                    certificate(id, names, &from, &to)
                })
                .collect();
            let in_use: BTreeSet<_> = others.iter().map(|id| CertId::new(*id).unwrap()).collect();
            let rules =
                PruneRules { keep, only_expired, in_use, ..PruneRules::default() };
            let decided = prune(&certificates, &rules, NOW);
            prop_assert_eq!(decided.len(), certificates.len());
            for (certificate, _) in &decided {
                let alike: Vec<_> = decided
                    .iter()
                    .filter(|(other, _)| other.sans == certificate.sans)
                    .collect();
                let left: Vec<_> =
                    alike.iter().filter(|(_, decision)| *decision != Delete).collect();
                prop_assert!(left.len() >= keep.min(alike.len()));
                let had_valid = alike.iter().any(|(other, _)| is_valid(other, NOW));
                let has_valid = left.iter().any(|(other, _)| is_valid(other, NOW));
                prop_assert_eq!(had_valid, has_valid);
            }
            for (certificate, decision) in &decided {
                prop_assert!(*decision != Delete || !others.contains(&certificate.id.get()));
                prop_assert!(*decision != Delete || !only_expired || certificate.expired);
            }
        }
    }
}
