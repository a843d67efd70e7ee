//! What an upload did: as JSON, as one line, or as one field.

use cas_core::{Facts, Outcome, Receipt};
use serde_json::{Value, json};

use crate::language::say;

/// The name of an outcome.
pub(crate) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Reused => "reused",
        Outcome::Replaced => "replaced",
    }
}

/// A receipt as JSON.
pub(crate) fn json_of(receipt: &Receipt, facts: Option<&Facts>) -> Value {
    json!({
        "cert_id": receipt.cert_id.get(),
        "name": receipt.name,
        "cert_identifier": receipt.cert_identifier,
        "outcome": outcome_name(receipt.outcome),
        "fingerprint_sha256": facts.map(|facts| &facts.sha256),
        "not_after": facts.map(|facts| facts.not_after.to_string()),
        "request_id": receipt.request_id,
        "attempts": receipt.attempts,
        "api": receipt.api.as_str(),
    })
}

/// What an upload did, for people.
pub(crate) fn summary(receipt: &Receipt) -> String {
    let Receipt { name, cert_id, .. } = receipt;
    match receipt.outcome {
        Outcome::Created => {
            say!("Uploaded as {name}, CertId {cert_id}.", "已上传为 {name}，CertId {cert_id}。")
        }
        Outcome::Reused => say!(
            "Stored already as {name}, CertId {cert_id}.",
            "已存在，名称为 {name}，CertId {cert_id}。"
        ),
        Outcome::Replaced => say!(
            "Uploaded as {name}, CertId {cert_id}; the certificate that it replaces is deleted.",
            "已上传为 {name}，CertId {cert_id}；被替换的证书已删除。"
        ),
    }
}
