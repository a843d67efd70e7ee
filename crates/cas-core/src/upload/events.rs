//! The vocabulary of an upload's state machine: rules, events and steps. Uses `service` and
//! `protocol` for data types only.

use std::time::Duration;

use crate::protocol::failure_class::FailureClass;
pub(crate) use crate::service::backoff::Wait;
use crate::service::types::CertId;

/// What to do if the name is taken; the numbers are those of the C API (`cas_on_conflict`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum OnConflict {
    /// The same certificate under this name is a success, a different one an error.
    #[default]
    Reuse = 0,
    /// Any certificate under this name is an error, unless this upload stored it.
    Fail = 1,
    /// A different certificate keeps the name; this one is stored under an alternate name.
    Rename = 2,
    /// Like `Rename`, but once this certificate is stored, the one that it replaces is deleted:
    /// the one that had the name before the upload, or the one that an earlier `Replace` stored
    /// under an alternate name.
    Replace = 3,
}

/// What an upload did; the numbers are those of the C API (`cas_outcome`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Outcome {
    /// The certificate was stored.
    Created = 0,
    /// The same certificate was stored already.
    Reused = 1,
    /// The certificate is stored, and the one that had its name has been deleted.
    Replaced = 2,
}

/// What the program requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rules {
    /// What to do if the name is taken.
    pub on_conflict: OnConflict,
    /// Whether the same certificate under any other name counts.
    pub any_name: bool,
    /// Most attempts to send the certificate; at least 1.
    pub max_attempts: u32,
}

/// The names an upload may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// The one that the program requested.
    Requested,
    /// The one made from it, for use if a different certificate has the requested one.
    Alternate,
}

/// Which certificate has a name at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NameOwner {
    /// None in the list.
    Free,
    /// The certificate that is being uploaded.
    Same(CertId),
    /// A different certificate.
    Different(CertId),
    /// A certificate that libcas could not compare.
    Unclear(CertId),
}

/// The result of a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NameStatus {
    /// The owner of the requested name.
    pub requested: NameOwner,
    /// The owner of the alternate name.
    pub alternate: NameOwner,
    /// The same certificate under any third name.
    pub third_name: Option<CertId>,
    /// The owner of a name that differs from the requested one only in case or in spaces at the
    /// end. To the service it may be the same name.
    pub similar: NameOwner,
    /// The certificate that a renewal under the requested name replaces although it has a name that
    /// an earlier `Replace` gave it.
    pub predecessor: Option<CertId>,
}

impl NameStatus {
    /// Nothing is listed under any of the names.
    pub(crate) const FREE: Self = Self {
        requested: NameOwner::Free,
        alternate: NameOwner::Free,
        third_name: None,
        similar: NameOwner::Free,
        predecessor: None,
    };

    pub(crate) fn owner(self, name: Name) -> NameOwner {
        match name {
            Name::Requested => self.requested,
            Name::Alternate => self.alternate,
        }
    }

    /// Whether libcas could not compare an owner of the names.
    pub(crate) fn any_unclear(self) -> bool {
        [self.requested, self.alternate, self.similar]
            .iter()
            .any(|owner| matches!(owner, NameOwner::Unclear(_)))
    }
}

/// What the run knows when an event has happened. Times are counted from the start of the upload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub now: Duration,
    pub deadline: Duration,
    /// Whether the service recognises another attempt as the same request: every one so far had the
    /// `ClientToken`, which only 2020-04-07 has.
    pub idempotent: bool,
}

impl Moment {
    /// The time until the deadline.
    pub(crate) fn left(self) -> Duration {
        self.deadline.saturating_sub(self.now)
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look up the list of certificates after a pause; the event is [`Event::Listed`] or
    /// [`Event::LookupFailed`].
    Lookup(Duration),
    /// Send the certificate under this name.
    Send(Name, Wait),
    /// Delete the replaced certificate; the event is [`Event::Deleted`] or [`Event::NotDeleted`].
    Delete(CertId),
    /// The certificate is stored, once, under this ID.
    Done(CertId, Outcome),
    /// The upload failed.
    Fail(FailReason),
}

/// Why an upload failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FailReason {
    /// The error of the last attempt, or of the look-up before the first.
    Last,
    /// This certificate has the name, and the rules do not allow to use it.
    NameTaken(CertId),
    /// The service says that the name is taken, but lists no certificate with it.
    TakenButNotListed,
    /// The certificate may be stored; libcas failed to find out.
    Unknown,
    /// Another thread cancelled the call.
    Cancelled,
    /// An event that cannot follow the last step: a bug in libcas.
    Bug,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// The look-up succeeded.
    Listed(NameStatus),
    /// The look-up failed after all of its attempts.
    LookupFailed(FailureClass),
    /// The service stored the certificate.
    Stored(CertId),
    /// The attempt failed. After `VersionGone`, another version is used.
    Failed(FailureClass),
    /// The replaced certificate no longer exists.
    Deleted,
    /// The replaced certificate still exists.
    NotDeleted,
    /// The step was not executed: the deadline is too near.
    DeadlineTooNear,
    /// Another thread cancelled the call before the step changed anything.
    Cancelled,
}
