//! Sentences about failed deployments: what exists at the service, and how to go on.

use crate::base::error::{Error, ErrorKind};
use crate::base::quote::quoted;
use crate::deployment::machine::FailReason;
use crate::service::deployment::types::JobId;
use crate::service::types::CertId;

/// How to go on with a job that exists.
const FIND_IT: &str = "Run the same deployment again: it finds this job and creates no other.";

/// A failed deployment, and what messages about it need.
pub(super) struct FailedDeployment<'a> {
    pub(super) endpoint: &'a str,
    /// The name of the job.
    pub(super) name: &'a str,
    /// Whether a job may exist that was not found.
    pub(super) in_doubt: bool,
}

impl FailedDeployment<'_> {
    /// Returns the error for the caller. `last` is the error of the last call that failed.
    pub(super) fn error(&self, reason: FailReason, last: Option<Error>) -> Error {
        let error = match reason {
            FailReason::Last => return last.unwrap_or_else(|| self.timed_out()),
            FailReason::Unknown => self.unknown(last.as_ref()),
            FailReason::NotStarted(id) => {
                let happened = happened(last.as_ref());
                let sentence = format!("{} exists and was not started.{happened}", self.job(id));
                let kind = last.as_ref().map_or(ErrorKind::Timeout, Error::kind);
                Error::new(kind, sentence).with_hint(with_hint_of(FIND_IT, last.as_ref()))
            }
            FailReason::NotFollowed(id) => {
                let happened = happened(last.as_ref());
                let sentence =
                    format!("Failed to find out how {} ended.{happened}", lower(&self.job(id)));
                let kind = last.as_ref().map_or(ErrorKind::Timeout, Error::kind);
                Error::new(kind, sentence).with_hint(with_hint_of(FIND_IT, last.as_ref()))
            }
            FailReason::StillRunning(id) => {
                let sentence =
                    format!("{} is still running: the time to wait is over.", self.job(id));
                Error::new(ErrorKind::Timeout, sentence).with_hint(FIND_IT)
            }
            FailReason::Cancelled(Some(id)) => {
                let sentence = format!(
                    "The deployment was cancelled. {} exists, and goes on if it was started.",
                    self.job(id)
                );
                return Error::new(ErrorKind::Cancelled, sentence).with_hint(FIND_IT);
            }
            FailReason::Cancelled(None) if self.in_doubt => self.unknown(last.as_ref()),
            FailReason::Cancelled(None) => {
                let sentence = "The deployment was cancelled. No job was created.";
                return Error::new(ErrorKind::Cancelled, sentence)
                    .with_hint("Run the same deployment again if you still need it.");
            }
            FailReason::Bug => {
                return Error::new(
                    ErrorKind::Internal,
                    "A deployment had an event that it did not expect. This is a bug in libcas.",
                );
            }
        };
        match &last {
            Some(last) => error.with_service_details_of(last).with_attempts(last.attempts()),
            None => error,
        }
    }

    fn job(&self, id: JobId) -> String {
        format!("Deployment job {id} ({})", self.name)
    }

    fn timed_out(&self) -> Error {
        let name = quoted(self.name);
        let sentence = format!("Deployment job {name} timed out before it was created.");
        Error::new(ErrorKind::Timeout, sentence).with_hint("Set a longer timeout.")
    }

    /// Everything that helps a person to find out whether the job exists.
    fn unknown(&self, last: Option<&Error>) -> Error {
        let (endpoint, name, happened) = (self.endpoint, quoted(self.name), happened(last));
        let sentence = format!(
            "Failed to find out whether {endpoint} has created deployment job {name}.{happened} \
             The list of jobs does not show it yet."
        );
        Error::new(ErrorKind::OutcomeUnknown, sentence).with_hint(format!(
            "Wait a minute and run the same deployment again: it looks for the job first, and \
             creates one only if there is none. Or look for {name} among the deployment jobs in \
             the console."
        ))
    }
}

/// The sentences of the last error, after a space.
fn happened(last: Option<&Error>) -> String {
    last.map_or_else(String::new, |last| format!(" {}", last.message()))
}

fn with_hint_of(hint: &str, last: Option<&Error>) -> String {
    match last.and_then(Error::hint) {
        Some(of_last) => format!("{of_last} {hint}"),
        None => hint.to_owned(),
    }
}

fn lower(sentence: &str) -> String {
    sentence.replacen('D', "d", 1)
}

/// The job is looked for after `error`.
pub(super) fn looking(error: &Error, name: &str) -> String {
    format!("{error} Looking for deployment job {}.", quoted(name))
}

/// A plan without resources.
pub(crate) fn nothing_to_deploy(cert_id: CertId) -> Error {
    let sentence = format!("CertId {cert_id} has no resource to be deployed to.");
    Error::new(ErrorKind::InvalidArgument, sentence)
        .with_hint("Check the domains: no other resource that serves them needs the certificate.")
}

/// A plan without a contact.
pub(crate) fn no_contact() -> Error {
    let sentence = "Invalid deployment: the account has no contact, or not the requested one.";
    Error::new(ErrorKind::InvalidArgument, sentence).with_hint(
        "Add a contact in the Certificate Management Service console: the service requires one \
         for each deployment job.",
    )
}

/// A domain that is none.
pub(crate) fn invalid_domain(domain: &str) -> Error {
    let sentence = format!("Invalid domain {}.", quoted(domain));
    Error::new(ErrorKind::InvalidArgument, sentence).with_hint(
        "Give a domain such as www.example.com or *.example.com, without scheme, port and path.",
    )
}
