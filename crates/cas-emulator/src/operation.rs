//! The operations there are, by version and name.

use crate::answer::Fields;
use crate::create;
use crate::errors::{self, ApiError};
use crate::parameters::Parameters;
use crate::store::Store;

/// One operation of one version.
pub(crate) struct Operation {
    version: &'static str,
    pub(crate) action: &'static str,
    run: fn(&Call<'_>) -> Result<Fields, ApiError>,
}

/// What an operation works with.
pub(crate) struct Call<'a> {
    pub(crate) parameters: &'a Parameters,
    pub(crate) store: &'a Store,
    pub(crate) request_id: &'a str,
    pub(crate) host_id: &'a str,
}

impl Operation {
    /// Runs it; the fields are those of its answer.
    pub(crate) fn run(&self, call: &Call<'_>) -> Result<Fields, ApiError> {
        (self.run)(call)
    }
}

static OPERATIONS: [Operation; 1] = [Operation {
    version: "2018-07-13",
    action: "CreateUserCertificate",
    run: create::create_user_certificate,
}];

/// The operation called `action` in `version`.
pub(crate) fn find(version: &str, action: &str) -> Result<&'static Operation, ApiError> {
    let mut of_version = OPERATIONS.iter().filter(|operation| operation.version == version).peekable();
    if of_version.peek().is_none() {
        return Err((&errors::INVALID_VERSION).into());
    }
    of_version.find(|operation| operation.action == action).ok_or((&errors::ACTION_NOT_FOUND).into())
}

impl Call<'_> {
    /// The value of a parameter that the operation cannot do without.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.parameters.non_empty(name).ok_or_else(|| ApiError::about(&errors::MISSING, name))
    }
}
