//! RPC signature version 1: HMAC-SHA1 over method and parameters.
//!
//! Written from the specification and independent of libcas, so that the two check each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::request::percent_encode;

/// `METHOD&%2F&QUERY`, with the canonical query encoded once more. It contains every parameter, and
/// so perhaps a private key.
pub(super) fn string_to_sign(method: &str, canonical_query: &str) -> Zeroizing<String> {
    let mut string = Zeroizing::new(String::with_capacity(16 + 3 * canonical_query.len()));
    string.push_str(method);
    string.push_str("&%2F&");
    string.extend(percent_encode(canonical_query));
    string
}

/// Whether `signature`, in Base64, is the signature of `string_to_sign` with `secret`. Takes
/// constant time.
pub(super) fn verify(secret: &str, string_to_sign: &str, signature: &str) -> bool {
    let key = Zeroizing::new(format!("{secret}&"));
    verify_with_key(&key, string_to_sign, signature)
}

/// The same with the whole HMAC key, to which the caller has appended the "&".
pub(super) fn verify_with_key(key: &str, string_to_sign: &str, signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key.as_bytes()) else { return false };
    mac.update(string_to_sign.as_bytes());
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
pub(super) fn sign_with_key(key: &str, string_to_sign: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(string_to_sign.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::Reader;
    use crate::request::ApiCall;

    fn vectors(kind: &str) -> Vec<Value> {
        let file = include_str!("../../../../vectors/vectors.json");
        let mut file: Value = serde_json::from_str(file).unwrap();
        let all = file["vectors"].as_array_mut().unwrap();
        all.extract_if(.., |vector| vector["kind"] == kind).collect()
    }

    /// The canonical query of a request with this target.
    fn canonical_query(target: &str) -> String {
        let request = format!("GET {target} HTTP/1.1\r\n\r\n").into_bytes();
        let request =
            Reader::default().read(&mut std::io::Cursor::new(request), || (), |_| false).unwrap();
        ApiCall::parse(&request).parameters.canonical_query().to_string()
    }

    /// `vectors.json` has signatures from the signing functions of the official SDKs. Three of them
    /// are printed in Alibaba Cloud's documentation.
    #[test]
    fn matches_the_signatures_of_the_official_sdks() {
        let vectors = vectors("rpc-v1-hmac-sha1");
        assert_eq!(vectors.len(), 7);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap();
            let escape_all = |text: &str| {
                let escaped = text.bytes().map(|byte| format!("%{byte:02x}"));
                escaped.collect::<Vec<_>>().concat()
            };
            let pair = |(name, value): (&String, &Value)| {
                format!("{}={}", escape_all(name), escape_all(value.as_str().unwrap()))
            };
            let pairs: Vec<_> = vector["params"].as_object().unwrap().iter().map(pair).collect();
            let query = canonical_query(&format!("/?{}", pairs.join("&")));
            assert_eq!(query, text("canonical_query_string"), "{}", text("id"));
            let string = string_to_sign(text("http_method"), &query);
            assert_eq!(*string, text("string_to_sign"), "{}", text("id"));
            let secret = text("access_key_secret");
            assert!(verify(secret, &string, text("signature")), "{}", text("id"));
            assert!(!verify("other", &string, text("signature")), "{}", text("id"));
        }
    }

    #[test]
    fn matches_a_url_of_the_older_python_sdk() {
        let vectors = vectors("rpc-v1-full-url");
        let target = vectors[0]["url_path_and_query"].as_str().unwrap();
        let request = format!("GET {target} HTTP/1.1\r\n\r\n").into_bytes();
        let request =
            Reader::default().read(&mut std::io::Cursor::new(request), || (), |_| false).unwrap();
        let parameters = ApiCall::parse(&request).parameters;
        let string = string_to_sign("GET", &parameters.canonical_query());
        assert_eq!(*string, vectors[0]["string_to_sign"].as_str().unwrap());
        assert!(verify("testsecret", &string, parameters.get("Signature").unwrap()));
    }

    #[test]
    fn rejects_text_that_is_not_a_signature() {
        for signature in ["", "=", "OLeaidS1JvxuMvnyHOwuJ+uX5q", "not base64"] {
            assert!(!verify("testsecret", "GET&%2F&", signature));
        }
    }
}
