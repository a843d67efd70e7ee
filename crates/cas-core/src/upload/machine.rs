//! The exactly-once upload as a state machine: what happened goes in, what to do next comes out.
//!
//! No socket, clock or randomness in here; [`crate::upload::run`] carries the steps out. The rules, and the table of
//! what every failure ends in, stand in `docs/exactly-once.md`.

use crate::protocol::failure_class::FailureClass;
use crate::service::types::CertId;
use crate::upload::events::{
    Event, FailReason, Name, NameOwner, NameStatus, OnConflict, Outcome, Rules, Step, Wait,
};

/// Why the list is being looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookupReason {
    /// Nothing was sent yet.
    Nothing,
    /// What was sent may have been stored.
    Loss,
    /// The name is taken.
    Taken,
    /// It was refused with a code that may mean that the name is taken.
    Refusal,
    /// Nothing will be sent any more, and an earlier attempt is in doubt.
    LastAttempt,
}

#[derive(Clone, Copy, Debug)]
enum State {
    LookingUp(LookupReason),
    Sending,
    Deleting(CertId),
    Ended,
}

/// How often the list is looked at again for a certificate that must be there: new ones may appear late. The
/// pauses between are those of a backoff, 16 seconds in all on average.
const LOOKS_FOR_TAKEN: u32 = 8;

/// The same for a certificate that may be there, after the last attempt: 1.5 seconds on average.
const LOOKS_FOR_LOST: u32 = 4;

/// One upload on its way.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    rules: Rules,
    state: State,
    name: Name,
    /// How often the certificate was sent.
    sent: u32,
    /// Whether what was sent under `name` may have been stored.
    in_doubt: bool,
    /// Look-ups in a row that did not show what they should.
    empty_lookups: u32,
    /// By the number of the correction.
    corrected: [bool; 2],
    /// Whom the upload replaces.
    replaced: Option<CertId>,
}

impl Machine {
    /// Begins an upload and says what to do first.
    ///
    /// Who asks for nothing but an upload pays for nothing else: it starts with the upload. Where the answer
    /// depends on who has the name, that is looked at before the key travels.
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
            machine.lookup(LookupReason::Nothing, Wait::None)
        };
        (machine, step)
    }

    /// How often the certificate was sent so far.
    #[must_use]
    pub(crate) fn sent(&self) -> u32 {
        self.sent
    }

    /// Whether an attempt may have stored the certificate without an answer.
    #[must_use]
    pub(crate) fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The name under which it is, or was last, sent.
    #[must_use]
    pub(crate) fn name(&self) -> Name {
        self.name
    }

    /// What to do next, now that this has happened.
    pub(crate) fn next(&mut self, event: Event) -> Step {
        match (self.state, event) {
            (State::LookingUp(after), Event::Listed(names)) => self.seen(after, names),
            (
                State::LookingUp(LookupReason::Nothing | LookupReason::Refusal),
                Event::LookupFailed,
            ) => self.fail(FailReason::Last),
            (State::LookingUp(_), Event::LookupFailed) => self.fail(FailReason::Unknown),
            (State::LookingUp(after), Event::DeadlineTooNear) => self.no_time_to_look_up(after),
            (State::Sending, event) => self.sending(event),
            (State::Deleting(id), Event::Deleted) => self.done(id, Outcome::Replaced),
            (State::Deleting(id), Event::NotDeleted | Event::DeadlineTooNear) => {
                self.done(id, Outcome::Created)
            }
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
            Event::Listed(_) | Event::LookupFailed | Event::Deleted | Event::NotDeleted => {
                self.fail(FailReason::Bug)
            }
        }
    }

    fn failed(&mut self, class: FailureClass) -> Step {
        match class {
            FailureClass::OutcomeUnknown => {
                self.in_doubt = true;
                self.lookup(LookupReason::Loss, Wait::None)
            }
            FailureClass::NotSent | FailureClass::Throttled(None) => {
                self.send(Wait::Backoff(self.sent), FailReason::Last)
            }
            FailureClass::Throttled(Some(asked)) => self.send(Wait::Asked(asked), FailReason::Last),
            // Once: what is wrong after a correction will be wrong again.
            FailureClass::Correctable(correction) if !self.corrected[correction as usize] => {
                self.corrected[correction as usize] = true;
                self.send(Wait::None, FailReason::Last)
            }
            FailureClass::VersionGone => self.send(Wait::None, FailReason::Last),
            FailureClass::NameTaken if self.may_not_reuse() => self.fail(FailReason::Last),
            FailureClass::NameTaken => self.lookup(LookupReason::Taken, Wait::None),
            FailureClass::Ambiguous => self.lookup(LookupReason::Refusal, Wait::None),
            FailureClass::Correctable(_) | FailureClass::Refused | FailureClass::Permanent => {
                self.give_up(FailReason::Last)
            }
        }
    }

    fn seen(&mut self, after: LookupReason, names: NameStatus) -> Step {
        match (names.owner(self.name), after) {
            (NameOwner::Same(id), _) if self.may_not_reuse() => {
                self.fail(FailReason::NameTaken(id))
            }
            (NameOwner::Same(id), _) => self.found(id),
            (NameOwner::Different(id), _) => self.conflict(id, names),
            (NameOwner::Unclear(_), _) if self.in_doubt => self.fail(FailReason::Unknown),
            (NameOwner::Unclear(id), _) => self.fail(FailReason::NameTaken(id)),
            (NameOwner::Free, LookupReason::Nothing) => match self.usable_elsewhere(names) {
                Some(id) => self.found(id),
                None => self.send(Wait::None, FailReason::Last),
            },
            (NameOwner::Free, LookupReason::Loss) => {
                self.send(Wait::Backoff(self.sent), FailReason::Last)
            }
            (NameOwner::Free, LookupReason::Taken) => {
                self.lookup_again(LookupReason::Taken, LOOKS_FOR_TAKEN, self.taken_but_not_listed())
            }
            (NameOwner::Free, LookupReason::Refusal) => self.give_up(FailReason::Last),
            (NameOwner::Free, LookupReason::LastAttempt) => {
                self.lookup_again(LookupReason::LastAttempt, LOOKS_FOR_LOST, FailReason::Last)
            }
        }
    }

    /// Another certificate, `holder`, has the name.
    fn conflict(&mut self, holder: CertId, names: NameStatus) -> Step {
        let taken = FailReason::NameTaken(holder);
        // What was sent under a name that another certificate has was not stored.
        self.in_doubt = false;
        if self.rules.on_conflict == OnConflict::Fail {
            return self.fail(taken);
        }
        if self.name == Name::Requested && self.rules.on_conflict == OnConflict::Replace {
            self.replaced = Some(holder);
        }
        if let Some(id) = self.usable_elsewhere(names) {
            return self.found(id);
        }
        if self.name == Name::Alternate || self.rules.on_conflict == OnConflict::Reuse {
            return self.fail(taken);
        }
        match names.other {
            NameOwner::Different(id) | NameOwner::Unclear(id) => {
                self.fail(FailReason::NameTaken(id))
            }
            NameOwner::Same(_) | NameOwner::Free => {
                self.name = Name::Alternate;
                self.send(Wait::None, taken)
            }
        }
    }

    /// The same certificate under a name that is not the wanted one, where that will do.
    fn usable_elsewhere(&self, names: NameStatus) -> Option<CertId> {
        let renames = matches!(self.rules.on_conflict, OnConflict::Rename | OnConflict::Replace);
        match names.other {
            NameOwner::Same(id) if renames || self.rules.any_name => Some(id),
            _ => names.elsewhere.filter(|_| self.rules.any_name),
        }
    }

    /// Only what this upload put there counts, and it put nothing there.
    fn may_not_reuse(&self) -> bool {
        self.rules.on_conflict == OnConflict::Fail && !self.in_doubt
    }

    /// The certificate is there. Where this upload may have put it there, it counts as new: whoever acts on
    /// new certificates would otherwise miss one.
    fn found(&mut self, id: CertId) -> Step {
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

    /// Sends once more, or gives up where it was the last time.
    fn send(&mut self, pause: Wait, otherwise: FailReason) -> Step {
        if self.sent >= self.rules.max_attempts {
            return self.give_up(otherwise);
        }
        self.sent += 1;
        self.empty_lookups = 0;
        self.state = State::Sending;
        Step::Send(self.name, pause)
    }

    /// Sends no more. What an earlier attempt may have stored is waited for, as it may be listed late.
    fn give_up(&mut self, why: FailReason) -> Step {
        if self.in_doubt {
            self.empty_lookups = 0;
            return self.lookup_again(LookupReason::LastAttempt, LOOKS_FOR_LOST, why);
        }
        self.fail(why)
    }

    fn lookup(&mut self, after: LookupReason, pause: Wait) -> Step {
        self.state = State::LookingUp(after);
        Step::Lookup(pause)
    }

    fn lookup_again(&mut self, after: LookupReason, at_most: u32, otherwise: FailReason) -> Step {
        if self.empty_lookups >= at_most {
            return self.fail(otherwise);
        }
        self.empty_lookups += 1;
        self.lookup(after, Wait::Backoff(self.empty_lookups))
    }

    fn no_time_to_look_up(&mut self, after: LookupReason) -> Step {
        let why = match after {
            LookupReason::Nothing | LookupReason::Refusal | LookupReason::LastAttempt => {
                FailReason::Last
            }
            LookupReason::Taken if self.empty_lookups > 0 => self.taken_but_not_listed(),
            LookupReason::Loss | LookupReason::Taken => FailReason::Unknown,
        };
        self.fail(why)
    }

    fn taken_but_not_listed(&self) -> FailReason {
        if self.in_doubt { FailReason::Unknown } else { FailReason::TakenButNotListed }
    }

    fn done(&mut self, id: CertId, outcome: Outcome) -> Step {
        self.state = State::Ended;
        Step::Done(id, outcome)
    }

    fn fail(&mut self, why: FailReason) -> Step {
        self.state = State::Ended;
        Step::Fail(why)
    }
}

#[cfg(test)]
mod tests;
