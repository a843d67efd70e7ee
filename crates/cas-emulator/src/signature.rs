//! RPC signature version 1: HMAC-SHA1 over method and parameters.
//!
//! Written from the rules, not taken from the client, so that neither vouches for the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cas_core::signature::{Params, percent_encode};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

/// `METHOD&%2F&parameters`, the parameters encoded a second time. It holds every value, the key among them.
pub(crate) fn string_to_sign(method: &str, params: &Params<'_>) -> Zeroizing<String> {
    let canonical = Zeroizing::new(params.canonical_query());
    let encoded = Zeroizing::new(percent_encode(&canonical));
    Zeroizing::new(format!("{method}&%2F&{}", *encoded))
}

/// Whether `signature` (Base64) is what `secret` gives for `string_to_sign`. Compares in constant time.
pub(crate) fn matches(secret: &str, string_to_sign: &str, signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    let key = Zeroizing::new(format!("{secret}&"));
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key.as_bytes()) else { return false };
    mac.update(string_to_sign.as_bytes());
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `vectors/vectors.json`: signatures made with the official SDKs' own signing functions; three of
    /// them are printed in Alibaba Cloud's documentation.
    #[test]
    fn known_answers_of_the_official_sdks() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../vectors/vectors.json")).unwrap();
        let mut seen = 0;
        for vector in vectors["vectors"].as_array().unwrap() {
            if vector["kind"] != "rpc-v1-hmac-sha1" {
                continue;
            }
            let text = |name: &str| vector[name].as_str().unwrap();
            let mut params = Params::new();
            for (name, value) in vector["params"].as_object().unwrap() {
                params.set(name.as_str(), value.as_str().unwrap());
            }
            let string = string_to_sign(text("http_method"), &params);
            assert_eq!(*string, text("string_to_sign"), "{}", text("id"));
            assert!(
                matches(text("access_key_secret"), &string, text("signature")),
                "{}",
                text("id")
            );
            assert!(!matches("other", &string, text("signature")));
            seen += 1;
        }
        assert_eq!(seen, 7);
    }

    #[test]
    fn what_is_not_a_signature_matches_nothing() {
        for signature in ["", "=", "OLeaidS1JvxuMvnyHOwuJ+uX5q", "not base64"] {
            assert!(!matches("testsecret", "GET&%2F&", signature));
        }
    }
}
