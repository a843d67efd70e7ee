//! What holds for any sequence of events.

use super::*;
use proptest::prelude::*;

fn any_id() -> impl Strategy<Value = CertId> {
    (1i64..4).prop_map(id)
}

fn any_owner() -> impl Strategy<Value = NameOwner> {
    prop_oneof![
        3 => Just(NameOwner::Free),
        1 => any_id().prop_map(NameOwner::Same),
        1 => any_id().prop_map(NameOwner::Different),
        1 => any_id().prop_map(NameOwner::Unclear),
    ]
}

fn any_status() -> impl Strategy<Value = NameStatus> {
    let other = || proptest::option::of(any_id());
    (any_owner(), any_owner(), other(), any_owner(), other()).prop_map(
        |(requested, alternate, third_name, similar, predecessor)| NameStatus {
            requested,
            alternate,
            third_name,
            similar,
            predecessor,
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any_status().prop_map(Event::Listed),
        1 => any_id().prop_map(Stored),
        3 => Just(LOST),
        2 => Just(NAME_TAKEN),
        1 => Just(UNSENT),
        1 => Just(NOT_LISTED),
        1 => Just(DENIED),
        1 => Just(REJECTED),
        1 => Just(throttled(None)),
        1 => Just(throttled(Some(Duration::from_millis(5)))),
        1 => Just(corrected(Clock)),
        1 => Just(corrected(AccessKey)),
        1 => Just(VERSION_GONE),
        1 => Just(AMBIGUOUS),
        1 => Just(PAGE),
        1 => Just(REFUSED),
        1 => Just(Deleted),
        1 => Just(NotDeleted),
        1 => Just(DeadlineTooNear),
        1 => Just(Cancelled),
    ]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let on_conflict = prop_oneof![Just(Reuse), Just(Fail), Just(Rename), Just(Replace)];
    (on_conflict, any::<bool>(), 1u32..6).prop_map(|(on_conflict, any_name, max_attempts)| Rules {
        on_conflict,
        any_name,
        max_attempts,
    })
}

/// Whether `event` can follow `step`; anything else is a bug in the run.
fn follows(step: Step, event: Event) -> bool {
    match step {
        Step::Lookup(_) => {
            matches!(event, Event::Listed(_) | LookupFailed(_) | DeadlineTooNear | Cancelled)
        }
        Step::Delete(_) => matches!(event, Deleted | NotDeleted | DeadlineTooNear | Cancelled),
        Step::Send(..) => {
            !matches!(event, Event::Listed(_) | LookupFailed(_) | Deleted | NotDeleted)
        }
        Step::Done(..) | Step::Fail(_) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// For any sequence of possible events.
    #[test]
    fn an_upload_ends_and_keeps_its_promises(
        rules in any_rules(),
        events in proptest::collection::vec(any_event(), 200..400),
    ) {
        let (mut machine, mut step) = Machine::begin(rules);
        let mut now = Duration::ZERO;
        let (mut sent, mut throttles) = (0, 0);
        // Whether an attempt is in doubt and not looked up since; every ID that an event named; the
        // certificates that an upload may replace.
        let mut unconfirmed = false;
        let mut ids = Vec::new();
        let mut replaceable = Vec::new();
        let mut deleted = Vec::new();
        for event in events {
            match step {
                Step::Send(..) => {
                    prop_assert!(!unconfirmed, "sent again without a look-up");
                    sent += u32::from(event != DeadlineTooNear && follows(step, event));
                    throttles += u32::from(matches!(event, Event::Failed(Throttled(_))));
                }
                Step::Delete(id) if follows(step, event) => deleted.push(id),
                Step::Done(..) | Step::Fail(_) => break,
                Step::Lookup(_) | Step::Delete(_) => {}
            }
            if !follows(step, event) {
                continue;
            }
            match event {
                LOST => unconfirmed = true,
                Stored(id) => ids.push(id),
                Event::Listed(names) => {
                    unconfirmed = false;
                    for owner in [names.requested, names.alternate, names.similar] {
                        if let NameOwner::Same(id) = owner { ids.push(id) }
                    }
                    ids.extend(names.third_name);
                    if sent == 0 {
                        replaceable.extend(names.predecessor);
                        if let NameOwner::Different(id) = names.requested { replaceable.push(id) }
                    }
                }
                _ => {}
            }
            now += wait_of(step);
            step = machine.next(event, Moment { now, deadline: HOUR, idempotent: false });
        }
        prop_assert!(sent <= rules.max_attempts + throttles && machine.sent() == sent);
        prop_assert!(rules.max_attempts > 1 || sent <= 1);
        prop_assert!(deleted.len() <= 1 && deleted.iter().all(|id| replaceable.contains(id)));
        match step {
            Step::Done(id, outcome) => {
                prop_assert!(ids.contains(&id), "a CertId of no event");
                prop_assert!(!deleted.contains(&id), "the certificate itself was deleted");
                prop_assert!(outcome != Outcome::Replaced || rules.on_conflict == Replace);
            }
            Step::Fail(reason) => {
                prop_assert!(reason != FailReason::Bug);
                prop_assert!(deleted.is_empty(), "deleted without storing the new certificate");
            }
            _ => prop_assert!(false, "it does not end: {step:?}"),
        }
    }

    /// For any sequence of events, possible or not.
    #[test]
    fn an_upload_ends_even_after_impossible_events(
        rules in any_rules(),
        events in proptest::collection::vec(any_event(), 400),
    ) {
        let (mut machine, mut step) = Machine::begin(rules);
        let mut now = Duration::ZERO;
        for event in events {
            if matches!(step, Step::Done(..) | Step::Fail(_)) { break }
            now += wait_of(step) + seconds(1);
            step = machine.next(event, Moment { now, deadline: HOUR, idempotent: false });
        }
        prop_assert!(matches!(step, Step::Done(..) | Step::Fail(_)));
    }
}
