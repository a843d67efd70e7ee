//! `CreateUserCertificate` of version 2018-07-13 and `UploadUserCertificate` of version 2020-04-07.

use crate::answer::Fields;
use crate::certificate;
use crate::errors::{self, ApiError};
use crate::key::{self, KeyError};
use crate::operation::Call;
use crate::store::{Insert, Upload, resource_id};

/// Longest name, in characters: what the documentation of version 2018-07-13 last said.
const MAX_NAME: usize = 128;

/// What one version knows and the other does not.
#[derive(Default)]
struct Extras<'a> {
    resource_group_id: &'a str,
    tags: Vec<(String, String)>,
    client_token: Option<&'a str>,
}

pub(crate) fn create_user_certificate(call: &Call<'_>) -> Result<Fields, ApiError> {
    let cert_id = store(call, Extras::default())?;
    Ok(vec![
        ("RequestId", call.request_id.into()),
        ("CertId", cert_id.into()),
        // The documented sample has these two, the documented table does not.
        ("HostId", call.host_id.into()),
        ("Code", "200".into()),
    ])
}

pub(crate) fn upload_user_certificate(call: &Call<'_>) -> Result<Fields, ApiError> {
    let extras = Extras {
        resource_group_id: call.parameters.non_empty("ResourceGroupId").unwrap_or_default(),
        tags: call
            .parameters
            .tags()
            .map_err(|missing| ApiError::about(&errors::MISSING, missing))?,
        client_token: call.parameters.non_empty("ClientToken"),
    };
    let cert_id = store(call, extras)?;
    Ok(vec![
        ("RequestId", call.request_id.into()),
        ("CertId", cert_id.into()),
        ("ResourceId", resource_id(cert_id).into()),
    ])
}

/// Checks certificate and key and stores them under their name; the id is what it returns.
fn store(call: &Call<'_>, extras: Extras<'_>) -> Result<i64, ApiError> {
    let name = call.required("Name")?;
    let cert_pem = call.required("Cert")?;
    let key_pem = call.required("Key")?;
    if name.chars().count() > MAX_NAME {
        return Err(ApiError::about(&errors::INVALID, "Name"));
    }
    let facts = certificate::read(cert_pem).map_err(|_| &errors::CERTIFICATE_FORMAT)?;
    key::check(key_pem, &facts.public_key).map_err(|error| match error {
        KeyError::Unreadable => &errors::KEY_FORMAT,
        KeyError::Mismatch => &errors::KEY_MISMATCH,
    })?;
    let Extras { resource_group_id, tags, client_token } = extras;
    let (facts, lag) = (&facts, call.lag);
    let upload =
        Upload { name, cert_pem, key_pem, facts, resource_group_id, tags, client_token, lag };
    match call.store.insert(&upload)? {
        Insert::Stored(cert_id) => Ok(cert_id),
        Insert::NameTaken => Err((&errors::NAME_REPEAT).into()),
        Insert::QuotaPassed => Err((&errors::QUOTA_PASSED).into()),
        Insert::TokenMismatch => Err((&errors::TOKEN_MISMATCH).into()),
    }
}
