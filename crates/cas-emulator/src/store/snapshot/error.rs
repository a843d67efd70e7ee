//! Why a snapshot cannot be read.

use crate::store::error::StoreError;

/// Why a snapshot was not taken over. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotError {
    /// A sentence about the document.
    Invalid(String),
    /// The database failed.
    Store(StoreError),
}

impl From<rusqlite::Error> for SnapshotError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
