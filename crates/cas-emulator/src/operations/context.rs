//! What an operation works with, and how it reads its parameters.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use super::deployment::progress::WorkerFaults;
use super::errors::{self, ApiError};
use crate::request::Parameters;
use crate::sessions::Caller;
use crate::store::{Account, Store, StoreError};

/// The values of a boolean parameter. Official SDKs write them in lower case, or as Python does.
pub(super) const BOOLEANS: [(&str, bool); 4] =
    [("true", true), ("false", false), ("True", true), ("False", false)];

/// What an operation works with.
pub(crate) struct Context<'a> {
    pub(crate) parameters: &'a Parameters,
    pub(crate) store: &'a Store,
    pub(crate) account: Account,
    pub(crate) request_id: &'a str,
    pub(crate) host_id: &'a str,
    pub(crate) region: &'a str,
    pub(crate) now: SystemTime,
    pub(crate) caller: &'a Caller<'a>,
    /// How long lists omit what this call stores.
    pub(crate) lag: Option<Duration>,
    /// Responses and limits that differ between documents.
    pub(crate) dialect: Dialect,
    /// How many clients beside this one upload.
    pub(crate) other_uploaders: usize,
    pub(crate) worker_faults: &'a dyn WorkerFaults,
}

/// What an emulator does where documents differ.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dialect {
    /// Limits of names and pages are those of the latest documents.
    pub(crate) strict: bool,
    /// `CreateUserCertificate` responds like the sample of 2019.
    pub(crate) sample_2019: bool,
}

impl Context<'_> {
    /// The value of a required parameter.
    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.parameters.non_empty(name).ok_or_else(|| ApiError::new(&errors::MISSING, name))
    }

    /// The required parameter `CertId`.
    pub(super) fn cert_id(&self) -> Result<i64, ApiError> {
        self.required("CertId")?.parse().map_err(|_| ApiError::new(&errors::INVALID, "CertId"))
    }

    /// An optional parameter that is a number from 1.
    pub(super) fn positive(&self, name: &str, default: usize) -> Result<usize, ApiError> {
        let Some(text) = self.parameters.non_empty(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|&number| number > 0);
        number.ok_or_else(|| ApiError::new(&errors::INVALID, name))
    }

    /// An optional parameter that is one of the words in `values`.
    pub(super) fn one_of<T: Copy>(
        &self,
        name: &str,
        default: T,
        values: &[(&str, T)],
    ) -> Result<T, ApiError> {
        let Some(text) = self.parameters.non_empty(name) else { return Ok(default) };
        let found = values.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| ApiError::new(&errors::INVALID, name))
    }
}

impl From<StoreError> for ApiError {
    /// `InternalError`. The client does not see the cause, so this writes it to stderr.
    fn from(error: StoreError) -> Self {
        let _ = writeln!(std::io::stderr(), "cas-emulator: {error}"); // fails if stderr is closed
        (&errors::INTERNAL).into()
    }
}
