//! Signature version 1 (docs/service.md, Signature version 1): base64(HMAC-SHA1(secret + `&`,
//! string to sign)).
//!
//! The string to sign is `POST&%2F&` and the canonical query, percent-encoded a second time.
//! Signing never holds it in memory: one pass over the values feeds the form body and the hash. The
//! picture in `percent.rs` shows how.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{HmacReset, KeyInit, Mac};
use sha1::Sha1;
use zeroize::{Zeroize, Zeroizing};

use crate::access_key::AccessKeyRef;
use crate::params::Params;
use crate::percent::{CHUNK, Chunk, Encoded, ONCE, SPARE, Sink, TWICE};
use crate::signed_form::SignedForm;

/// Length of a signature: base64 of the 20 bytes of SHA-1.
const SIGNATURE_LEN: usize = 28;

/// Adds the common parameters of a signed request. `nonce` must be new for each attempt;
/// `timestamp` is UTC, such as `2026-01-02T03:04:05Z`.
pub fn add_common<'a>(
    params: &mut Params<'a>,
    access_key: AccessKeyRef<'a>,
    nonce: &'a str,
    timestamp: &'a str,
) {
    params.set("AccessKeyId", access_key.id);
    params.set("SignatureMethod", "HMAC-SHA1");
    params.set("SignatureVersion", "1.0");
    params.set("SignatureNonce", nonce);
    params.set("Timestamp", timestamp);
    if let Some(token) = access_key.security_token {
        params.set("SecurityToken", token);
    }
}

/// Signs `params` for a POST and returns the form to send.
#[must_use]
pub fn sign(params: &Params<'_>, secret: &str) -> SignedForm {
    let mut body = Encoded::with_room_for(params.raw_len() + "Signature=".len() + SIGNATURE_LEN);
    let mut mac = keyed(secret);
    mac.update(b"POST&%2F&");
    let mut twice = TwiceEncoded::new(|block| mac.update(block));
    params.write_canonical(&mut BodyAndHash { body: &mut body, twice: &mut twice });
    twice.finish();
    let signature = encoded(&mut mac);
    body.append("Signature", &signature);
    SignedForm { body, signature, headers: Vec::new(), string_to_sign: None }
}

/// Returns the string to sign of `params`, which the service echoes if the signatures differ.
#[must_use]
pub fn string_to_sign(method: &str, params: &Params<'_>) -> Zeroizing<String> {
    // Room for the worst case: growing would leave copies of the key behind.
    let mut text = Zeroizing::new(String::with_capacity(method.len() + 5 * (params.raw_len() + 1)));
    text.push_str(method);
    text.push_str("&%2F&");
    let mut twice =
        TwiceEncoded::new(|block: &[u8]| text.extend(block.iter().map(|&byte| char::from(byte))));
    params.write_canonical(&mut twice);
    twice.finish();
    text
}

/// Returns the signature of a string to sign, base64.
#[must_use]
pub fn signature(string_to_sign: &str, secret: &str) -> String {
    let mut mac = keyed(secret);
    mac.update(string_to_sign.as_bytes());
    encoded(&mut mac)
}

fn keyed(secret: &str) -> HmacReset<Sha1> {
    let mut key = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
    key.extend_from_slice(secret.as_bytes());
    key.push(b'&');
    HmacReset::new_from_slice(&key)
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"))
}

/// Not by value: its buffer still holds a block of the message, and only the copy would be wiped.
fn encoded(mac: &mut HmacReset<Sha1>) -> String {
    BASE64_STANDARD.encode(mac.finalize_reset().into_bytes())
}

/// Most bytes of a chunk that is encoded twice.
const CHUNK_TWICE: usize = 5 * CHUNK + SPARE;

/// Percent-encodes a canonical query and passes it on in blocks that suit a hash.
struct TwiceEncoded<F: FnMut(&[u8])> {
    output: F,
    block: [u8; 1024],
    used: usize,
}

impl<F: FnMut(&[u8])> TwiceEncoded<F> {
    fn new(output: F) -> Self {
        Self { output, block: [0; 1024], used: 0 }
    }

    /// Passes the block on, unless it has room for `size` more bytes.
    fn make_room(&mut self, size: usize) {
        if self.used + size > self.block.len() {
            (self.output)(&self.block[..self.used]);
            self.used = 0;
        }
    }

    /// Passes on what is left. Not by value: that would move the block, and wipe only the copy.
    fn finish(&mut self) {
        (self.output)(&self.block[..self.used]);
        self.block.zeroize();
    }
}

impl<F: FnMut(&[u8])> Sink for TwiceEncoded<F> {
    fn encode(&mut self, chunk: &Chunk) {
        self.make_room(CHUNK_TWICE);
        let [written] = chunk.write([(&TWICE, &mut self.block[self.used..])]);
        self.used += written;
    }
    fn delimiter(&mut self, byte: u8) {
        self.make_room(3);
        self.block[self.used..self.used + 3].copy_from_slice(if byte == b'=' {
            b"%3D"
        } else {
            b"%26"
        });
        self.used += 3;
    }
}

/// Feeds the form body and the hash, with a single pass over each value.
struct BodyAndHash<'a, F: FnMut(&[u8])> {
    body: &'a mut Encoded,
    twice: &'a mut TwiceEncoded<F>,
}

impl<F: FnMut(&[u8])> Sink for BodyAndHash<'_, F> {
    fn encode(&mut self, chunk: &Chunk) {
        let Self { body, twice } = self;
        twice.make_room(CHUNK_TWICE);
        let [to_body, to_hash] =
            chunk.write([(&ONCE, body.rest()), (&TWICE, &mut twice.block[twice.used..])]);
        body.wrote(to_body);
        twice.used += to_hash;
    }
    fn delimiter(&mut self, byte: u8) {
        self.body.delimiter(byte);
        self.twice.delimiter(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percent::{percent_decode, percent_encode};
    use proptest::prelude::*;
    use serde_json::Value;

    /// The test vectors of one kind; the file names their sources.
    fn vectors(kind: &str) -> Vec<Value> {
        let file: Value =
            serde_json::from_str(include_str!("../../../vectors/vectors.json")).unwrap();
        file["vectors"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|vector| vector["kind"] == kind)
            .cloned()
            .collect()
    }

    fn params_of(vector: &Value) -> Params<'_> {
        let mut params = Params::new();
        for (name, value) in vector["params"].as_object().unwrap() {
            params.set(name.as_str(), value.as_str().unwrap());
        }
        params
    }

    #[test]
    fn vectors_pass_at_every_stage() {
        let vectors = vectors("rpc-v1-hmac-sha1");
        assert_eq!(vectors.len(), 7);
        for vector in &vectors {
            let id = &vector["id"];
            let params = params_of(vector);
            assert_eq!(params.canonical_query(), vector["canonical_query_string"], "{id}");
            let string_to_sign = string_to_sign(vector["http_method"].as_str().unwrap(), &params);
            assert_eq!(*string_to_sign, vector["string_to_sign"], "{id}");
            let signature =
                signature(&string_to_sign, vector["access_key_secret"].as_str().unwrap());
            assert_eq!(signature, vector["signature"], "{id}");
            assert_eq!(percent_encode(&signature), vector["signature_percent_encoded"], "{id}");
        }
    }

    #[test]
    fn a_signed_form_is_the_canonical_query_and_its_signature() {
        let mut posts = vectors("rpc-v1-hmac-sha1");
        posts.retain(|vector| vector["http_method"] == "POST");
        assert!(!posts.is_empty());
        for vector in &posts {
            let form = sign(&params_of(vector), vector["access_key_secret"].as_str().unwrap());
            let expected = format!(
                "{}&Signature={}",
                vector["canonical_query_string"].as_str().unwrap(),
                vector["signature_percent_encoded"].as_str().unwrap()
            );
            assert_eq!(std::str::from_utf8(form.as_bytes()).unwrap(), expected, "{}", vector["id"]);
        }
    }

    #[test]
    fn the_url_of_the_legacy_sdk_is_reproduced() {
        let vector = &vectors("rpc-v1-full-url")[0];
        let url = vector["url_path_and_query"].as_str().unwrap();
        let mut params = Params::new();
        for pair in url.trim_start_matches("/?").split('&') {
            let (name, value) = pair.split_once('=').unwrap();
            if name != "Signature" {
                params.set(name, percent_decode(value).unwrap_or_else(|| value.to_owned()));
            }
        }
        let string_to_sign = string_to_sign("GET", &params);
        assert_eq!(*string_to_sign, vector["string_to_sign"]);
        let signature = signature(&string_to_sign, vector["access_key_secret"].as_str().unwrap());
        assert!(url.ends_with(&format!("&Signature={}", percent_encode(&signature))), "{url}");
    }

    #[test]
    fn debug_prints_no_byte_of_the_form() {
        let mut params = Params::new();
        params.set("Key", "hidden");
        let shown = format!("{:?}", sign(&params, "secret"));
        assert!(shown.starts_with("SignedForm(") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn a_security_token_is_signed() {
        let key = AccessKeyRef { id: "id", secret: "s", security_token: Some("t+/=") };
        let mut params = Params::new();
        add_common(&mut params, key, "n", "2026-01-02T03:04:05Z");
        assert_eq!(
            params.canonical_query(),
            "AccessKeyId=id&SecurityToken=t%2B%2F%3D&SignatureMethod=HMAC-SHA1&SignatureNonce=n\
             &SignatureVersion=1.0&Timestamp=2026-01-02T03%3A04%3A05Z"
        );
    }

    proptest! {
        #[test]
        fn one_pass_and_two_steps_agree(
            pairs in proptest::collection::vec((".{0,12}", ".{0,900}"), 0..6),
            secret in ".*",
        ) {
            let mut params = Params::new();
            for (name, value) in &pairs {
                params.set(name.as_str(), value.as_str());
            }
            let canonical = params.canonical_query();
            let plain = format!("POST&%2F&{}", percent_encode(&canonical));
            prop_assert_eq!(&*string_to_sign("POST", &params), &plain);
            let form = sign(&params, &secret);
            let signature = percent_encode(&signature(&plain, &secret));
            let expected = format!("{canonical}&Signature={signature}");
            prop_assert_eq!(std::str::from_utf8(form.as_bytes()).unwrap(), expected);
        }
    }
}
