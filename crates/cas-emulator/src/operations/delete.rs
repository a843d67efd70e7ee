//! `DeleteUserCertificate` of both versions.

use crate::operations::encode::Fields;
use crate::operations::errors::{self, ApiError};
use crate::operations::table::Call;
use crate::store::Delete;

/// That of version 2018-07-13.
pub(crate) fn delete_user_certificate(call: &Call<'_>) -> Result<Fields, ApiError> {
    delete(call, None)
}

/// That of version 2020-04-07, which a client token makes safe to repeat.
pub(crate) fn delete_user_certificate_once(call: &Call<'_>) -> Result<Fields, ApiError> {
    delete(call, call.parameters.non_empty("ClientToken"))
}

fn delete(call: &Call<'_>, client_token: Option<&str>) -> Result<Fields, ApiError> {
    match call.store.delete(call.cert_id()?, client_token)? {
        Delete::Deleted => Ok(vec![("RequestId", call.request_id.into())]),
        Delete::NotFound => Err((&errors::NOT_FOUND).into()),
        Delete::TokenMismatch => Err((&errors::TOKEN_MISMATCH).into()),
    }
}
