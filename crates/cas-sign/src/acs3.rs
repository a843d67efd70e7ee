//! Signature ACS3-HMAC-SHA256, version 3 (docs/service.md, Signature ACS3).
//!
//! Common parameters are headers, the operation's parameters are the form, and the signature covers
//! the headers and the hash of the form.

use base16ct::lower;
use ring::{digest, hmac};
use zeroize::Zeroizing;

use crate::access_key::AccessKeyRef;
use crate::params::Params;
use crate::percent::Encoded;
use crate::signed_form::{FORM_CONTENT_TYPE, SignedForm};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";
/// Parameters of version 1 that are headers here.
const COMMON: [&str; 3] = ["Action", "Version", "Format"];

/// Signs `params` for a POST to `host`, the value of the header `Host`. `nonce` must be new for
/// each attempt; `timestamp` is UTC, such as `2026-01-02T03:04:05Z`.
#[must_use]
pub fn sign(
    params: &Params<'_>,
    host: &str,
    access_key: AccessKeyRef<'_>,
    nonce: &str,
    timestamp: &str,
) -> SignedForm {
    let mut form = Params::new();
    for (name, value) in params.iter().filter(|(name, _)| !COMMON.contains(name)) {
        form.set(name, value);
    }
    let mut body = Encoded::with_room_for(form.raw_len());
    form.write_canonical(&mut body);

    let hash = lower::encode_string(digest::digest(&digest::SHA256, body.as_bytes()).as_ref());
    let text = |name| params.get(name).unwrap_or_default();
    // Sorted by name.
    let mut headers = vec![("content-type", FORM_CONTENT_TYPE), ("host", host)];
    if access_key.security_token.is_some() {
        headers.push(("x-acs-accesskey-id", access_key.id));
    }
    headers.extend([
        ("x-acs-action", text("Action")),
        ("x-acs-content-sha256", &hash),
        ("x-acs-date", timestamp),
    ]);
    headers.extend(access_key.security_token.map(|token| ("x-acs-security-token", token)));
    headers.extend([("x-acs-signature-nonce", nonce), ("x-acs-version", text("Version"))]);

    let string_to_sign = string_to_sign(&canonical_request("POST\n/\n\n", &headers, &hash));
    let signature = signature(&string_to_sign, access_key.secret);
    let names = signed_headers(&headers);
    let authorization = format!(
        "{ALGORITHM} Credential={},SignedHeaders={names},Signature={signature}",
        access_key.id
    );
    headers.extend([("accept", "application/json"), ("authorization", &authorization)]);
    // The transport sets the content type of every form.
    let headers = headers.iter().filter(|(name, _)| *name != "content-type");
    let headers =
        headers.map(|(name, value)| (*name, Zeroizing::new((*value).to_owned()))).collect();
    SignedForm { body, signature, headers, string_to_sign: Some(string_to_sign) }
}

/// Returns the string to sign of a canonical request.
#[must_use]
pub fn string_to_sign(canonical_request: &str) -> String {
    format!(
        "{ALGORITHM}\n{}",
        lower::encode_string(
            digest::digest(&digest::SHA256, canonical_request.as_bytes()).as_ref()
        )
    )
}

/// Returns the canonical request. `head` is the method, the path and the canonical query, a line
/// each. `headers` are those that are signed, sorted by name; `hash` is that of the body. Zeroized:
/// the headers may include a security token.
#[must_use]
pub fn canonical_request(head: &str, headers: &[(&str, &str)], hash: &str) -> Zeroizing<String> {
    let lines: usize = headers.iter().map(|(name, value)| 2 * name.len() + value.len() + 3).sum();
    // Room for all of it, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(head.len() + lines + hash.len() + 16));
    text.push_str(head);
    for (name, value) in headers {
        for part in [name, ":", value.trim(), "\n"] {
            text.push_str(part);
        }
    }
    for part in ["\n", &signed_headers(headers), "\n", hash] {
        text.push_str(part);
    }
    text
}

fn signed_headers(headers: &[(&str, &str)]) -> String {
    headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
}

fn signature(string_to_sign: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    lower::encode_string(hmac::sign(&key, string_to_sign.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Vec<Value> {
        let file: Value =
            serde_json::from_str(include_str!("../../../vectors/vectors.json")).unwrap();
        let all = file["vectors"].as_array().unwrap();
        all.iter().filter(|vector| vector["kind"] == "acs3-hmac-sha256").cloned().collect()
    }

    #[test]
    fn every_vector_passes_at_every_stage() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 3);
        for vector in &vectors {
            let text = |name: &str| vector[name].as_str().unwrap();
            let id = text("id");
            let mut headers: Vec<(&str, &str)> = vector["headers"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                .collect();
            headers.sort_unstable();
            let mut query = Params::new();
            for (name, value) in vector["query"].as_object().unwrap() {
                query.set(name.as_str(), value.as_str().unwrap());
            }
            let (query, hash) = (query.canonical_query(), text("hashed_payload"));
            assert_eq!(query, text("canonical_query_string"), "{id}");
            assert_eq!(
                lower::encode_string(
                    digest::digest(&digest::SHA256, text("body").as_bytes()).as_ref()
                ),
                hash,
                "{id}"
            );
            let canonical = canonical_request(&format!("POST\n/\n{query}\n"), &headers, hash);
            assert_eq!(*canonical, text("canonical_request"), "{id}");
            let string_to_sign = string_to_sign(&canonical);
            assert_eq!(string_to_sign, text("string_to_sign"), "{id}");
            let signature = signature(&string_to_sign, text("access_key_secret"));
            let authorization = format!(
                "{ALGORITHM} Credential={},SignedHeaders={},Signature={signature}",
                text("access_key_id"),
                signed_headers(&headers)
            );
            assert_eq!(authorization, text("authorization"), "{id}");
        }
    }

    #[test]
    fn the_form_has_the_parameters_of_the_operation_only() {
        let key = AccessKeyRef {
            id: "id",
            secret: "hidden-secret",
            security_token: Some("hidden-token"),
        };
        let mut params = Params::new();
        for (name, value) in
            [("Action", "A"), ("Version", "V"), ("Format", "JSON"), ("Name", "a b"), ("Key", "k+")]
        {
            params.set(name, value);
        }
        let form = sign(&params, "127.0.0.1:8480", key, "n", "2026-01-02T03:04:05Z");
        assert_eq!(form.as_bytes(), b"Key=k%2B&Name=a%20b");
        let names: Vec<_> = form.headers().map(|(name, _)| name).collect();
        let expected = [
            "host",
            "x-acs-accesskey-id",
            "x-acs-action",
            "x-acs-content-sha256",
            "x-acs-date",
            "x-acs-security-token",
            "x-acs-signature-nonce",
            "x-acs-version",
            "accept",
            "authorization",
        ];
        assert_eq!(names, expected);
        assert!(!format!("{form:?}").contains("hidden"));
    }
}
