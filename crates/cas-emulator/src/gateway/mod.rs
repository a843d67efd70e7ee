//! Admission of API calls: access key, timestamp, signature, nonce and rate limit.
//!
//! `docs/conformance.md` lists the order of the checks, which is assumed. May use `operations`,
//! `sessions`, `store`, `request`, `http`, `clock` and `hex`.

mod access_keys;
mod acs3;
mod hmac_sha1;
mod mismatch;
mod nonces;
mod signing_key;
mod throttle;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

pub(crate) use access_keys::AccessKeys;
pub use mismatch::SignatureMismatch;

use nonces::Nonces;
use signing_key::SigningKey;
use throttle::Throttle;

pub(crate) use throttle::RateLimit;

use crate::clock::Clock;
use crate::operations::errors::{self, ApiError};
use crate::operations::sts;
use crate::operations::table::{self, Operation};
use crate::request::{ApiCall, Authorization, Mask, Parameters};
use crate::sessions::Caller;
use crate::store::Account;

/// The largest difference between a timestamp and the server's time, in either direction.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(15 * 60);

/// The most bytes of the string to sign that a response contains.
const MAX_ECHO: usize = 1024 * 1024;

/// The parameters that every call needs, in the order in which they are checked. Signature version
/// 1 requires all of them, an ACS3 signature all but the last two.
const REQUIRED: [&str; 8] = [
    "Action",
    "Version",
    "AccessKeyId",
    "Signature",
    "SignatureNonce",
    "Timestamp",
    "SignatureMethod",
    "SignatureVersion",
];

/// Admits or rejects calls.
pub(crate) struct Gateway {
    access_keys: AccessKeys,
    clock: Clock,
    nonces: Nonces,
    throttle: Throttle,
}

impl Gateway {
    pub(crate) fn new(access_keys: AccessKeys, clock: Clock, rate: RateLimit) -> Self {
        let (nonces, throttle) = (Nonces::default(), Throttle::new(rate));
        Self { access_keys, clock, nonces, throttle }
    }

    /// Checks `call` and returns the operation that it names, and who signed it.
    pub(crate) fn admit(
        &self,
        call: &ApiCall<'_>,
    ) -> Result<(&'static Operation, Caller<'_>), ApiError> {
        if call.http.path() != "/" {
            return Err((&errors::ACTION_NOT_FOUND).into());
        }
        if !matches!(call.http.method.as_str(), "GET" | "POST") {
            return Err((&errors::UNSUPPORTED_METHOD).into());
        }
        let parameters = &call.parameters;
        let value = |name| parameters.non_empty(name).unwrap_or_default();
        // Before anything that a signed call needs: one of them is not signed.
        table::check_emulated(value("Version"), value("Action"))?;
        let found = table::find(value("Version"), value("Action")).ok();
        if let Some(operation) = found.filter(|operation| operation.is_unsigned()) {
            return self.admit_unsigned(call, operation);
        }
        let required = if call.authorization.is_some() { &REQUIRED[..6] } else { &REQUIRED };
        let missing = required.iter().find(|name| parameters.non_empty(name).is_none());
        if let Some(name) = missing {
            return Err(ApiError::new(&errors::MISSING, *name));
        }
        let operation = table::find(value("Version"), value("Action"))?;
        let access_key_id = value("AccessKeyId");
        let (token, time) = (parameters.non_empty("SecurityToken"), self.clock.now());
        let signing_key = signing_key::find(&self.access_keys, access_key_id, token, time)?;
        match &call.authorization {
            Some(authorization) => check_signed_headers(call, authorization)?,
            None => check_signature_method(parameters)?,
        }
        self.check_timestamp(value("Timestamp"))?;
        match &call.authorization {
            Some(authorization) => check_acs3(call, authorization, &signing_key.secret)?,
            None => check_hmac_sha1(call, &signing_key.secret)?,
        }
        // After the signature, so that a rejected call does not use up its nonce.
        let now = Instant::now();
        if !self.nonces.use_once(access_key_id, value("SignatureNonce"), now) {
            return Err((&errors::NONCE_USED).into());
        }
        let SigningKey { base, role, .. } = signing_key;
        self.throttle.admit(base.account, operation, now)?;
        Ok((operation, Caller { base, role, time }))
    }

    /// Checks a call that needs no signature. Its account is that of the role, if that has a key.
    fn admit_unsigned(
        &self,
        call: &ApiCall<'_>,
        operation: &'static Operation,
    ) -> Result<(&'static Operation, Caller<'_>), ApiError> {
        let timestamp = call.parameters.non_empty("Timestamp");
        let timestamp = timestamp.ok_or_else(|| ApiError::new(&errors::MISSING, "Timestamp"))?;
        self.check_timestamp(timestamp)?;
        let arn = call.parameters.get("RoleArn").and_then(sts::split_arn);
        let account = arn.and_then(|(account, _)| Account::parse(account));
        let base = signing_key::for_account(&self.access_keys, account);
        let base = base.ok_or(&errors::ACCESS_KEY_NOT_FOUND)?;
        self.throttle.admit(base.account, operation, Instant::now())?;
        Ok((operation, Caller { base, role: None, time: self.clock.now() }))
    }

    /// The accounts that have an access key, each once.
    pub(crate) fn accounts(&self) -> BTreeSet<Account> {
        self.access_keys.accounts()
    }

    /// IDs and secrets of the access keys, in the order of the IDs.
    pub(crate) fn secrets(&self) -> Vec<(String, Zeroizing<String>)> {
        self.access_keys.secrets()
    }

    /// Explains why the signature of `call` does not match; `None` if it is not known which access
    /// key signed it.
    pub(crate) fn explain(&self, call: &ApiCall<'_>, mask: &Mask) -> Option<SignatureMismatch> {
        let id = call.parameters.get("AccessKeyId")?;
        let token = call.parameters.non_empty("SecurityToken");
        let signing_key = signing_key::find(&self.access_keys, id, token, self.clock.now()).ok()?;
        Some(match &call.authorization {
            Some(authorization) => {
                let query = call.parameters.acs3_query(mask);
                let signed = &authorization.signed_headers;
                let expected = acs3::canonical_request(call, signed, &query, mask).to_string();
                SignatureMismatch { expected, signed: None, mistakes: Vec::new() }
            }
            None => mismatch::explain(call, &signing_key.secret, mask),
        })
    }

    /// Forgets nonces and the calls of the last second.
    pub(crate) fn reset(&self) {
        self.nonces.clear();
        self.throttle.clear();
    }

    fn check_timestamp(&self, timestamp: &str) -> Result<(), ApiError> {
        // Exactly `YYYY-MM-DDThh:mm:ssZ`: fractions of a second are not allowed.
        let time = humantime::parse_rfc3339(timestamp).ok().filter(|_| timestamp.len() == 20);
        let time = time.ok_or(&errors::TIMESTAMP_FORMAT)?;
        let now = self.clock.now();
        let skew = now.duration_since(time).unwrap_or_else(|error| error.duration());
        if skew > MAX_CLOCK_SKEW { Err((&errors::TIMESTAMP_EXPIRED).into()) } else { Ok(()) }
    }
}

/// Checks the parameters that select a method within signature version 1.
fn check_signature_method(parameters: &Parameters) -> Result<(), ApiError> {
    if parameters.get("SignatureMethod") != Some("HMAC-SHA1") {
        return Err((&errors::INVALID_SIGNATURE_METHOD).into());
    }
    if parameters.get("SignatureVersion") != Some("1.0") {
        return Err(ApiError::new(&errors::INVALID, "SignatureVersion"));
    }
    // The older Python SDK sends it empty. Other types sign with RSA keys or bearer tokens.
    if parameters.non_empty("SignatureType").is_some() {
        return Err(ApiError::new(&errors::INVALID, "SignatureType"));
    }
    Ok(())
}

/// Checks that an ACS3 signature covers the required headers and the body.
fn check_signed_headers(
    call: &ApiCall<'_>,
    authorization: &Authorization<'_>,
) -> Result<(), ApiError> {
    let signed = &authorization.signed_headers;
    let is_signed = |name: &str| signed.iter().any(|header| header.eq_ignore_ascii_case(name));
    if !acs3::REQUIRED_HEADERS.into_iter().all(is_signed) {
        return Err(ApiError::new(&errors::INVALID, "SignedHeaders"));
    }
    if call.http.header("x-acs-content-sha256") != Some(&*acs3::content_sha256(call.http)) {
        return Err(ApiError::new(&errors::INVALID, "ContentSha256"));
    }
    Ok(())
}

/// The error with the server's string to sign: of a very long one, the beginning, because it is
/// copied several times until the client has it.
fn signature_mismatch(string_to_sign: &str) -> ApiError {
    let most = string_to_sign.len().min(MAX_ECHO);
    let end = (0..=most).rev().find(|&end| string_to_sign.is_char_boundary(end));
    let echoed = &string_to_sign[..end.unwrap_or_default()];
    ApiError::new(&errors::SIGNATURE_MISMATCH, echoed)
}

fn check_acs3(
    call: &ApiCall<'_>,
    authorization: &Authorization<'_>,
    secret: &str,
) -> Result<(), ApiError> {
    let string_to_sign = acs3::string_to_sign(call, &authorization.signed_headers);
    if acs3::verify(secret, &string_to_sign, authorization.signature) {
        Ok(())
    } else {
        Err(signature_mismatch(&string_to_sign))
    }
}

fn check_hmac_sha1(call: &ApiCall<'_>, secret: &str) -> Result<(), ApiError> {
    let (method, parameters) = (&call.http.method, &call.parameters);
    let signature = parameters.get("Signature").unwrap_or_default();
    let string_to_sign = hmac_sha1::string_to_sign(method, &parameters.canonical_query());
    if hmac_sha1::verify(secret, &string_to_sign, signature) {
        return Ok(());
    }
    if let Some(query) = parameters.canonical_query_with_json() {
        let string_to_sign = hmac_sha1::string_to_sign(method, &query);
        if hmac_sha1::verify(secret, &string_to_sign, signature) {
            return Ok(());
        }
    }
    Err(signature_mismatch(&string_to_sign))
}
