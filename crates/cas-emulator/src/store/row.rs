//! Certificates as rows of the database.

use std::time::SystemTime;

use rusqlite::Row;
use serde::{Serialize, Serializer};

use super::account::Account;
use crate::clock::{from_unix_seconds, rfc3339};

/// A stored certificate. The fields from `common_name` to `algorithm` come from the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredCertificate {
    /// The ID that the emulator assigned, counting from 10,000,000.
    pub cert_id: i64,
    /// The account that it belongs to: 16 digits.
    pub account: String,
    /// The name from the upload.
    pub name: String,
    /// Common name of the subject; empty if missing.
    pub common_name: String,
    /// Subject alternative names, in the order of the certificate.
    pub sans: Vec<String>,
    /// Common name of the issuer, or its organization if it has no common name.
    pub issuer: String,
    /// Organization of the subject; empty if missing.
    pub organization: String,
    /// Locality of the subject; empty if missing.
    pub city: String,
    /// State or province of the subject; empty if missing.
    pub province: String,
    /// Country of the subject; empty if missing.
    pub country: String,
    /// Start of the validity period.
    #[serde(serialize_with = "serialize_time")]
    pub not_before: SystemTime,
    /// End of the validity period.
    #[serde(serialize_with = "serialize_time")]
    pub not_after: SystemTime,
    /// SHA-1 fingerprint of the leaf certificate, 40 upper-case hexadecimal digits.
    pub sha1: String,
    /// SHA-256 fingerprint of the leaf certificate, 64 upper-case hexadecimal digits.
    pub sha256: String,
    /// Serial number, lower-case hexadecimal, two digits for each byte.
    pub serial: String,
    /// `RSA`, `ECC`, `SM2` or `Ed25519`.
    pub algorithm: String,
    /// The whole chain, as it was uploaded. Of SM2 double certificates, that of the signing
    /// certificate.
    pub cert_pem: String,
    /// The encryption certificate of SM2 double certificates, as it was uploaded; empty for others.
    pub encrypt_cert_pem: String,
    /// The resource group from the upload; empty if missing.
    pub resource_group_id: String,
    /// Tags from the upload, as pairs of key and value.
    #[serde(serialize_with = "serialize_tags")]
    pub tags: Vec<(String, String)>,
}

impl StoredCertificate {
    /// Whether the certificate has expired at `now`.
    #[must_use]
    pub fn expired(&self, now: SystemTime) -> bool {
        self.not_after < now
    }

    /// Whether these are SM2 double certificates: one for signatures and one for encryption.
    #[must_use]
    pub fn is_double(&self) -> bool {
        !self.encrypt_cert_pem.is_empty()
    }

    /// The resource ID, such as `cas-upload-00000a`.
    #[must_use]
    pub fn resource_id(&self) -> String {
        resource_id(self.cert_id)
    }
}

/// `cas-upload-` and the ID in base 36, like the service's.
pub(crate) fn resource_id(cert_id: i64) -> String {
    format!("cas-upload-{}", base36(cert_id))
}

/// The ID of the certificate with a resource ID.
pub(crate) fn cert_id_of(text: &str) -> Option<i64> {
    let cert_id = i64::from_str_radix(text.strip_prefix("cas-upload-")?, 36).ok()?;
    Some(cert_id).filter(|cert_id| resource_id(*cert_id) == text)
}

/// `id` in base 36 with at least six digits.
pub(super) fn base36(id: i64) -> String {
    let mut rest = id.unsigned_abs();
    let mut digits = Vec::new();
    while rest > 0 || digits.len() < 6 {
        digits.push(u32::try_from(rest % 36).ok().and_then(|digit| char::from_digit(digit, 36)));
        rest /= 36;
    }
    digits.into_iter().rev().flatten().collect()
}

/// A row of `certificate` joined with `material`.
pub(super) fn with_pem(row: &Row<'_>) -> rusqlite::Result<StoredCertificate> {
    Ok(StoredCertificate {
        cert_pem: row.get("cert_pem")?,
        encrypt_cert_pem: row.get("encrypt_cert_pem")?,
        ..without_pem(row)?
    })
}

/// A row of `certificate`.
pub(super) fn without_pem(row: &Row<'_>) -> rusqlite::Result<StoredCertificate> {
    let sans: String = row.get("sans")?;
    Ok(StoredCertificate {
        cert_id: row.get("cert_id")?,
        account: row.get::<_, Account>("account")?.to_string(),
        name: row.get("name")?,
        common_name: row.get("common_name")?,
        sans: sans.split(',').filter(|san| !san.is_empty()).map(str::to_owned).collect(),
        issuer: row.get("issuer")?,
        organization: row.get("organization")?,
        city: row.get("city")?,
        province: row.get("province")?,
        country: row.get("country")?,
        not_before: from_unix_seconds(row.get("not_before")?),
        not_after: from_unix_seconds(row.get("not_after")?),
        sha1: row.get("sha1")?,
        sha256: row.get("sha256")?,
        serial: row.get("serial")?,
        algorithm: row.get("algorithm")?,
        cert_pem: String::new(),
        encrypt_cert_pem: String::new(),
        resource_group_id: row.get("resource_group_id")?,
        tags: tags_from_json(&row.get::<_, String>("tags")?),
    })
}

/// Tags as they are stored: a JSON array of pairs.
pub(super) fn tags_to_json(tags: &[(String, String)]) -> String {
    serde_json::to_string(tags).unwrap_or_default() // strings always serialise
}

pub(super) fn tags_from_json(json: &str) -> Vec<(String, String)> {
    serde_json::from_str(json).unwrap_or_default()
}

/// `YYYY-MM-DDThh:mm:ssZ`.
fn serialize_time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

/// Objects with `key` and `value`.
fn serialize_tags<S: Serializer>(
    tags: &[(String, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Tag<'a> {
        key: &'a str,
        value: &'a str,
    }
    serializer.collect_seq(tags.iter().map(|(key, value)| Tag { key, value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_ids_have_at_least_six_digits() {
        assert_eq!(resource_id(1), "cas-upload-000001");
        assert_eq!(resource_id(36 * 36 + 35), "cas-upload-00010z");
        assert_eq!(resource_id(i64::MAX), "cas-upload-1y2p0ij32e8e7");
        for cert_id in [1, 36 * 36 + 35, i64::MAX] {
            assert_eq!(cert_id_of(&resource_id(cert_id)), Some(cert_id));
        }
        for other in ["1", "cas-upload-1", "cas-upload-00000A", "cas-upload-+00001", "cas-upload-"]
        {
            assert_eq!(cert_id_of(other), None, "{other}");
        }
    }

    #[test]
    fn tags_survive_a_round_trip() {
        let given = vec![("a \"".to_owned(), "名".to_owned()), ("b".to_owned(), String::new())];
        assert_eq!(tags_from_json(&tags_to_json(&given)), given);
        assert_eq!(tags_from_json("[]"), []);
    }
}
