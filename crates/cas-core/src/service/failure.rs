//! A failed attempt: the error for the caller, and what it means for what is stored.

use crate::base::error::Error;
use crate::http::failure::{SendProgress, TransportError};
use crate::protocol::failure_class::FailureClass;

impl FailureClass {
    /// Classifies a request that got no whole response.
    pub(crate) fn of_transport(failure: &TransportError) -> Self {
        match failure.progress {
            SendProgress::NotSent if failure.permanent => Self::Permanent,
            SendProgress::NotSent => Self::NotSent,
            SendProgress::Sent | SendProgress::ResponseStarted => Self::OutcomeUnknown,
        }
    }

    /// Classifies a response that is not the service's. If the request was rejected in transit, the
    /// service has not applied it, unless the response was replaced on its way back.
    pub(crate) fn of_unrecognized(rejected_in_transit: bool, http_status: u16) -> Self {
        match (rejected_in_transit, http_status) {
            (true, 429) => Self::Throttled(None),
            (true, _) => Self::RejectedInTransit,
            (false, _) => Self::OutcomeUnknown,
        }
    }
}

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct CallError {
    /// The error for the caller.
    pub error: Error,
    /// What it means.
    pub class: FailureClass,
    /// Whether this attempt, or one before it, may have been applied.
    pub in_doubt: bool,
    /// Whether libcas tried to send it.
    pub tried: bool,
}

impl CallError {
    pub(crate) fn new(class: FailureClass, error: Error) -> Self {
        Self { error, class, in_doubt: class == FailureClass::OutcomeUnknown, tried: true }
    }
}

/// A failure before libcas tried to send.
impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self { tried: false, ..Self::new(FailureClass::Permanent, error) }
    }
}
