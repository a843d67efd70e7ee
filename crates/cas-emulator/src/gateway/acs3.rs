//! ACS3-HMAC-SHA256: HMAC-SHA256 over method, path, query, headers and the hash of the body.
//!
//! Written from the specification and independent of libcas, so that the two check each other.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::hex;
use crate::http::Request;
use crate::request::{ACS3_ALGORITHM, ApiCall, Mask, unmasked};

/// The headers that a signature must cover, so that the request cannot be changed in transit.
pub(super) const REQUIRED_HEADERS: [&str; 6] = [
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
];

/// The expected value of the header `x-acs-content-sha256`.
pub(super) fn content_sha256(request: &Request) -> String {
    hex::lower(&Sha256::digest(&*request.body))
}

/// The string to sign: the algorithm and the hash of the canonical request.
pub(super) fn string_to_sign(call: &ApiCall<'_>, signed_headers: &[&str]) -> String {
    let query = call.parameters.acs3_canonical_query();
    let canonical = canonical_request(call, signed_headers, &query, &unmasked);
    format!("{ACS3_ALGORITHM}\n{}", hex::lower(&Sha256::digest(canonical.as_bytes())))
}

/// The canonical request. It contains the query, and so perhaps a private key, and the security
/// token. `shown` decides what of the headers it has.
pub(super) fn canonical_request(
    call: &ApiCall<'_>,
    signed_headers: &[&str],
    query: &str,
    shown: &Mask,
) -> Zeroizing<String> {
    let mut names: Vec<_> = signed_headers.iter().map(|name| name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    let header = |name: &String| {
        let mut values: Vec<_> = call.http.headers(name).map(str::trim).collect();
        values.sort_unstable();
        let (_, value) = shown(name, &values.join(","));
        Zeroizing::new(format!("{name}:{}\n", *value))
    };
    let headers =
        Zeroizing::new(names.iter().map(header).fold(String::new(), |all, line| all + &line));
    let (method, path) = (&call.http.method, call.http.path());
    let hash = call.http.header("x-acs-content-sha256").unwrap_or_default();
    let names = names.join(";");
    Zeroizing::new(format!("{method}\n{path}\n{query}\n{}\n{names}\n{hash}", *headers))
}

/// Whether `signature`, in hexadecimal, is the signature of `string_to_sign` with `secret`. Takes
/// constant time.
pub(super) fn verify(secret: &str, string_to_sign: &str, signature: &str) -> bool {
    let Some(signature) = hex::decode(signature) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(string_to_sign.as_bytes());
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::Reader;

    /// `vectors.json` has signatures from the official SDKs. One of them is printed in Alibaba
    /// Cloud's documentation.
    #[test]
    fn matches_the_signatures_of_the_official_sdks() {
        let vectors = include_str!("../../../../vectors/vectors.json");
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let mut seen = 0;
        for vector in vectors["vectors"].as_array().unwrap() {
            if vector["kind"] != "acs3-hmac-sha256" {
                continue;
            }
            let text = |name: &str| vector[name].as_str().unwrap();
            let header = |(name, value): (&String, &Value)| {
                format!("{name}: {}\r\n", value.as_str().unwrap())
            };
            let headers: String =
                vector["headers"].as_object().unwrap().iter().map(header).collect();
            let raw = format!(
                "{} /?{} HTTP/1.1\r\n{headers}Authorization: {}\r\nContent-Length: {}\r\n\r\n{}",
                text("http_method"),
                text("canonical_query_string"),
                text("authorization"),
                text("body").len(),
                text("body"),
            );
            let mut stream = std::io::Cursor::new(raw.into_bytes());
            let request = Reader::default().read(&mut stream, || (), |_| false).unwrap();
            let call = ApiCall::parse(&request);
            let authorization = call.authorization.as_ref().unwrap();
            let signed = &authorization.signed_headers;
            let id = text("id");
            assert_eq!(content_sha256(&request), text("hashed_payload"), "{id}");
            assert_eq!(
                *canonical_request(&call, signed, text("canonical_query_string"), &unmasked),
                text("canonical_request"),
                "{id}"
            );
            let string = string_to_sign(&call, signed);
            assert_eq!(string, text("string_to_sign"), "{id}");
            assert!(verify(text("access_key_secret"), &string, authorization.signature), "{id}");
            assert!(!verify("other", &string, authorization.signature), "{id}");
            assert_eq!(authorization.access_key_id, text("access_key_id"), "{id}");
            seen += 1;
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn rejects_text_that_is_not_a_signature() {
        for signature in ["", "0", "zz", "00", &"0".repeat(63), &"0".repeat(64)] {
            assert!(!verify("testsecret", "ACS3-HMAC-SHA256\n", signature));
        }
    }
}
