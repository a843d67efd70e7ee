//! What the control interface responds with.

use serde::Serialize;

use crate::http::Response;
use crate::store::{SnapshotError, StoreError};
use crate::testing::{FaultError, SeedError};

pub(super) type ControlResponse = Result<Response, ControlError>;

#[derive(Serialize)]
pub(super) struct Done {
    pub(super) status: &'static str,
}

/// An error response: status and message.
pub(super) struct ControlError(pub(super) u16, pub(super) String);

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        Self(500, error.to_string())
    }
}

impl From<SnapshotError> for ControlError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Invalid(message) => Self(400, message),
            SnapshotError::Store(error) => error.into(),
        }
    }
}

impl From<FaultError> for ControlError {
    fn from(error: FaultError) -> Self {
        Self(400, error.to_string())
    }
}

impl From<SeedError> for ControlError {
    fn from(error: SeedError) -> Self {
        Self(400, error.to_string())
    }
}

impl From<serde_json::Error> for ControlError {
    fn from(error: serde_json::Error) -> Self {
        Self(500, error.to_string())
    }
}

/// A response with a JSON body.
pub(super) fn to_json(body: &impl Serialize) -> ControlResponse {
    Ok(Response::json(200, serde_json::to_string(body)?))
}
