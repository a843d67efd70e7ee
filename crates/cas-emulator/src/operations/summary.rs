//! The fields of a certificate that several responses have in common.

use std::time::SystemTime;

use serde::Serialize;

use crate::clock;
use crate::store::StoredCertificate;

/// The fields that details of both versions and lists of version 2020-04-07 share.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Summary {
    name: String,
    sans: String,
    fingerprint: String,
    issuer: String,
    org_name: String,
    city: String,
    province: String,
    country: String,
    start_date: String,
    end_date: String,
    expired: bool,
}

impl Summary {
    pub(super) fn new(stored: &StoredCertificate, now: SystemTime) -> Self {
        Self {
            name: stored.name.clone(),
            sans: stored.sans.join(","),
            fingerprint: stored.sha1.clone(),
            issuer: stored.issuer.clone(),
            org_name: stored.organization.clone(),
            city: stored.city.clone(),
            province: stored.province.clone(),
            country: stored.country.clone(),
            start_date: clock::date(stored.not_before),
            end_date: clock::date(stored.not_after),
            expired: stored.expired(now),
        }
    }
}
