//! What every call has to pass before its operation runs: who is calling, when, and with which signature.
//!
//! The order of the checks is assumed; `docs/conformance.md` lists it.

use std::time::{Duration, Instant};

use crate::acs3::{self, Authorization};
use crate::clock::Clock;
use crate::credentials::{Credential, Credentials};
use crate::errors::{self, ApiError};
use crate::http::Request;
use crate::nonces::Nonces;
use crate::operation::{self, Operation};
use crate::parameters::Parameters;
use crate::signature;

/// How far a timestamp may be from the server's time, in either direction.
const TOLERANCE: Duration = Duration::from_secs(15 * 60);

/// Parameters without which nothing can be checked, in the order in which they are missed. The last two are of
/// version 1 alone.
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

/// The checks and what they need to know.
pub(crate) struct Gateway {
    pub(crate) credentials: Credentials,
    pub(crate) clock: Clock,
    pub(crate) nonces: Nonces,
}

impl Gateway {
    /// The operation that `request` asks for, if it may.
    pub(crate) fn admit(
        &self,
        request: &Request,
        parameters: &Parameters,
    ) -> Result<&'static Operation, ApiError> {
        if request.path() != "/" {
            return Err((&errors::ACTION_NOT_FOUND).into());
        }
        if !matches!(request.method.as_str(), "GET" | "POST") {
            return Err((&errors::UNSUPPORTED_METHOD).into());
        }
        let authorization = Authorization::of(request);
        let required = if authorization.is_some() { &REQUIRED[..6] } else { &REQUIRED };
        if let Some(missing) =
            required.iter().copied().find(|name| parameters.non_empty(name).is_none())
        {
            return Err(ApiError::about(&errors::MISSING, missing));
        }
        let text = |name| parameters.non_empty(name).unwrap_or_default();

        let operation = operation::find(text("Version"), text("Action"))?;
        let access_key = text("AccessKeyId");
        let credential = self.credentials.get(access_key).ok_or(&errors::ACCESS_KEY_NOT_FOUND)?;
        check_token(credential, parameters.non_empty("SecurityToken"))?;
        match &authorization {
            Some(authorization) => check_what_is_signed(request, authorization)?,
            None => check_method(parameters)?,
        }
        self.check_timestamp(text("Timestamp"))?;
        match &authorization {
            Some(authorization) => {
                check_acs3(request, parameters, authorization, &credential.secret)?
            }
            None => check_signature(&request.method, parameters, &credential.secret)?,
        }
        // Last, so that a refused request does not use its nonce up.
        if !self.nonces.first_use(access_key, text("SignatureNonce"), Instant::now()) {
            return Err((&errors::NONCE_USED).into());
        }
        Ok(operation)
    }

    fn check_timestamp(&self, timestamp: &str) -> Result<(), ApiError> {
        // `YYYY-MM-DDThh:mm:ssZ`, to the letter: fractions of a second are not well formatted.
        let time = humantime::parse_rfc3339(timestamp).ok().filter(|_| timestamp.len() == 20);
        let time = time.ok_or(&errors::TIMESTAMP_FORMAT)?;
        let now = self.clock.now();
        let distance = now.duration_since(time).unwrap_or_else(|error| error.duration());
        if distance > TOLERANCE { Err((&errors::TIMESTAMP_EXPIRED).into()) } else { Ok(()) }
    }
}

fn check_token(credential: &Credential, sent: Option<&str>) -> Result<(), ApiError> {
    match (&credential.token, sent) {
        (None, None) => Ok(()),
        (Some(token), Some(sent)) if token.as_str() == sent => Ok(()),
        (Some(_), None) => Err((&errors::MISSING_SECURITY_TOKEN).into()),
        _ => Err((&errors::SECURITY_TOKEN_MISMATCH).into()),
    }
}

/// The ways of signing of version 1.
fn check_method(parameters: &Parameters) -> Result<(), ApiError> {
    if parameters.get("SignatureMethod") != Some("HMAC-SHA1") {
        return Err((&errors::INVALID_SIGNATURE_METHOD).into());
    }
    if parameters.get("SignatureVersion") != Some("1.0") {
        return Err(ApiError::about(&errors::INVALID, "SignatureVersion"));
    }
    // The older Python SDK sends it empty; other types are keys and tokens that this server has none of.
    if parameters.non_empty("SignatureType").is_some() {
        return Err(ApiError::about(&errors::INVALID, "SignatureType"));
    }
    Ok(())
}

/// Nothing that counts may stand outside of a signature of version 3.
fn check_what_is_signed(
    request: &Request,
    authorization: &Authorization<'_>,
) -> Result<(), ApiError> {
    let is_signed = |name: &str| {
        authorization.signed_headers.iter().any(|signed| signed.eq_ignore_ascii_case(name))
    };
    if !acs3::SIGNED.into_iter().all(is_signed) {
        return Err(ApiError::about(&errors::INVALID, "SignedHeaders"));
    }
    if request.header("x-acs-content-sha256") != Some(&*acs3::content_hash(request)) {
        return Err(ApiError::about(&errors::INVALID, "ContentSha256"));
    }
    Ok(())
}

fn check_acs3(
    request: &Request,
    parameters: &Parameters,
    authorization: &Authorization<'_>,
    secret: &str,
) -> Result<(), ApiError> {
    let string = acs3::string_to_sign(request, parameters, &authorization.signed_headers);
    if acs3::matches(secret, &string, authorization.signature) {
        Ok(())
    } else {
        Err(ApiError::about(&errors::SIGNATURE_MISMATCH, &string))
    }
}

fn check_signature(method: &str, parameters: &Parameters, secret: &str) -> Result<(), ApiError> {
    let signature = parameters.get("Signature").unwrap_or_default();
    let string = signature::string_to_sign(method, &parameters.signed());
    if signature::matches(secret, &string, signature) {
        return Ok(());
    }
    if let Some(params) = parameters.signed_with_json() {
        let string = signature::string_to_sign(method, &params);
        if signature::matches(secret, &string, signature) {
            return Ok(());
        }
    }
    Err(ApiError::about(&errors::SIGNATURE_MISMATCH, string.as_str()))
}
