//! One account at one endpoint: operations on its certificates, in the API version in use.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::base::logger::Level;
use crate::base::random::nonce;
use crate::protocol::failure_class::FailureClass;
use crate::service::caller::Caller;
use crate::service::certificate::{Certificate, Page};
use crate::service::failure::CallError;
use crate::service::messages::{
    deletion_unknown, relying_on_list, version_changed, with_next_version,
};
use crate::service::rate_limit::RateLimiter;
use crate::service::types::{CertId, PAGE_SIZE};
use crate::service::version::{ApiVersion, Versions};

/// More pages than any account has: a limit for a server that never ends its list.
const MAX_PAGES: usize = 10_000;

/// What all calls of one client share.
pub(crate) struct Account {
    pub(crate) caller: Caller,
    pub(crate) versions: Versions,
    pub(crate) rate_limiter: RateLimiter,
    pub(crate) region: String,
}

/// What was read of the lists.
pub(crate) struct Entries {
    pages: Vec<Page>,
    /// The RequestId of the last request.
    pub(crate) request_id: Option<String>,
}

impl Entries {
    /// The certificates in the order of the lists, each once.
    pub(crate) fn certificates(&self) -> Vec<&Certificate> {
        let mut ids = BTreeSet::new();
        let all = self.pages.iter().flat_map(|page| &page.certificates);
        all.filter(|certificate| ids.insert(certificate.id)).collect()
    }
}

impl Account {
    /// Returns what the service says about one certificate, without its private key.
    pub(crate) fn get(&self, id: CertId, deadline: &Deadline) -> Result<Certificate, CallError> {
        let subject = format!("CertId {id}");
        self.in_current_version(|version| {
            let operation = version.detail(id, false);
            Ok(self.caller.call(&operation, &subject, deadline)?.fields)
        })
    }

    /// Returns every certificate of the account, each once.
    pub(crate) fn list(&self, deadline: &Deadline) -> Result<Vec<Certificate>, CallError> {
        self.in_current_version(|version| {
            let entries = self.read_list(version, deadline, |_| false)?;
            Ok(entries.certificates().into_iter().cloned().collect())
        })
    }

    /// Reads the lists page by page, to their end or until `enough` returns true for a certificate.
    pub(crate) fn read_list(
        &self,
        version: ApiVersion,
        deadline: &Deadline,
        mut enough: impl FnMut(&Certificate) -> bool,
    ) -> Result<Entries, CallError> {
        let mut ids = BTreeSet::new();
        let mut read = Entries { pages: Vec::new(), request_id: None };
        for list in version.lists() {
            let mut entries = 0;
            for number in 1..=MAX_PAGES {
                let operation = version.list_page(*list, number);
                let response =
                    self.caller.call::<Page>(&operation, "all certificates", deadline)?;
                let page = response.fields;
                read.request_id = response.request_id;
                entries += page.entries;
                // A server that repeats a page has no more of them.
                let repeated = !page.certificates.is_empty()
                    && page.certificates.iter().all(|certificate| ids.contains(&certificate.id));
                ids.extend(page.certificates.iter().map(|certificate| certificate.id));
                // Without a total, the first page that is not full is the last.
                let last = page.total.map_or(page.entries < PAGE_SIZE, |total| entries >= total);
                let last = last || repeated || page.entries == 0;
                let found = page.certificates.iter().any(&mut enough);
                read.pages.push(page);
                if found {
                    return Ok(read);
                }
                if last {
                    break;
                }
            }
        }
        Ok(read)
    }

    /// Deletes a certificate.
    pub(crate) fn delete(&self, id: CertId, deadline: &Deadline) -> Result<(), CallError> {
        let token = nonce()?;
        let subject = format!("CertId {id}");
        let deleted = self.in_current_version(|version| {
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

    /// Runs `call` in the current version. If the service no longer has it, runs `call` once more
    /// in the next, unless the program wants a single attempt.
    pub(crate) fn in_current_version<T>(
        &self,
        mut call: impl FnMut(ApiVersion) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        loop {
            let version = self.versions.current();
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

    /// Fetches the stored certificate, PEM, if the service gives it.
    pub(crate) fn stored_certificate(
        &self,
        version: ApiVersion,
        id: CertId,
        deadline: &Deadline,
    ) -> Option<String> {
        let operation = version.detail(id, true);
        let subject = format!("CertId {id}");
        match self.caller.call::<Certificate>(&operation, &subject, deadline) {
            Ok(response) => Some(response.fields.pem),
            Err(failure) => {
                let message = || relying_on_list(&failure.error);
                self.caller.logger.log(Level::Debug, message);
                None
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
