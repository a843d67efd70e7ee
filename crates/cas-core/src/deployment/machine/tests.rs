//! The steps of a deployment, and that no sequence of events creates two jobs.

use super::*;
use proptest::prelude::*;

use crate::protocol::failure_class::Correction;

use Event::{
    Cancelled, Created, CreationFailed, DeadlineTooNear, LookFailed, Looked, StartFailed, Started,
    Status, StatusFailed,
};
use FailureClass::{NotSent, OutcomeUnknown, Permanent, Refused};
use JobStatus::{Editing, Error, Processing, Success};

const RULES: Rules = Rules { max_attempts: 3, waits: true };
const HOUR: Duration = Duration::from_secs(3600);
const AT: Moment = Moment { now: Duration::ZERO, deadline: HOUR };
const LOST: Event = CreationFailed(OutcomeUnknown);
const NONE: Event = Looked(None);

fn job(id: i64) -> JobId {
    JobId::new(id).unwrap()
}

fn found(id: i64, status: JobStatus) -> Event {
    Looked(Some(FoundJob { id: job(id), status }))
}

/// Plays events, each after the pause of the step before; returns the last step.
fn play(rules: Rules, events: &[Event]) -> Step {
    let (mut machine, mut step) = Machine::begin(rules);
    let mut at = AT;
    for event in events {
        at.now += pause(step);
        step = machine.next(*event, at);
    }
    step
}

fn pause(step: Step) -> Duration {
    match step {
        Step::Look(pause) | Step::Start(_, pause) | Step::Watch(_, pause) => pause,
        _ => Duration::ZERO,
    }
}

fn is_watching(step: Step) -> bool {
    matches!(step, Step::Watch(..))
}

#[test]
fn a_job_is_looked_for_created_started_and_watched() {
    assert_eq!(play(RULES, &[]), Step::Look(Duration::ZERO));
    assert_eq!(play(RULES, &[NONE]), Step::Create(Wait::None));
    assert_eq!(play(RULES, &[NONE, Created(job(5))]), Step::Look(Duration::ZERO));
    let started = [NONE, Created(job(5)), found(5, Editing)];
    assert_eq!(play(RULES, &started), Step::Start(job(5), Duration::ZERO));
    let watched = [&started[..], &[Started, Status(Processing), Status(Processing)]].concat();
    assert_eq!(play(RULES, &watched), Step::Watch(job(5), Duration::from_secs(1)));
    for end in [Success, Error] {
        let ended = [&watched[..], &[Status(end)]].concat();
        assert_eq!(play(RULES, &ended), Step::Done(job(5)));
    }
    let without_wait = Rules { waits: false, ..RULES };
    let started = [&started[..], &[Started]].concat();
    assert_eq!(play(without_wait, &started), Step::Done(job(5)));
}

#[test]
fn the_job_of_an_earlier_run_is_continued() {
    for (status, expected) in [
        (Editing, Step::Start(job(5), Duration::ZERO)),
        (Error, Step::Start(job(5), Duration::ZERO)),
        (Processing, Step::Watch(job(5), Duration::from_millis(250))),
        (JobStatus::Unknown, Step::Watch(job(5), Duration::from_millis(250))),
        (Success, Step::Done(job(5))),
    ] {
        assert_eq!(play(RULES, &[found(5, status)]), expected, "{status:?}");
    }
    // One that fails again is not started a third time.
    let events = [found(5, Error), Started, Status(Error)];
    assert_eq!(play(RULES, &events), Step::Done(job(5)));
}

#[test]
fn a_lost_response_is_followed_by_looks_and_never_by_another_creation() {
    let (mut machine, _) = Machine::begin(RULES);
    machine.next(NONE, AT);
    let mut step = machine.next(LOST, AT);
    let (mut at, mut looks) = (AT, 0);
    while let Step::Look(pause) = step {
        at.now += pause;
        looks += 1;
        step = machine.next(if looks % 3 == 0 { LookFailed(NotSent) } else { NONE }, at);
    }
    assert_eq!(step, Step::Fail(FailReason::Unknown));
    assert!(looks > 5 && at.now + Duration::from_secs(3) > LOOKING, "{looks} {at:?}");
    let late = [NONE, LOST, NONE, NONE, found(5, Editing)];
    assert_eq!(play(RULES, &late), Step::Start(job(5), Duration::ZERO));
    // An error that does not pass ends the looks.
    let denied = [NONE, LOST, LookFailed(Refused)];
    assert_eq!(play(RULES, &denied), Step::Fail(FailReason::Unknown));
    let short = Moment { deadline: Duration::from_millis(500), ..AT };
    let (mut machine, _) = Machine::begin(RULES);
    machine.next(NONE, short);
    machine.next(LOST, short);
    assert_eq!(machine.next(NONE, short), Step::Fail(FailReason::Unknown));
}

#[test]
fn what_was_not_sent_is_sent_again() {
    let unsent = CreationFailed(NotSent);
    assert_eq!(play(RULES, &[NONE, unsent]), Step::Create(Wait::Backoff(1)));
    assert_eq!(play(RULES, &[NONE, unsent, unsent]), Step::Create(Wait::Backoff(2)));
    let often = [NONE, unsent, unsent, unsent];
    assert_eq!(play(RULES, &often), Step::Fail(FailReason::Last));
    let throttled = CreationFailed(FailureClass::Throttled(None));
    let often = [&[NONE][..], &[throttled; 9]].concat();
    assert_eq!(play(RULES, &often), Step::Create(Wait::Throttled(None, 9)));
    let clock = CreationFailed(FailureClass::Correctable(Correction::Clock));
    assert_eq!(play(RULES, &[NONE, clock]), Step::Create(Wait::None));
    assert_eq!(play(RULES, &[NONE, clock, clock]), Step::Fail(FailReason::Last));
    for class in [Permanent, Refused, FailureClass::VersionGone] {
        let events = [NONE, CreationFailed(class)];
        assert_eq!(play(RULES, &events), Step::Fail(FailReason::Last), "{class:?}");
    }
}

#[test]
fn a_refusal_that_may_come_from_elsewhere_is_followed_by_one_look() {
    for class in [FailureClass::Ambiguous, FailureClass::RejectedInTransit, FailureClass::NameTaken]
    {
        let refused = [NONE, CreationFailed(class)];
        assert_eq!(play(RULES, &refused), Step::Look(Duration::ZERO), "{class:?}");
        let none = [&refused[..], &[NONE]].concat();
        assert_eq!(play(RULES, &none), Step::Fail(FailReason::Last), "{class:?}");
        let one = [&refused[..], &[found(5, Editing)]].concat();
        assert_eq!(play(RULES, &one), Step::Start(job(5), Duration::ZERO), "{class:?}");
    }
}

#[test]
fn of_two_jobs_one_is_started() {
    let created = [NONE, Created(job(6))];
    let other = [&created[..], &[found(5, Editing)]].concat();
    assert_eq!(play(RULES, &other), Step::Start(job(5), Duration::ZERO));
    let runs = [&created[..], &[found(5, Processing)]].concat();
    assert!(is_watching(play(RULES, &runs)));
    // A list that fails, or does not show it yet, does not keep it from running.
    for event in [NONE, LookFailed(Refused), found(6, Editing)] {
        let events = [&created[..], &[event]].concat();
        assert_eq!(play(RULES, &events), Step::Start(job(6), Duration::ZERO), "{event:?}");
    }
}

#[test]
fn a_start_whose_response_is_lost_is_checked() {
    let failed = |class| [found(5, Editing), StartFailed(class)];
    let check = Step::Watch(job(5), Duration::ZERO);
    for class in [OutcomeUnknown, NotSent, Refused, FailureClass::Ambiguous] {
        assert_eq!(play(RULES, &failed(class)), check, "{class:?}");
        let runs = [&failed(class)[..], &[Status(Processing)]].concat();
        assert!(is_watching(play(RULES, &runs)));
        let ended = [&failed(class)[..], &[Status(Error)]].concat();
        assert_eq!(play(RULES, &ended), Step::Done(job(5)));
    }
    let again = [&failed(OutcomeUnknown)[..], &[Status(Editing)]].concat();
    assert_eq!(play(RULES, &again), Step::Start(job(5), START_PAUSE));
    let not_started = Step::Fail(FailReason::NotStarted(job(5)));
    let denied = [&failed(Refused)[..], &[Status(Editing)]].concat();
    assert_eq!(play(RULES, &denied), not_started);
    let once = [StartFailed(OutcomeUnknown), Status(Editing)];
    let often = [&[found(5, Editing)][..], &once, &once, &once].concat();
    assert_eq!(play(RULES, &often), not_started);
}

#[test]
fn a_failure_says_what_exists() {
    let started = [found(5, Editing), Started];
    for (events, reason) in [
        (vec![LookFailed(NotSent)], FailReason::Last),
        (vec![DeadlineTooNear], FailReason::Last),
        (vec![Cancelled], FailReason::Cancelled(None)),
        (vec![NONE, DeadlineTooNear], FailReason::Last),
        (vec![NONE, LOST, DeadlineTooNear], FailReason::Unknown),
        (vec![NONE, LOST, Cancelled], FailReason::Cancelled(None)),
        (vec![NONE, Created(job(5)), Cancelled], FailReason::Cancelled(Some(job(5)))),
        (vec![found(5, Editing), DeadlineTooNear], FailReason::NotStarted(job(5))),
        (vec![found(5, Editing), Cancelled], FailReason::Cancelled(Some(job(5)))),
        ([&started[..], &[DeadlineTooNear]].concat(), FailReason::StillRunning(job(5))),
        ([&started[..], &[Cancelled]].concat(), FailReason::Cancelled(Some(job(5)))),
        ([&started[..], &[StatusFailed(Refused)]].concat(), FailReason::NotFollowed(job(5))),
        (
            vec![found(5, Editing), StartFailed(OutcomeUnknown), DeadlineTooNear],
            FailReason::NotFollowed(job(5)),
        ),
        (vec![Started], FailReason::Bug),
    ] {
        assert_eq!(play(RULES, &events), Step::Fail(reason), "{events:?}");
    }
    // Errors that pass do not end it.
    let passing = [&started[..], &[StatusFailed(NotSent), StatusFailed(OutcomeUnknown)]].concat();
    assert!(is_watching(play(RULES, &passing)));
}

fn any_class() -> impl Strategy<Value = FailureClass> {
    prop_oneof![
        Just(NotSent),
        Just(OutcomeUnknown),
        Just(FailureClass::Throttled(None)),
        Just(FailureClass::Correctable(Correction::Clock)),
        Just(FailureClass::Correctable(Correction::AccessKey)),
        Just(FailureClass::NameTaken),
        Just(FailureClass::Ambiguous),
        Just(FailureClass::RejectedInTransit),
        Just(Refused),
        Just(Permanent),
    ]
}

fn any_status() -> impl Strategy<Value = JobStatus> {
    prop_oneof![Just(Editing), Just(Processing), Just(Success), Just(Error)]
}

/// What becomes of a request to the simulated service.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Applied, and the response lost.
    After,
    /// Lost before it was applied.
    Before,
    /// Refused or not sent.
    Failed(FailureClass),
    /// The program ends, after the request was applied or before.
    Killed(bool),
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        2 => Just(Fault::After),
        1 => Just(Fault::Before),
        1 => any_class().prop_filter("lost is a fault of its own", |class| *class != OutcomeUnknown)
            .prop_map(Fault::Failed),
        1 => any::<bool>().prop_map(Fault::Killed),
    ]
}

/// A service with the jobs of one name. Its lists are consistent.
#[derive(Default)]
struct Service {
    jobs: Vec<JobStatus>,
    /// How often each job was started.
    started: Vec<u32>,
}

impl Service {
    fn found(&self) -> Option<FoundJob> {
        let jobs = (1..).zip(&self.jobs);
        jobs.min_by_key(|(id, status)| (**status == Editing, *id))
            .map(|(id, status)| FoundJob { id: job(id), status: *status })
    }

    fn start(&mut self, id: JobId) -> bool {
        let index = usize::try_from(id.get() - 1).unwrap();
        let status = &mut self.jobs[index];
        if !matches!(status, Editing | Error) {
            return false;
        }
        *status = Processing;
        self.started[index] += 1;
        true
    }

    /// One run with these faults, one for each request. Returns the last step.
    fn run(&mut self, rules: Rules, faults: &mut impl Iterator<Item = Fault>) -> Option<Step> {
        let (mut machine, mut step) = Machine::begin(rules);
        let mut at = AT;
        for _ in 0..1_000 {
            at.now += pause(step);
            let fault = faults.next().unwrap_or(Fault::None);
            if let Fault::Killed(false) = fault {
                return None;
            }
            let applied = matches!(fault, Fault::None | Fault::After | Fault::Killed(_));
            let lost = match fault {
                Fault::After | Fault::Before => Some(OutcomeUnknown),
                Fault::Failed(class) => Some(class),
                Fault::None | Fault::Killed(_) => None,
            };
            let event = match step {
                Step::Look(_) => lost.map_or_else(|| Looked(self.found()), LookFailed),
                Step::Create(_) => {
                    if applied {
                        self.jobs.push(Editing);
                        self.started.push(0);
                    }
                    let id = i64::try_from(self.jobs.len()).unwrap();
                    lost.map_or_else(|| Created(job(id)), CreationFailed)
                }
                Step::Start(id, _) => {
                    let accepted = applied && self.start(id);
                    match lost {
                        Some(class) => StartFailed(class),
                        None if accepted => Started,
                        None => StartFailed(FailureClass::Ambiguous),
                    }
                }
                Step::Watch(id, _) => {
                    let index = usize::try_from(id.get() - 1).unwrap();
                    let status = self.jobs[index];
                    if status == Processing {
                        self.jobs[index] = Success;
                    }
                    lost.map_or(Status(status), StatusFailed)
                }
                Step::Done(_) | Step::Fail(_) => return Some(step),
            };
            if let Fault::Killed(true) = fault {
                return None;
            }
            step = machine.next(event, at);
        }
        panic!("the deployment does not end: {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_creation_in_doubt_is_the_last(events in proptest::collection::vec(
        prop_oneof![
            proptest::option::of((1i64..4, any_status())).prop_map(|found| Looked(
                found.map(|(id, status)| FoundJob { id: job(id), status })
            )),
            any_class().prop_map(LookFailed),
            (1i64..4).prop_map(|id| Created(job(id))),
            any_class().prop_map(CreationFailed),
            Just(Started),
            any_class().prop_map(StartFailed),
            any_status().prop_map(Status),
            any_class().prop_map(StatusFailed),
            Just(DeadlineTooNear),
            Just(Cancelled),
        ], 0..40), max_attempts in 1u32..5, waits: bool)
    {
        let (mut machine, mut step) = Machine::begin(Rules { max_attempts, waits });
        let (mut at, mut may_exist) = (AT, false);
        for event in events {
            if matches!(step, Step::Done(_) | Step::Fail(_)) {
                break;
            }
            if let Step::Create(_) = step {
                prop_assert!(!may_exist, "created again");
                may_exist = matches!(event, Created(_) | CreationFailed(OutcomeUnknown));
            }
            at.now += pause(step);
            step = machine.next(event, at);
        }
        prop_assert!(!matches!(step, Step::Create(_)) || !may_exist, "created again");
    }

    #[test]
    fn runs_with_faults_create_one_job_and_start_it(
        runs in proptest::collection::vec(proptest::collection::vec(any_fault(), 0..12), 1..4),
        max_attempts in 1u32..5,
    ) {
        let rules = Rules { max_attempts, waits: true };
        let mut service = Service::default();
        for faults in runs {
            service.run(rules, &mut faults.into_iter());
            prop_assert!(service.jobs.len() <= 1, "{:?}", service.jobs);
        }
        // A run without faults brings it to its end.
        let last = service.run(rules, &mut std::iter::empty());
        prop_assert_eq!(last, Some(Step::Done(job(1))));
        prop_assert_eq!(&service.started, &[1]);
    }
}
