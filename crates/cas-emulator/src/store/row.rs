//! A row of the database as a certificate.

use std::time::SystemTime;

use rusqlite::Row;

use crate::clock::time;

/// A stored certificate. Everything but id and name was read from the certificate itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    /// The id the service gave it; counts from 1.
    pub cert_id: i64,
    /// The name it was uploaded under.
    pub name: String,
    /// Common name of the subject; empty if there is none.
    pub common_name: String,
    /// Subject alternative names in the certificate's order.
    pub sans: Vec<String>,
    /// Common name of the issuer, or its organization where it has none.
    pub issuer: String,
    /// Organization of the subject; empty if there is none.
    pub organization: String,
    /// Locality of the subject; empty if there is none.
    pub city: String,
    /// State or province of the subject; empty if there is none.
    pub province: String,
    /// Country of the subject; empty if there is none.
    pub country: String,
    /// Start of the validity.
    pub not_before: SystemTime,
    /// End of the validity.
    pub not_after: SystemTime,
    /// SHA-1 of the leaf certificate, 40 upper-case hexadecimal digits.
    pub sha1: String,
    /// SHA-256 of the leaf certificate, 64 upper-case hexadecimal digits.
    pub sha256: String,
    /// Serial number, lower-case hexadecimal, two digits for each byte.
    pub serial: String,
    /// `RSA`, `ECC`, `SM2` or `Ed25519`.
    pub algorithm: String,
    /// The whole chain as it was uploaded.
    pub cert_pem: String,
    /// The resource group named at the upload; empty if there was none.
    pub resource_group_id: String,
    /// Tags given at the upload, key and value.
    pub tags: Vec<(String, String)>,
}

impl StoredCertificate {
    /// Its validity has ended at `now`.
    #[must_use]
    pub fn expired(&self, now: SystemTime) -> bool {
        self.not_after < now
    }

    /// The id it has beside the number, such as `cas-upload-00000a`.
    #[must_use]
    pub fn resource_id(&self) -> String {
        resource_id(self.cert_id)
    }
}

/// `cas-upload-` and the number with 36 digits, six of them at least, as real ones have.
pub(crate) fn resource_id(cert_id: i64) -> String {
    let mut rest = cert_id.unsigned_abs();
    let mut digits = Vec::new();
    while rest > 0 || digits.len() < 6 {
        digits.push(char::from(
            b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::try_from(rest % 36).unwrap_or(0)],
        ));
        rest /= 36;
    }
    format!("cas-upload-{}", digits.iter().rev().collect::<String>())
}

pub(super) fn certificate(row: &Row<'_>) -> rusqlite::Result<StoredCertificate> {
    let sans: String = row.get("sans")?;
    Ok(StoredCertificate {
        cert_id: row.get("cert_id")?,
        name: row.get("name")?,
        common_name: row.get("common_name")?,
        sans: sans.split(',').filter(|san| !san.is_empty()).map(str::to_owned).collect(),
        issuer: row.get("issuer")?,
        organization: row.get("organization")?,
        city: row.get("city")?,
        province: row.get("province")?,
        country: row.get("country")?,
        not_before: time(row.get("not_before")?),
        not_after: time(row.get("not_after")?),
        sha1: row.get("sha1")?,
        sha256: row.get("sha256")?,
        serial: row.get("serial")?,
        algorithm: row.get("algorithm")?,
        cert_pem: row.get("cert_pem")?,
        resource_group_id: row.get("resource_group_id")?,
        tags: tags(&row.get::<_, String>("tags")?),
    })
}

/// Tags as they stand in the database: a JSON array of pairs.
pub(super) fn tags_text(tags: &[(String, String)]) -> String {
    let pairs: Vec<_> = tags.iter().map(|(key, value)| serde_json::json!([key, value])).collect();
    serde_json::Value::from(pairs).to_string()
}

fn tags(text: &str) -> Vec<(String, String)> {
    let pairs: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let part = |pair: &serde_json::Value, index: usize| {
        pair[index].as_str().unwrap_or_default().to_owned()
    };
    pairs.as_array().into_iter().flatten().map(|pair| (part(pair, 0), part(pair, 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_ids_have_six_digits_and_are_told_apart() {
        assert_eq!(resource_id(1), "cas-upload-000001");
        assert_eq!(resource_id(36 * 36 + 35), "cas-upload-00010z");
        assert_eq!(resource_id(i64::MAX), "cas-upload-1y2p0ij32e8e7");
    }

    #[test]
    fn tags_come_back_as_they_were() {
        let given = vec![("a \"".to_owned(), "名".to_owned()), ("b".to_owned(), String::new())];
        assert_eq!(tags(&tags_text(&given)), given);
        assert_eq!(tags("[]"), []);
    }
}
