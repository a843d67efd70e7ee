//! Sentences about failed uploads: what is stored, what is not, and what to do.
//!
//! Every message of this folder for people is made here, except those about files that cannot be
//! read, which are in `request`. Those about incomplete uploads are in `client`.

use std::time::Duration;

use crate::base::error::{Error, ErrorKind};
use crate::base::quote::quoted;
use crate::service::messages::AGAIN;
use crate::service::types::CertId;
use crate::upload::events::{FailReason, NameOwner, Outcome};
use crate::upload::history::History;
use crate::upload::left_overs::LeftOver;
use crate::upload::names::Names;
use crate::upload::request::Receipt;

/// A failed upload, and what messages about it need.
pub(super) struct FailedUpload<'a> {
    pub(super) endpoint: &'a str,
    /// The name that was last used.
    pub(super) name: &'a str,
    pub(super) names: &'a Names<'a>,
    /// Whether an attempt may have stored the certificate without a response.
    pub(super) in_doubt: bool,
    pub(super) history: &'a History,
}

impl FailedUpload<'_> {
    /// Returns the error for the caller. `last` is the error that the history has.
    pub(super) fn error(&self, reason: FailReason, last: Option<Error>) -> Error {
        let error = match reason {
            FailReason::Last => return self.last(last),
            FailReason::NameTaken(owner) => self.name_taken(owner),
            FailReason::TakenButNotListed => self.taken_but_not_listed(),
            FailReason::Unknown => self.unknown(last.as_ref()),
            FailReason::Cancelled => self.cancelled(last.as_ref()),
            FailReason::Bug => return bug(),
        };
        with_response_of(error, last.as_ref())
    }

    /// The error of the last attempt.
    fn last(&self, last: Option<Error>) -> Error {
        match last {
            Some(last) if last.kind() == ErrorKind::OutcomeUnknown => {
                with_response_of(self.unknown(Some(&last)), Some(&last))
            }
            Some(last) => last,
            None => bug(),
        }
    }

    fn name_taken(&self, owner: CertId) -> Error {
        let Self { endpoint, name, .. } = self;
        let name = quoted(name);
        let names = self.history.listing.as_ref().map(|listing| listing.names);
        let owners = names.map_or([NameOwner::Free; 2], |names| [names.requested, names.alternate]);
        let sentence = if owners.contains(&NameOwner::Same(owner)) {
            format!("{endpoint} already has this certificate, as {name} (CertId {owner}).")
        } else if owners.contains(&NameOwner::Unclear(owner)) {
            format!(
                "{endpoint} already has a certificate named {name} (CertId {owner}), which libcas \
                 could not compare with this one."
            )
        } else {
            format!("{endpoint} already has another certificate named {name} (CertId {owner}).")
        };
        Error::new(ErrorKind::NameTaken, sentence).with_hint(
            "Choose another name, delete the other certificate, or let the upload rename or \
             replace (on_conflict).",
        )
    }

    fn taken_but_not_listed(&self) -> Error {
        let sentence = format!(
            "{} reports that the name {} is taken, but lists no certificate with it.",
            self.endpoint,
            quoted(self.name)
        );
        Error::new(ErrorKind::NameTaken, sentence)
            .with_hint(
                "Call again in a few minutes: a new certificate may be listed late. Or choose \
                 another name.",
            )
            .with_retryable(true)
    }

    fn cancelled(&self, last: Option<&Error>) -> Error {
        let name = quoted(self.name);
        if self.in_doubt {
            let happened = last.map_or("", Error::message);
            return self.outcome_unknown(format!(
                "The upload of {name} was cancelled, and the certificate may be stored. {happened}"
            ));
        }
        Error::new(
            ErrorKind::Cancelled,
            format!("The upload of {name} was cancelled. Nothing was stored."),
        )
        .with_hint(AGAIN)
    }

    fn unknown(&self, last: Option<&Error>) -> Error {
        let name = quoted(self.name);
        let History { lookup_error, listing, .. } = self.history;
        let happened = last.map_or("", Error::message);
        let lookup = match lookup_error {
            Some(error) => error.message(),
            None if listing.as_ref().is_some_and(|listing| listing.names.any_unclear()) => {
                "libcas could not compare it with the certificate that the list shows."
            }
            None if listing.is_some() => "The list of certificates does not show it yet.",
            None => "No time was left to look it up.",
        };
        self.outcome_unknown(format!(
            "Failed to find out whether {name} is stored. {happened} {lookup}"
        ))
    }

    /// Everything that helps a person to find out whether the certificate is stored.
    fn outcome_unknown(&self, sentence: String) -> Error {
        let name = quoted(self.name);
        let lookup_error = &self.history.lookup_error;
        let fingerprint = match self.names.leaf() {
            Some(leaf) => format!(" and the SHA-1 fingerprint {}", leaf.sha1),
            None => String::new(),
        };
        let denied = lookup_error.as_ref().filter(|error| error.kind() == ErrorKind::Permission);
        let permission =
            denied.and_then(Error::hint).map_or(String::new(), |hint| format!(" {hint}"));
        Error::new(ErrorKind::OutcomeUnknown, sentence).with_hint(format!(
            "Make the same call again: it finds what is stored, and stores nothing twice. Or check \
             the list of certificates for the name {name}{fingerprint}.{permission}"
        ))
    }
}

/// Adds the code, message and RequestId of the service, if `last` has them.
fn with_response_of(error: Error, last: Option<&Error>) -> Error {
    match last {
        Some(last) => error.with_service_details_of(last),
        None => error,
    }
}

/// The deadline is too near to send the certificate.
pub(super) fn timed_out(name: &str) -> Error {
    let sentence = format!("Upload of {} timed out before it was sent.", quoted(name));
    Error::new(ErrorKind::Timeout, sentence)
        .with_hint("Nothing was sent. Set a longer timeout or a higher rate limit.")
}

/// An upload that succeeded in `elapsed`.
pub(crate) fn upload_succeeded(receipt: &Receipt, elapsed: Duration) -> String {
    let Receipt { cert_id, name, request_id, outcome, .. } = receipt;
    let name = quoted(name);
    let request_id = request_id.as_deref().unwrap_or("unknown");
    let ms = elapsed.as_millis();
    let verb = match outcome {
        Outcome::Created => "is stored",
        Outcome::Reused => "was already stored",
        Outcome::Replaced => "replaced another certificate and is stored",
    };
    format!("{name} {verb} as CertId {cert_id} (RequestId {request_id}, {ms} ms).")
}

fn bug() -> Error {
    Error::new(ErrorKind::Internal, "The upload ended in an invalid state.")
        .with_hint("This is a bug in libcas. Please report it.")
}

/// Log line before a look-up.
pub(super) fn looking_up(after: &Error, name: &str) -> String {
    format!("{after} Looking up whether {} is stored.", quoted(name))
}

/// Log line about certificates that a `Replace` did not delete.
pub(super) fn left_over(name: &str, others: &[LeftOver]) -> String {
    let shown: Vec<_> = others
        .iter()
        .take(8)
        .map(|other| format!("{} (CertId {})", quoted(&other.name), other.id))
        .collect();
    let more = others.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "The upload of {} did not delete {}{more}. Delete what nothing uses any more.",
        quoted(name),
        shown.join(", ")
    )
}

/// Log line about a replaced certificate that could not be deleted.
pub(super) fn not_deleted(id: CertId, error: &Error) -> String {
    format!("Failed to delete the replaced certificate, CertId {id}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::version::ApiVersion;
    use crate::upload::events::NameStatus;
    use crate::upload::lookup::Listing;

    fn id(number: i64) -> CertId {
        CertId::new(number).unwrap()
    }

    /// The error for `reason` after a look-up with this owner of the name.
    fn error(reason: FailReason, owner: NameOwner) -> Error {
        let names = NameStatus { requested: owner, ..NameStatus::FREE };
        let version = ApiVersion::V2018_07_13;
        let listing =
            Listing { names, third_name: None, left_overs: Vec::new(), version, request_id: None };
        let history = History { listing: Some(listing), ..History::default() };
        let names = Names::new("web", "not PEM");
        let failed = FailedUpload {
            endpoint: "cas.example",
            name: "web",
            names: &names,
            in_doubt: false,
            history: &history,
        };
        let last = Error::new(ErrorKind::NameTaken, "The name is taken.");
        failed.error(reason, Some(last.with_service("NameRepeat".to_owned(), None)))
    }

    #[test]
    fn a_name_conflict_says_which_certificate_has_the_name() {
        for (owner, part) in [
            (NameOwner::Same(id(7)), "already has this certificate, as \"web\" (CertId 7)."),
            (NameOwner::Different(id(7)), "already has another certificate named \"web\""),
            (NameOwner::Unclear(id(7)), "which libcas could not compare with this one."),
        ] {
            let error = error(FailReason::NameTaken(id(7)), owner);
            assert!(error.message().starts_with("cas.example already has"), "{error}");
            assert!(error.message().contains(part), "{error}");
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::NameTaken, false));
            assert_eq!(error.service_code(), Some("NameRepeat"));
        }
    }

    #[test]
    fn a_taken_name_that_is_not_listed_may_be_retried() {
        let error = error(FailReason::TakenButNotListed, NameOwner::Free);
        assert!(error.message().ends_with("but lists no certificate with it."), "{error}");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::NameTaken, true));
        assert_eq!(error.service_code(), Some("NameRepeat"));
    }

    #[test]
    fn an_unknown_outcome_says_what_the_list_shows() {
        let error = error(FailReason::Unknown, NameOwner::Free);
        assert_eq!(
            error.message(),
            "Failed to find out whether \"web\" is stored. The name is taken. The list of \
             certificates does not show it yet."
        );
        assert_eq!(self::error(FailReason::Bug, NameOwner::Free).kind(), ErrorKind::Internal);
    }
}
