//! `GetCertificateDetail` of version 2020-04-07: what `GetUserCertificateDetail` shows, in other
//! fields, and never the certificate or its key.

use serde::Serialize;

use super::context::Context;
use super::detail::{self, Tag};
use super::errors::{self, ApiError};
use super::list::Status;
use crate::certificates::certificate::{ChainEntry, parse_leaf};
use crate::clock;
use crate::store::{CertificateWithKey, cloud_resources};

/// The fields of a `GetCertificateDetail` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CertificateDetailOutput {
    certificate_id: i64,
    certificate_name: String,
    certificate_source: &'static str,
    certificate_status: &'static str,
    cert_identifier: String,
    instance_id: String,
    common_name: String,
    domain: String,
    subject_alternative_names: Vec<String>,
    issuer: String,
    serial: String,
    finger_print: String,
    algorithm: String,
    key_size: usize,
    not_before: i64,
    not_after: i64,
    exist_private_key: bool,
    certificate_chain_list: Vec<ChainItem>,
    using_product_list: Vec<String>,
    tags: Vec<Tag>,
    // Uploaded certificates have none of these.
    company_id: i64,
    contact_id: i64,
    csr: &'static str,
    deployment_desc: &'static str,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChainItem {
    subject: String,
    issuer: String,
    not_before: i64,
    not_after: i64,
    remain_day: u64,
}

pub(super) fn get(context: &Context<'_>) -> Result<CertificateDetailOutput, ApiError> {
    let cert_id = context.required("CertificateId")?.parse();
    let cert_id: i64 = cert_id.map_err(|_| ApiError::new(&errors::INVALID, "CertificateId"))?;
    let found = context.store.find(context.account, cert_id)?.ok_or(&errors::NOT_FOUND)?;
    let CertificateWithKey { certificate, key, .. } = found;
    let products =
        context.store.query(|connection| cloud_resources::products_using(connection, cert_id))?;
    let chain =
        detail::chain_entries(&certificate).into_iter().map(|entry: ChainEntry| ChainItem {
            remain_day: detail::remaining_days(&entry, context.now),
            subject: entry.common_name,
            issuer: entry.issuer,
            not_before: entry.not_before * 1000,
            not_after: entry.not_after * 1000,
        });
    // The upload has checked that the leaf parses.
    let key_size = parse_leaf(&certificate.cert_pem).map_or(0, |leaf| leaf.public_key.size());
    Ok(CertificateDetailOutput {
        certificate_id: cert_id,
        certificate_name: certificate.name.clone(),
        certificate_source: "UPLOAD",
        certificate_status: match Status::of(&certificate, context.now) {
            Status::Issued => "issued",
            Status::WillExpire => "willExpire",
            Status::Expired => "expired",
        },
        cert_identifier: format!("{cert_id}-{}", context.region),
        instance_id: certificate.resource_id(),
        common_name: certificate.common_name.clone(),
        domain: certificate.sans.join(","),
        subject_alternative_names: certificate.sans.clone(),
        issuer: certificate.issuer.clone(),
        serial: certificate.serial.clone(),
        finger_print: certificate.sha1.clone(),
        algorithm: certificate.algorithm.clone(),
        key_size,
        not_before: clock::unix_milliseconds(certificate.not_before),
        not_after: clock::unix_milliseconds(certificate.not_after),
        exist_private_key: key.is_some(),
        certificate_chain_list: chain.collect(),
        using_product_list: products,
        tags: detail::tags(&certificate),
        company_id: 0,
        contact_id: 0,
        csr: "",
        deployment_desc: "",
        request_id: context.request_id.to_owned(),
    })
}
