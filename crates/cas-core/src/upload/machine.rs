//! The exactly-once upload as a state machine: what happened goes in, what to do next comes out.
//!
//! No socket, clock or randomness in here; [`crate::upload::run`] carries the steps out. The rules, and the table of
//! what every failure ends in, stand in `docs/exactly-once.md`.

use std::time::Duration;

use crate::service::failure::Cure;
use crate::service::types::CertId;

/// What to do when another certificate has the name; the numbers are those of the C interface
/// (`cas_on_conflict`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum OnConflict {
    /// The same certificate under this name is a success, another one an error.
    #[default]
    Reuse = 0,
    /// Any certificate under this name is an error, unless this very upload put it there.
    Fail = 1,
    /// Another certificate keeps the name; this one is stored under a name made from it.
    Rename = 2,
    /// As `Rename`, and the other certificate is deleted once this one is stored.
    Replace = 3,
}

/// What an upload did; the numbers are those of the C interface (`cas_outcome`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Outcome {
    /// The certificate was stored.
    Created = 0,
    /// The same certificate was there already.
    Reused = 1,
    /// The certificate is stored, and the one that had its name is deleted.
    Replaced = 2,
}

/// What the caller asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// What to do when another certificate has the name.
    pub on_conflict: OnConflict,
    /// Whether the same certificate under any other name will do.
    pub any_name: bool,
    /// How often the certificate is sent at most; at least 1.
    pub max_attempts: u32,
}

/// The names an upload may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The one that was asked for.
    Wanted,
    /// The one made from it, where another certificate has the wanted one.
    Other,
}

/// Who has a name at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// No certificate in the list.
    Nobody,
    /// The certificate that is being uploaded.
    Same(CertId),
    /// Another certificate.
    Different(CertId),
    /// A certificate that could not be compared.
    Unclear(CertId),
}

/// What a look-up saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Who has the wanted name.
    pub wanted: Holder,
    /// Who has the other name.
    pub other: Holder,
    /// The same certificate under any third name.
    pub elsewhere: Option<CertId>,
}

impl Sight {
    fn of(self, name: Name) -> Holder {
        match name {
            Name::Wanted => self.wanted,
            Name::Other => self.other,
        }
    }
}

/// How long to wait before a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Not at all.
    None,
    /// As [`crate::service::backoff::pause`] says for this number of failures, from 1.
    Backoff(u32),
    /// As long as the service asked.
    Asked(Duration),
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look at the list of certificates; answer with [`Event::Seen`] or [`Event::LookUpFailed`].
    LookUp(Pause),
    /// Send the certificate under this name.
    Send(Name, Pause),
    /// Delete the certificate that was replaced; answer with [`Event::Deleted`] or [`Event::NotDeleted`].
    Delete(CertId),
    /// The certificate is stored, once, under this id.
    Done(CertId, Outcome),
    /// The end without success.
    Fail(Why),
}

/// Why an upload ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// What the last attempt, or the look-up before the first, failed with.
    Last,
    /// This certificate has the name, and it may not be used.
    NameTaken(CertId),
    /// The service says that the name is taken, and lists nobody under it.
    TakenByNobody,
    /// The certificate may be stored; it could not be found out.
    Unknown,
    /// Something happened that cannot follow what was asked for: a defect in this library.
    OutOfTurn,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The look-up saw this.
    Seen(Sight),
    /// The look-up itself failed for good.
    LookUpFailed,
    /// The service stored the certificate.
    Stored(CertId),
    /// The certificate may have been stored: no whole answer, a success without an id, a failing service.
    Lost,
    /// No byte was sent; trying again may help.
    Unsent,
    /// Refused for the rate of calls; the service may have asked for a pause.
    Throttled(Option<Duration>),
    /// Refused for a clock or an access key that is mended now.
    Mended(Cure),
    /// Refused because the version of the API is gone; the next one is spoken from now on.
    VersionChanged,
    /// Refused because the name is taken.
    NameTaken,
    /// Refused for what may be that the certificate is there already.
    RefusedUnclearly,
    /// Refused for good, for a reason that has nothing to do with what is stored.
    Refused,
    /// The replaced certificate is gone.
    Deleted,
    /// The replaced certificate is still there.
    NotDeleted,
    /// The step would not have fitted before the deadline, so it was not taken.
    NoTime,
}

/// Why the list is being looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
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
    LookingUp(After),
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
    fruitless: u32,
    /// By the number of the cure.
    mended: [bool; 2],
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
            name: Name::Wanted,
            sent: 0,
            in_doubt: false,
            fruitless: 0,
            mended: [false; 2],
            replaced: None,
        };
        let step = if rules.on_conflict == OnConflict::Reuse && !rules.any_name {
            machine.send(Pause::None, Why::Last)
        } else {
            machine.look_up(After::Nothing, Pause::None)
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
            (State::LookingUp(after), Event::Seen(sight)) => self.seen(after, sight),
            (State::LookingUp(After::Nothing | After::Refusal), Event::LookUpFailed) => self.fail(Why::Last),
            (State::LookingUp(_), Event::LookUpFailed) => self.fail(Why::Unknown),
            (State::LookingUp(after), Event::NoTime) => self.no_time_to_look_up(after),
            (State::Sending, event) => self.sending(event),
            (State::Deleting(id), Event::Deleted) => self.done(id, Outcome::Replaced),
            (State::Deleting(id), Event::NotDeleted | Event::NoTime) => self.done(id, Outcome::Created),
            _ => self.fail(Why::OutOfTurn),
        }
    }

    fn sending(&mut self, event: Event) -> Step {
        match event {
            Event::Stored(id) => self.stored(id, Outcome::Created),
            Event::Lost => {
                self.in_doubt = true;
                self.look_up(After::Loss, Pause::None)
            }
            Event::Unsent => self.send(Pause::Backoff(self.sent), Why::Last),
            Event::Throttled(wait) => {
                self.send(wait.map_or(Pause::Backoff(self.sent), Pause::Asked), Why::Last)
            }
            // Once: what is wrong after it was mended will be wrong again.
            Event::Mended(cure) if !self.mended[cure as usize] => {
                self.mended[cure as usize] = true;
                self.send(Pause::None, Why::Last)
            }
            Event::VersionChanged => self.send(Pause::None, Why::Last),
            Event::NameTaken if self.may_not_reuse() => self.fail(Why::Last),
            Event::NameTaken => self.look_up(After::Taken, Pause::None),
            Event::RefusedUnclearly => self.look_up(After::Refusal, Pause::None),
            Event::Mended(_) | Event::Refused => self.give_up(Why::Last),
            Event::NoTime => {
                self.sent -= 1;
                self.fail(Why::Last)
            }
            Event::Seen(_) | Event::LookUpFailed | Event::Deleted | Event::NotDeleted => {
                self.fail(Why::OutOfTurn)
            }
        }
    }

    fn seen(&mut self, after: After, sight: Sight) -> Step {
        match (sight.of(self.name), after) {
            (Holder::Same(id), _) if self.may_not_reuse() => self.fail(Why::NameTaken(id)),
            (Holder::Same(id), _) => self.found(id),
            (Holder::Different(id), _) => self.conflict(id, sight),
            (Holder::Unclear(_), _) if self.in_doubt => self.fail(Why::Unknown),
            (Holder::Unclear(id), _) => self.fail(Why::NameTaken(id)),
            (Holder::Nobody, After::Nothing) => match self.usable_elsewhere(sight) {
                Some(id) => self.found(id),
                None => self.send(Pause::None, Why::Last),
            },
            (Holder::Nobody, After::Loss) => self.send(Pause::Backoff(self.sent), Why::Last),
            (Holder::Nobody, After::Taken) => {
                self.look_again(After::Taken, LOOKS_FOR_TAKEN, self.if_taken_by_nobody())
            }
            (Holder::Nobody, After::Refusal) => self.give_up(Why::Last),
            (Holder::Nobody, After::LastAttempt) => {
                self.look_again(After::LastAttempt, LOOKS_FOR_LOST, Why::Last)
            }
        }
    }

    /// Another certificate, `holder`, has the name.
    fn conflict(&mut self, holder: CertId, sight: Sight) -> Step {
        let taken = Why::NameTaken(holder);
        // What was sent under a name that another certificate has was not stored.
        self.in_doubt = false;
        if self.rules.on_conflict == OnConflict::Fail {
            return self.fail(taken);
        }
        if self.name == Name::Wanted && self.rules.on_conflict == OnConflict::Replace {
            self.replaced = Some(holder);
        }
        if let Some(id) = self.usable_elsewhere(sight) {
            return self.found(id);
        }
        if self.name == Name::Other || self.rules.on_conflict == OnConflict::Reuse {
            return self.fail(taken);
        }
        match sight.other {
            Holder::Different(id) | Holder::Unclear(id) => self.fail(Why::NameTaken(id)),
            Holder::Same(_) | Holder::Nobody => {
                self.name = Name::Other;
                self.send(Pause::None, taken)
            }
        }
    }

    /// The same certificate under a name that is not the wanted one, where that will do.
    fn usable_elsewhere(&self, sight: Sight) -> Option<CertId> {
        let renames = matches!(self.rules.on_conflict, OnConflict::Rename | OnConflict::Replace);
        match sight.other {
            Holder::Same(id) if renames || self.rules.any_name => Some(id),
            _ => sight.elsewhere.filter(|_| self.rules.any_name),
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
    fn send(&mut self, pause: Pause, otherwise: Why) -> Step {
        if self.sent >= self.rules.max_attempts {
            return self.give_up(otherwise);
        }
        self.sent += 1;
        self.fruitless = 0;
        self.state = State::Sending;
        Step::Send(self.name, pause)
    }

    /// Sends no more. What an earlier attempt may have stored is waited for, as it may be listed late.
    fn give_up(&mut self, why: Why) -> Step {
        if self.in_doubt {
            self.fruitless = 0;
            return self.look_again(After::LastAttempt, LOOKS_FOR_LOST, why);
        }
        self.fail(why)
    }

    fn look_up(&mut self, after: After, pause: Pause) -> Step {
        self.state = State::LookingUp(after);
        Step::LookUp(pause)
    }

    fn look_again(&mut self, after: After, at_most: u32, otherwise: Why) -> Step {
        if self.fruitless >= at_most {
            return self.fail(otherwise);
        }
        self.fruitless += 1;
        self.look_up(after, Pause::Backoff(self.fruitless))
    }

    fn no_time_to_look_up(&mut self, after: After) -> Step {
        let why = match after {
            After::Nothing | After::Refusal | After::LastAttempt => Why::Last,
            After::Taken if self.fruitless > 0 => self.if_taken_by_nobody(),
            After::Loss | After::Taken => Why::Unknown,
        };
        self.fail(why)
    }

    fn if_taken_by_nobody(&self) -> Why {
        if self.in_doubt { Why::Unknown } else { Why::TakenByNobody }
    }

    fn done(&mut self, id: CertId, outcome: Outcome) -> Step {
        self.state = State::Ended;
        Step::Done(id, outcome)
    }

    fn fail(&mut self, why: Why) -> Step {
        self.state = State::Ended;
        Step::Fail(why)
    }
}

#[cfg(test)]
mod tests;
