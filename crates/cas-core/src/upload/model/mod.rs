//! A model of uploads: the state machine as it is compiled into the library, several calls at once,
//! and a service and a network that do whatever they may do. Stateright visits every state.
//!
//! docs/exactly-once.md has the bounds, the assumptions and the results.

mod client;
mod explorations;
mod properties;
mod scenario;
mod service;
mod tests;

use std::time::Duration;

use stateright::{Model, Property};

use crate::protocol::failure_class::FailureClass;
use crate::service::types::CertId;
use crate::upload::events::Event;
use client::{Phase, Process};
use properties::{Broken, properties};
use scenario::Scenario;
use service::{Answer, Request, Service};

/// The unit of time. Every pause of the machine is a multiple of it, or is rounded up to one.
const TICK: Duration = Duration::from_millis(250);

/// How much time a [`Action::Slow`] takes, in ticks.
const SLOW: u8 = 4;

/// What may go wrong. Each takes one of the faults of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    /// The request is lost before it is applied.
    RequestLost,
    /// The request is applied and the answer lost.
    AnswerLost,
    /// The client waits in vain; the request may be applied later, even after the call has ended.
    RequestLate,
    /// A proxy sends the request once more after it has passed the answer on.
    Repeated,
    /// A proxy sends the request twice, and passes the answer of either on.
    RepeatedBefore,
    /// The request is refused, or not sent, and not applied.
    Refused(FailureClass),
    /// The request is applied, and something on the way replaces the answer by a page.
    AnswerFiltered,
    /// A look-up fails.
    LookFailed(FailureClass),
    /// A look-up that cannot compare what has the requested name.
    LookUnclear,
    /// The deletion is not applied.
    NotDeleted,
    /// The deletion is applied and its answer lost.
    DeletedUnanswered,
    /// The process dies. What it sent stays on the way. It may make the same call again.
    Crash,
    /// Another thread cancels the call.
    Cancel,
    /// Somebody else deletes the certificate that has the requested name.
    OtherDeletes,
}

/// Numbers are those of a process, a late request, or a certificate.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    /// A process makes its call.
    Start(usize),
    /// The service serves the next page of the list.
    Read(usize),
    /// The service applies the request, and its answer arrives.
    Serve(usize),
    /// The service applies the request, and its answer arrives later.
    ServeSlowly(usize),
    /// That answer arrives.
    Deliver(usize),
    /// The connection of a request without an answer breaks, or brings an unusable answer.
    Reset(usize),
    Fault(usize, Fault),
    /// The service applies a late request.
    ApplyLate(usize),
    /// The list shows a new certificate.
    CatchUp(u8),
    /// The list no longer shows a deleted certificate.
    Forget(u8),
    /// The service takes 2018-07-13 out of service.
    Retire,
    /// Time passes until the next timer.
    Tick,
    /// A little time passes.
    Slow,
}

/// All that is there at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    service: Service,
    processes: Vec<Process>,
    /// Requests whose client has given up.
    late: Vec<Request>,
    /// How many faults, and slow answers, may still happen.
    faults: u8,
    slow: u8,
    /// The invariants that an event has broken.
    broken: Broken,
}

impl Model for Scenario {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            service: Service::new(&self.before, self.ids_fall),
            processes: self.calls.iter().map(Process::new).collect(),
            late: Vec::new(),
            faults: self.faults,
            slow: self.slow,
            broken: Broken::default(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (p, process) in world.processes.iter().enumerate() {
            self.actions_of(world, p, process, actions);
        }
        actions.extend((0..world.late.len()).map(Action::ApplyLate));
        for entry in &world.service.entries {
            if entry.hidden > 0 {
                actions.push(Action::CatchUp(entry.id));
            }
            if entry.removed && entry.shown > 0 {
                actions.push(Action::Forget(entry.id));
            }
        }
        if self.retires && !world.service.retired {
            actions.push(Action::Retire);
        }
        let running = world.processes.iter().any(Process::is_running);
        let mut timers = world.processes.iter().filter_map(Process::timer);
        if world
            .next_timer()
            .is_some_and(|next| timers.clone().all(|timer| timer.passes || timer.left > next))
        {
            actions.push(Action::Tick);
        }
        if running && world.slow > 0 && timers.all(|timer| timer.left > SLOW) {
            actions.push(Action::Slow);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.act(self, action);
        next.late.sort_unstable();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

impl Scenario {
    /// What can happen to one process.
    fn actions_of(&self, world: &World, p: usize, process: &Process, actions: &mut Vec<Action>) {
        let fault = |fault: Fault| world.faults > 0 && self.kinds.contains(&fault);
        let kinds = || self.kinds.iter().filter(|_| world.faults > 0);
        match process.phase {
            Phase::Idle => actions.push(Action::Start(p)),
            Phase::Reading(_) => {
                actions.push(Action::Read(p));
                for kind in kinds().filter(|kind| kind.is_of_a_look_up()) {
                    actions.push(Action::Fault(p, *kind));
                }
            }
            Phase::Uploading { .. } => {
                actions.push(Action::Serve(p));
                if world.slow > 0 {
                    actions.push(Action::ServeSlowly(p));
                }
                for kind in kinds().filter(|kind| kind.is_of_an_upload()) {
                    actions.push(Action::Fault(p, *kind));
                }
            }
            Phase::Answered { .. } => actions.push(Action::Deliver(p)),
            Phase::Unanswered { .. } => actions.push(Action::Reset(p)),
            Phase::Deleting(id) => {
                if self.may_delete(world, id) {
                    actions.push(Action::Serve(p));
                    if fault(Fault::DeletedUnanswered) {
                        actions.push(Action::Fault(p, Fault::DeletedUnanswered));
                    }
                }
                if fault(Fault::NotDeleted) {
                    actions.push(Action::Fault(p, Fault::NotDeleted));
                }
            }
            Phase::Pausing(_) | Phase::Delaying(..) | Phase::Done(..) | Phase::Failed { .. } => {}
        }
        if process.is_running() {
            if fault(Fault::Crash) {
                actions.push(Action::Fault(p, Fault::Crash));
            }
            if fault(Fault::Cancel) && !process.cancelled {
                actions.push(Action::Fault(p, Fault::Cancel));
            }
        }
        if p == 0 && fault(Fault::OtherDeletes) && world.service.requested().is_some() {
            actions.push(Action::Fault(p, Fault::OtherDeletes));
        }
    }

    /// A name is not freed while a late request for it is on the way, unless the scenario says so.
    fn may_delete(&self, world: &World, id: CertId) -> bool {
        let name = world.service.name_of(id);
        self.frees_names || !world.late.iter().any(|late| Some(late.name) == name)
    }
}

impl Fault {
    fn is_of_a_look_up(self) -> bool {
        matches!(self, Self::LookFailed(_) | Self::LookUnclear)
    }

    fn is_of_an_upload(self) -> bool {
        matches!(
            self,
            Self::RequestLost
                | Self::AnswerLost
                | Self::RequestLate
                | Self::Repeated
                | Self::RepeatedBefore
                | Self::Refused(_)
                | Self::AnswerFiltered
        )
    }
}

impl World {
    fn act(&mut self, scenario: &Scenario, action: Action) {
        match action {
            Action::Start(p) => self.start(scenario, p),
            Action::Read(p) => self.read(scenario, p, false),
            Action::Serve(p) => {
                if let Phase::Deleting(id) = self.processes[p].phase {
                    self.delete(scenario, p, id);
                    return self.happen(scenario, p, Event::Deleted);
                }
                let answer = self.apply_current(scenario, p);
                self.answer(scenario, p, answer);
            }
            Action::ServeSlowly(p) => {
                self.slow -= 1;
                let answer = self.apply_current(scenario, p);
                let left = self.processes[p].attempt_left();
                self.processes[p].phase = Phase::Answered { answer, left };
            }
            Action::Deliver(p) => {
                if let Phase::Answered { answer, .. } = self.processes[p].phase {
                    self.answer(scenario, p, answer);
                }
            }
            Action::Reset(p) => {
                self.happen(scenario, p, Event::Failed(FailureClass::OutcomeUnknown));
            }
            Action::Fault(p, fault) => {
                self.faults -= 1;
                self.fault(scenario, p, fault);
            }
            Action::ApplyLate(number) => {
                let request = self.late.remove(number);
                self.service.upload(&request, scenario);
            }
            Action::CatchUp(id) => self.service.catch_up(id),
            Action::Forget(id) => self.service.forget(id),
            Action::Retire => self.service.retired = true,
            Action::Tick => {
                let next = self.next_timer().unwrap_or_default();
                self.pass(scenario, next);
            }
            Action::Slow => {
                self.slow -= 1;
                self.pass(scenario, SLOW);
            }
        }
    }

    fn fault(&mut self, scenario: &Scenario, p: usize, fault: Fault) {
        let left = self.processes[p].attempt_left();
        match fault {
            Fault::RequestLost => self.processes[p].phase = Phase::Unanswered { left },
            Fault::AnswerLost => {
                self.apply_current(scenario, p);
                self.processes[p].phase = Phase::Unanswered { left };
            }
            Fault::RequestLate => {
                self.leave_on_the_way(scenario, p);
                self.processes[p].phase = Phase::Unanswered { left };
            }
            Fault::Repeated => {
                self.leave_on_the_way(scenario, p);
                let answer = self.apply_current(scenario, p);
                self.answer(scenario, p, answer);
            }
            Fault::RepeatedBefore => self.leave_on_the_way(scenario, p),
            Fault::Refused(class) => self.happen(scenario, p, Event::Failed(class)),
            Fault::AnswerFiltered => {
                self.apply_current(scenario, p);
                self.happen(scenario, p, Event::Failed(client::FILTERED));
            }
            Fault::LookFailed(class) => self.happen(scenario, p, Event::LookupFailed(class)),
            Fault::LookUnclear => self.read(scenario, p, true),
            Fault::NotDeleted => self.happen(scenario, p, Event::NotDeleted),
            Fault::DeletedUnanswered => {
                if let Phase::Deleting(id) = self.processes[p].phase {
                    self.delete(scenario, p, id);
                }
                self.happen(scenario, p, Event::NotDeleted);
            }
            Fault::Crash => {
                if matches!(self.processes[p].phase, Phase::Uploading { .. }) {
                    self.leave_on_the_way(scenario, p);
                }
                self.processes[p].die(&scenario.calls[p]);
            }
            Fault::Cancel => self.cancel(scenario, p),
            Fault::OtherDeletes => {
                if let Some(id) = self.service.requested() {
                    self.service.delete(id, scenario);
                }
            }
        }
    }

    /// A request that its client gives up, or that a proxy repeats.
    fn leave_on_the_way(&mut self, scenario: &Scenario, p: usize) {
        if scenario.late > 0 {
            let request = self.request(scenario, p);
            self.late.push(Request { life: scenario.late, ..request });
        }
    }

    fn apply_current(&mut self, scenario: &Scenario, p: usize) -> Answer {
        let request = self.request(scenario, p);
        self.service.upload(&request, scenario)
    }

    /// Deletes what `p` replaces.
    fn delete(&mut self, scenario: &Scenario, p: usize, id: CertId) {
        let content = scenario.calls[p].content;
        // Another call may have replaced this certificate since.
        if !self.service.had(content) || self.service.content(id) == Some(content) {
            self.broken.add(Broken::DELETED_TOO_EARLY);
        }
        self.service.delete(id, scenario);
        if !self.service.has_family() && !self.service.has(content) {
            self.broken.add(Broken::NO_CERTIFICATE);
        }
    }

    /// The ticks until the first timer that time may pass for.
    fn next_timer(&self) -> Option<u8> {
        let timers = self.processes.iter().filter_map(Process::timer);
        timers.filter(|timer| timer.passes).map(|timer| timer.left).min()
    }

    /// Time passes; then the timers that have run out go off.
    fn pass(&mut self, scenario: &Scenario, ticks: u8) {
        self.service.pass(ticks);
        for late in &mut self.late {
            if late.life != scenario::NEVER {
                late.life = late.life.saturating_sub(ticks);
            }
        }
        self.late.retain(|late| late.life > 0);
        let mut due = Vec::new();
        for (p, process) in self.processes.iter_mut().enumerate() {
            if process.pass(ticks) {
                due.push(p);
            }
        }
        for p in due {
            self.timer_goes_off(scenario, p);
        }
    }
}
