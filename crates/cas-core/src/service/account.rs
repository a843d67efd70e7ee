//! One account at one endpoint: its certificates, in the version of the API that is spoken now.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::base::error::{Error, ErrorKind};
use crate::base::logger::Level;
use crate::base::random::nonce;
use crate::inspect::Fingerprint;
use crate::protocol::failure_class::FailureClass;
use crate::service::caller::Caller;
use crate::service::certificate::{Certificate, Page};
use crate::service::failure::CallError;
use crate::service::messages::incomplete;
use crate::service::rate_limit::RateLimiter;
use crate::service::types::{CertId, PAGE_SIZE};
use crate::service::version::{ApiVersion, Versions};

/// More pages than any account has: an end for a server that has none.
const MAX_PAGES: usize = 10_000;

/// What all calls of one client share.
pub(crate) struct Account {
    pub(crate) caller: Caller,
    pub(crate) versions: Versions,
    pub(crate) rate_limiter: RateLimiter,
    pub(crate) region: String,
}

impl Account {
    /// What the service says about one certificate, but for its key.
    pub(crate) fn get(&self, id: CertId, deadline: Instant) -> Result<Certificate, CallError> {
        let subject = format!("CertId {id}");
        self.in_current_version(|version| {
            let operation = version.detail(id, false);
            let answer = self.caller.call(&operation, &subject, deadline)?;
            Certificate::read(&answer.fields).ok_or_else(|| {
                incomplete(&self.caller.endpoint, operation.action, &subject, "an id", &answer)
            })
        })
    }

    /// Every certificate of the account, each once.
    pub(crate) fn list(&self, deadline: Instant) -> Result<Vec<Certificate>, CallError> {
        self.in_current_version(|version| {
            let mut all = Vec::new();
            self.each_certificate(version, deadline, |listed| {
                all.push(listed);
                false
            })?;
            Ok(all)
        })
    }

    /// Hands each certificate of each list to `take`, each once, until it returns true. Returns the id of the
    /// last request.
    pub(crate) fn each_certificate(
        &self,
        version: ApiVersion,
        deadline: Instant,
        mut take: impl FnMut(Certificate) -> bool,
    ) -> Result<Option<String>, CallError> {
        const SUBJECT: &str = "all certificates";
        let mut ids = BTreeSet::new();
        let mut request_id = None;
        for list in version.lists() {
            let mut entries = 0;
            for number in 1..=MAX_PAGES {
                let operation = version.list_page(*list, number);
                let answer = self.caller.call(&operation, SUBJECT, deadline)?;
                let page = Page::read(&answer.fields).ok_or_else(|| {
                    incomplete(&self.caller.endpoint, operation.action, SUBJECT, "a list", &answer)
                })?;
                request_id = answer.request_id;
                entries += page.entries;
                // A server that gives the same page again and again has no other.
                let again = !page.certificates.is_empty()
                    && page.certificates.iter().all(|certificate| ids.contains(&certificate.id));
                for certificate in page.certificates {
                    if ids.insert(certificate.id) && take(certificate) {
                        return Ok(request_id);
                    }
                }
                // Without a total count, the first page that is not full is the last.
                let last = page.total.map_or(page.entries < PAGE_SIZE, |total| entries >= total);
                if last || again || page.entries == 0 {
                    break;
                }
            }
        }
        Ok(request_id)
    }

    /// Deletes a certificate.
    pub(crate) fn delete(&self, id: CertId, deadline: Instant) -> Result<(), CallError> {
        let token = nonce()?;
        let subject = format!("CertId {id}");
        let deleted = self.in_current_version(|version| {
            self.caller.call(&version.delete(id, &token), &subject, deadline)
        });
        match deleted {
            // An earlier attempt, whose answer was lost, did it.
            Err(failed) if failed.in_doubt && failed.error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// Runs `call` in the version that is spoken now, and once more where that turns out to be gone.
    pub(crate) fn in_current_version<T>(
        &self,
        mut call: impl FnMut(ApiVersion) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        loop {
            let version = self.versions.current();
            match call(version) {
                Err(failed)
                    if failed.class == FailureClass::VersionGone
                        && self.is_gone(version, &failed.error) => {}
                other => return other,
            }
        }
    }

    /// Notes that the service no longer has `version`; returns whether there is another one to speak.
    pub(crate) fn is_gone(&self, version: ApiVersion, error: &Error) -> bool {
        let changes = self.versions.is_gone(version);
        if changes {
            self.caller.logger.log(Level::Warn, || {
                format!("{error} From now on version {} is spoken.", self.versions.current())
            });
        }
        changes
    }

    /// The stored certificate, where the service shows it.
    pub(crate) fn stored(
        &self,
        version: ApiVersion,
        id: CertId,
        deadline: Instant,
    ) -> Option<Fingerprint> {
        let operation = version.detail(id, true);
        match self.caller.call(&operation, &format!("CertId {id}"), deadline) {
            Ok(answer) => Fingerprint::of_pem(&Certificate::read(&answer.fields)?.pem),
            Err(failed) => {
                self.caller.logger.log(Level::Debug, || {
                    format!("{} What the list says of it decides.", failed.error)
                });
                None
            }
        }
    }
}
