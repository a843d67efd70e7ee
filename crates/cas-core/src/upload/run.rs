//! Carries an upload out: does what the state machine says, and puts what happened into words.

use std::time::{Duration, Instant};

use once_cell::unsync::OnceCell;

use crate::base::error::{Error, ErrorKind};
use crate::base::logger::Level;
use crate::base::quote::quoted;
use crate::base::random::{nonce, random};
use crate::inspect::Fingerprint;
use crate::protocol::failure_class::FailureClass;
use crate::service::account::Account;
use crate::service::backoff;
use crate::service::caller::halfway_to;
use crate::service::messages::incomplete;
use crate::service::operations::new_id;
use crate::service::types::{CertId, NewCertificate};
use crate::service::version::ApiVersion;
use crate::upload::events::{
    Event, FailReason, Name, NameOwner, OnConflict, Outcome, Rules, Step, Wait,
};
use crate::upload::lookup::{Listing, Query};
use crate::upload::machine::Machine;
use crate::upload::request::{Receipt, Upload};

/// Stores a certificate, once: `certificate` and `key` as they are, PEM, under the name and rules of `upload`.
pub(crate) fn upload(
    account: &Account,
    upload: &Upload,
    certificate: &str,
    key: &str,
    deadline: Instant,
) -> Result<Receipt, Error> {
    let rules = Rules {
        on_conflict: upload.on_conflict,
        any_name: upload.reuse_any_name,
        max_attempts: account.caller.max_attempts,
    };
    let mut run = UploadRun {
        account,
        upload,
        certificate,
        key,
        deadline,
        token: OnceCell::new(),
        leaf: OnceCell::new(),
        last: None,
        lookup_failure: None,
        found: None,
        answered: None,
        attempts_not_sent: 0,
    };
    let (mut machine, mut step) = Machine::begin(rules);
    loop {
        let event = match step {
            Step::Lookup(pause) => run.lookup(pause)?,
            Step::Send(name, pause) => run.send(name, pause)?,
            Step::Delete(id) => run.delete(id),
            Step::Done(id, outcome) => return Ok(run.receipt(&machine, id, outcome)),
            Step::Fail(why) => return Err(run.failure(&machine, why)),
        };
        step = machine.next(event);
    }
}

struct UploadRun<'a> {
    account: &'a Account,
    upload: &'a Upload,
    certificate: &'a str,
    key: &'a str,
    deadline: Instant,
    /// The same for each try of this upload; only one version knows it.
    token: OnceCell<String>,
    leaf: OnceCell<Option<AlternateName>>,
    /// What the last attempt failed with.
    last: Option<Error>,
    /// What the look-up after it failed with.
    lookup_failure: Option<Error>,
    found: Option<Listing>,
    /// Version and request id of the answer that brought the certificate's id.
    answered: Option<(ApiVersion, Option<String>)>,
    /// Attempts that ended before sending was tried.
    attempts_not_sent: u32,
}

/// The certificate, and the other name that it makes of the wanted one.
struct AlternateName {
    leaf: Fingerprint,
    other: String,
}

impl UploadRun<'_> {
    fn named(&self) -> Option<&AlternateName> {
        let read = || {
            let leaf = Fingerprint::of_pem(self.certificate)?;
            let other = format!("{}-{}", self.upload.name, leaf.short());
            Some(AlternateName { leaf, other })
        };
        self.leaf.get_or_init(read).as_ref()
    }

    fn name(&self, name: Name) -> &str {
        // The certificate is read only where something depends on it: a plain upload does not.
        match name {
            Name::Requested => &self.upload.name,
            Name::Alternate => self.named().map_or(&self.upload.name, |named| &named.other),
        }
    }

    /// Another name is another upload to the service.
    fn token(&self, name: Name) -> Result<String, Error> {
        let token = self.token.get_or_try_init(nonce)?;
        Ok(match name {
            Name::Requested => token.clone(),
            Name::Alternate => format!("{token}-other"),
        })
    }

    fn lookup(&mut self, pause: Wait) -> Result<Event, Error> {
        // A look costs nothing: rather an early one than none.
        let left = self.deadline.saturating_duration_since(Instant::now());
        let pause = length(pause)?.min(left / 2);
        if !self.account.caller.wait(pause, self.deadline, None) {
            self.last.get_or_insert_with(|| too_late(&self.upload.name));
            return Ok(Event::DeadlineTooNear);
        }
        if let Some(last) = &self.last {
            // That a name is taken is nothing unusual: the same certificate is uploaded again every night.
            let level = if last.kind() == ErrorKind::NameTaken { Level::Info } else { Level::Warn };
            self.account.caller.logger.log(level, || {
                format!("{last} Looking whether {} is stored.", quoted(&self.upload.name))
            });
        }
        let renames = matches!(self.upload.on_conflict, OnConflict::Rename | OnConflict::Replace);
        let query = Query {
            wanted: &self.upload.name,
            other: self.named().filter(|_| renames).map(|named| named.other.as_str()),
            any_name: self.upload.reuse_any_name,
            leaf: self.named().map(|named| &named.leaf),
        };
        match self.account.lookup(&query, self.deadline) {
            Ok(found) => {
                let names = found.names;
                self.answered = Some((found.version, found.request_id.clone()));
                self.found = Some(found);
                Ok(Event::Listed(names))
            }
            Err(failed) => {
                if self.last.is_none() {
                    self.last = Some(failed.error);
                } else {
                    self.lookup_failure = Some(failed.error);
                }
                Ok(Event::LookupFailed)
            }
        }
    }

    fn send(&mut self, name: Name, pause: Wait) -> Result<Event, Error> {
        let Account { caller, versions, rate_limiter, .. } = self.account;
        let version = versions.current();
        let turn = if caller.wait(length(pause)?, self.deadline, self.last.as_ref()) {
            rate_limiter.acquire(version, Instant::now(), self.deadline)
        } else {
            None
        };
        if !turn.is_some_and(|turn| caller.wait(turn, self.deadline, None)) {
            self.last.get_or_insert_with(|| too_late(&self.upload.name));
            return Ok(Event::DeadlineTooNear);
        }
        let token = match version {
            ApiVersion::V2018_07_13 => String::new(),
            ApiVersion::V2020_04_07 => self.token(name)?,
        };
        let new = NewCertificate {
            name: self.name(name),
            certificate: self.certificate,
            key: self.key,
            lang: self.upload.lang,
            source_ip: self.upload.source_ip.as_deref(),
            client_token: &token,
        };
        let operation = version.upload(&new);
        let subject = quoted(self.name(name));
        let attempt =
            caller.attempt(&operation, &subject, halfway_to(self.deadline)).and_then(|answer| {
                match new_id(&answer.fields) {
                    Some(id) => Ok((id, answer.request_id)),
                    None => Err(incomplete(
                        &caller.endpoint,
                        operation.action,
                        &subject,
                        "a CertId",
                        &answer,
                    )),
                }
            });
        let mut failed = match attempt {
            Ok((id, request_id)) => {
                self.answered = Some((version, request_id));
                return Ok(Event::Stored(id));
            }
            Err(failed) => failed,
        };
        let class = match failed.class {
            FailureClass::Throttled(_) => {
                rate_limiter.slow_down(Instant::now());
                failed.class
            }
            FailureClass::VersionGone if self.account.is_gone(version, &failed.error) => {
                failed.error = failed
                    .error
                    .with_retryable(true)
                    .with_hint("Call again: the next version is spoken now.");
                FailureClass::VersionGone
            }
            FailureClass::VersionGone => FailureClass::Refused,
            class => class,
        };
        self.attempts_not_sent += u32::from(!failed.tried);
        self.found = None;
        self.lookup_failure = None;
        // That time ran out before one more try could be made says less than why it was tried again.
        let throttled = self.last.take().filter(|last| last.kind() == ErrorKind::Throttled);
        let too_late =
            failed.class == FailureClass::NotSent && failed.error.kind() == ErrorKind::Timeout;
        self.last = throttled.filter(|_| too_late).or(Some(failed.error));
        Ok(Event::Failed(class))
    }

    fn delete(&self, id: CertId) -> Event {
        match self.account.delete(id, self.deadline) {
            Ok(()) => Event::Deleted,
            // Somebody else replaced it with the same certificate at the same time.
            Err(failed) if failed.error.kind() == ErrorKind::NotFound => Event::Deleted,
            Err(failed) => {
                self.account.caller.logger.log(Level::Warn, || {
                    format!(
                        "The replaced certificate, CertId {id}, is still there: {}",
                        failed.error
                    )
                });
                Event::NotDeleted
            }
        }
    }

    fn receipt(self, machine: &Machine, id: CertId, outcome: Outcome) -> Receipt {
        let elsewhere = self.found.as_ref().and_then(|found| found.elsewhere.as_ref());
        let names = self.found.as_ref().map(|found| found.names);
        let name = match elsewhere.filter(|certificate| certificate.id == id) {
            Some(certificate) => certificate.name.clone(),
            None if names.is_some_and(|names| names.other == NameOwner::Same(id)) => {
                self.name(Name::Alternate).to_owned()
            }
            None => self.name(machine.name()).to_owned(),
        };
        let attempts = self.attempts(machine);
        let (api, request_id) =
            self.answered.unwrap_or_else(|| (self.account.versions.current(), None));
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

    fn attempts(&self, machine: &Machine) -> u32 {
        machine.sent().saturating_sub(self.attempts_not_sent)
    }

    fn failure(mut self, machine: &Machine, why: FailReason) -> Error {
        let last = self.last.take();
        let error = match why {
            FailReason::Last => self.as_last_seen(machine, last),
            FailReason::NameTaken(id) => self.name_taken(machine.name(), id, last.as_ref()),
            FailReason::TakenButNotListed => self.taken_by_nobody(machine.name(), last.as_ref()),
            FailReason::Unknown => self.unknown(machine.name(), last.as_ref()),
            FailReason::Bug => defect(),
        };
        error.with_attempts(self.attempts(machine))
    }

    /// The last failure. Where an attempt was in doubt, the list was looked at in vain.
    fn as_last_seen(&self, machine: &Machine, last: Option<Error>) -> Error {
        match last {
            Some(last) if last.kind() == ErrorKind::OutcomeUnknown => {
                self.unknown(machine.name(), Some(&last))
            }
            Some(last) if machine.in_doubt() => {
                last.with_sentence("The list of certificates does not show it.")
            }
            Some(last) => last,
            None => defect(),
        }
    }

    fn name_taken(&self, name: Name, holder: CertId, last: Option<&Error>) -> Error {
        let endpoint = &self.account.caller.endpoint;
        let shown = quoted(self.name(name));
        let names = self.found.as_ref().map(|found| found.names);
        let holders = names.map_or([NameOwner::Free; 2], |names| [names.wanted, names.other]);
        let sentence = if holders.contains(&NameOwner::Same(holder)) {
            format!("{endpoint} already has this very certificate, as {shown} (CertId {holder}).")
        } else if holders.contains(&NameOwner::Unclear(holder)) {
            format!(
                "{endpoint} already has a certificate named {shown} (CertId {holder}), which could not be compared with this one."
            )
        } else {
            format!("{endpoint} already has another certificate named {shown} (CertId {holder}).")
        };
        let error = Error::new(ErrorKind::NameTaken, sentence).with_hint(
            "Choose another name, delete the other certificate, or let the upload rename or replace (on_conflict).",
        );
        with_words_of(error, last)
    }

    fn taken_by_nobody(&self, name: Name, last: Option<&Error>) -> Error {
        let endpoint = &self.account.caller.endpoint;
        let shown = quoted(self.name(name));
        let error = Error::new(
            ErrorKind::NameTaken,
            format!("{endpoint} says that the name {shown} is taken, but lists no certificate with it."),
        )
        .with_hint(
            "Call again in some minutes, as new certificates may be listed late; or choose another name.",
        )
        .with_retryable(true);
        with_words_of(error, last)
    }

    /// Everything by which a person can find out.
    fn unknown(&self, name: Name, last: Option<&Error>) -> Error {
        let shown = quoted(self.name(name));
        let happened = last.map_or("", Error::message);
        let looked = match &self.lookup_failure {
            Some(failure) => failure.message(),
            None if self.found.is_some() => "The list of certificates does not show it yet.",
            None => "No time was left to look for it.",
        };
        let fingerprint = match self.named() {
            Some(AlternateName { leaf, .. }) => {
                format!(" and the fingerprint (SHA-1) {}", leaf.sha1)
            }
            None => String::new(),
        };
        let permission =
            self.lookup_failure.as_ref().filter(|failure| failure.kind() == ErrorKind::Permission);
        let permission =
            permission.and_then(Error::hint).map_or(String::new(), |hint| format!(" {hint}"));
        let error = Error::new(
            ErrorKind::OutcomeUnknown,
            format!("It could not be found out whether {shown} is stored. {happened} {looked}"),
        )
        .with_hint(format!(
            "Make the same call again: it finds what is stored, and stores nothing twice. Or look in the list of \
             certificates for the name {shown}{fingerprint}.{permission}"
        ));
        with_words_of(error, last)
    }
}

fn with_words_of(error: Error, last: Option<&Error>) -> Error {
    match last {
        Some(last) => error.with_service_details_of(last),
        None => error,
    }
}

fn too_late(name: &str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("The upload of {} ran out of time before it was sent.", quoted(name)),
    )
    .with_hint("Nothing was sent. Allow more time, or more uploads a second.")
}

fn defect() -> Error {
    Error::new(ErrorKind::Internal, "An upload ended without a reason.")
        .with_hint("This is a defect in libcas: please report it.")
}

fn length(pause: Wait) -> Result<Duration, Error> {
    Ok(match pause {
        Wait::None => Duration::ZERO,
        Wait::Backoff(failures) => backoff::delay(failures, random()?),
        Wait::Asked(asked) => asked,
    })
}
