//! The exactly-once upload as a state machine: an event goes in, the next step comes out.
//!
//! No sockets, clock or randomness: [`crate::upload::run`] executes the steps. The rules, and the
//! outcome of every failure, are in docs/exactly-once.md.

use crate::protocol::failure_class::FailureClass;
use crate::service::types::CertId;
use crate::upload::events::{
    Event, FailReason, Name, NameOwner, NameStatus, OnConflict, Outcome, Rules, Step, Wait,
};

/// Why the list is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookupReason {
    /// Nothing was sent yet.
    BeforeSending,
    /// What was sent may have been stored.
    OutcomeUnknown,
    /// The name is taken.
    NameTaken,
    /// The upload was refused with a code that may mean that the name is taken.
    Ambiguous,
    /// Nothing more is sent, and an earlier attempt is in doubt.
    LastAttempt,
}

#[derive(Clone, Copy, Debug)]
enum State {
    LookingUp(LookupReason),
    Sending,
    Deleting(CertId),
    Ended,
}

/// How often a look-up is repeated for a certificate that must be listed: new ones may be listed
/// late. The delays between are those of a backoff, 16 seconds in all on average.
const LOOKUPS_IF_TAKEN: u32 = 8;

/// The same for a certificate that may be listed, after the last attempt: 1.5 seconds on average.
const LOOKUPS_IF_IN_DOUBT: u32 = 4;

/// One upload in progress.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    rules: Rules,
    state: State,
    name: Name,
    /// How often the certificate was sent.
    sent: u32,
    /// Whether an attempt under `name` may have stored the certificate.
    in_doubt: bool,
    /// Consecutive look-ups that did not list the certificate.
    empty_lookups: u32,
    /// Which corrections were made, by the number of the correction.
    corrected: [bool; 2],
    /// The certificate that the upload replaces.
    replaced: Option<CertId>,
}

impl Machine {
    /// Starts an upload and returns the first step.
    ///
    /// A plain upload is a single request, so it starts with sending. If the rules depend on who
    /// has the name, the look-up comes first, before the private key is sent.
    #[must_use]
    pub(crate) fn begin(rules: Rules) -> (Self, Step) {
        let mut machine = Self {
            rules,
            state: State::Ended,
            name: Name::Requested,
            sent: 0,
            in_doubt: false,
            empty_lookups: 0,
            corrected: [false; 2],
            replaced: None,
        };
        let step = if rules.on_conflict == OnConflict::Reuse && !rules.any_name {
            machine.send(Wait::None, FailReason::Last)
        } else {
            machine.lookup(LookupReason::BeforeSending, Wait::None)
        };
        (machine, step)
    }

    /// Returns how often the certificate was sent so far.
    #[must_use]
    pub(crate) fn sent(&self) -> u32 {
        self.sent
    }

    /// Returns whether an attempt may have stored the certificate without a response.
    #[must_use]
    pub(crate) fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Returns the name under which the certificate is, or was last, sent.
    #[must_use]
    pub(crate) fn name(&self) -> Name {
        self.name
    }

    /// Returns the step that follows `event`.
    pub(crate) fn next(&mut self, event: Event) -> Step {
        match (self.state, event) {
            (State::LookingUp(reason), Event::Listed(names)) => self.listed(reason, names),
            (
                State::LookingUp(LookupReason::BeforeSending | LookupReason::Ambiguous),
                Event::LookupFailed,
            ) => self.fail(FailReason::Last),
            (State::LookingUp(_), Event::LookupFailed) => self.fail(FailReason::Unknown),
            (State::LookingUp(reason), Event::DeadlineTooNear) => self.no_time_to_look_up(reason),
            (State::LookingUp(_) | State::Sending, Event::Cancelled) => {
                self.fail(FailReason::Cancelled)
            }
            (State::Sending, event) => self.sending(event),
            (State::Deleting(id), Event::Deleted) => self.done(id, Outcome::Replaced),
            (
                State::Deleting(id),
                Event::NotDeleted | Event::DeadlineTooNear | Event::Cancelled,
            ) => self.done(id, Outcome::Created),
            _ => self.fail(FailReason::Bug),
        }
    }

    fn sending(&mut self, event: Event) -> Step {
        match event {
            Event::Stored(id) => self.stored(id, Outcome::Created),
            Event::Failed(class) => self.failed(class),
            Event::DeadlineTooNear => {
                self.sent -= 1;
                self.fail(FailReason::Last)
            }
            Event::Listed(_)
            | Event::LookupFailed
            | Event::Deleted
            | Event::NotDeleted
            | Event::Cancelled => self.fail(FailReason::Bug),
        }
    }

    fn failed(&mut self, class: FailureClass) -> Step {
        match class {
            FailureClass::OutcomeUnknown => {
                self.in_doubt = true;
                self.lookup(LookupReason::OutcomeUnknown, Wait::None)
            }
            FailureClass::NotSent | FailureClass::Throttled(None) => {
                self.send(Wait::Backoff(self.sent), FailReason::Last)
            }
            FailureClass::Throttled(Some(delay)) => {
                self.send(Wait::Requested(delay), FailReason::Last)
            }
            // Once: a second correction of the same kind would not help either.
            FailureClass::Correctable(correction) if !self.corrected[correction as usize] => {
                self.corrected[correction as usize] = true;
                self.send(Wait::None, FailReason::Last)
            }
            FailureClass::VersionGone => self.send(Wait::None, FailReason::Last),
            FailureClass::NameTaken if self.may_not_reuse() => self.fail(FailReason::Last),
            FailureClass::NameTaken => self.lookup(LookupReason::NameTaken, Wait::None),
            FailureClass::Ambiguous => self.lookup(LookupReason::Ambiguous, Wait::None),
            FailureClass::Correctable(_) | FailureClass::Refused | FailureClass::Permanent => {
                self.give_up(FailReason::Last)
            }
        }
    }

    fn listed(&mut self, reason: LookupReason, names: NameStatus) -> Step {
        match (names.owner(self.name), reason) {
            (NameOwner::Same(id), _) if self.may_not_reuse() => {
                self.fail(FailReason::NameTaken(id))
            }
            (NameOwner::Same(id), _) => self.already_stored(id),
            (NameOwner::Different(id), _) => self.conflict(id, names),
            (NameOwner::Unclear(_), _) if self.in_doubt => self.fail(FailReason::Unknown),
            (NameOwner::Unclear(id), _) => self.fail(FailReason::NameTaken(id)),
            (NameOwner::Free, LookupReason::BeforeSending) => {
                match self.usable_under_other_name(names) {
                    Some(id) => self.already_stored(id),
                    None => self.send(Wait::None, FailReason::Last),
                }
            }
            (NameOwner::Free, LookupReason::OutcomeUnknown) => {
                self.send(Wait::Backoff(self.sent), FailReason::Last)
            }
            (NameOwner::Free, LookupReason::NameTaken) => self.lookup_again(
                LookupReason::NameTaken,
                LOOKUPS_IF_TAKEN,
                self.taken_but_not_listed(),
            ),
            (NameOwner::Free, LookupReason::Ambiguous) => self.give_up(FailReason::Last),
            (NameOwner::Free, LookupReason::LastAttempt) => {
                self.lookup_again(LookupReason::LastAttempt, LOOKUPS_IF_IN_DOUBT, FailReason::Last)
            }
        }
    }

    /// A different certificate, `owner`, has the name.
    fn conflict(&mut self, owner: CertId, names: NameStatus) -> Step {
        let taken = FailReason::NameTaken(owner);
        // A different certificate has the name, so no attempt stored this one.
        self.in_doubt = false;
        if self.rules.on_conflict == OnConflict::Fail {
            return self.fail(taken);
        }
        if self.name == Name::Requested && self.rules.on_conflict == OnConflict::Replace {
            self.replaced = Some(owner);
        }
        if let Some(id) = self.usable_under_other_name(names) {
            return self.already_stored(id);
        }
        if self.name == Name::Alternate || self.rules.on_conflict == OnConflict::Reuse {
            return self.fail(taken);
        }
        match names.alternate {
            NameOwner::Different(id) | NameOwner::Unclear(id) => {
                self.fail(FailReason::NameTaken(id))
            }
            NameOwner::Same(_) | NameOwner::Free => {
                self.name = Name::Alternate;
                self.send(Wait::None, taken)
            }
        }
    }

    /// The same certificate under another name than the requested one, if the rules allow it.
    fn usable_under_other_name(&self, names: NameStatus) -> Option<CertId> {
        let renames = matches!(self.rules.on_conflict, OnConflict::Rename | OnConflict::Replace);
        match names.alternate {
            NameOwner::Same(id) if renames || self.rules.any_name => Some(id),
            _ => names.third_name.filter(|_| self.rules.any_name),
        }
    }

    /// Under `Fail`, only what this upload stored counts, and no attempt may have stored anything.
    fn may_not_reuse(&self) -> bool {
        self.rules.on_conflict == OnConflict::Fail && !self.in_doubt
    }

    /// The certificate is stored. If an attempt of this upload may have stored it, it counts as
    /// created: a program that acts on new certificates would otherwise miss one.
    fn already_stored(&mut self, id: CertId) -> Step {
        let outcome = if self.in_doubt { Outcome::Created } else { Outcome::Reused };
        self.stored(id, outcome)
    }

    fn stored(&mut self, id: CertId, outcome: Outcome) -> Step {
        match self.replaced.filter(|replaced| *replaced != id) {
            Some(replaced) => {
                self.state = State::Deleting(id);
                Step::Delete(replaced)
            }
            None => self.done(id, outcome),
        }
    }

    /// Sends the certificate, or gives up after the last attempt.
    fn send(&mut self, wait: Wait, otherwise: FailReason) -> Step {
        if self.sent >= self.rules.max_attempts {
            return self.give_up(otherwise);
        }
        self.sent += 1;
        self.empty_lookups = 0;
        self.state = State::Sending;
        Step::Send(self.name, wait)
    }

    /// Stops sending. If an earlier attempt is in doubt, looks the certificate up, as it may be
    /// listed late.
    fn give_up(&mut self, reason: FailReason) -> Step {
        if self.in_doubt {
            self.empty_lookups = 0;
            return self.lookup_again(LookupReason::LastAttempt, LOOKUPS_IF_IN_DOUBT, reason);
        }
        self.fail(reason)
    }

    fn lookup(&mut self, reason: LookupReason, wait: Wait) -> Step {
        self.state = State::LookingUp(reason);
        Step::Lookup(wait)
    }

    fn lookup_again(&mut self, reason: LookupReason, at_most: u32, otherwise: FailReason) -> Step {
        if self.empty_lookups >= at_most {
            return self.fail(otherwise);
        }
        self.empty_lookups += 1;
        self.lookup(reason, Wait::Backoff(self.empty_lookups))
    }

    fn no_time_to_look_up(&mut self, reason: LookupReason) -> Step {
        let reason = match reason {
            LookupReason::BeforeSending | LookupReason::Ambiguous | LookupReason::LastAttempt => {
                FailReason::Last
            }
            LookupReason::NameTaken if self.empty_lookups > 0 => self.taken_but_not_listed(),
            LookupReason::OutcomeUnknown | LookupReason::NameTaken => FailReason::Unknown,
        };
        self.fail(reason)
    }

    fn taken_but_not_listed(&self) -> FailReason {
        if self.in_doubt { FailReason::Unknown } else { FailReason::TakenButNotListed }
    }

    fn done(&mut self, id: CertId, outcome: Outcome) -> Step {
        self.state = State::Ended;
        Step::Done(id, outcome)
    }

    fn fail(&mut self, reason: FailReason) -> Step {
        self.state = State::Ended;
        Step::Fail(reason)
    }
}

#[cfg(test)]
mod tests;
