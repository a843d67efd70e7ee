//! The rules one by one, and what holds for any sequence of events.

use super::*;
use proptest::prelude::*;

fn id(number: i64) -> CertId {
    CertId::new(number).unwrap()
}

const NOBODY: Sight = Sight { wanted: Holder::Nobody, other: Holder::Nobody, elsewhere: None };

fn same(number: i64) -> Event {
    Event::Seen(Sight { wanted: Holder::Same(id(number)), ..NOBODY })
}

fn different(number: i64) -> Event {
    Event::Seen(Sight { wanted: Holder::Different(id(number)), ..NOBODY })
}

const FREE: Event = Event::Seen(NOBODY);

/// Plays `events` and returns the step after the last one.
fn play(on_conflict: OnConflict, max_attempts: u32, events: &[Event]) -> Step {
    let (mut machine, mut step) = Machine::begin(Rules { on_conflict, any_name: false, max_attempts });
    for event in events {
        assert!(!matches!(step, Step::Done(..) | Step::Fail(_)), "{step:?} before {event:?}");
        step = machine.next(*event);
    }
    step
}

use Cure::{AccessKey, Clock};
use Event::{Deleted, LookUpFailed, Lost, Mended, NoTime, NotDeleted, Stored, Unsent};
use OnConflict::{Fail, Rename, Replace, Reuse};

#[test]
fn a_plain_upload_is_one_request() {
    assert_eq!(play(Reuse, 4, &[]), Step::Send(Name::Wanted, Pause::None));
    assert_eq!(play(Reuse, 4, &[Stored(id(1))]), Step::Done(id(1), Outcome::Created));
}

#[test]
fn a_lost_answer_is_looked_for_before_anything_is_sent_again() {
    assert_eq!(play(Reuse, 4, &[Lost]), Step::LookUp(Pause::None));
    assert_eq!(play(Reuse, 4, &[Lost, same(7)]), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(Reuse, 4, &[Lost, FREE]), Step::Send(Name::Wanted, Pause::Backoff(1)));
    assert_eq!(play(Reuse, 4, &[Lost, LookUpFailed]), Step::Fail(Why::Unknown));
    assert_eq!(play(Reuse, 4, &[Lost, NoTime]), Step::Fail(Why::Unknown));
    assert_eq!(play(Reuse, 4, &[Lost, different(7)]), Step::Fail(Why::NameTaken(id(7))));
    // Listed late: the second try finds the name taken, by the first.
    let late = [Lost, FREE, Event::NameTaken, FREE, FREE, same(7)];
    assert_eq!(play(Reuse, 4, &late), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(Fail, 4, &[&[FREE][..], &late].concat()), Step::Done(id(7), Outcome::Created));
}

#[test]
fn after_the_last_attempt_what_may_come_late_is_waited_for() {
    assert_eq!(play(Reuse, 1, &[Lost, FREE]), Step::LookUp(Pause::Backoff(1)));
    assert_eq!(play(Reuse, 1, &[Lost, FREE, FREE, same(7)]), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(Reuse, 1, &[Lost, FREE, FREE, FREE, FREE, FREE]), Step::Fail(Why::Last));
    // Also where the end is a refusal.
    assert_eq!(play(Reuse, 4, &[Lost, FREE, Event::Refused]), Step::LookUp(Pause::Backoff(1)));
    assert_eq!(play(Reuse, 4, &[Lost, FREE, Event::Refused, NoTime]), Step::Fail(Why::Last));
}

#[test]
fn a_taken_name_is_judged_by_the_certificate() {
    assert_eq!(play(Reuse, 4, &[Event::NameTaken, same(7)]), Step::Done(id(7), Outcome::Reused));
    assert_eq!(play(Reuse, 4, &[Event::NameTaken, different(7)]), Step::Fail(Why::NameTaken(id(7))));
    assert_eq!(play(Reuse, 4, &[Event::NameTaken, LookUpFailed]), Step::Fail(Why::Unknown));
    let in_vain = [&[Event::NameTaken][..], &[FREE; 9]].concat();
    assert_eq!(play(Reuse, 4, &in_vain), Step::Fail(Why::TakenByNobody));
    let doubtful = [&[Lost, FREE, Event::NameTaken][..], &[FREE; 9]].concat();
    assert_eq!(play(Reuse, 4, &doubtful), Step::Fail(Why::Unknown));
    // A code that nobody knows may mean the same.
    assert_eq!(play(Reuse, 4, &[Event::RefusedUnclearly, same(7)]), Step::Done(id(7), Outcome::Reused));
    assert_eq!(play(Reuse, 4, &[Event::RefusedUnclearly, FREE]), Step::Fail(Why::Last));
    assert_eq!(play(Reuse, 4, &[Event::RefusedUnclearly, LookUpFailed]), Step::Fail(Why::Last));
}

#[test]
fn fail_takes_nothing_that_was_there() {
    assert_eq!(play(Fail, 4, &[]), Step::LookUp(Pause::None));
    assert_eq!(play(Fail, 4, &[same(7)]), Step::Fail(Why::NameTaken(id(7))));
    assert_eq!(play(Fail, 4, &[FREE, Event::NameTaken]), Step::Fail(Why::Last));
    assert_eq!(play(Fail, 4, &[LookUpFailed]), Step::Fail(Why::Last));
    assert_eq!(play(Fail, 4, &[FREE, Lost, same(7)]), Step::Done(id(7), Outcome::Created));
}

#[test]
fn rename_and_replace_leave_the_old_one_until_the_new_one_is_there() {
    let to_other = Step::Send(Name::Other, Pause::None);
    for rule in [Rename, Replace] {
        assert_eq!(play(rule, 1, &[different(5)]), to_other);
        assert_eq!(play(rule, 4, &[FREE, Event::NameTaken, different(5)]), to_other);
        let taken_too =
            Sight { wanted: Holder::Different(id(5)), other: Holder::Different(id(6)), elsewhere: None };
        assert_eq!(play(rule, 4, &[Event::Seen(taken_too)]), Step::Fail(Why::NameTaken(id(6))));
        // The same certificate is never stored beside itself.
        let renamed = Sight { wanted: Holder::Nobody, other: Holder::Same(id(6)), elsewhere: None };
        assert_eq!(play(rule, 4, &[Event::Seen(renamed)]), Step::Done(id(6), Outcome::Reused));
    }
    assert_eq!(play(Rename, 4, &[different(5), Stored(id(8))]), Step::Done(id(8), Outcome::Created));
    assert_eq!(play(Replace, 4, &[different(5), Stored(id(8))]), Step::Delete(id(5)));
    assert_eq!(
        play(Replace, 4, &[different(5), Stored(id(8)), Deleted]),
        Step::Done(id(8), Outcome::Replaced)
    );
    for failed in [NotDeleted, NoTime] {
        let step = play(Replace, 4, &[different(5), Stored(id(8)), failed]);
        assert_eq!(step, Step::Done(id(8), Outcome::Created));
    }
    // The second of two calls finds the first one's work half done.
    let half = Sight { wanted: Holder::Different(id(5)), other: Holder::Same(id(8)), elsewhere: None };
    assert_eq!(play(Replace, 4, &[Event::Seen(half)]), Step::Delete(id(5)));
    assert_eq!(play(Rename, 4, &[Event::Seen(half)]), Step::Done(id(8), Outcome::Reused));
    assert_eq!(play(Replace, 4, &[different(5), Event::Refused]), Step::Fail(Why::Last));
}

#[test]
fn any_name_will_do_where_that_was_said() {
    let elsewhere = Event::Seen(Sight { elsewhere: Some(id(9)), ..NOBODY });
    let begin = |on_conflict, any_name| Machine::begin(Rules { on_conflict, any_name, max_attempts: 4 });
    let (mut machine, step) = begin(Reuse, true);
    assert_eq!(step, Step::LookUp(Pause::None));
    assert_eq!(machine.next(elsewhere), Step::Done(id(9), Outcome::Reused));
    let (mut machine, _) = begin(Fail, false);
    assert_eq!(machine.next(elsewhere), Step::Send(Name::Wanted, Pause::None));
}

#[test]
fn what_is_mended_is_sent_again_once_and_a_pause_is_obeyed() {
    for (events, step) in [
        (&[Mended(Clock)][..], Step::Send(Name::Wanted, Pause::None)),
        (&[Mended(Clock), Mended(AccessKey)], Step::Send(Name::Wanted, Pause::None)),
        (&[Mended(Clock), Mended(Clock)], Step::Fail(Why::Last)),
        (&[Mended(AccessKey), Mended(Clock), Mended(AccessKey)], Step::Fail(Why::Last)),
    ] {
        assert_eq!(play(Reuse, 4, events), step, "{events:?}");
    }
    let wait = Duration::from_millis(200);
    assert_eq!(play(Reuse, 4, &[Event::Throttled(Some(wait))]), Step::Send(Name::Wanted, Pause::Asked(wait)));
    assert_eq!(play(Reuse, 2, &[Unsent, Unsent]), Step::Fail(Why::Last));
    assert_eq!(play(Reuse, 4, &[Unsent, NoTime]), Step::Fail(Why::Last));
}

#[test]
fn what_cannot_happen_is_a_defect() {
    assert_eq!(play(Reuse, 4, &[Deleted]), Step::Fail(Why::OutOfTurn));
    assert_eq!(play(Fail, 4, &[Stored(id(1))]), Step::Fail(Why::OutOfTurn));
    let (mut machine, _) = Machine::begin(Rules { on_conflict: Reuse, any_name: false, max_attempts: 1 });
    machine.next(Stored(id(1)));
    assert_eq!(machine.next(Stored(id(1))), Step::Fail(Why::OutOfTurn));
}

fn any_id() -> impl Strategy<Value = CertId> {
    (1i64..4).prop_map(id)
}

fn any_holder() -> impl Strategy<Value = Holder> {
    prop_oneof![
        3 => Just(Holder::Nobody),
        1 => any_id().prop_map(Holder::Same),
        1 => any_id().prop_map(Holder::Different),
        1 => any_id().prop_map(Holder::Unclear),
    ]
}

fn any_sight() -> impl Strategy<Value = Sight> {
    (any_holder(), any_holder(), proptest::option::of(any_id()))
        .prop_map(|(wanted, other, elsewhere)| Sight { wanted, other, elsewhere })
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any_sight().prop_map(Event::Seen),
        1 => any_id().prop_map(Stored),
        3 => Just(Lost),
        2 => Just(Event::NameTaken),
        1 => Just(Unsent),
        1 => Just(LookUpFailed),
        1 => Just(Event::Throttled(None)),
        1 => Just(Event::Throttled(Some(Duration::from_millis(5)))),
        1 => Just(Mended(Clock)),
        1 => Just(Mended(AccessKey)),
        1 => Just(Event::VersionChanged),
        1 => Just(Event::RefusedUnclearly),
        1 => Just(Event::Refused),
        1 => Just(Deleted),
        1 => Just(NotDeleted),
        1 => Just(NoTime),
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

/// Whether `event` can follow `step`; the rest is a defect of whoever carries steps out.
fn follows(step: Step, event: Event) -> bool {
    match step {
        Step::LookUp(_) => matches!(event, Event::Seen(_) | LookUpFailed | NoTime),
        Step::Delete(_) => matches!(event, Deleted | NotDeleted | NoTime),
        Step::Send(..) => !matches!(event, Event::Seen(_) | LookUpFailed | Deleted | NotDeleted),
        Step::Done(..) | Step::Fail(_) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// For any sequence of events, those among them that can happen.
    #[test]
    fn an_upload_ends_and_keeps_its_promises(rules in any_rules(), events in proptest::collection::vec(any_event(), 200..400)) {
        let (mut machine, mut step) = Machine::begin(rules);
        let mut sent = 0;
        // What was lost and not looked for since; who said which id.
        let mut unseen = false;
        let mut ids = Vec::new();
        let mut deleted = Vec::new();
        for event in events {
            match step {
                Step::Send(..) => {
                    prop_assert!(!unseen, "sent again without a look");
                    sent += u32::from(event != NoTime && follows(step, event));
                }
                Step::Delete(id) => deleted.push(id),
                Step::Done(..) | Step::Fail(_) => break,
                Step::LookUp(_) => {}
            }
            if !follows(step, event) {
                continue;
            }
            match event {
                Lost => unseen = true,
                Stored(id) => ids.push(id),
                Event::Seen(sight) => {
                    unseen = false;
                    for holder in [sight.wanted, sight.other] {
                        if let Holder::Same(id) = holder { ids.push(id) }
                    }
                    ids.extend(sight.elsewhere);
                }
                _ => {}
            }
            step = machine.next(event);
        }
        prop_assert!(sent <= rules.max_attempts && machine.sent() == sent);
        match step {
            Step::Done(id, outcome) => {
                prop_assert!(ids.contains(&id), "a CertId that nobody said");
                prop_assert!(!deleted.contains(&id), "the certificate itself was deleted");
                prop_assert!(outcome != Outcome::Replaced || rules.on_conflict == Replace);
            }
            Step::Fail(why) => {
                prop_assert!(why != Why::OutOfTurn);
                prop_assert!(deleted.is_empty(), "the old one was deleted and the new one is not there");
            }
            _ => prop_assert!(false, "it does not end: {step:?}"),
        }
    }

    /// Whatever happens, whether it can or not.
    #[test]
    fn an_upload_ends_even_if_the_impossible_happens(rules in any_rules(), events in proptest::collection::vec(any_event(), 400)) {
        let (mut machine, mut step) = Machine::begin(rules);
        for event in events {
            if matches!(step, Step::Done(..) | Step::Fail(_)) { break }
            step = machine.next(event);
        }
        prop_assert!(matches!(step, Step::Done(..) | Step::Fail(_)));
        prop_assert!(machine.sent() <= rules.max_attempts);
    }
}
