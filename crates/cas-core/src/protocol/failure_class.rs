//! What a failed attempt means: for what is stored at the service, and for the next attempt.
//!
//! One type for all layers: [`crate::protocol::error_codes`] classifies codes, `service` classifies
//! attempts, and `upload`'s state machine decides by it. Uses nothing of this crate.

use std::time::Duration;

/// What a failed attempt means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FailureClass {
    /// Not sent, and another attempt does not help: no access key, or a permanent connection
    /// failure.
    Permanent,
    /// Not sent; another attempt may help.
    NotSent,
    /// The service may have applied it.
    OutcomeUnknown,
    /// Refused for the rate of calls, with the delay that the service asked for.
    Throttled(Option<Duration>),
    /// Refused for the clock or the access key. In a `CallError`, the correction has been made.
    Correctable(Correction),
    /// Refused: the service no longer has the operation or its version.
    VersionGone,
    /// Refused: another certificate, or this one, has the name.
    NameTaken,
    /// Refused with a code that libcas does not know, or for the quota, perhaps because the
    /// certificate is stored already: one look at the list of certificates decides.
    Ambiguous,
    /// Answered by something on the way, which may have replaced the service's response: one look
    /// at the list of certificates decides.
    RejectedInTransit,
    /// Refused because of the certificate or the key itself: no attempt can have stored it.
    CertificateRejected,
    /// Refused for a reason that has nothing to do with what is stored.
    Refused,
}

impl FailureClass {
    /// Whether the service has answered, and another attempt of the same call does not help.
    pub(crate) fn is_final(self) -> bool {
        matches!(
            self,
            Self::VersionGone
                | Self::NameTaken
                | Self::Ambiguous
                | Self::RejectedInTransit
                | Self::CertificateRejected
                | Self::Refused
        )
    }

    /// Whether the same request may succeed later.
    pub(crate) fn is_passing(self) -> bool {
        matches!(
            self,
            Self::NotSent
                | Self::OutcomeUnknown
                | Self::Throttled(_)
                | Self::Ambiguous
                | Self::RejectedInTransit
        )
    }
}

/// What can be corrected before the next attempt. Each correction is made once: a second one of the
/// same kind would not help either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Correction {
    /// The time of the request differed too much from the service's, which is known now.
    Clock,
    /// The access key was not accepted, and another one is available now.
    AccessKey,
}
