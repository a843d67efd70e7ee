//! The scenarios: those in which every invariant holds, and those that break an assumption.

use std::time::Duration;

use super::Fault::{self, *};
use super::properties::{ALWAYS_ONE, ONE_COPY, ONE_IN_FAMILY, ONE_OF_A_NAME, TRUE_STATUS};
use super::scenario::Content::{X, Y, Z};
use super::scenario::{Api, Call, NEVER, Scenario};
use super::service::StoredName::{self, Alternate, Requested, Similar, Third};
use crate::protocol::failure_class::{Correction, FailureClass};
use crate::upload::events::OnConflict::{self, Fail, Rename, Replace, Reuse};

const LOST: &[Fault] = &[RequestLost, AnswerLost, RequestLate];
/// A late request may be applied at once, or never: then its response or itself is lost.
const LATE: &[Fault] = &[RequestLate, Crash];
const REFUSED: &[Fault] = &[
    Refused(FailureClass::NotSent),
    Refused(FailureClass::Refused),
    Refused(FailureClass::Ambiguous),
    Refused(FailureClass::RejectedInTransit),
    Refused(FailureClass::Throttled(None)),
    Refused(FailureClass::Throttled(Some(Duration::from_secs(2)))),
    Refused(FailureClass::Correctable(Correction::Clock)),
];
const LOOKS: &[Fault] = &[
    LookFailed(FailureClass::OutcomeUnknown),
    LookFailed(FailureClass::Refused),
    LookFailed(FailureClass::Throttled(Some(Duration::from_secs(2)))),
    LookFailed(FailureClass::RejectedInTransit),
    LookUnclear,
];
const OTHERS: &[Fault] = &[Repeated, Crash, Cancel, NotDeleted, DeletedUnanswered];
const EVERY: &[&[Fault]] = &[LOST, REFUSED, LOOKS, OTHERS];

const RULES: [OnConflict; 4] = [Reuse, Fail, Rename, Replace];
const APIS: [Api; 3] = [Api::Old, Api::New, Api::Auto];

/// Two seconds: as long as libcas waits before it sends again.
const TWO_SECONDS: u8 = 8;

/// What is stored before the calls begin.
const BEFORE: [&[(super::scenario::Content, StoredName)]; 9] = [
    &[],
    &[(Z, Requested)],
    &[(X, Requested)],
    &[(Z, Alternate(Z))],
    &[(Z, Requested), (X, Alternate(X))],
    &[(X, Third)],
    &[(Z, Similar)],
    &[(X, Similar)],
    &[(X, Alternate(X))],
];

/// A service as libcas assumes it, with new certificates that are listed late.
fn late_lists(calls: &[Call]) -> Scenario {
    let retires = calls.iter().any(|call| call.api == Api::Auto);
    Scenario { lag: TWO_SECONDS, retires, ..Scenario::new(calls) }
}

/// A service that has several certificates of one name: what libcas sends again is stored again.
fn names_repeat(call: Call) -> Scenario {
    Scenario { unique_names: false, late: TWO_SECONDS, ..Scenario::new(&[call]) }.faults(1, &[LOST])
}

/// Every combination of rules, versions and certificates: those that `cargo test` explores, and
/// those that `make prove` explores.
pub(super) fn all(full: bool) -> Vec<Scenario> {
    let mut all = Vec::new();
    for rule in RULES {
        for api in APIS {
            let call = Call::new(X, rule, api);
            for (number, before) in BEFORE.iter().enumerate() {
                // One call, in which two or three things go wrong.
                let one = late_lists(&[call]).before(before);
                let (faults, slow) = match number {
                    0 | 1 if full => (3, 1),
                    0 => (2, 1),
                    1 => (2, 0),
                    _ if full => (2, 1),
                    _ => continue,
                };
                all.push(Scenario { slow, ..one }.faults(faults, EVERY));
            }
        }
        // Two calls at once.
        let api = if matches!(rule, Reuse | Rename) { Api::Old } else { Api::New };
        let call = Call::new(X, rule, api);
        for (other, before) in [(X, BEFORE[0]), (Y, BEFORE[0]), (Y, BEFORE[1])] {
            let two = [call, Call { content: other, ..call }];
            all.push(late_lists(&two).before(before).faults(1, EVERY));
        }
        // Nothing goes wrong, but for what the calls do to each other.
        let three = [call, call, Call { content: Y, ..call }];
        all.push(late_lists(&three));
    }
    for rule in RULES {
        let call = Call::new(X, rule, Api::Old);
        all.push(Scenario::new(&[call]).faults(1, &[&[AnswerFiltered]]));
        // The service rejects the certificate.
        let rejects = Scenario { rejects: Some(X), ..Scenario::new(&[call]) };
        all.push(rejects.faults(2, EVERY));
        // A refusal in doubt whose look-up is refused as well.
        let unknown = Refused(FailureClass::Ambiguous);
        let refused = LookFailed(FailureClass::Refused);
        all.push(Scenario::new(&[call]).faults(3, &[LOST, &[unknown, refused]]));
    }
    // Two replacements, of which each could take the other's certificate for the one to delete.
    for api in APIS {
        let both = [Call::new(X, Replace, api), Call::new(Y, Replace, api)];
        all.push(late_lists(&both).before(BEFORE[8]).faults(1, &[&[Crash]]));
    }
    // Looks until 20 seconds after an attempt.
    for api in APIS {
        let call = Call { deadline: 120, ..Call::new(X, Reuse, api) };
        all.push(Scenario { slow: 1, ..late_lists(&[call]) }.faults(2, EVERY));
    }
    for api in [Api::Old, Api::New] {
        let repeat = names_repeat(Call { deadline: 80, ..Call::new(X, Reuse, api) });
        all.push(repeat);
    }
    if full {
        all.extend(pairs());
        all.extend(threes());
    }
    all
}

/// Two calls of every two rules; and those in which something goes wrong. What would take longest
/// is bounded: lists are read page by page in one version, and where a version is taken out of
/// service, both calls have the same rule.
fn pairs() -> Vec<Scenario> {
    let mut all = Vec::new();
    for rule in RULES {
        for api in APIS {
            let others = [(X, rule), (Y, rule), (X, Reuse), (Y, Reuse), (Y, Replace)];
            let others = if api == Api::Auto { &others[..2] } else { &others };
            let any_name = if api == Api::Auto { &[false][..] } else { &[false, true] };
            let pages = if api == Api::Old { &[None, Some(1)][..] } else { &[None] };
            for &any_name in any_name {
                let call = Call { any_name, ..Call::new(X, rule, api) };
                for &(content, other) in others {
                    let two = [call, Call { content, rule: other, ..call }];
                    for before in BEFORE {
                        for &page in pages {
                            all.push(Scenario { page, ..late_lists(&two).before(before) });
                        }
                    }
                }
            }
        }
        for api in [Api::Old, Api::New] {
            let call = Call::new(X, rule, api);
            for other in [X, Y] {
                let two = [call, Call { content: other, ..call }];
                all.push(late_lists(&two).before(BEFORE[1]).faults(2, &[LATE]));
                if rule == Replace {
                    all.push(late_lists(&two).before(BEFORE[8]).faults(1, EVERY));
                }
            }
        }
    }
    all
}

/// Three calls.
fn threes() -> Vec<Scenario> {
    let mut all = Vec::new();
    for rule in RULES {
        for api in [Api::Old, Api::New] {
            let call = Call::new(X, rule, api);
            let other = Call { content: Y, ..call };
            let replaces = Call { rule: Replace, ..other };
            for three in [[call, call, call], [call, call, other], [call, other, replaces]] {
                for before in [BEFORE[0], BEFORE[1], BEFORE[8]] {
                    all.push(late_lists(&three).before(before));
                }
            }
        }
    }
    all
}

/// An assumption about the service or the network.
pub(super) struct Assumption {
    pub(super) name: &'static str,
    /// What breaks without it.
    pub(super) property: &'static str,
    pub(super) with: Scenario,
    pub(super) without: Scenario,
}

/// Every assumption, with a scenario that needs it.
pub(super) fn assumptions() -> Vec<Assumption> {
    let old = |rule| Call::new(X, rule, Api::Old);
    let new = |rule| Call::new(X, rule, Api::New);
    let patient = |call: Call| Call { deadline: 80, ..call };
    let of = |name, property, with, without| Assumption { name, property, with, without };

    let twins = Scenario::new(&[old(Reuse), old(Reuse)]);
    let auto = late_lists(&[Call::new(X, Reuse, Api::Auto)]).faults(1, &[LOST]);
    let repeat_old = names_repeat(patient(old(Reuse)));
    let lists_lag = Scenario { late: 0, lag: TWO_SECONDS, ..repeat_old.clone() };
    let repeat_new = Scenario { lag: NEVER, ..names_repeat(patient(new(Reuse))) };
    let one = Scenario::new(&[old(Reuse)]);
    let replaced = [old(Replace), Call { content: Y, ..old(Reuse) }];
    let replaced = Scenario::new(&replaced).before(&[(Z, Requested)]).faults(1, &[LOST]);
    let renewal = Scenario { one_in_family: true, ..Scenario::new(&[old(Replace), old(Replace)]) }
        .before(&[(Z, Requested), (Y, Third), (Y, Third), (Y, Third)]);
    let both = Scenario::new(&[old(Replace), Call { content: Y, ..old(Replace) }])
        .before(&[(X, Alternate(X))]);
    vec![
        of(
            "the service has one certificate of a name",
            ONE_OF_A_NAME,
            twins.clone(),
            Scenario { unique_names: false, ..twins },
        ),
        of(
            "both versions have the same certificates",
            ONE_COPY,
            auto.clone(),
            Scenario { one_store: false, ..auto },
        ),
        of(
            "names repeat, and the service recognises a ClientToken",
            ONE_COPY,
            repeat_new.clone(),
            Scenario { tokens: false, ..repeat_new },
        ),
        of(
            "names repeat, and a new certificate is listed within two seconds",
            ONE_COPY,
            lists_lag.clone(),
            Scenario { lag: TWO_SECONDS + 1, ..lists_lag },
        ),
        of(
            "names repeat, and a request is applied at most two seconds after it was sent",
            ONE_COPY,
            repeat_old.clone(),
            Scenario { late: NEVER, ..repeat_old },
        ),
        of(
            "the service rejects a certificate always or never",
            TRUE_STATUS,
            Scenario { rejects: Some(X), ..one.clone() }.faults(2, &[LOST]),
            one.clone().faults(2, &[LOST, &[Refused(FailureClass::CertificateRejected)]]),
        ),
        of(
            "a name is not freed while a request for it is on the way",
            TRUE_STATUS,
            replaced.clone(),
            Scenario { frees_names: true, ..replaced.clone() },
        ),
        of(
            "no other program deletes the holder of a name while a request for it is in flight",
            TRUE_STATUS,
            one.clone().before(&[(Z, Requested)]).faults(2, &[LOST]),
            one.clone().before(&[(Z, Requested)]).faults(2, &[LOST, &[OtherDeletes]]),
        ),
        of(
            "a deleted certificate leaves the list at once",
            TRUE_STATUS,
            replaced.clone(),
            Scenario { ghosts: TWO_SECONDS, ..replaced },
        ),
        of(
            "what is on the way replaces requests, not answers, or the list does not lag",
            TRUE_STATUS,
            one.clone().faults(1, &[&[AnswerFiltered]]),
            Scenario { lag: TWO_SECONDS, ..one.clone() }.faults(1, &[&[AnswerFiltered]]),
        ),
        of(
            "a proxy that sends a request twice passes the first answer on",
            TRUE_STATUS,
            Scenario::new(&[old(Fail)]).faults(1, &[&[Repeated]]),
            Scenario::new(&[old(Fail)]).faults(1, &[&[RepeatedBefore]]),
        ),
        of(
            "a certificate that is stored later has a higher CertId",
            ALWAYS_ONE,
            both.clone(),
            Scenario { ids_fall: true, ..both },
        ),
        of(
            "a list without lag shows what two calls of REPLACE do with one certificate",
            ONE_IN_FAMILY,
            renewal.clone(),
            Scenario { lag: TWO_SECONDS, ..renewal },
        ),
    ]
}
