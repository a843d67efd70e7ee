//! A failed attempt: the error for the caller, and what it means for what is stored.

use crate::base::error::Error;
use crate::protocol::failure_class::FailureClass;

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
