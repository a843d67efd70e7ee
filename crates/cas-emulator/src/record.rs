//! The last requests, with everything secret replaced by its SHA-256.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::acs3::Authorization;
use crate::certificate::lower_hex;
use crate::http::Request;
use crate::parameters::{Parameters, Place};

/// How many requests are kept.
const KEPT: usize = 1_000;
/// Longer values are kept as their hash only, so that a thousand requests stay small.
const LONGEST_VALUE: usize = 64 * 1024;
/// Longer names, or names of other characters, are no parameter names but values gone astray.
const LONGEST_NAME: usize = 64;
/// Headers that say what a client is.
const HEADERS: [&str; 4] = ["content-type", "user-agent", "x-acs-action", "x-acs-version"];

/// One request to the API, good or bad. Requests to the control interface are not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// When it was answered, by the server's clock.
    pub time: SystemTime,
    /// HTTP method.
    pub method: String,
    /// The operation asked for, if one was named.
    pub action: Option<String>,
    /// The version asked for, if one was named.
    pub version: Option<String>,
    /// The kind of signature the request carried, valid or not.
    pub signature: Option<SignatureKind>,
    /// Parameters by name. A name that cannot be one is replaced by `sha256:` and its hash.
    pub parameters: BTreeMap<String, RecordedParameter>,
    /// HTTP status of the answer; `None` where a fault let none out.
    pub status: Option<u16>,
    /// Error code that the call ended with, sent or not; `None` on success.
    pub code: Option<String>,
    /// The kind of the fault that took it.
    pub fault: Option<&'static str>,
    /// `RequestId` of the answer.
    pub request_id: String,
    /// Number of the TCP connection it came on, counted from 1 since the server started.
    pub connection: u64,
    /// Length of the request target in bytes.
    pub target_length: usize,
    /// Length of the body in bytes, without transfer coding.
    pub body_length: usize,
    /// `content-type`, `user-agent`, `x-acs-action` and `x-acs-version`, where sent.
    pub headers: BTreeMap<String, String>,
}

/// How a request was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureKind {
    /// RPC signature version 1, in the parameter `Signature`.
    HmacSha1,
    /// Version 3, in the header `Authorization`.
    Acs3,
}

impl SignatureKind {
    /// `hmac-sha1` or `acs3`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::Acs3 => "acs3",
        }
    }
}

/// A parameter and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedParameter {
    /// The places it was sent in: query, form, JSON.
    pub places: Vec<Place>,
    /// Its value; where places disagree, the one that counts (the body's).
    pub value: RecordedValue,
}

/// A value, or what stands for a secret one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedValue {
    /// The value itself.
    Plain(String),
    /// SHA-256 of the value, lower-case hexadecimal: keys, secrets, tokens, signatures, and values over 64 KiB.
    Sha256(String),
}

/// What a call ended with.
pub(crate) struct Outcome<'a> {
    pub(crate) time: SystemTime,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) fault: Option<&'static str>,
    pub(crate) request_id: &'a str,
    pub(crate) connection: u64,
}

/// The last requests, oldest first.
#[derive(Default)]
pub(crate) struct Records {
    kept: Mutex<VecDeque<RecordedRequest>>,
}

impl Records {
    pub(crate) fn add(&self, request: &Request, parameters: &Parameters, outcome: Outcome<'_>) {
        let record = record(request, parameters, outcome);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(record);
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn record(request: &Request, parameters: &Parameters, outcome: Outcome<'_>) -> RecordedRequest {
    let safe = |name: &'static str| match recorded_value(name, parameters.get(name)?) {
        RecordedValue::Plain(value) => Some(value),
        RecordedValue::Sha256(_) => None,
    };
    let parameter = |(name, merged): (&str, crate::parameters::Merged<'_>)| {
        let value = recorded_value(name, merged.value);
        (recorded_name(name), RecordedParameter { places: merged.places, value })
    };
    let header = |name: &'static str| Some((name.to_owned(), request.header(name)?.to_owned()));
    RecordedRequest {
        time: outcome.time,
        method: request.method.clone(),
        action: safe("Action"),
        version: safe("Version"),
        signature: match Authorization::of(request) {
            Some(_) => Some(SignatureKind::Acs3),
            None => parameters.get("Signature").map(|_| SignatureKind::HmacSha1),
        },
        parameters: parameters.merged().into_iter().map(parameter).collect(),
        status: outcome.status,
        code: outcome.code,
        fault: outcome.fault,
        request_id: outcome.request_id.to_owned(),
        connection: outcome.connection,
        target_length: request.target.len(),
        body_length: request.body.len(),
        headers: HEADERS.into_iter().filter_map(header).collect(),
    }
}

fn recorded_value(name: &str, value: &str) -> RecordedValue {
    let name = name.to_ascii_lowercase();
    let secret = ["key", "signature"].contains(&name.as_str())
        || ["secret", "token", "password", "privatekey"].iter().any(|part| name.contains(part))
        // Whatever it is called.
        || value.contains("PRIVATE KEY");
    if secret || value.len() > LONGEST_VALUE {
        RecordedValue::Sha256(sha256(value))
    } else {
        RecordedValue::Plain(value.to_owned())
    }
}

fn recorded_name(name: &str) -> String {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if name.len() <= LONGEST_NAME && name.bytes().all(usual) {
        name.to_owned()
    } else {
        format!("sha256:{}", sha256(name))
    }
}

fn sha256(text: &str) -> String {
    lower_hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hashed_whatever_they_are_called() {
        let hashed = |name, value| matches!(recorded_value(name, value), RecordedValue::Sha256(_));
        for name in
            ["Key", "key", "Signature", "SecurityToken", "AccessKeySecret", "SignPrivateKey"]
        {
            assert!(hashed(name, "v"), "{name}");
        }
        for name in ["Cert", "Name", "AccessKeyId", "Tags.1.Key", "SignatureNonce"] {
            assert!(!hashed(name, "v"), "{name}");
            assert!(hashed(name, "-----BEGIN RSA PRIVATE KEY-----"), "{name}");
        }
        assert!(hashed("Name", &"n".repeat(LONGEST_VALUE + 1)));
        assert_eq!(recorded_name("Tags.1.Key"), "Tags.1.Key");
        assert!(recorded_name("MIIE+/==").starts_with("sha256:"));
    }
}
