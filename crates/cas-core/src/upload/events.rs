//! What goes into the state machine of an upload and what comes out of it.

use std::time::Duration;

use crate::protocol::failure_class::FailureClass;
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
    Requested,
    /// The one made from it, where another certificate has the wanted one.
    Alternate,
}

/// Who has a name at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameOwner {
    /// No certificate in the list.
    Free,
    /// The certificate that is being uploaded.
    Same(CertId),
    /// Another certificate.
    Different(CertId),
    /// A certificate that could not be compared.
    Unclear(CertId),
}

/// What a look-up saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameStatus {
    /// Who has the wanted name.
    pub wanted: NameOwner,
    /// Who has the other name.
    pub other: NameOwner,
    /// The same certificate under any third name.
    pub elsewhere: Option<CertId>,
}

impl NameStatus {
    pub(crate) fn owner(self, name: Name) -> NameOwner {
        match name {
            Name::Requested => self.wanted,
            Name::Alternate => self.other,
        }
    }
}

/// How long to wait before a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not at all.
    None,
    /// As [`crate::service::backoff::delay`] says for this number of failures, from 1.
    Backoff(u32),
    /// As long as the service asked.
    Asked(Duration),
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look at the list of certificates; answer with [`Event::Listed`] or [`Event::LookupFailed`].
    Lookup(Wait),
    /// Send the certificate under this name.
    Send(Name, Wait),
    /// Delete the certificate that was replaced; answer with [`Event::Deleted`] or [`Event::NotDeleted`].
    Delete(CertId),
    /// The certificate is stored, once, under this id.
    Done(CertId, Outcome),
    /// The end without success.
    Fail(FailReason),
}

/// Why an upload ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailReason {
    /// What the last attempt, or the look-up before the first, failed with.
    Last,
    /// This certificate has the name, and it may not be used.
    NameTaken(CertId),
    /// The service says that the name is taken, and lists nobody under it.
    TakenButNotListed,
    /// The certificate may be stored; it could not be found out.
    Unknown,
    /// Something happened that cannot follow what was asked for: a defect in this library.
    Bug,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The look-up saw this.
    Listed(NameStatus),
    /// The look-up itself failed for good.
    LookupFailed,
    /// The service stored the certificate.
    Stored(CertId),
    /// The attempt failed. `VersionGone`: another version is spoken from now on.
    Failed(FailureClass),
    /// The replaced certificate is gone.
    Deleted,
    /// The replaced certificate is still there.
    NotDeleted,
    /// The step would not have fitted before the deadline, so it was not taken.
    DeadlineTooNear,
}
