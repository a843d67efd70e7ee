//! `DeleteUserCertificate` of both versions.

use serde::Serialize;

use super::context::Context;
use super::errors::{self, ApiError};
use crate::store::DeleteResult;

/// The fields of a `DeleteUserCertificate` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteOutput {
    request_id: String,
}

/// Version 2018-07-13.
pub(super) fn delete_user_certificate(context: &Context<'_>) -> Result<DeleteOutput, ApiError> {
    delete(context, None)
}

/// Version 2020-04-07, which a client token makes idempotent.
pub(super) fn delete_user_certificate_with_token(
    context: &Context<'_>,
) -> Result<DeleteOutput, ApiError> {
    delete(context, context.parameters.non_empty("ClientToken"))
}

fn delete(context: &Context<'_>, client_token: Option<&str>) -> Result<DeleteOutput, ApiError> {
    match context.store.delete(context.account, context.cert_id()?, client_token)? {
        DeleteResult::Deleted => Ok(DeleteOutput { request_id: context.request_id.to_owned() }),
        DeleteResult::NotFound => Err((&errors::NOT_FOUND).into()),
        DeleteResult::TokenMismatch => Err((&errors::TOKEN_MISMATCH).into()),
    }
}
