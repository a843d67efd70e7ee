//! Each rule, and what holds for any sequence of events.

use super::*;
use crate::protocol::failure_class::Correction;
use crate::service::types::CertId;
use proptest::prelude::*;
use std::time::Duration;

fn id(number: i64) -> CertId {
    CertId::new(number).unwrap()
}

const UNUSED: NameStatus =
    NameStatus { requested: NameOwner::Free, alternate: NameOwner::Free, third_name: None };

fn same(number: i64) -> Event {
    Event::Listed(NameStatus { requested: NameOwner::Same(id(number)), ..UNUSED })
}

fn different(number: i64) -> Event {
    Event::Listed(NameStatus { requested: NameOwner::Different(id(number)), ..UNUSED })
}

const LOST: Event = Event::Failed(OutcomeUnknown);
const UNSENT: Event = Event::Failed(NotSent);
const NAME_TAKEN: Event = Event::Failed(FailureClass::NameTaken);
const AMBIGUOUS: Event = Event::Failed(Ambiguous);
const REFUSED: Event = Event::Failed(Refused);
const VERSION_GONE: Event = Event::Failed(VersionGone);

fn corrected(correction: Correction) -> Event {
    Event::Failed(Correctable(correction))
}

fn throttled(delay: Option<Duration>) -> Event {
    Event::Failed(Throttled(delay))
}

const FREE: Event = Event::Listed(UNUSED);

/// Plays `events` and returns the step after the last one.
fn play(on_conflict: OnConflict, max_attempts: u32, events: &[Event]) -> Step {
    let (mut machine, mut step) =
        Machine::begin(Rules { on_conflict, any_name: false, max_attempts });
    for event in events {
        assert!(!matches!(step, Step::Done(..) | Step::Fail(_)), "{step:?} before {event:?}");
        step = machine.next(*event);
    }
    step
}

use Correction::{AccessKey, Clock};
use Event::{Cancelled, DeadlineTooNear, Deleted, LookupFailed, NotDeleted, Stored};
use FailureClass::{
    Ambiguous, Correctable, NotSent, OutcomeUnknown, Refused, Throttled, VersionGone,
};
use OnConflict::{Fail, Rename, Replace, Reuse};

#[test]
fn a_plain_upload_is_one_request() {
    assert_eq!(play(Reuse, 4, &[]), Step::Send(Name::Requested, Wait::None));
    assert_eq!(play(Reuse, 4, &[Stored(id(1))]), Step::Done(id(1), Outcome::Created));
}

#[test]
fn a_lost_response_is_looked_up_before_another_attempt() {
    assert_eq!(play(Reuse, 4, &[LOST]), Step::Lookup(Wait::None));
    assert_eq!(play(Reuse, 4, &[LOST, same(7)]), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(Reuse, 4, &[LOST, FREE]), Step::Send(Name::Requested, Wait::Backoff(1)));
    assert_eq!(play(Reuse, 4, &[LOST, LookupFailed]), Step::Fail(FailReason::Unknown));
    assert_eq!(play(Reuse, 4, &[LOST, DeadlineTooNear]), Step::Fail(FailReason::Unknown));
    assert_eq!(play(Reuse, 4, &[LOST, different(7)]), Step::Fail(FailReason::NameTaken(id(7))));
    // Listed late: the second attempt finds the name taken by the first.
    let late = [LOST, FREE, NAME_TAKEN, FREE, FREE, same(7)];
    assert_eq!(play(Reuse, 4, &late), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(Fail, 4, &[&[FREE][..], &late].concat()), Step::Done(id(7), Outcome::Created));
}

#[test]
fn after_the_last_attempt_the_look_up_is_repeated() {
    assert_eq!(play(Reuse, 1, &[LOST, FREE]), Step::Lookup(Wait::Backoff(1)));
    assert_eq!(play(Reuse, 1, &[LOST, FREE, FREE, same(7)]), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(Reuse, 1, &[LOST, FREE, FREE, FREE, FREE, FREE]), Step::Fail(FailReason::Last));
    // Also if the last attempt is refused.
    assert_eq!(play(Reuse, 4, &[LOST, FREE, REFUSED]), Step::Lookup(Wait::Backoff(1)));
    assert_eq!(
        play(Reuse, 4, &[LOST, FREE, REFUSED, DeadlineTooNear]),
        Step::Fail(FailReason::Last)
    );
}

#[test]
fn a_taken_name_is_decided_by_the_certificate() {
    assert_eq!(play(Reuse, 4, &[NAME_TAKEN, same(7)]), Step::Done(id(7), Outcome::Reused));
    assert_eq!(
        play(Reuse, 4, &[NAME_TAKEN, different(7)]),
        Step::Fail(FailReason::NameTaken(id(7)))
    );
    assert_eq!(play(Reuse, 4, &[NAME_TAKEN, LookupFailed]), Step::Fail(FailReason::Unknown));
    let in_vain = [&[NAME_TAKEN][..], &[FREE; 9]].concat();
    assert_eq!(play(Reuse, 4, &in_vain), Step::Fail(FailReason::TakenButNotListed));
    let doubtful = [&[LOST, FREE, NAME_TAKEN][..], &[FREE; 9]].concat();
    assert_eq!(play(Reuse, 4, &doubtful), Step::Fail(FailReason::Unknown));
    // An unknown code may mean the same.
    assert_eq!(play(Reuse, 4, &[AMBIGUOUS, same(7)]), Step::Done(id(7), Outcome::Reused));
    assert_eq!(play(Reuse, 4, &[AMBIGUOUS, FREE]), Step::Fail(FailReason::Last));
    assert_eq!(play(Reuse, 4, &[AMBIGUOUS, LookupFailed]), Step::Fail(FailReason::Last));
}

#[test]
fn fail_does_not_reuse_a_stored_certificate() {
    assert_eq!(play(Fail, 4, &[]), Step::Lookup(Wait::None));
    assert_eq!(play(Fail, 4, &[same(7)]), Step::Fail(FailReason::NameTaken(id(7))));
    assert_eq!(play(Fail, 4, &[FREE, NAME_TAKEN]), Step::Fail(FailReason::Last));
    assert_eq!(play(Fail, 4, &[LookupFailed]), Step::Fail(FailReason::Last));
    assert_eq!(play(Fail, 4, &[FREE, LOST, same(7)]), Step::Done(id(7), Outcome::Created));
}

#[test]
fn rename_and_replace_keep_the_old_certificate_until_the_new_one_is_stored() {
    let to_alternate = Step::Send(Name::Alternate, Wait::None);
    for rule in [Rename, Replace] {
        assert_eq!(play(rule, 1, &[different(5)]), to_alternate);
        assert_eq!(play(rule, 4, &[FREE, NAME_TAKEN, different(5)]), to_alternate);
        let taken_too = NameStatus {
            requested: NameOwner::Different(id(5)),
            alternate: NameOwner::Different(id(6)),
            third_name: None,
        };
        assert_eq!(
            play(rule, 4, &[Event::Listed(taken_too)]),
            Step::Fail(FailReason::NameTaken(id(6)))
        );
        // The same certificate is never stored twice.
        let renamed = NameStatus {
            requested: NameOwner::Free,
            alternate: NameOwner::Same(id(6)),
            third_name: None,
        };
        assert_eq!(play(rule, 4, &[Event::Listed(renamed)]), Step::Done(id(6), Outcome::Reused));
    }
    assert_eq!(
        play(Rename, 4, &[different(5), Stored(id(8))]),
        Step::Done(id(8), Outcome::Created)
    );
    assert_eq!(play(Replace, 4, &[different(5), Stored(id(8))]), Step::Delete(id(5)));
    assert_eq!(
        play(Replace, 4, &[different(5), Stored(id(8)), Deleted]),
        Step::Done(id(8), Outcome::Replaced)
    );
    for failed in [NotDeleted, DeadlineTooNear] {
        let step = play(Replace, 4, &[different(5), Stored(id(8)), failed]);
        assert_eq!(step, Step::Done(id(8), Outcome::Created));
    }
    // An earlier call stored the certificate but did not delete the replaced one.
    let half = NameStatus {
        requested: NameOwner::Different(id(5)),
        alternate: NameOwner::Same(id(8)),
        third_name: None,
    };
    assert_eq!(play(Replace, 4, &[Event::Listed(half)]), Step::Delete(id(5)));
    assert_eq!(play(Rename, 4, &[Event::Listed(half)]), Step::Done(id(8), Outcome::Reused));
    assert_eq!(play(Replace, 4, &[different(5), REFUSED]), Step::Fail(FailReason::Last));
}

#[test]
fn any_name_counts_if_the_rules_say_so() {
    let third_name = Event::Listed(NameStatus { third_name: Some(id(9)), ..UNUSED });
    let begin =
        |on_conflict, any_name| Machine::begin(Rules { on_conflict, any_name, max_attempts: 4 });
    let (mut machine, step) = begin(Reuse, true);
    assert_eq!(step, Step::Lookup(Wait::None));
    assert_eq!(machine.next(third_name), Step::Done(id(9), Outcome::Reused));
    let (mut machine, _) = begin(Fail, false);
    assert_eq!(machine.next(third_name), Step::Send(Name::Requested, Wait::None));
}

#[test]
fn a_different_certificate_under_the_name_settles_a_doubt() {
    // The first attempt is in doubt until the look-up shows that another certificate has the name:
    // the same certificate under the alternate name was not stored by this upload.
    let renamed_before = NameStatus {
        requested: NameOwner::Different(id(7)),
        alternate: NameOwner::Same(id(9)),
        third_name: None,
    };
    let events = [FREE, LOST, Event::Listed(renamed_before)];
    assert_eq!(play(Rename, 4, &events), Step::Done(id(9), Outcome::Reused));
    // Nor is a refusal under the alternate name followed by a look-up.
    let events = [FREE, LOST, different(7), REFUSED];
    assert_eq!(play(Rename, 4, &events), Step::Fail(FailReason::Last));
}

#[test]
fn each_correction_is_retried_once_and_a_requested_delay_is_kept() {
    for (events, step) in [
        (&[corrected(Clock)][..], Step::Send(Name::Requested, Wait::None)),
        (&[corrected(Clock), corrected(AccessKey)], Step::Send(Name::Requested, Wait::None)),
        (&[corrected(Clock), corrected(Clock)], Step::Fail(FailReason::Last)),
        (
            &[corrected(AccessKey), corrected(Clock), corrected(AccessKey)],
            Step::Fail(FailReason::Last),
        ),
    ] {
        assert_eq!(play(Reuse, 4, events), step, "{events:?}");
    }
    let wait = Duration::from_millis(200);
    assert_eq!(
        play(Reuse, 4, &[throttled(Some(wait))]),
        Step::Send(Name::Requested, Wait::Requested(wait))
    );
    assert_eq!(play(Reuse, 2, &[UNSENT, UNSENT]), Step::Fail(FailReason::Last));
    assert_eq!(play(Reuse, 4, &[UNSENT, DeadlineTooNear]), Step::Fail(FailReason::Last));
}

#[test]
fn a_cancelled_upload_ends_and_keeps_what_is_stored() {
    let cancelled = Step::Fail(FailReason::Cancelled);
    assert_eq!(play(Reuse, 4, &[Cancelled]), cancelled);
    assert_eq!(play(Reuse, 4, &[LOST, Cancelled]), cancelled);
    assert_eq!(play(Reuse, 4, &[LOST, FREE, Cancelled]), cancelled);
    assert_eq!(play(Rename, 4, &[Cancelled]), cancelled);
    let replaced = [different(5), Stored(id(7)), Cancelled];
    assert_eq!(play(Replace, 4, &replaced), Step::Done(id(7), Outcome::Created));
}

#[test]
fn an_impossible_event_is_a_bug() {
    assert_eq!(play(Reuse, 4, &[Deleted]), Step::Fail(FailReason::Bug));
    assert_eq!(play(Fail, 4, &[Stored(id(1))]), Step::Fail(FailReason::Bug));
    let (mut machine, _) =
        Machine::begin(Rules { on_conflict: Reuse, any_name: false, max_attempts: 1 });
    machine.next(Stored(id(1)));
    assert_eq!(machine.next(Stored(id(1))), Step::Fail(FailReason::Bug));
}

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
    (any_owner(), any_owner(), proptest::option::of(any_id())).prop_map(
        |(requested, alternate, third_name)| NameStatus { requested, alternate, third_name },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any_status().prop_map(Event::Listed),
        1 => any_id().prop_map(Stored),
        3 => Just(LOST),
        2 => Just(NAME_TAKEN),
        1 => Just(UNSENT),
        1 => Just(LookupFailed),
        1 => Just(throttled(None)),
        1 => Just(throttled(Some(Duration::from_millis(5)))),
        1 => Just(corrected(Clock)),
        1 => Just(corrected(AccessKey)),
        1 => Just(VERSION_GONE),
        1 => Just(AMBIGUOUS),
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
            matches!(event, Event::Listed(_) | LookupFailed | DeadlineTooNear | Cancelled)
        }
        Step::Delete(_) => matches!(event, Deleted | NotDeleted | DeadlineTooNear | Cancelled),
        Step::Send(..) => !matches!(event, Event::Listed(_) | LookupFailed | Deleted | NotDeleted),
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
        let mut sent = 0;
        // Whether an attempt is in doubt and not looked up since; every ID that an event named.
        let mut unconfirmed = false;
        let mut ids = Vec::new();
        let mut deleted = Vec::new();
        for event in events {
            match step {
                Step::Send(..) => {
                    prop_assert!(!unconfirmed, "sent again without a look-up");
                    sent += u32::from(event != DeadlineTooNear && follows(step, event));
                }
                Step::Delete(id) => deleted.push(id),
                Step::Done(..) | Step::Fail(_) => break,
                Step::Lookup(_) => {}
            }
            if !follows(step, event) {
                continue;
            }
            match event {
                LOST => unconfirmed = true,
                Stored(id) => ids.push(id),
                Event::Listed(names) => {
                    unconfirmed = false;
                    for owner in [names.requested, names.alternate] {
                        if let NameOwner::Same(id) = owner { ids.push(id) }
                    }
                    ids.extend(names.third_name);
                }
                _ => {}
            }
            step = machine.next(event);
        }
        prop_assert!(sent <= rules.max_attempts && machine.sent() == sent);
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
        for event in events {
            if matches!(step, Step::Done(..) | Step::Fail(_)) { break }
            step = machine.next(event);
        }
        prop_assert!(matches!(step, Step::Done(..) | Step::Fail(_)));
        prop_assert!(machine.sent() <= rules.max_attempts);
    }
}
