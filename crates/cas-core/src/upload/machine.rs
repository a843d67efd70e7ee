//! The exactly-once upload as a state machine: an event goes in, the next step comes out.
//!
//! No sockets, clock or randomness: [`crate::upload::run`] executes the steps and says what time it
//! is. The rules, and the outcome of every failure, are in docs/exactly-once.md.

use std::time::Duration;

use crate::protocol::failure_class::FailureClass;
use crate::service::types::CertId;
use crate::upload::events::{
    Event, FailReason, Moment, Name, NameOwner, NameStatus, OnConflict, Outcome, Rules, Step, Wait,
};

/// Why the list is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LookupReason {
    /// Nothing was sent yet.
    BeforeSending,
    /// What was sent may have been stored, and may be sent again.
    OutcomeUnknown,
    /// The name is taken.
    NameTaken,
    /// The upload was refused, perhaps because the certificate is stored already.
    Refused,
    /// An attempt was throttled, and an earlier one is in doubt.
    Throttled,
    /// Nothing more is sent, and an earlier attempt is in doubt.
    LastAttempt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    LookingUp(LookupReason),
    Sending,
    Deleting(CertId),
    Ended,
}

/// How long after an attempt libcas looks for a certificate that must or may be listed: new ones
/// may be listed late.
const LOOKING: Duration = Duration::from_secs(20);

/// The pauses before the second look-up after an attempt and those that follow; the last one is
/// repeated. The first two add up to [`SETTLED`].
const PAUSES: [Duration; 3] =
    [Duration::from_millis(750), Duration::from_millis(1250), Duration::from_secs(2)];

/// Near the deadline, pauses are shorter, down to this one.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// A certificate that is not listed this long after an attempt, in at least [`LOOKUPS_TO_SETTLE`]
/// look-ups, may be sent again although the service would not recognise a repeated request.
const SETTLED: Duration = Duration::from_secs(2);
const LOOKUPS_TO_SETTLE: u32 = 3;

/// One upload in progress.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    rules: Rules,
    state: State,
    name: Name,
    /// How often the certificate was sent.
    sent: u32,
    /// How many of these attempts were throttled and do not count as attempts.
    throttled: u32,
    /// Whether an attempt under `name` may have stored the certificate.
    in_doubt: bool,
    /// Whether something on the way answered an attempt under `name`, and may have replaced the
    /// response of the service.
    rejected_in_transit: bool,
    /// When the last attempt ended, and until when at least the certificate is looked up then.
    attempted: Duration,
    settled: Duration,
    /// Look-ups since then that did not list the certificate, how many of them it takes to send
    /// again, and pauses between them.
    empty_lookups: u32,
    lookups_to_settle: u32,
    pauses: usize,
    /// When the last look-up began.
    lookup_began: Duration,
    /// Which corrections were made, by the number of the correction.
    corrected: [bool; 2],
    /// What the last look-up showed.
    listed: NameStatus,
    /// Whether the certificate was sent again because a taken name turned out to be free.
    sent_to_free_name: bool,
    /// The certificate that the upload replaces. The look-up before the first attempt has shown it:
    /// one that came later is never deleted.
    replaced: Option<CertId>,
}

impl Machine {
    /// Starts an upload and returns the first step.
    ///
    /// A plain upload is a single request, so it starts with sending. If the rules depend on who
    /// has the name, the look-up comes first, before the private key is sent.
    #[must_use]
    pub(crate) fn begin(rules: Rules) -> (Self, Step) {
        let looks_first = rules.on_conflict != OnConflict::Reuse || rules.any_name;
        let machine = Self {
            rules,
            state: if looks_first {
                State::LookingUp(LookupReason::BeforeSending)
            } else {
                State::Sending
            },
            name: Name::Requested,
            sent: u32::from(!looks_first),
            throttled: 0,
            in_doubt: false,
            rejected_in_transit: false,
            attempted: Duration::ZERO,
            settled: Duration::ZERO,
            empty_lookups: 0,
            lookups_to_settle: LOOKUPS_TO_SETTLE,
            pauses: 0,
            lookup_began: Duration::ZERO,
            corrected: [false; 2],
            listed: NameStatus::FREE,
            sent_to_free_name: false,
            replaced: None,
        };
        let first = if looks_first {
            Step::Lookup(Duration::ZERO)
        } else {
            Step::Send(Name::Requested, Wait::None)
        };
        (machine, first)
    }

    /// Returns how often the certificate was sent so far.
    #[must_use]
    pub(crate) fn sent(&self) -> u32 {
        self.sent
    }

    /// Returns the certificate that this upload replaces.
    #[must_use]
    pub(crate) fn replaced(&self) -> Option<CertId> {
        self.replaced
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

    /// Returns the step that follows `event`, which happened at `at`.
    pub(crate) fn next(&mut self, event: Event, at: Moment) -> Step {
        match (self.state, event) {
            (State::LookingUp(reason), Event::Listed(names)) => self.listed(reason, names, at),
            (State::LookingUp(reason), Event::LookupFailed(class)) => {
                self.lookup_failed(reason, class, at)
            }
            (State::LookingUp(reason), Event::DeadlineTooNear) => {
                self.no_time_to_look_up(reason, at)
            }
            (State::Sending, Event::Stored(id)) => self.stored(id, Outcome::Created),
            (State::Sending, Event::Failed(class)) => self.failed(class, at),
            (State::Sending, Event::DeadlineTooNear) => {
                self.sent -= 1;
                self.give_up(FailReason::Last, at)
            }
            (State::LookingUp(_) | State::Sending, Event::Cancelled) => {
                self.fail(FailReason::Cancelled)
            }
            (State::Deleting(id), Event::Deleted) => self.done(id, Outcome::Replaced),
            (
                State::Deleting(id),
                Event::NotDeleted | Event::DeadlineTooNear | Event::Cancelled,
            ) => self.done(id, Outcome::Created),
            _ => self.fail(FailReason::Bug),
        }
    }

    /// An attempt failed.
    fn failed(&mut self, class: FailureClass, at: Moment) -> Step {
        self.attempted = at.now;
        self.settled = at.now + SETTLED.min(at.left() / 4);
        (self.empty_lookups, self.pauses) = (0, 0);
        self.lookups_to_settle = LOOKUPS_TO_SETTLE;
        match class {
            FailureClass::OutcomeUnknown => {
                self.in_doubt = true;
                self.lookup(LookupReason::OutcomeUnknown, Duration::ZERO, at)
            }
            FailureClass::NotSent => self.send(Wait::Backoff(self.sent), FailReason::Last, at),
            FailureClass::Throttled(delay) => {
                // The service has not looked at the request, so it is not an attempt, unless the
                // program wants a single one.
                self.throttled += u32::from(self.rules.max_attempts > 1);
                let is_long_ago = at.now.saturating_sub(self.lookup_began) >= SETTLED;
                if self.in_doubt && is_long_ago && self.may_send() {
                    // The earlier attempt may be listed by now.
                    return self.lookup(LookupReason::Throttled, delay.unwrap_or_default(), at);
                }
                self.send_after_throttling(delay, at)
            }
            // Once: a second correction of the same kind would not help either.
            FailureClass::Correctable(correction) if !self.corrected[correction as usize] => {
                self.corrected[correction as usize] = true;
                self.send(Wait::None, FailReason::Last, at)
            }
            FailureClass::VersionGone => self.send(Wait::None, FailReason::Last, at),
            FailureClass::NameTaken if self.may_not_reuse() => self.fail(FailReason::Last),
            FailureClass::NameTaken => self.lookup(LookupReason::NameTaken, Duration::ZERO, at),
            FailureClass::Ambiguous => self.lookup(LookupReason::Refused, Duration::ZERO, at),
            FailureClass::RejectedInTransit => {
                self.rejected_in_transit = true;
                self.lookup(LookupReason::Refused, Duration::ZERO, at)
            }
            FailureClass::CertificateRejected => {
                // The service would have rejected it in every other attempt as well.
                self.in_doubt = false;
                self.fail(FailReason::Last)
            }
            FailureClass::Correctable(_) | FailureClass::Refused | FailureClass::Permanent => {
                self.give_up(FailReason::Last, at)
            }
        }
    }

    fn listed(&mut self, reason: LookupReason, names: NameStatus, at: Moment) -> Step {
        self.listed = names;
        match (names.owner(self.name), reason) {
            (NameOwner::Same(id), _) if self.may_not_reuse() => {
                self.fail(FailReason::NameTaken(id))
            }
            (NameOwner::Same(id), _) => self.already_stored(id),
            (NameOwner::Different(id), _) => {
                if reason == LookupReason::BeforeSending {
                    self.replaces(Some(id));
                }
                self.conflict(id, names, at)
            }
            // Another look-up may be able to compare it.
            (NameOwner::Unclear(_), _) if self.in_doubt => {
                self.look_again(reason, Duration::ZERO, at)
            }
            (NameOwner::Unclear(_), LookupReason::Refused) => self.fail(FailReason::Last),
            (NameOwner::Unclear(id), _) => self.fail(FailReason::NameTaken(id)),
            (NameOwner::Free, LookupReason::BeforeSending) => {
                if let Some(id) = self.usable_under_other_name(names) {
                    return self.already_stored(id);
                }
                self.replaces(names.predecessor);
                self.send(Wait::None, FailReason::Last, at)
            }
            (NameOwner::Free, reason) => {
                self.empty_lookups += 1;
                if at.now.saturating_sub(self.lookup_began) > SETTLED {
                    self.lookups_to_settle = LOOKUPS_TO_SETTLE - 1;
                }
                self.not_listed(reason, at)
            }
        }
    }

    /// The certificate must be listed or may be, and is not.
    fn not_listed(&mut self, reason: LookupReason, at: Moment) -> Step {
        let settled = at.now >= self.settled && self.empty_lookups >= self.lookups_to_settle;
        match reason {
            LookupReason::Refused => self.give_up(FailReason::Last, at),
            LookupReason::Throttled => self.send_after_throttling(None, at),
            LookupReason::OutcomeUnknown if !self.may_send() => {
                self.look_again(LookupReason::LastAttempt, Duration::ZERO, at)
            }
            LookupReason::OutcomeUnknown if settled || at.idempotent => {
                self.send(Wait::Backoff(self.sent), FailReason::Last, at)
            }
            // The certificate that had the name has been deleted.
            LookupReason::NameTaken if settled && !self.sent_to_free_name && self.may_send() => {
                self.sent_to_free_name = true;
                self.send(Wait::None, FailReason::Last, at)
            }
            reason => self.look_again(reason, Duration::ZERO, at),
        }
    }

    fn lookup_failed(&mut self, reason: LookupReason, class: FailureClass, at: Moment) -> Step {
        let requested = match class {
            FailureClass::Throttled(Some(delay)) => delay,
            _ => Duration::ZERO,
        };
        let passing = class.is_passing() && requested < at.left();
        match reason {
            LookupReason::BeforeSending => self.fail(FailReason::Last),
            LookupReason::Refused if !self.in_doubt || !passing => self.fail(FailReason::Last),
            LookupReason::Refused => self.look_again(LookupReason::LastAttempt, requested, at),
            LookupReason::Throttled if passing => self.send_after_throttling(Some(requested), at),
            reason if passing => self.look_again(reason, requested, at),
            _ => self.fail(FailReason::Unknown),
        }
    }

    /// A different certificate, `owner`, has the name.
    fn conflict(&mut self, owner: CertId, names: NameStatus, at: Moment) -> Step {
        let taken = FailReason::NameTaken(owner);
        // A different certificate has the name, so no attempt stored this one.
        self.in_doubt = false;
        self.rejected_in_transit = false;
        if self.rules.on_conflict == OnConflict::Fail {
            return self.fail(taken);
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
                self.send(Wait::None, taken, at)
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

    /// Records what the look-up before the first attempt shows that `Replace` replaces.
    fn replaces(&mut self, replaced: Option<CertId>) {
        self.replaced = replaced.filter(|_| self.rules.on_conflict == OnConflict::Replace);
    }

    /// Whether this upload may have stored the certificate that a look-up shows.
    fn may_have_stored(&self) -> bool {
        self.in_doubt || self.rejected_in_transit
    }

    /// Under `Fail`, only what this upload stored counts, and no attempt may have stored anything.
    fn may_not_reuse(&self) -> bool {
        self.rules.on_conflict == OnConflict::Fail && !self.may_have_stored()
    }

    /// Whether the certificate may be sent again.
    fn may_send(&self) -> bool {
        self.sent - self.throttled < self.rules.max_attempts
    }

    /// The certificate is stored. If an attempt of this upload may have stored it, it counts as
    /// created: a program that acts on new certificates would otherwise miss one.
    ///
    /// A certificate that was stored after this one stays: its own upload may be about to delete
    /// this one.
    fn already_stored(&mut self, id: CertId) -> Step {
        self.replaced = self.replaced.filter(|replaced| *replaced < id);
        let outcome = if self.may_have_stored() { Outcome::Created } else { Outcome::Reused };
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
    fn send(&mut self, wait: Wait, otherwise: FailReason, at: Moment) -> Step {
        if !self.may_send() {
            return self.give_up(otherwise, at);
        }
        self.sent += 1;
        self.state = State::Sending;
        Step::Send(self.name, wait)
    }

    /// Sends the certificate again. The service asks for a delay, or backoff decides.
    fn send_after_throttling(&mut self, delay: Option<Duration>, at: Moment) -> Step {
        self.send(Wait::Throttled(delay, self.throttled), FailReason::Last, at)
    }

    /// Stops sending. If an earlier attempt is in doubt, looks the certificate up, as it may be
    /// listed late.
    fn give_up(&mut self, reason: FailReason, at: Moment) -> Step {
        if !self.in_doubt {
            return self.fail(reason);
        }
        if self.empty_lookups == 0 && self.pauses == 0 {
            return self.lookup(LookupReason::LastAttempt, Duration::ZERO, at);
        }
        self.look_again(LookupReason::LastAttempt, Duration::ZERO, at)
    }

    fn lookup(&mut self, reason: LookupReason, pause: Duration, at: Moment) -> Step {
        self.state = State::LookingUp(reason);
        self.lookup_began = at.now + pause;
        Step::Lookup(pause)
    }

    /// Looks up again after a pause of at least `requested`, until [`LOOKING`] after the last
    /// attempt. Shortens the pause if the deadline is near: better an early look-up than none.
    fn look_again(&mut self, reason: LookupReason, requested: Duration, at: Moment) -> Step {
        let left = (self.attempted + LOOKING).saturating_sub(at.now);
        let pause = PAUSES[self.pauses.min(PAUSES.len() - 1)].min(at.left() / 4).min(left);
        if pause < SHORTEST_PAUSE || requested > left {
            return self.no_time_to_look_up(reason, at);
        }
        self.pauses += 1;
        self.lookup(reason, pause.max(requested), at)
    }

    fn no_time_to_look_up(&mut self, reason: LookupReason, at: Moment) -> Step {
        if reason == LookupReason::NameTaken && self.name == Name::Requested {
            // The service says that the name is taken, and nothing else is listed with it until
            // now: a similar name is the same one to the service.
            match self.listed.similar {
                NameOwner::Same(id) => return self.already_stored(id),
                NameOwner::Unclear(id) if !self.in_doubt => {
                    return self.fail(FailReason::NameTaken(id));
                }
                NameOwner::Different(id) if !self.in_doubt => {
                    return self.conflict(id, self.listed, at);
                }
                _ => {}
            }
        }
        let reason = match reason {
            LookupReason::BeforeSending | LookupReason::Refused => FailReason::Last,
            LookupReason::NameTaken if self.empty_lookups > 0 && !self.in_doubt => {
                FailReason::TakenButNotListed
            }
            LookupReason::OutcomeUnknown
            | LookupReason::NameTaken
            | LookupReason::Throttled
            | LookupReason::LastAttempt => FailReason::Unknown,
        };
        self.fail(reason)
    }

    fn done(&mut self, id: CertId, outcome: Outcome) -> Step {
        self.state = State::Ended;
        Step::Done(id, outcome)
    }

    /// Ends the upload. An attempt in doubt outweighs the error of a later one.
    fn fail(&mut self, reason: FailReason) -> Step {
        self.state = State::Ended;
        match reason {
            FailReason::Last if self.in_doubt => Step::Fail(FailReason::Unknown),
            reason => Step::Fail(reason),
        }
    }
}

#[cfg(test)]
mod tests;
