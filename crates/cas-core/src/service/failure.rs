//! What a failed attempt means.

use crate::base::error::Error;
use crate::protocol::failure_class::FailureClass;

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct CallError {
    /// What to tell the caller.
    pub error: Error,
    /// What it means.
    pub class: FailureClass,
    /// Whether it, or an attempt before it, may have been applied.
    pub in_doubt: bool,
    /// Whether sending was tried at all.
    pub tried: bool,
}

impl CallError {
    pub(crate) fn new(class: FailureClass, error: Error) -> Self {
        Self { error, class, in_doubt: class == FailureClass::OutcomeUnknown, tried: true }
    }
}

/// What fails before sending is tried.
impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self { tried: false, ..Self::new(FailureClass::Permanent, error) }
    }
}
