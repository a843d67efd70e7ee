//! A deployment as a state machine: an event goes in, the next step comes out.
//!
//! No sockets, clock or randomness: [`crate::deployment::run`] executes the steps and says what
//! time it is. The service charges for jobs and does not recognise a repeated request, so a job
//! whose creation is in doubt is looked for and never created again. The rules are in
//! docs/deployment.md.

use std::time::Duration;

use crate::protocol::failure_class::FailureClass;
use crate::service::backoff::Wait;
use crate::service::deployment::types::{JobId, JobStatus};

/// How a deployment proceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Most attempts to create the job, and to start it; at least 1.
    pub(crate) max_attempts: u32,
    /// Whether to wait until the job has ended.
    pub(crate) waits: bool,
}

/// When an event has happened, counted from the start of the deployment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Duration,
    pub(crate) deadline: Duration,
}

/// The job with the name of this deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoundJob {
    pub(crate) id: JobId,
    pub(crate) status: JobStatus,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look for the job after a pause; the event is [`Event::Looked`] or [`Event::LookFailed`].
    Look(Duration),
    /// Create the job; the event is [`Event::Created`] or [`Event::CreationFailed`].
    Create(Wait),
    /// Start the job after a pause; the event is [`Event::Started`] or [`Event::StartFailed`].
    Start(JobId, Duration),
    /// Ask for the status of the job after a pause; the event is [`Event::Status`] or
    /// [`Event::StatusFailed`].
    Watch(JobId, Duration),
    /// The job has ended, or was started and is not waited for.
    Done(JobId),
    /// The deployment failed.
    Fail(FailReason),
}

/// Why a deployment failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FailReason {
    /// The error of the last step. No job was created.
    Last,
    /// A job may exist; libcas failed to find out.
    Unknown,
    /// The job exists, and was not started.
    NotStarted(JobId),
    /// The job was started, and libcas failed to follow it.
    NotFollowed(JobId),
    /// The job runs, and the deadline has passed.
    StillRunning(JobId),
    /// The call was cancelled; the job exists if it is given, and may have been created otherwise
    /// if the creation is in doubt.
    Cancelled(Option<JobId>),
    /// An event that cannot follow the last step: a bug in libcas.
    Bug,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The job with the name of this deployment, if the list has one.
    Looked(Option<FoundJob>),
    LookFailed(FailureClass),
    Created(JobId),
    CreationFailed(FailureClass),
    Started,
    StartFailed(FailureClass),
    /// The status of the job, which has ended only if all its workers have.
    Status(JobStatus),
    StatusFailed(FailureClass),
    /// The step was not executed: the deadline is too near.
    DeadlineTooNear,
    /// The call was cancelled before the step changed anything.
    Cancelled,
}

/// Why the list of jobs is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookReason {
    /// Nothing was sent yet.
    BeforeCreation,
    /// The job may have been created.
    InDoubt,
    /// The creation was refused, perhaps because the job exists.
    Refused,
    /// This job was created. Another program may have created one at the same time.
    Created(JobId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Looking(LookReason),
    Creating,
    Starting(JobId),
    Watching(JobId),
    Ended,
}

/// How long libcas looks for a job whose creation is in doubt: new ones may be listed late.
const LOOKING: Duration = Duration::from_secs(20);

/// Pauses between looks for the job; the last one is repeated.
const LOOK_PAUSES: [Duration; 3] =
    [Duration::from_millis(750), Duration::from_millis(1250), Duration::from_secs(2)];

/// Pauses between questions for the status; the last one is repeated.
const WATCH_PAUSES: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// The pause before another attempt to start a job.
const START_PAUSE: Duration = Duration::from_secs(1);

/// One deployment in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    rules: Rules,
    state: State,
    /// How often the job was to be created, without attempts that were throttled.
    attempts: u32,
    throttled: u32,
    /// Whether the job may have been created.
    in_doubt: bool,
    /// When the last attempt to create it ended.
    attempted: Duration,
    looks: usize,
    /// How often the job was to be started, and whether it may be once more.
    starts: u32,
    may_start: bool,
    /// Whether the service has accepted the start of the job.
    started: bool,
    watches: usize,
    /// Which corrections were made, by the number of the correction.
    corrected: [bool; 2],
}

impl Machine {
    /// Starts a deployment, and returns the first step: a look for the job of an earlier run.
    #[must_use]
    pub(crate) fn begin(rules: Rules) -> (Self, Step) {
        let machine = Self {
            rules,
            state: State::Looking(LookReason::BeforeCreation),
            attempts: 0,
            throttled: 0,
            in_doubt: false,
            attempted: Duration::ZERO,
            looks: 0,
            starts: 0,
            may_start: true,
            started: false,
            watches: 0,
            corrected: [false; 2],
        };
        (machine, Step::Look(Duration::ZERO))
    }

    /// Whether the job may exist although it was not found.
    #[must_use]
    pub(crate) fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// How often the job was to be created.
    #[must_use]
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts + self.throttled
    }

    /// Returns the step that follows `event`, which happened at `at`.
    pub(crate) fn next(&mut self, event: Event, at: Moment) -> Step {
        match (self.state, event) {
            (State::Looking(reason), Event::Looked(found)) => self.looked(reason, found, at),
            (State::Looking(reason), Event::LookFailed(class)) => {
                self.look_failed(reason, class.is_passing(), at)
            }
            (State::Looking(reason), Event::DeadlineTooNear) => self.look_failed(reason, false, at),
            (State::Creating, Event::Created(id)) => self.look(LookReason::Created(id)),
            (State::Creating, Event::CreationFailed(class)) => self.creation_failed(class, at),
            (State::Creating, Event::DeadlineTooNear) => self.fail(FailReason::Last),
            (State::Starting(id), Event::Started) => self.started(id),
            (State::Starting(id), Event::StartFailed(class)) => {
                self.may_start &= class.is_passing();
                self.watch(id, Duration::ZERO)
            }
            (State::Starting(id), Event::DeadlineTooNear) => self.fail(FailReason::NotStarted(id)),
            (State::Watching(id), Event::Status(status)) => self.status(id, status),
            (State::Watching(id), Event::StatusFailed(class)) if class.is_passing() => {
                let pause = self.watch_pause();
                self.watch(id, pause)
            }
            (State::Watching(id), Event::DeadlineTooNear) if self.started => {
                self.fail(FailReason::StillRunning(id))
            }
            (State::Watching(id), Event::StatusFailed(_) | Event::DeadlineTooNear) => {
                self.fail(FailReason::NotFollowed(id))
            }
            (state, Event::Cancelled) if state != State::Ended => {
                self.fail(FailReason::Cancelled(match state {
                    State::Starting(id)
                    | State::Watching(id)
                    | State::Looking(LookReason::Created(id)) => Some(id),
                    _ => None,
                }))
            }
            _ => self.fail(FailReason::Bug),
        }
    }

    fn looked(&mut self, reason: LookReason, found: Option<FoundJob>, at: Moment) -> Step {
        match (reason, found) {
            // Every program starts the same one of several.
            (LookReason::Created(id), Some(other)) if other.id == id => {
                self.start(id, Duration::ZERO)
            }
            (_, Some(job)) => self.resume(job),
            (LookReason::BeforeCreation, None) => self.create(Wait::None),
            (LookReason::Created(id), None) => self.start(id, Duration::ZERO),
            (LookReason::InDoubt, None) => self.look_again(at),
            (LookReason::Refused, None) => self.fail(FailReason::Last),
        }
    }

    fn look_failed(&mut self, reason: LookReason, passing: bool, at: Moment) -> Step {
        match reason {
            LookReason::InDoubt if passing => self.look_again(at),
            LookReason::InDoubt => self.fail(FailReason::Unknown),
            LookReason::BeforeCreation | LookReason::Refused => self.fail(FailReason::Last),
            LookReason::Created(id) => self.start(id, Duration::ZERO),
        }
    }

    fn creation_failed(&mut self, class: FailureClass, at: Moment) -> Step {
        self.attempted = at.now;
        match class {
            FailureClass::OutcomeUnknown => {
                self.in_doubt = true;
                self.look(LookReason::InDoubt)
            }
            FailureClass::NotSent => self.create(Wait::Backoff(self.attempts)),
            FailureClass::Throttled(delay) => {
                if self.rules.max_attempts > 1 {
                    self.attempts -= 1;
                    self.throttled += 1;
                }
                self.create(Wait::Throttled(delay, self.throttled))
            }
            // Once: a second correction of the same kind would not help either.
            FailureClass::Correctable(correction) if !self.corrected[correction as usize] => {
                self.corrected[correction as usize] = true;
                self.create(Wait::None)
            }
            FailureClass::NameTaken | FailureClass::Ambiguous | FailureClass::RejectedInTransit => {
                self.look(LookReason::Refused)
            }
            FailureClass::Correctable(_)
            | FailureClass::VersionGone
            | FailureClass::CertificateRejected
            | FailureClass::Refused
            | FailureClass::Permanent => self.fail(FailReason::Last),
        }
    }

    fn status(&mut self, id: JobId, status: JobStatus) -> Step {
        match status {
            // The start was lost, or was taken back.
            JobStatus::Editing if self.may_start => self.start(id, START_PAUSE),
            JobStatus::Editing => self.fail(FailReason::NotStarted(id)),
            status if status.has_ended() => self.done(id),
            _ => self.started(id),
        }
    }

    /// Continues with a job that exists.
    fn resume(&mut self, job: FoundJob) -> Step {
        match job.status {
            // The workers that have failed run again.
            JobStatus::Editing | JobStatus::Error => self.start(job.id, Duration::ZERO),
            JobStatus::Success => self.done(job.id),
            JobStatus::Pending
            | JobStatus::Scheduling
            | JobStatus::Processing
            | JobStatus::Unknown => self.started(job.id),
        }
    }

    fn look(&mut self, reason: LookReason) -> Step {
        self.state = State::Looking(reason);
        self.looks = 0;
        Step::Look(Duration::ZERO)
    }

    /// Looks again after a pause, until [`LOOKING`] after the attempt.
    fn look_again(&mut self, at: Moment) -> Step {
        let pause = LOOK_PAUSES[self.looks.min(LOOK_PAUSES.len() - 1)];
        let end = (self.attempted + LOOKING).min(at.deadline);
        if at.now + pause >= end {
            return self.fail(FailReason::Unknown);
        }
        self.looks += 1;
        Step::Look(pause)
    }

    /// Creates the job, or gives up after the last attempt. Never called in doubt.
    fn create(&mut self, wait: Wait) -> Step {
        if self.attempts >= self.rules.max_attempts {
            return self.fail(FailReason::Last);
        }
        self.attempts += 1;
        self.state = State::Creating;
        Step::Create(wait)
    }

    fn start(&mut self, id: JobId, pause: Duration) -> Step {
        self.starts += 1;
        self.may_start = self.starts < self.rules.max_attempts;
        self.state = State::Starting(id);
        Step::Start(id, pause)
    }

    fn started(&mut self, id: JobId) -> Step {
        self.started = true;
        if !self.rules.waits {
            return self.done(id);
        }
        let pause = self.watch_pause();
        self.watch(id, pause)
    }

    fn watch(&mut self, id: JobId, pause: Duration) -> Step {
        self.state = State::Watching(id);
        Step::Watch(id, pause)
    }

    fn watch_pause(&mut self) -> Duration {
        let pause = WATCH_PAUSES[self.watches.min(WATCH_PAUSES.len() - 1)];
        self.watches += 1;
        pause
    }

    fn done(&mut self, id: JobId) -> Step {
        self.state = State::Ended;
        Step::Done(id)
    }

    fn fail(&mut self, reason: FailReason) -> Step {
        self.state = State::Ended;
        Step::Fail(reason)
    }
}

#[cfg(test)]
mod tests;
