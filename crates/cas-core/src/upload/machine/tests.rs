//! Each rule.

use super::*;
use crate::protocol::failure_class::Correction;
use crate::service::types::CertId;
use std::time::Duration;

mod properties;

fn id(number: i64) -> CertId {
    CertId::new(number).unwrap()
}

const UNUSED: NameStatus = NameStatus::FREE;

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
const PAGE: Event = Event::Failed(RejectedInTransit);
const REFUSED: Event = Event::Failed(Refused);
const REJECTED: Event = Event::Failed(CertificateRejected);
const VERSION_GONE: Event = Event::Failed(VersionGone);

fn corrected(correction: Correction) -> Event {
    Event::Failed(Correctable(correction))
}

fn throttled(delay: Option<Duration>) -> Event {
    Event::Failed(Throttled(delay))
}

const FREE: Event = Event::Listed(UNUSED);
/// A look-up that fails in passing, and one that is refused.
const NOT_LISTED: Event = LookupFailed(NotSent);
const DENIED: Event = LookupFailed(Refused);

const AT: Moment = Moment { now: Duration::ZERO, deadline: HOUR, idempotent: false };
const HOUR: Duration = Duration::from_secs(3600);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pause(ms: u64) -> Step {
    Step::Lookup(Duration::from_millis(ms))
}

/// How long the run waits before a step.
fn wait_of(step: Step) -> Duration {
    match step {
        Step::Lookup(wait) | Step::Send(_, Wait::Throttled(Some(wait), _)) => wait,
        _ => Duration::ZERO,
    }
}

/// Plays `events`, which take no time beside the pauses, and returns the step after the last one.
fn play(on_conflict: OnConflict, max_attempts: u32, events: &[Event]) -> Step {
    let rules = Rules { on_conflict, any_name: false, max_attempts };
    let timed: Vec<_> = events.iter().map(|event| (*event, Duration::ZERO)).collect();
    play_timed(rules, false, HOUR, &timed).0
}

/// Plays `events`, each of which takes a time; returns the step after the last one, and when it
/// begins.
fn play_timed(
    rules: Rules,
    idempotent: bool,
    deadline: Duration,
    events: &[(Event, Duration)],
) -> (Step, Duration) {
    let (mut machine, mut step) = Machine::begin(rules);
    let mut now = Duration::ZERO;
    for (event, takes) in events {
        assert!(!matches!(step, Step::Done(..) | Step::Fail(_)), "{step:?} before {event:?}");
        now += wait_of(step) + *takes;
        step = machine.next(*event, Moment { now, deadline, idempotent });
    }
    (step, now + wait_of(step))
}

use Correction::{AccessKey, Clock};
use Event::{Cancelled, DeadlineTooNear, Deleted, LookupFailed, NotDeleted, Stored};
use FailureClass::{
    Ambiguous, CertificateRejected, Correctable, NotSent, OutcomeUnknown, Refused,
    RejectedInTransit, Throttled, VersionGone,
};
use OnConflict::{Fail, Rename, Replace, Reuse};

#[test]
fn a_plain_upload_is_one_request() {
    assert_eq!(play(Reuse, 4, &[]), Step::Send(Name::Requested, Wait::None));
    assert_eq!(play(Reuse, 4, &[Stored(id(1))]), Step::Done(id(1), Outcome::Created));
}

/// Looks three times over two seconds after a lost response, and finds nothing.
const SETTLED_FREE: [Event; 4] = [LOST, FREE, FREE, FREE];

#[test]
fn a_lost_response_is_looked_up_before_another_attempt() {
    assert_eq!(play(Reuse, 4, &[LOST]), Step::Lookup(Duration::ZERO));
    assert_eq!(play(Reuse, 4, &[LOST, same(7)]), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(Reuse, 4, &[LOST, FREE]), pause(750));
    assert_eq!(play(Reuse, 4, &[LOST, FREE, FREE]), pause(1250));
    assert_eq!(play(Reuse, 4, &SETTLED_FREE), Step::Send(Name::Requested, Wait::Backoff(1)));
    assert_eq!(play(Reuse, 4, &[LOST, DENIED]), Step::Fail(FailReason::Unknown));
    assert_eq!(play(Reuse, 4, &[LOST, NOT_LISTED]), pause(750));
    assert_eq!(play(Reuse, 4, &[LOST, DeadlineTooNear]), Step::Fail(FailReason::Unknown));
    assert_eq!(play(Reuse, 4, &[LOST, different(7)]), Step::Fail(FailReason::NameTaken(id(7))));
    // Listed late: the second attempt finds the name taken by the first.
    let late = [&SETTLED_FREE[..], &[NAME_TAKEN, FREE, FREE, same(7)]].concat();
    assert_eq!(play(Reuse, 4, &late), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(Fail, 4, &[&[FREE][..], &late].concat()), Step::Done(id(7), Outcome::Created));
}

#[test]
fn look_ups_that_take_time_count_and_a_token_makes_them_needless() {
    let rules = Rules { on_conflict: Reuse, any_name: false, max_attempts: 4 };
    let again = Step::Send(Name::Requested, Wait::Backoff(1));
    let after = |idempotent, deadline, takes: &[u64]| {
        let look_ups = takes.iter().map(|ms| (FREE, Duration::from_millis(*ms)));
        let events: Vec<_> = std::iter::once((LOST, Duration::ZERO)).chain(look_ups).collect();
        play_timed(rules, idempotent, deadline, &events).0
    };
    assert_eq!(after(true, HOUR, &[0]), again);
    // Two look-ups of more than two seconds, or three of any length over two seconds.
    assert_eq!(after(false, HOUR, &[2_100]), pause(750));
    assert_eq!(after(false, HOUR, &[2_100, 2_100]), again);
    assert_eq!(after(false, HOUR, &[500, 500]), pause(1250));
    assert_eq!(after(false, HOUR, &[500, 500, 0]), again);
    assert_eq!(after(false, HOUR, &[0, 0, 0]), again);
    // Three look-ups that are not that slow.
    assert_eq!(after(false, HOUR, &[1_900, 1_900]), pause(1250));
    // The deadline asks for less.
    assert_eq!(after(false, seconds(2), &[0]), pause(500));
    assert_eq!(after(false, seconds(2), &[0, 0]), pause(375));
    assert_eq!(after(false, seconds(2), &[0, 0, 0]), again);
}

#[test]
fn a_doubt_outweighs_every_later_error() {
    assert_eq!(play(Reuse, 1, &[LOST, FREE]), pause(750));
    assert_eq!(play(Reuse, 1, &[LOST, FREE, FREE, same(7)]), Step::Done(id(7), Outcome::Created));
    let in_vain = |before: &[Event], look_up| {
        let rules = Rules { on_conflict: Reuse, any_name: false, max_attempts: 2 };
        let mut events: Vec<_> = before.iter().map(|event| (*event, Duration::ZERO)).collect();
        for _ in 0..30 {
            let (step, now) = play_timed(rules, false, HOUR, &events);
            match step {
                Step::Lookup(_) => events.push((look_up, Duration::ZERO)),
                step => return (step, now, events.len() - before.len()),
            }
        }
        panic!("it looks for ever");
    };
    let unknown = Step::Fail(FailReason::Unknown);
    for last in [LOST, REFUSED, AMBIGUOUS, PAGE, UNSENT, NAME_TAKEN] {
        let events = [&SETTLED_FREE[..], &[last]].concat();
        for look_up in [FREE, NOT_LISTED] {
            let (step, now, look_ups) = in_vain(&events, look_up);
            assert_eq!(step, unknown, "{last:?}");
            assert!(now > seconds(20) && now <= seconds(22), "{last:?} {now:?}");
            assert!((10..14).contains(&look_ups), "{last:?} {look_ups}");
        }
        let found = [&events[..], &[FREE, same(7)]].concat();
        assert_eq!(play(Reuse, 2, &found), Step::Done(id(7), Outcome::Created), "{last:?}");
        assert_eq!(play(Reuse, 2, &[&events[..], &[DENIED]].concat()), unknown, "{last:?}");
    }
    let out_of_time = [&SETTLED_FREE[..], &[DeadlineTooNear, DeadlineTooNear]].concat();
    assert_eq!(play(Reuse, 4, &out_of_time), unknown);
    // What is wrong with the certificate was wrong in the attempt in doubt as well.
    let rejected = [&SETTLED_FREE[..], &[REJECTED]].concat();
    assert_eq!(play(Reuse, 4, &rejected), Step::Fail(FailReason::Last));
}

#[test]
fn an_attempt_in_doubt_is_looked_for_between_throttled_ones() {
    let rules = Rules { on_conflict: Reuse, any_name: false, max_attempts: 2 };
    let play = |last: &[(Event, u64)]| {
        let settled = SETTLED_FREE.iter().map(|event| (*event, Duration::ZERO));
        let last = last.iter().map(|(event, took)| (*event, seconds(*took)));
        play_timed(rules, false, HOUR, &settled.chain(last).collect::<Vec<_>>()).0
    };
    let send = |delay, times| Step::Send(Name::Requested, Wait::Throttled(delay, times));
    let busy = throttled(None);
    // Not more often than every two seconds.
    assert_eq!(play(&[(busy, 1)]), send(None, 1));
    assert_eq!(play(&[(busy, 1), (busy, 1)]), pause(0));
    assert_eq!(play(&[(throttled(Some(seconds(5))), 2)]), Step::Lookup(seconds(5)));
    assert_eq!(play(&[(busy, 2), (FREE, 0)]), send(None, 1));
    assert_eq!(play(&[(busy, 2), (NOT_LISTED, 0)]), send(Some(Duration::ZERO), 1));
    assert_eq!(play(&[(busy, 2), (same(7), 0)]), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(&[(busy, 2), (DENIED, 0)]), Step::Fail(FailReason::Unknown));
}

#[test]
fn a_taken_name_is_decided_by_the_certificate() {
    assert_eq!(play(Reuse, 4, &[NAME_TAKEN, same(7)]), Step::Done(id(7), Outcome::Reused));
    assert_eq!(
        play(Reuse, 4, &[NAME_TAKEN, different(7)]),
        Step::Fail(FailReason::NameTaken(id(7)))
    );
    assert_eq!(play(Reuse, 4, &[NAME_TAKEN, DENIED]), Step::Fail(FailReason::Unknown));
    assert_eq!(play(Reuse, 4, &[NAME_TAKEN, NOT_LISTED]), pause(750));
    let in_vain = [&[NAME_TAKEN][..], &[FREE; 12]].concat();
    assert_eq!(play(Reuse, 1, &in_vain), Step::Fail(FailReason::TakenButNotListed));
    let failing = [&[NAME_TAKEN][..], &[NOT_LISTED; 12]].concat();
    assert_eq!(play(Reuse, 1, &failing), Step::Fail(FailReason::Unknown));
    // Its owner may have been deleted: it is sent once more.
    let freed = [NAME_TAKEN, FREE, FREE, FREE];
    assert_eq!(play(Reuse, 4, &freed), Step::Send(Name::Requested, Wait::None));
    let in_vain = [&freed[..], &[NAME_TAKEN], &[FREE; 12]].concat();
    assert_eq!(play(Reuse, 4, &in_vain), Step::Fail(FailReason::TakenButNotListed));
}

#[test]
fn one_look_up_follows_what_was_refused_for_an_unknown_reason() {
    // An unknown code may mean that the name is taken. A page may replace any response.
    for (refused, outcome) in [(AMBIGUOUS, Outcome::Reused), (PAGE, Outcome::Created)] {
        assert_eq!(play(Reuse, 4, &[refused, same(7)]), Step::Done(id(7), outcome));
        assert_eq!(play(Reuse, 4, &[refused, FREE]), Step::Fail(FailReason::Last));
        let conflict = Step::Fail(FailReason::NameTaken(id(7)));
        assert_eq!(play(Reuse, 4, &[refused, different(7)]), conflict);
        let unclear = NameStatus { requested: NameOwner::Unclear(id(7)), ..UNUSED };
        let unclear = [refused, Event::Listed(unclear)];
        assert_eq!(play(Reuse, 4, &unclear), Step::Fail(FailReason::Last));
        let classes = [Ambiguous, RejectedInTransit, Throttled(None)].map(LookupFailed);
        for failed in [&[NOT_LISTED, DENIED], &classes[..]].concat() {
            assert_eq!(play(Reuse, 4, &[refused, failed]), Step::Fail(FailReason::Last));
        }
    }
    let found = |refused| play(Fail, 4, &[FREE, refused, same(7)]);
    assert_eq!(found(AMBIGUOUS), Step::Fail(FailReason::NameTaken(id(7))));
    assert_eq!(found(PAGE), Step::Done(id(7), Outcome::Created));
}

#[test]
fn a_similar_name_counts_once_the_service_says_that_the_name_is_taken() {
    let similar = |owner| Event::Listed(NameStatus { similar: owner, ..UNUSED });
    let (this, other) = (NameOwner::Same(id(7)), NameOwner::Different(id(8)));
    let looks = |rule, before: &[Event], owner| {
        let taken = [&[NAME_TAKEN][..], &[similar(owner); 11], &[DeadlineTooNear]].concat();
        play(rule, 1, &[before, &taken].concat())
    };
    assert_eq!(looks(Reuse, &[], this), Step::Done(id(7), Outcome::Reused));
    for owner in [other, NameOwner::Unclear(id(8))] {
        assert_eq!(looks(Reuse, &[], owner), Step::Fail(FailReason::NameTaken(id(8))));
    }
    // One with the very name may be listed late.
    assert_eq!(play(Reuse, 4, &[NAME_TAKEN, similar(this)]), pause(750));
    let late = [NAME_TAKEN, similar(other), similar(other), same(7)];
    assert_eq!(play(Reuse, 4, &late), Step::Done(id(7), Outcome::Reused));
    // So may the one that an attempt in doubt stored.
    let doubt = [LOST, similar(other), similar(other), similar(other)];
    let looks_in_doubt = |owner| {
        let taken = [&[NAME_TAKEN][..], &[similar(owner); 11], &[DeadlineTooNear]].concat();
        play(Rename, 2, &[&[FREE][..], &doubt, &taken].concat())
    };
    assert_eq!(looks_in_doubt(other), Step::Fail(FailReason::Unknown));
    assert_eq!(looks_in_doubt(this), Step::Done(id(7), Outcome::Created));
    assert_eq!(play(Reuse, 4, &[LOST, similar(this)]), pause(750));
    let sent = Step::Send(Name::Requested, Wait::None);
    for owner in [this, other] {
        assert_eq!(play(Fail, 4, &[similar(owner)]), sent);
        assert_eq!(play(Replace, 4, &[similar(owner)]), sent);
    }
    // It was not the name's owner before the upload, so it stays.
    let taken = [similar(other), NAME_TAKEN, similar(other), similar(other), similar(other)];
    let again = [NAME_TAKEN, similar(other), DeadlineTooNear, Stored(id(9))];
    let renamed = [&taken[..], &again].concat();
    assert_eq!(play(Replace, 4, &renamed), Step::Done(id(9), Outcome::Created));
}

#[test]
fn replace_deletes_only_what_it_saw_before_it_sent() {
    let left_over = Event::Listed(NameStatus { predecessor: Some(id(5)), ..UNUSED });
    assert_eq!(play(Replace, 4, &[left_over, Stored(id(8))]), Step::Delete(id(5)));
    assert_eq!(play(Replace, 4, &[left_over, LOST, same(8)]), Step::Delete(id(5)));
    assert_eq!(play(Rename, 4, &[left_over, Stored(id(8))]), Step::Done(id(8), Outcome::Created));
    let deleted = [left_over, Stored(id(8)), Deleted];
    assert_eq!(play(Replace, 4, &deleted), Step::Done(id(8), Outcome::Replaced));
    // Seen too late, or beside the owner of the name.
    let late = [FREE, LOST, left_over, left_over, left_over, Stored(id(8))];
    assert_eq!(play(Replace, 4, &late), Step::Done(id(8), Outcome::Created));
    let both =
        NameStatus { predecessor: Some(id(5)), requested: NameOwner::Different(id(6)), ..UNUSED };
    assert_eq!(play(Replace, 4, &[Event::Listed(both), Stored(id(8))]), Step::Delete(id(6)));
    // An earlier call stored the certificate, which a later one replaces meanwhile.
    let renewed = NameStatus {
        requested: NameOwner::Different(id(6)),
        alternate: NameOwner::Same(id(5)),
        ..UNUSED
    };
    let reused = Step::Done(id(5), Outcome::Reused);
    assert_eq!(play(Replace, 4, &[Event::Listed(renewed)]), reused);
    let late = [different(6), NAME_TAKEN, Event::Listed(renewed)];
    assert_eq!(play(Replace, 4, &late), reused);
    assert_eq!(play(Replace, 4, &[different(6), Stored(id(8))]), Step::Delete(id(6)));
    // Another upload was faster: its certificate stays.
    let faster = [FREE, NAME_TAKEN, different(6), Stored(id(8))];
    assert_eq!(play(Replace, 4, &faster), Step::Done(id(8), Outcome::Created));
    let faster = [left_over, NAME_TAKEN, different(6), Stored(id(8))];
    assert_eq!(play(Replace, 4, &faster), Step::Delete(id(5)));
}

#[test]
fn a_look_up_that_is_refused_for_good_ends_the_search() {
    let unknown = Step::Fail(FailReason::Unknown);
    for after in [LOST, NAME_TAKEN] {
        for class in [OutcomeUnknown, NotSent, Ambiguous, Throttled(None)] {
            assert_eq!(play(Reuse, 4, &[after, LookupFailed(class)]), pause(750), "{class:?}");
        }
        for class in [Refused, VersionGone, FailureClass::Permanent, Correctable(AccessKey)] {
            assert_eq!(play(Reuse, 4, &[after, LookupFailed(class)]), unknown, "{class:?}");
        }
        // A delay that the service requests is kept, unless it is too long.
        let throttled = |delay| LookupFailed(Throttled(Some(delay)));
        assert_eq!(play(Reuse, 4, &[after, throttled(seconds(5))]), pause(5_000));
        assert_eq!(play(Reuse, 4, &[after, throttled(seconds(30))]), unknown);
        assert_eq!(play(Reuse, 4, &[after, throttled(HOUR)]), unknown);
    }
    // What was turned away after a doubt is looked up as long as the doubt.
    let turned_away = [&SETTLED_FREE[..], &[AMBIGUOUS]].concat();
    for failed in [FREE, NOT_LISTED, LookupFailed(Ambiguous)] {
        assert_eq!(play(Reuse, 4, &[&turned_away[..], &[failed]].concat()), pause(750));
    }
    assert_eq!(play(Reuse, 4, &[&turned_away[..], &[DENIED]].concat()), unknown);
}

#[test]
fn fail_does_not_reuse_a_stored_certificate() {
    assert_eq!(play(Fail, 4, &[]), Step::Lookup(Duration::ZERO));
    assert_eq!(play(Fail, 4, &[same(7)]), Step::Fail(FailReason::NameTaken(id(7))));
    assert_eq!(play(Fail, 4, &[FREE, NAME_TAKEN]), Step::Fail(FailReason::Last));
    assert_eq!(play(Fail, 4, &[NOT_LISTED]), Step::Fail(FailReason::Last));
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
            ..UNUSED
        };
        assert_eq!(
            play(rule, 4, &[Event::Listed(taken_too)]),
            Step::Fail(FailReason::NameTaken(id(6)))
        );
        // The same certificate is never stored twice.
        let renamed = NameStatus { alternate: NameOwner::Same(id(6)), ..UNUSED };
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
        ..UNUSED
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
    assert_eq!(step, Step::Lookup(Duration::ZERO));
    assert_eq!(machine.next(third_name, AT), Step::Done(id(9), Outcome::Reused));
    let (mut machine, _) = begin(Fail, false);
    assert_eq!(machine.next(third_name, AT), Step::Send(Name::Requested, Wait::None));
}

#[test]
fn a_different_certificate_under_the_name_settles_a_doubt() {
    // The first attempt is in doubt until the look-up shows that another certificate has the name:
    // the same certificate under the alternate name was not stored by this upload.
    let renamed_before = NameStatus {
        requested: NameOwner::Different(id(7)),
        alternate: NameOwner::Same(id(9)),
        ..UNUSED
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
        Step::Send(Name::Requested, Wait::Throttled(Some(wait), 1))
    );
    assert_eq!(play(Reuse, 2, &[UNSENT, UNSENT]), Step::Fail(FailReason::Last));
    // Throttling goes on until the deadline, unless a single attempt is allowed.
    let often = [throttled(None); 20];
    assert_eq!(play(Reuse, 2, &often), Step::Send(Name::Requested, Wait::Throttled(None, 20)));
    let ended = [&often[..], &[DeadlineTooNear]].concat();
    assert_eq!(play(Reuse, 2, &ended), Step::Fail(FailReason::Last));
    assert_eq!(play(Reuse, 1, &[throttled(None)]), Step::Fail(FailReason::Last));
    assert_eq!(
        play(Reuse, 2, &[&often[..], &[UNSENT]].concat()),
        Step::Send(Name::Requested, Wait::Backoff(21))
    );
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
    machine.next(Stored(id(1)), AT);
    assert_eq!(machine.next(Stored(id(1)), AT), Step::Fail(FailReason::Bug));
}
