//! Failures of the database.

use std::fmt;

use super::key_sealer::SealError;

/// The database failed while the emulator was running. Displayed as a sentence, which contains no
/// value from the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(String);

impl StoreError {
    /// Of a write that shared its commit with one that failed.
    pub(super) fn abandoned() -> Self {
        Self("another write failed, and its changes were undone together with this one".to_owned())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<SealError> for StoreError {
    fn from(_: SealError) -> Self {
        Self("failed to encrypt or decrypt a private key".to_owned())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database error: {}", self.0)
    }
}

impl std::error::Error for StoreError {}
