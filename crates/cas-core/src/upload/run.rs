//! Runs an upload: executes the steps of the state machine, and builds the receipt or the error.

use std::time::{Duration, Instant};

use once_cell::unsync::OnceCell;

use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::base::logger::Level;
use crate::base::quote::quoted;
use crate::base::random::nonce;
use crate::http::deadline::Connection;
use crate::protocol::failure_class::FailureClass;
use crate::service::account::Account;
use crate::service::backoff::{self, Wait};
use crate::service::messages::with_next_version;
use crate::service::types::{CertId, NewCertificate, NewId, PemPair};
use crate::service::version::ApiVersion;
use crate::upload::events::{
    Event, FailReason, Moment, Name, NameOwner, OnConflict, Outcome, Rules, Step,
};
use crate::upload::history::History;
use crate::upload::left_overs::LeftOver;
use crate::upload::lookup::Query;
use crate::upload::machine::Machine;
use crate::upload::messages::{FailedUpload, left_over, looking_up, not_deleted, timed_out};
use crate::upload::names::Names;
use crate::upload::request::{Receipt, Upload};

/// Stores a certificate, once. `pair` is sent as it is, under the name and the rules of `upload`;
/// so is the `encryption` pair of SM2 double certificates, whose signing pair is `pair`.
pub(crate) fn upload(
    account: &Account,
    upload: &Upload,
    pair: PemPair<'_>,
    encryption: Option<PemPair<'_>>,
    deadline: &Deadline,
) -> Result<Receipt, Error> {
    let rules = Rules {
        on_conflict: upload.on_conflict,
        any_name: upload.reuse_any_name,
        max_attempts: account.caller.max_attempts,
    };
    let mut run = UploadRun {
        account,
        upload,
        pair,
        encryption,
        version: encryption.map(|_| ApiVersion::OF_DOUBLE_CERTIFICATES),
        deadline,
        names: Names::new(&upload.name, pair.certificate),
        started: Instant::now(),
        sent_without_token: false,
        token: OnceCell::new(),
        left_overs: Vec::new(),
        history: History::default(),
    };
    let (mut machine, mut step) = Machine::begin(rules);
    loop {
        let event = match step {
            Step::Lookup(pause) => run.lookup(pause, machine.sent() == 0),
            Step::Send(name, wait) => run.send(name, wait, connection(&machine)),
            Step::Delete(id) => run.delete(id),
            Step::Done(id, outcome) => {
                run.warn_of_left_overs(&machine, id);
                return Ok(run.receipt(&machine, id, outcome));
            }
            Step::Fail(reason) => return Err(run.error(&machine, reason)),
        };
        step = machine.next(event, run.moment());
    }
}

/// The input of an upload, and what happened so far.
struct UploadRun<'a> {
    account: &'a Account,
    upload: &'a Upload,
    pair: PemPair<'a>,
    encryption: Option<PemPair<'a>>,
    /// The version that this upload requires, whatever the client uses.
    version: Option<ApiVersion>,
    deadline: &'a Deadline,
    names: Names<'a>,
    started: Instant,
    /// Whether an attempt had no idempotency token.
    sent_without_token: bool,
    /// The idempotency token, the same for each attempt; only 2020-04-07 has it.
    token: OnceCell<String>,
    /// What the look-up before the first attempt showed of earlier uploads.
    left_overs: Vec<LeftOver>,
    history: History,
}

impl UploadRun<'_> {
    fn version(&self) -> ApiVersion {
        self.version.unwrap_or_else(|| self.account.versions.current())
    }

    fn moment(&self) -> Moment {
        Moment {
            now: self.started.elapsed(),
            deadline: self.deadline.instant().saturating_duration_since(self.started),
            idempotent: !self.sent_without_token,
        }
    }

    /// Returns the idempotency token: an upload under another name is another one to the service.
    fn token(&self, name: Name) -> Result<String, Error> {
        let token = self.token.get_or_try_init(nonce)?;
        Ok(match name {
            Name::Requested => token.clone(),
            Name::Alternate => format!("{token}-other"),
        })
    }

    fn lookup(&mut self, pause: Duration, is_first: bool) -> Event {
        if !self.account.caller.wait(pause, self.deadline, None) {
            return self.out_of_time();
        }
        if let Some(error) = self.history.error.as_ref().filter(|_| pause.is_zero()) {
            // A taken name is not unusual: a program may upload the same certificate every night.
            let level =
                if error.kind() == ErrorKind::NameTaken { Level::Info } else { Level::Warn };
            let message = || looking_up(error, &self.upload.name);
            self.account.caller.logger.log(level, message);
        }
        let renames = matches!(self.upload.on_conflict, OnConflict::Rename | OnConflict::Replace);
        // What this rule does depends on other entries.
        let needs_whole_list = is_first && self.upload.on_conflict == OnConflict::Replace;
        let domain = if needs_whole_list { None } else { self.names.domain() };
        let query = Query {
            requested: &self.upload.name,
            alternate: if renames { self.names.alternate() } else { None },
            any_name: self.upload.reuse_any_name,
            leaf: self.names.leaf(),
            renewal: needs_whole_list.then_some(self.pair.certificate),
            domain: domain.as_deref(),
            version: self.version,
        };
        match self.account.lookup(&query, self.deadline) {
            Ok(mut listing) => {
                let names = listing.names;
                self.left_overs.append(&mut listing.left_overs);
                self.history.add_listing(listing);
                if names.any_unclear() && self.deadline.is_cancelled() {
                    // The comparison was cancelled, so it says nothing.
                    return Event::Cancelled;
                }
                Event::Listed(names)
            }
            Err(failure) if failure.error.kind() == ErrorKind::Cancelled => Event::Cancelled,
            Err(failure) => {
                self.history.add_lookup_error(failure.error);
                Event::LookupFailed(failure.class)
            }
        }
    }

    fn send(&mut self, name: Name, wait: Wait, to: Connection) -> Event {
        self.try_to_send(name, wait, to).unwrap_or_else(|error| {
            self.history.add_attempt(error.into());
            Event::Failed(FailureClass::Permanent)
        })
    }

    /// Fails without random numbers.
    fn try_to_send(&mut self, name: Name, wait: Wait, to: Connection) -> Result<Event, Error> {
        let Account { caller, rate_limiter, .. } = self.account;
        let version = self.version();
        let turn = backoff::before_attempt(wait, self.deadline)?
            .filter(|delay| caller.wait(*delay, self.deadline, self.history.error.as_ref()))
            .and_then(|_| rate_limiter.acquire(version, Instant::now(), self.deadline.instant()));
        if !turn.is_some_and(|turn| caller.wait(turn, self.deadline, None)) {
            if turn.is_some() {
                rate_limiter.give_back(version, Instant::now());
            }
            if self.deadline.is_cancelled() {
                self.history.attempts_not_sent += 1;
            }
            return Ok(self.out_of_time());
        }
        let token = match version {
            ApiVersion::V2018_07_13 => String::new(),
            ApiVersion::V2020_04_07 => self.token(name)?,
        };
        let new = NewCertificate {
            name: self.names.get(name),
            pair: self.pair,
            encryption: self.encryption,
            lang: self.upload.lang,
            source_ip: self.upload.source_ip.as_deref(),
            client_token: &token,
        };
        let operation = version.upload(&new);
        self.sent_without_token |= version == ApiVersion::V2018_07_13;
        let name = quoted(new.name);
        let mut failure = match caller.attempt::<NewId>(&operation, &name, to, self.deadline) {
            Ok(response) => {
                self.history.response = Some((version, response.request_id));
                return Ok(Event::Stored(response.fields.cert_id));
            }
            Err(failure) => failure,
        };
        let class = match failure.class {
            FailureClass::Throttled(_) => {
                rate_limiter.slow_down(Instant::now());
                failure.class
            }
            FailureClass::VersionGone if self.account.version_gone(version, &failure.error) => {
                failure.error = with_next_version(failure.error);
                FailureClass::VersionGone
            }
            FailureClass::VersionGone => FailureClass::Refused,
            class => class,
        };
        let sent_nothing = matches!(class, FailureClass::NotSent | FailureClass::Permanent);
        self.history.add_attempt(failure);
        if sent_nothing && self.deadline.is_cancelled() {
            return Ok(Event::Cancelled);
        }
        Ok(Event::Failed(class))
    }

    fn delete(&self, id: CertId) -> Event {
        match self.account.delete(id, self.version, self.deadline) {
            Ok(()) => Event::Deleted,
            // Another program replaced it at the same time.
            Err(failure) if failure.error.kind() == ErrorKind::NotFound => Event::Deleted,
            Err(failure) => {
                let message = || not_deleted(id, &failure.error);
                self.account.caller.logger.log(Level::Warn, message);
                Event::NotDeleted
            }
        }
    }

    /// The deadline leaves no time for the next step.
    fn out_of_time(&mut self) -> Event {
        if self.deadline.is_cancelled() {
            return Event::Cancelled;
        }
        self.history.error.get_or_insert_with(|| timed_out(&self.upload.name));
        Event::DeadlineTooNear
    }

    /// Names what a `Replace` did not delete: the certificates of earlier uploads, and one that
    /// another program stored under the name meanwhile.
    fn warn_of_left_overs(&mut self, machine: &Machine, stored: CertId) {
        if self.upload.on_conflict != OnConflict::Replace {
            return;
        }
        let names = self.history.listing.as_ref().map(|listing| listing.names);
        if let Some(NameOwner::Different(id)) = names.map(|names| names.requested) {
            self.left_overs.push(LeftOver { id, name: self.upload.name.clone() });
        }
        // The log has said what became of the replaced one.
        self.left_overs.retain(|other| other.id != stored && Some(other.id) != machine.replaced());
        if !self.left_overs.is_empty() {
            let message = || left_over(&self.upload.name, &self.left_overs);
            self.account.caller.logger.log(Level::Warn, message);
        }
    }

    fn attempts(&self, machine: &Machine) -> u32 {
        machine.sent().saturating_sub(self.history.attempts_not_sent)
    }

    fn receipt(self, machine: &Machine, id: CertId, outcome: Outcome) -> Receipt {
        let attempts = self.attempts(machine);
        let version = self.version();
        let History { listing, response, .. } = self.history;
        let names = listing.as_ref().map(|listing| listing.names);
        let third = names.is_some_and(|names| {
            names.third_name == Some(id) || names.similar == NameOwner::Same(id)
        });
        let name = match listing.and_then(|listing| listing.third_name).filter(|_| third) {
            Some(name) => name,
            None if names.is_some_and(|names| names.alternate == NameOwner::Same(id)) => {
                self.names.get(Name::Alternate).to_owned()
            }
            None => self.names.get(machine.name()).to_owned(),
        };
        let (api, request_id) = response.unwrap_or((version, None));
        Receipt {
            cert_id: id,
            name,
            cert_identifier: format!("{id}-{}", self.account.region),
            request_id,
            outcome,
            api,
            attempts,
        }
    }

    fn error(mut self, machine: &Machine, reason: FailReason) -> Error {
        let last = self.history.error.take();
        let failed = FailedUpload {
            endpoint: &self.account.caller.endpoint,
            name: self.names.get(machine.name()),
            names: &self.names,
            in_doubt: machine.in_doubt(),
            history: &self.history,
        };
        failed.error(reason, last).with_attempts(self.attempts(machine))
    }
}

/// What is sent again takes a new connection.
fn connection(machine: &Machine) -> Connection {
    if machine.sent() > 1 { Connection::New } else { Connection::Any }
}

#[cfg(test)]
mod tests;
