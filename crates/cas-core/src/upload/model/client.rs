//! A process that makes a call. Does with the machine what [`crate::upload::run`] does, on a clock
//! that counts ticks.

use super::properties::Broken;
use super::scenario::{Api, Call, Scenario};
use super::service::{Answer, Entry, Request, StoredName, Version};
use super::{TICK, World};
use crate::protocol::failure_class::FailureClass;
use crate::service::certificate::{Certificate, Page};
use crate::service::paging::{Next, Paging};
use crate::service::types::CertId;
use crate::upload::events::{
    Event, FailReason, Moment, Name, NameOwner, NameStatus, OnConflict, Outcome, Rules, Step, Wait,
};
use crate::upload::machine::Machine;

/// The class of a page that is not from the API.
pub(super) const FILTERED: FailureClass = FailureClass::RejectedInTransit;

/// More events than any call has.
const MOST_EVENTS: u8 = 60;

/// How long after its last attempt a call looks at most, in ticks: 20 seconds.
const LOOKING: u8 = 80;

/// What a process is doing. Numbers are ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// The call has not begun.
    Idle,
    /// Before a look-up.
    Pausing(u8),
    /// A look-up, and what it showed so far.
    Reading(Reading),
    /// Before an attempt.
    Delaying(Name, u8),
    /// An attempt is on its way; until when the client waits.
    Uploading {
        name: Name,
        left: u8,
    },
    /// It has been applied, and its answer is on its way.
    Answered {
        answer: Answer,
        left: u8,
    },
    /// No answer comes.
    Unanswered {
        left: u8,
    },
    Deleting(CertId),
    Done(CertId, Outcome),
    /// Whether it says that the call stored nothing.
    Failed {
        not_stored: bool,
    },
}

/// A look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reading {
    names: NameStatus,
    /// Those whose name is made from them and from the requested one, by the bit of their number.
    left_overs: u16,
}

const NOTHING: Reading = Reading { names: NameStatus::FREE, left_overs: 0 };

/// When something happens to a process.
pub(super) struct Timer {
    pub(super) left: u8,
    /// Whether time may pass until then. If not, something is on its way that arrives before.
    pub(super) passes: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) phase: Phase,
    machine: Option<Machine>,
    /// Ticks since the call began.
    elapsed: u8,
    deadline: u8,
    /// When the last attempt ended.
    attempted: u8,
    version: Version,
    /// Which page of the list to read next.
    paging: Paging,
    sent_without_token: bool,
    pub(super) cancelled: bool,
    /// Which certificates the look before the first attempt saw under the names.
    seen: Vec<CertId>,
    sends: u32,
    throttled: u32,
    events: u8,
    /// How often the process died.
    pub(super) run: u8,
}

fn ticks(time: std::time::Duration) -> u8 {
    u8::try_from(time.as_micros().div_ceil(TICK.as_micros())).unwrap_or(u8::MAX)
}

impl Process {
    pub(super) fn new(call: &Call) -> Self {
        Self {
            phase: Phase::Idle,
            machine: None,
            elapsed: 0,
            deadline: call.deadline,
            attempted: 0,
            version: call.api.into(),
            paging: Paging::new(),
            sent_without_token: false,
            cancelled: false,
            seen: Vec::new(),
            sends: 0,
            throttled: 0,
            events: 0,
            run: 0,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        !matches!(self.phase, Phase::Idle | Phase::Done(..) | Phase::Failed { .. })
    }

    pub(super) fn die(&mut self, call: &Call) {
        *self = Self { run: self.run + 1, ..Self::new(call) };
    }

    /// Until when the current attempt waits.
    pub(super) fn attempt_left(&self) -> u8 {
        match self.phase {
            Phase::Uploading { left, .. } => left,
            _ => 0,
        }
    }

    pub(super) fn timer(&self) -> Option<Timer> {
        let (left, passes) = match self.phase {
            Phase::Pausing(left) | Phase::Delaying(_, left) | Phase::Unanswered { left } => {
                (left, true)
            }
            Phase::Uploading { left, .. } | Phase::Answered { left, .. } => (left, false),
            Phase::Reading(_) | Phase::Deleting(_) => (self.deadline - self.elapsed, false),
            Phase::Idle | Phase::Done(..) | Phase::Failed { .. } => return None,
        };
        Some(Timer { left, passes })
    }

    /// Time passes. Returns whether the timer goes off.
    pub(super) fn pass(&mut self, ticks: u8) -> bool {
        if !self.is_running() {
            return false;
        }
        self.elapsed += ticks;
        match &mut self.phase {
            Phase::Pausing(left) | Phase::Delaying(_, left) | Phase::Unanswered { left } => {
                *left -= ticks;
                *left == 0
            }
            Phase::Uploading { left, .. } | Phase::Answered { left, .. } => {
                *left -= ticks;
                false
            }
            _ => false,
        }
    }

    fn left(&self) -> u8 {
        self.deadline.saturating_sub(self.elapsed)
    }

    fn moment(&self) -> Moment {
        Moment {
            now: TICK * u32::from(self.elapsed),
            deadline: TICK * u32::from(self.deadline),
            idempotent: !self.sent_without_token,
        }
    }

    /// Whether the process sleeps for `delay`, as [`crate::service::caller::Caller::wait`] does.
    fn may_wait(&self, delay: u8) -> bool {
        delay < self.left() && !self.cancelled
    }
}

impl World {
    pub(super) fn start(&mut self, scenario: &Scenario, p: usize) {
        let call = &scenario.calls[p];
        let rules = Rules {
            on_conflict: call.rule,
            any_name: call.any_name,
            max_attempts: call.max_attempts,
        };
        let (machine, step) = Machine::begin(rules);
        self.processes[p].machine = Some(machine);
        self.execute(scenario, p, step);
    }

    /// Passes an event to the machine of `p`, and begins the next step.
    pub(super) fn happen(&mut self, scenario: &Scenario, p: usize, event: Event) {
        let process = &mut self.processes[p];
        process.events += 1;
        if process.events > MOST_EVENTS {
            self.broken.add(Broken::ENDLESS);
            process.phase = Phase::Failed { not_stored: false };
            return;
        }
        process.paging = Paging::new();
        if let Event::Failed(class) = event {
            process.attempted = process.elapsed;
            if matches!(class, FailureClass::Throttled(_)) {
                process.throttled += 1;
            }
        }
        let moment = process.moment();
        let machine = process.machine.as_mut().expect("a running call");
        let step = machine.next(event, moment);
        self.execute(scenario, p, step);
    }

    fn execute(&mut self, scenario: &Scenario, p: usize, step: Step) {
        let process = &mut self.processes[p];
        let out_of_time = if process.cancelled { Event::Cancelled } else { Event::DeadlineTooNear };
        match step {
            Step::Lookup(pause) => {
                let pause = ticks(pause);
                if process.sends > 0 && process.elapsed + pause > process.attempted + LOOKING {
                    self.broken.add(Broken::LOOKS_TOO_LONG);
                }
                if !process.may_wait(pause) {
                    return self.happen(scenario, p, out_of_time);
                }
                process.phase = match pause {
                    0 => Phase::Reading(NOTHING),
                    pause => Phase::Pausing(pause),
                };
            }
            Step::Send(name, wait) => {
                let delay = match wait {
                    Wait::None | Wait::Backoff(_) | Wait::Throttled(None, _) => 0,
                    Wait::Throttled(Some(delay), _) => ticks(delay),
                };
                // A throttled attempt leaves a tick for the next one.
                let needed = delay + u8::from(matches!(wait, Wait::Throttled(..)));
                if !process.may_wait(needed) {
                    return self.happen(scenario, p, out_of_time);
                }
                match delay {
                    0 => self.send(scenario, p, name),
                    delay => process.phase = Phase::Delaying(name, delay),
                }
            }
            Step::Delete(id) => {
                if process.cancelled || process.left() == 0 {
                    return self.happen(scenario, p, Event::NotDeleted);
                }
                if !process.seen.contains(&id) {
                    self.broken.add(Broken::DELETED_UNSEEN);
                }
                process.phase = Phase::Deleting(id);
            }
            Step::Done(id, outcome) => {
                process.end(Phase::Done(id, outcome));
                if self.service.content(id) != Some(scenario.calls[p].content) {
                    self.broken.add(Broken::WRONG_ID);
                }
            }
            Step::Fail(reason) => {
                let in_doubt = process.machine.as_ref().is_some_and(Machine::in_doubt);
                if reason == FailReason::Bug {
                    self.broken.add(Broken::BUG);
                }
                let not_stored = says_not_stored(reason, in_doubt);
                process.end(Phase::Failed { not_stored });
            }
        }
    }

    /// The attempt leaves.
    fn send(&mut self, scenario: &Scenario, p: usize, name: Name) {
        let process = &mut self.processes[p];
        process.sends += 1;
        if process.sends - process.throttled > scenario.calls[p].max_attempts {
            self.broken.add(Broken::SENT_TOO_OFTEN);
        }
        process.sent_without_token |= process.version == Version::Old;
        process.phase = Phase::Uploading { name, left: process.left().div_ceil(2) };
    }

    pub(super) fn request(&self, scenario: &Scenario, p: usize) -> Request {
        let process = &self.processes[p];
        let Phase::Uploading { name, .. } = process.phase else {
            unreachable!("only an attempt is a request: {:?}", process.phase)
        };
        let content = scenario.calls[p].content;
        Request {
            process: u8::try_from(p).expect("few processes"),
            run: process.run,
            name: match name {
                Name::Requested => StoredName::Requested,
                Name::Alternate => StoredName::Alternate(content),
            },
            content,
            version: process.version,
            life: 0,
        }
    }

    pub(super) fn answer(&mut self, scenario: &Scenario, p: usize, answer: Answer) {
        let event = match answer {
            Answer::Stored(id) => Event::Stored(cert_id(id)),
            Answer::NameTaken => Event::Failed(FailureClass::NameTaken),
            Answer::CertificateRejected => Event::Failed(FailureClass::CertificateRejected),
            Answer::VersionGone if self.changes_version(scenario, p) => {
                Event::Failed(FailureClass::VersionGone)
            }
            Answer::VersionGone => Event::Failed(FailureClass::Refused),
        };
        self.happen(scenario, p, event);
    }

    fn changes_version(&mut self, scenario: &Scenario, p: usize) -> bool {
        let process = &mut self.processes[p];
        let changes = scenario.calls[p].api == Api::Auto && process.version == Version::Old;
        if changes {
            process.version = Version::New;
        }
        changes
    }

    /// Reads the next page of the list.
    pub(super) fn read(&mut self, scenario: &Scenario, p: usize, unclear: bool) {
        let call = &scenario.calls[p];
        let Phase::Reading(mut reading) = self.processes[p].phase else { return };
        let version = self.processes[p].version;
        if self.service.retired && version == Version::Old {
            if !self.changes_version(scenario, p) {
                let event = Event::LookupFailed(FailureClass::VersionGone);
                return self.happen(scenario, p, event);
            }
            self.processes[p].paging = Paging::new();
            self.processes[p].phase = Phase::Reading(NOTHING);
            return;
        }
        let list = self.service.list(version, scenario);
        let process = &mut self.processes[p];
        let next = match scenario.page {
            None => {
                for entry in &list {
                    reading.add(call, entry, unclear);
                }
                Next::End
            }
            Some(size) => {
                let page = page(&list, process.paging.request().0, size);
                let ids: Vec<_> = page.certificates.iter().map(|of_page| of_page.id).collect();
                for entry in list.iter().filter(|entry| ids.contains(&cert_id(entry.id))) {
                    reading.add(call, entry, unclear);
                }
                process.paging.add(&page)
            }
        };
        // This certificate under the requested name ends the look-up.
        if !matches!(reading.names.requested, NameOwner::Same(_)) {
            match next {
                Next::Page => return process.phase = Phase::Reading(reading),
                Next::Again => return process.phase = Phase::Reading(NOTHING),
                Next::Unstable => {
                    let event = Event::LookupFailed(FailureClass::OutcomeUnknown);
                    return self.happen(scenario, p, event);
                }
                Next::End => {}
            }
        }
        let before_sending = process.sends == 0;
        if !before_sending
            || call.rule != OnConflict::Replace
            || reading.left_overs.count_ones() > 1
        {
            reading.names.predecessor = None;
        }
        if before_sending {
            process.seen = seen(reading.names);
        }
        self.happen(scenario, p, Event::Listed(reading.names));
    }

    /// The time of `p` for what it is doing is over.
    pub(super) fn timer_goes_off(&mut self, scenario: &Scenario, p: usize) {
        match self.processes[p].phase {
            Phase::Pausing(_) => {
                self.processes[p].phase = Phase::Reading(NOTHING);
            }
            Phase::Delaying(name, _) => self.send(scenario, p, name),
            Phase::Unanswered { .. } => {
                self.happen(scenario, p, Event::Failed(FailureClass::OutcomeUnknown));
            }
            _ => {}
        }
    }

    /// Ends what `p` waits for, as the deadlines do once they are cancelled.
    pub(super) fn cancel(&mut self, scenario: &Scenario, p: usize) {
        self.processes[p].cancelled = true;
        match self.processes[p].phase {
            Phase::Pausing(_) | Phase::Reading(_) => {
                self.happen(scenario, p, Event::Cancelled);
            }
            Phase::Delaying(..) => self.happen(scenario, p, Event::Cancelled),
            Phase::Uploading { .. } => {
                self.leave_on_the_way(scenario, p);
                self.happen(scenario, p, Event::Failed(FailureClass::OutcomeUnknown));
            }
            Phase::Answered { .. } | Phase::Unanswered { .. } => {
                self.happen(scenario, p, Event::Failed(FailureClass::OutcomeUnknown));
            }
            Phase::Deleting(_) => self.happen(scenario, p, Event::NotDeleted),
            Phase::Idle | Phase::Done(..) | Phase::Failed { .. } => {}
        }
    }
}

impl Process {
    /// Ends the call, and forgets what no longer matters.
    fn end(&mut self, phase: Phase) {
        self.phase = phase;
        self.paging = Paging::new();
        self.machine = None;
        self.seen.clear();
        (self.elapsed, self.attempted, self.sends, self.throttled) = (0, 0, 0, 0);
        self.events = 0;
    }
}

/// Whether a failure for `reason` says that no attempt of the call stored the certificate, and that
/// none will: see [`crate::upload::messages`].
fn says_not_stored(reason: FailReason, in_doubt: bool) -> bool {
    match reason {
        FailReason::Last | FailReason::NameTaken(_) | FailReason::TakenButNotListed => true,
        FailReason::Cancelled => !in_doubt,
        FailReason::Unknown | FailReason::Bug => false,
    }
}

impl Reading {
    /// Adds a listed certificate, as [`crate::upload::lookup`] does.
    fn add(&mut self, call: &Call, entry: &Entry, unclear: bool) {
        let id = cert_id(entry.id);
        let same = entry.content == call.content;
        let renames = matches!(call.rule, OnConflict::Rename | OnConflict::Replace);
        if let StoredName::Alternate(made_from) = entry.name {
            if made_from == entry.content {
                self.left_overs |= 1 << entry.id;
            }
            if made_from == entry.content && entry.content < call.content {
                self.names.predecessor = Some(id);
            }
        }
        let own_alternate = renames && entry.name == StoredName::Alternate(call.content);
        let place = match entry.name {
            StoredName::Requested => Some(&mut self.names.requested),
            StoredName::Similar => Some(&mut self.names.similar),
            _ if own_alternate => Some(&mut self.names.alternate),
            StoredName::Alternate(_) | StoredName::Third => None,
        };
        let is_third = entry.name != StoredName::Requested && !own_alternate;
        if let Some(place) = place {
            let owner = match same {
                _ if unclear => NameOwner::Unclear(id),
                true => NameOwner::Same(id),
                false => NameOwner::Different(id),
            };
            let better = *place == NameOwner::Free || matches!(owner, NameOwner::Same(_));
            if better && !matches!(place, NameOwner::Same(_)) {
                *place = owner;
            }
        }
        if is_third && call.any_name && same && self.names.third_name.is_none() {
            self.names.third_name = Some(id);
        }
    }
}

/// A page of the list, with what [`Paging`] reads of it. The service makes each as long as it
/// likes, and says so.
fn page(list: &[&Entry], number: usize, size: usize) -> Page {
    let entries = list.iter().skip((number - 1) * size).take(size);
    let certificates: Vec<_> = entries.map(|entry| certificate(entry.id)).collect();
    Page {
        total: Some(list.len()),
        entries: certificates.len(),
        size: Some(size),
        certificates,
        unreadable: Vec::new(),
    }
}

fn certificate(id: u8) -> Certificate {
    Certificate {
        id: cert_id(id),
        name: String::new(),
        common_name: String::new(),
        sans: String::new(),
        issuer: String::new(),
        sha1: String::new(),
        sha256: String::new(),
        not_before: String::new(),
        not_after: String::new(),
        expired: false,
        pem: String::new(),
    }
}

/// The certificates that REPLACE may delete once it has seen them.
fn seen(names: NameStatus) -> Vec<CertId> {
    match names.requested {
        NameOwner::Different(id) | NameOwner::Unclear(id) => vec![id],
        NameOwner::Same(_) => Vec::new(),
        NameOwner::Free => names.predecessor.into_iter().collect(),
    }
}

fn cert_id(id: u8) -> CertId {
    CertId::new(i64::from(id)).expect("CertIds begin at 1")
}
