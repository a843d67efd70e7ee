//! ACS3-HMAC-SHA256: HMAC-SHA256 over method, path, query, headers and the hash of the body.
//!
//! Written from the rules, not taken from the client, so that neither vouches for the other.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::certificate::lower_hex;
use crate::http::Request;
use crate::parameters::Parameters;

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// Headers that have to be signed, or a request could be changed on its way.
pub(crate) const SIGNED: [&str; 6] = [
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
];

/// The header `Authorization`, taken apart. What is missing in it is empty.
pub(crate) struct Authorization<'a> {
    pub(crate) credential: &'a str,
    pub(crate) signed_headers: Vec<&'a str>,
    pub(crate) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// `None` where the request is not signed in this way.
    pub(crate) fn of(request: &'a Request) -> Option<Self> {
        let fields = request.header("authorization")?.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let field = |name: &str| {
            let mut all = fields.split(',').filter_map(|field| field.trim().split_once('='));
            all.find(|(known, _)| *known == name).map_or("", |(_, value)| value)
        };
        Some(Self {
            credential: field("Credential"),
            signed_headers: field("SignedHeaders").split(';').collect(),
            signature: field("Signature"),
        })
    }
}

/// The hash that the header `x-acs-content-sha256` has to have.
pub(crate) fn content_hash(request: &Request) -> String {
    lower_hex(&Sha256::digest(&*request.body))
}

/// What the signature covers: the algorithm and the hash of everything that is signed.
pub(crate) fn string_to_sign(
    request: &Request,
    parameters: &Parameters,
    signed: &[&str],
) -> String {
    let canonical = canonical_request(request, parameters, signed);
    format!("{ALGORITHM}\n{}", lower_hex(&Sha256::digest(canonical.as_bytes())))
}

/// It holds the query, and so perhaps a private key.
fn canonical_request(
    request: &Request,
    parameters: &Parameters,
    signed: &[&str],
) -> Zeroizing<String> {
    let mut signed: Vec<String> = signed.iter().map(|name| name.to_ascii_lowercase()).collect();
    signed.sort_unstable();
    let header = |name: &String| {
        let mut values: Vec<&str> = request.headers(name).map(str::trim).collect();
        values.sort_unstable();
        format!("{name}:{}\n", values.join(","))
    };
    let headers: String = signed.iter().map(header).collect();
    let query = Zeroizing::new(parameters.signed_query());
    let hash = request.header("x-acs-content-sha256").unwrap_or_default();
    let (method, path) = (&request.method, request.path());
    Zeroizing::new(format!("{method}\n{path}\n{}\n{headers}\n{}\n{hash}", *query, signed.join(";")))
}

/// Whether `signature` (hexadecimal) is what `secret` gives for `string_to_sign`. Compares in constant time.
pub(crate) fn matches(secret: &str, string_to_sign: &str, signature: &str) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(string_to_sign.as_bytes());
    let digits = signature.as_bytes().chunks(2).map(|two| {
        let two = std::str::from_utf8(two).ok().filter(|two| two.len() == 2)?;
        u8::from_str_radix(two, 16).ok()
    });
    digits
        .collect::<Option<Vec<u8>>>()
        .is_some_and(|signature| mac.verify_slice(&signature).is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::Reader;

    /// `vectors/vectors.json`, as the official SDKs signed them; one is printed in Alibaba Cloud's documentation.
    #[test]
    fn known_answers_of_the_official_sdks() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../vectors/vectors.json")).unwrap();
        let mut seen = 0;
        for vector in vectors["vectors"].as_array().unwrap() {
            if vector["kind"] != "acs3-hmac-sha256" {
                continue;
            }
            let text = |name: &str| vector[name].as_str().unwrap();
            let (query, body) = (text("canonical_query_string"), text("body"));
            let headers = vector["headers"].as_object().unwrap();
            let header = |(name, value): (&String, &Value)| {
                format!("{name}: {}\r\n", value.as_str().unwrap())
            };
            let headers = headers.iter().map(header).collect::<Vec<_>>().concat();
            let raw = format!(
                "{} /?{query} HTTP/1.1\r\n{headers}Authorization: {}\r\nContent-Length: {}\r\n\r\n{body}",
                text("http_method"),
                text("authorization"),
                body.len()
            );
            let mut stream = std::io::Cursor::new(raw.into_bytes());
            let request = Reader::default().read(&mut stream, || ()).unwrap();
            let authorization = Authorization::of(&request).unwrap();
            let parameters = Parameters::of(&request);
            let id = text("id");
            assert_eq!(content_hash(&request), text("hashed_payload"), "{id}");
            let signed = &authorization.signed_headers;
            assert_eq!(
                *canonical_request(&request, &parameters, signed),
                text("canonical_request"),
                "{id}"
            );
            let string = string_to_sign(&request, &parameters, signed);
            assert_eq!(string, text("string_to_sign"), "{id}");
            assert!(matches(text("access_key_secret"), &string, authorization.signature), "{id}");
            assert!(!matches("other", &string, authorization.signature), "{id}");
            assert_eq!(authorization.credential, text("access_key_id"), "{id}");
            seen += 1;
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn what_is_not_a_signature_matches_nothing() {
        for signature in ["", "0", "zz", "00", &"0".repeat(63), &"0".repeat(64)] {
            assert!(!matches("testsecret", "ACS3-HMAC-SHA256\n", signature));
        }
    }
}
