//! `DescribeUserCertificateDetail` of version 2018-07-13 and `GetUserCertificateDetail` of version
//! 2020-04-07.

use std::time::SystemTime;

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::context::{BOOLEANS, Context};
use super::errors::{self, ApiError};
use super::summary::Summary;
use crate::certificates::certificate::{ChainEntry, parse_chain};
use crate::clock;
use crate::store::{CertificateWithKey, StoredCertificate};

const SECONDS_PER_DAY: u64 = 86_400;

/// The fields of a `DescribeUserCertificateDetail` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeOutput {
    id: i64,
    common: String,
    #[serde(flatten)]
    summary: Summary,
    buy_in_aliyun: bool,
    #[serde(flatten)]
    secrets: Secrets,
    request_id: String,
}

/// The fields of a `GetUserCertificateDetail` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetOutput {
    id: i64,
    common: String,
    #[serde(flatten)]
    summary: Summary,
    sha2: String,
    cert_sha2: String,
    serial_no: String,
    algorithm: String,
    not_before: i64,
    not_after: i64,
    buy_in_aliyun: bool,
    order_id: i64,
    instance_id: String,
    resource_group_id: String,
    cert_identifier: String,
    cert_chain: Vec<ChainItem>,
    tags: Vec<Tag>,
    /// Missing with `CertFilter=true`.
    #[serde(flatten)]
    secrets: Option<Secrets>,
    #[serde(flatten)]
    double: Option<DoubleSecrets>,
    request_id: String,
}

/// The certificate and its private key; both empty for SM2 double certificates.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Secrets {
    cert: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "serialize_key")]
    key: Option<Zeroizing<String>>,
}

/// SM2 double certificates and their private keys; all empty for other certificates.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DoubleSecrets {
    encrypt_cert: String,
    #[serde(serialize_with = "serialize_text")]
    encrypt_private_key: Zeroizing<String>,
    sign_cert: String,
    #[serde(serialize_with = "serialize_text")]
    sign_private_key: Zeroizing<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChainItem {
    common_name: String,
    issuer_common_name: String,
    not_before: i64,
    not_after: i64,
    remain_day: u64,
}

/// A tag. Uploads call its parts `Key` and `Value`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    tag_key: String,
    tag_value: String,
}

pub(super) fn describe_user_certificate_detail(
    context: &Context<'_>,
) -> Result<DescribeOutput, ApiError> {
    let (certificate, secrets, _) = find(context)?;
    Ok(DescribeOutput {
        id: certificate.cert_id,
        common: certificate.common_name.clone(),
        summary: Summary::new(&certificate, context.now),
        buy_in_aliyun: false,
        secrets,
        request_id: context.request_id.to_owned(),
    })
}

pub(super) fn get_user_certificate_detail(context: &Context<'_>) -> Result<GetOutput, ApiError> {
    let filter = context.one_of("CertFilter", false, &BOOLEANS)?;
    let (certificate, secrets, double) = find(context)?;
    Ok(GetOutput {
        id: certificate.cert_id,
        common: certificate.common_name.clone(),
        summary: Summary::new(&certificate, context.now),
        sha2: certificate.sha256.clone(),
        cert_sha2: certificate.sha256.clone(),
        serial_no: certificate.serial.clone(),
        algorithm: certificate.algorithm.clone(),
        not_before: clock::unix_milliseconds(certificate.not_before),
        not_after: clock::unix_milliseconds(certificate.not_after),
        buy_in_aliyun: false,
        order_id: 0,
        instance_id: certificate.resource_id(),
        resource_group_id: certificate.resource_group_id.clone(),
        cert_identifier: format!("{}-{}", certificate.cert_id, context.region),
        cert_chain: chain(&certificate, context.now),
        tags: tags(&certificate),
        secrets: (!filter).then_some(secrets),
        double: (!filter).then_some(double),
        request_id: context.request_id.to_owned(),
    })
}

/// The certificate that the call asks for, and where its PEM and its private key are returned.
fn find(context: &Context<'_>) -> Result<(StoredCertificate, Secrets, DoubleSecrets), ApiError> {
    let found = context.store.find(context.account, context.cert_id()?)?;
    let found = found.ok_or(ApiError::from(&errors::NOT_FOUND))?;
    let CertificateWithKey { certificate, key, encrypt_key } = found;
    let cert = certificate.cert_pem.clone();
    let (secrets, double) = if certificate.is_double() {
        let double = DoubleSecrets {
            encrypt_cert: certificate.encrypt_cert_pem.clone(),
            encrypt_private_key: encrypt_key.unwrap_or_default(),
            sign_cert: cert,
            sign_private_key: key.unwrap_or_default(),
        };
        (Secrets { cert: String::new(), key: Some(Zeroizing::default()) }, double)
    } else {
        (Secrets { cert, key }, DoubleSecrets::default())
    };
    Ok((certificate, secrets, double))
}

fn chain(stored: &StoredCertificate, now: SystemTime) -> Vec<ChainItem> {
    let item = |entry: ChainEntry| ChainItem {
        remain_day: remaining_days(&entry, now),
        common_name: entry.common_name,
        issuer_common_name: entry.issuer,
        not_before: entry.not_before * 1000,
        not_after: entry.not_after * 1000,
    };
    chain_entries(stored).into_iter().map(item).collect()
}

pub(super) fn chain_entries(stored: &StoredCertificate) -> Vec<ChainEntry> {
    // The upload has checked that the chain parses.
    parse_chain(&stored.cert_pem).unwrap_or_default()
}

/// Whole days until the end of a certificate; 0 after it.
pub(super) fn remaining_days(entry: &ChainEntry, now: SystemTime) -> u64 {
    let not_after = clock::from_unix_seconds(entry.not_after);
    not_after.duration_since(now).unwrap_or_default().as_secs() / SECONDS_PER_DAY
}

pub(super) fn tags(stored: &StoredCertificate) -> Vec<Tag> {
    let tag =
        |(key, value): &(String, String)| Tag { tag_key: key.clone(), tag_value: value.clone() };
    stored.tags.iter().map(tag).collect()
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn serialize_key<S: Serializer>(
    key: &Option<Zeroizing<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    key.as_ref().map(|key| key.as_str()).serialize(serializer)
}

fn serialize_text<S: Serializer>(
    text: &Zeroizing<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    text.as_str().serialize(serializer)
}
