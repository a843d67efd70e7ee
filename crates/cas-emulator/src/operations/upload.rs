//! `CreateUserCertificate` of version 2018-07-13 and `UploadUserCertificate` of version 2020-04-07.

use serde::Serialize;

use super::context::Context;
use super::errors::{self, ApiError};
use crate::certificates::certificate::{self, Leaf};
use crate::certificates::private_key::{self, KeyError};
use crate::certificates::public_key::Algorithm;
use crate::store::{InsertResult, NewCertificate, PemPair, resource_id};

/// Longest name, in characters, according to the documentation of version 2018-07-13.
const MAX_NAME: usize = 128;
/// Longest name, in characters, according to the latest documentation of version 2020-04-07.
const MAX_NAME_STRICT: usize = 63;

/// The fields of a `CreateUserCertificate` response. The sample of 2019 has `HostId` and `Code`,
/// later documents do not.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateOutput {
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cert_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

/// The fields of an `UploadUserCertificate` response.
#[expect(clippy::struct_field_names, reason = "the API names its fields so")]
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UploadOutput {
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cert_id: Option<i64>,
    resource_id: String,
}

/// Parameters that only version 2020-04-07 has.
#[derive(Default)]
struct Options<'a> {
    resource_group_id: &'a str,
    tags: Vec<(String, String)>,
    client_token: Option<&'a str>,
    may_be_double: bool,
}

pub(super) fn create_user_certificate(context: &Context<'_>) -> Result<CreateOutput, ApiError> {
    let cert_id = store(context, Options::default())?;
    let sample_2019 = context.dialect.sample_2019;
    Ok(CreateOutput {
        request_id: context.request_id.to_owned(),
        cert_id: Some(cert_id),
        host_id: sample_2019.then(|| context.host_id.to_owned()),
        code: sample_2019.then_some("200"),
    })
}

pub(super) fn upload_user_certificate(context: &Context<'_>) -> Result<UploadOutput, ApiError> {
    let parameters = context.parameters;
    let tags = parameters.tags("Tags");
    let options = Options {
        resource_group_id: parameters.non_empty("ResourceGroupId").unwrap_or_default(),
        tags: tags.map_err(|missing| ApiError::new(&errors::MISSING, missing))?,
        client_token: parameters.non_empty("ClientToken"),
        may_be_double: true,
    };
    let cert_id = store(context, options)?;
    Ok(UploadOutput {
        request_id: context.request_id.to_owned(),
        cert_id: Some(cert_id),
        resource_id: resource_id(cert_id),
    })
}

/// Checks the certificate and its key, stores them, and returns the new ID.
fn store(context: &Context<'_>, options: Options<'_>) -> Result<i64, ApiError> {
    let name = context.required("Name")?;
    let is_double = options.may_be_double && has_double_certificates(context);
    let (pair, encryption) = if is_double {
        let signing = pair(context, ["SignCert", "SignPrivateKey"])?;
        (signing, Some(pair(context, ["EncryptCert", "EncryptPrivateKey"])?))
    } else {
        (pair(context, ["Cert", "Key"])?, None)
    };
    let max_name = if context.dialect.strict { MAX_NAME_STRICT } else { MAX_NAME };
    if name.chars().count() > max_name {
        return Err(ApiError::new(&errors::INVALID, "Name"));
    }
    let leaf = check(pair)?;
    if let Some(encryption) = encryption {
        let leaves = [&leaf, &check(encryption)?];
        if leaves.iter().any(|leaf| leaf.public_key.algorithm != Algorithm::Sm2) {
            return Err((&errors::CERTIFICATE_FORMAT).into());
        }
    }
    let new = NewCertificate {
        account: context.account,
        name,
        pair,
        encryption,
        leaf: &leaf,
        resource_group_id: options.resource_group_id,
        tags: options.tags,
        client_token: options.client_token,
        lag: context.lag,
        other_uploaders: context.other_uploaders,
    };
    match context.store.insert(&new)? {
        InsertResult::Stored(cert_id) => Ok(cert_id),
        InsertResult::NameTaken => Err((&errors::NAME_REPEAT).into()),
        InsertResult::QuotaExceeded => Err((&errors::INSUFFICIENT_QUOTA).into()),
        InsertResult::TokenMismatch => Err((&errors::TOKEN_MISMATCH).into()),
    }
}

/// Whether the call has SM2 double certificates: a certificate and a key for signatures, and others
/// for encryption. The service ignores them if `Cert` and `Key` are both given.
fn has_double_certificates(context: &Context<'_>) -> bool {
    let has = |name: &&str| context.parameters.non_empty(name).is_some();
    !["Cert", "Key"].iter().all(has)
        && ["SignCert", "SignPrivateKey", "EncryptCert", "EncryptPrivateKey"].iter().any(has)
}

/// The certificate and the private key in these required parameters.
fn pair<'a>(context: &'a Context<'_>, [cert, key]: [&str; 2]) -> Result<PemPair<'a>, ApiError> {
    Ok(PemPair { cert_pem: context.required(cert)?, key_pem: context.required(key)? })
}

/// Checks that a pair can be read and belongs together. Returns the first certificate.
fn check(pair: PemPair<'_>) -> Result<Leaf, ApiError> {
    let leaf = certificate::parse_leaf(pair.cert_pem).map_err(|_| &errors::CERTIFICATE_FORMAT)?;
    private_key::check(pair.key_pem, &leaf.public_key).map_err(|error| match error {
        KeyError::Invalid => &errors::KEY_FORMAT,
        KeyError::Mismatch => &errors::KEY_MISMATCH,
    })?;
    Ok(leaf)
}
