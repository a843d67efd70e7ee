//! One account at one endpoint: operations on its certificates, in the API version in use.

use std::mem;
use std::sync::Arc;

use serde_json::Value;

use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::base::logger::Level;
use crate::base::per_process::PerProcess;
use crate::base::random::nonce;
use crate::protocol::failure_class::FailureClass;
use crate::service::caller::Caller;
use crate::service::certificate::{Certificate, Page};
use crate::service::failure::CallError;
use crate::service::messages::{
    ListFailure, cancelled, deletion_unknown, relying_on_list, unusable_list, version_changed,
    with_next_version,
};
use crate::service::rate_limit::RateLimiter;
use crate::service::readings::{Entries, Readings, Turn};
use crate::service::types::CertId;
use crate::service::version::{ApiVersion, Versions};

/// The subject of a request for a list, and what it does, in messages.
const ALL: &str = "all certificates";
const LISTING: &str = "The list";

/// What all calls of one client share.
pub(crate) struct Account {
    pub(crate) caller: Caller,
    pub(crate) versions: Versions,
    pub(crate) rate_limiter: RateLimiter,
    pub(crate) region: String,
    pub(crate) readings: PerProcess<Arc<Readings>>,
}

impl Account {
    /// Returns what the service says about one certificate, without its private key.
    pub(crate) fn get(&self, id: CertId, deadline: &Deadline) -> Result<Certificate, CallError> {
        let subject = format!("CertId {id}");
        self.in_version(None, |version| {
            let operation = version.detail(id, false);
            Ok(self.caller.call(&operation, &subject, deadline)?.fields)
        })
    }

    /// Returns every certificate of the account, each once.
    pub(crate) fn list(&self, deadline: &Deadline) -> Result<Vec<Certificate>, CallError> {
        self.in_version(None, |version| {
            let entries = self.read_list(&Readings::default(), version, deadline, &|_| false)?;
            Ok(entries.into_certificates())
        })
    }

    /// Requests a list of one certificate, which changes nothing: whether the access key may do
    /// that. Returns the API version that the service has, and the request ID.
    pub(crate) fn list_one(
        &self,
        deadline: &Deadline,
    ) -> Result<(ApiVersion, &'static str, Option<String>), CallError> {
        self.in_version(None, |version| {
            let operation = version.list_page(version.lists()[0], 1, 1);
            let response = self.caller.call::<Page>(&operation, ALL, deadline)?;
            Ok((version, operation.action, response.request_id))
        })
    }

    /// Reads the lists page by page, together with other threads, to their end or until `enough`
    /// returns true for a certificate.
    #[cold]
    pub(crate) fn read_list(
        &self,
        readings: &Readings,
        version: ApiVersion,
        deadline: &Deadline,
        enough: &dyn Fn(&Certificate) -> bool,
    ) -> Result<Entries, CallError> {
        let mut reader = readings.reader(version, deadline);
        loop {
            let failure = match reader.turn() {
                Turn::Request(list, number, size) => {
                    let operation = version.list_page(list, number, size);
                    reader.add(self.caller.call(&operation, ALL, deadline)?);
                    continue;
                }
                Turn::Look(from) => {
                    let pages = &reader.seen().pages[from..];
                    if !pages.iter().flat_map(|page| &page.certificates).any(enough) {
                        continue;
                    }
                    return Ok(mem::take(reader.seen()));
                }
                Turn::End => return Ok(mem::take(reader.seen())),
                Turn::Alone => {
                    drop(reader);
                    return self.read_list(&Readings::default(), version, deadline, enough);
                }
                Turn::Unstable => ListFailure::Unstable,
                Turn::Over if deadline.is_cancelled() => {
                    return Err(cancelled(LISTING, ALL).into());
                }
                Turn::Over => ListFailure::Late,
            };
            return Err(unusable_list(&self.caller.endpoint, failure));
        }
    }

    /// Asks for the certificates of `domain`. What is not among them may exist all the same. `None`
    /// if the service has no such list, or the call fails in half of the time that is left.
    #[cold]
    pub(crate) fn search(
        &self,
        version: ApiVersion,
        domain: &str,
        deadline: &Deadline,
    ) -> Option<Entries> {
        let operation = version.search(domain)?;
        self.caller.call(&operation, ALL, &deadline.halfway()).ok().map(Entries::of_page)
    }

    /// Deletes a certificate, in the `required` version or the current one.
    pub(crate) fn delete(
        &self,
        id: CertId,
        required: Option<ApiVersion>,
        deadline: &Deadline,
    ) -> Result<(), CallError> {
        let token = nonce()?;
        let subject = format!("CertId {id}");
        let deleted = self.in_version(required, |version| {
            self.caller.call::<Value>(&version.delete(id, &token), &subject, deadline)
        });
        match deleted {
            // An earlier attempt, whose response was lost, deleted it.
            Err(failure) if failure.in_doubt && failure.error.kind() == ErrorKind::NotFound => {
                Ok(())
            }
            // An attempt that may have deleted it outweighs the error of a later one.
            Err(failure) if failure.in_doubt => {
                let error = deletion_unknown(&subject, &failure.error);
                Err(CallError { error, ..failure })
            }
            other => other.map(drop),
        }
    }

    /// Runs `call` in the `required` version, or else in the current one. If the service no longer
    /// has that, runs `call` once more in the next, unless the program wants a single attempt.
    pub(crate) fn in_version<T>(
        &self,
        required: Option<ApiVersion>,
        mut call: impl FnMut(ApiVersion) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        loop {
            let version = required.unwrap_or_else(|| self.versions.current());
            match call(version) {
                Err(failure)
                    if failure.class == FailureClass::VersionGone
                        && self.version_gone(version, &failure.error) =>
                {
                    if self.caller.max_attempts == 1 {
                        let error = with_next_version(failure.error);
                        return Err(CallError { error, ..failure });
                    }
                }
                other => return other,
            }
        }
    }

    /// Records that the service no longer has `version`. Returns whether another one is used now.
    pub(crate) fn version_gone(&self, version: ApiVersion, error: &Error) -> bool {
        let changes = self.versions.mark_gone(version);
        if changes {
            let message = || version_changed(error, &self.versions.current());
            self.caller.logger.log(Level::Warn, message);
        }
        changes
    }

    /// Fetches the stored certificate, PEM; empty if the response does not have it.
    pub(crate) fn stored_certificate(
        &self,
        version: ApiVersion,
        id: CertId,
        deadline: &Deadline,
    ) -> Result<String, CallError> {
        let operation = version.detail(id, true);
        let subject = format!("CertId {id}");
        match self.caller.call::<Certificate>(&operation, &subject, deadline) {
            Ok(response) if response.fields.id == id => Ok(response.fields.pem),
            // The response to another request.
            Ok(_) => Ok(String::new()),
            Err(failure) => {
                self.caller.logger.log(Level::Debug, || relying_on_list(&failure.error));
                Err(failure)
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
