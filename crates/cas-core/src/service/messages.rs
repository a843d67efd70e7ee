//! Sentences about failed calls: what happened, for which operation and endpoint, and what to do.
//!
//! Every message of this folder for people is made here. Nothing that a server sent is shown before
//! it is redacted.

use std::fmt::Display;
use std::time::Duration;

use cas_sign::{Params, SignedForm, hmac_sha1};

use crate::base::error::{Error, ErrorKind};
use crate::http::endpoint;
use crate::http::endpoint::Endpoint;
use crate::http::failure::{SendProgress, TransportError};
use crate::http::response::HttpResponse;
use crate::protocol::access_key::{AccessKey, display_id};
use crate::protocol::error_codes::ErrorClass;
use crate::protocol::failure_class::{Correction, FailureClass};
use crate::protocol::reading::ApiResponse;
use crate::protocol::redact::Secrets;
use crate::protocol::{error_codes, reading};
use crate::service::failure::CallError;
use crate::service::provider::{CredentialsError, Provider};
use crate::service::types::{Operation, Response};

/// Hint for a call that was cancelled.
pub(crate) const AGAIN: &str = "Make the same call again if you still need its result.";

const CHECK_ENDPOINT: &str = "Check that the endpoint belongs to Alibaba Cloud and that no proxy \
                              responds in its place.";

/// One request, and what messages about its response need.
pub(crate) struct CallContext<'a> {
    pub(crate) operation: &'a Operation<'a>,
    pub(crate) subject: &'a str,
    pub(crate) endpoint: &'a str,
    /// Everything that was signed.
    pub(crate) params: &'a Params<'a>,
    pub(crate) access_key: Option<&'a AccessKey>,
    /// Where the access key comes from.
    pub(crate) credentials: Option<&'a dyn Provider>,
    pub(crate) form: &'a SignedForm,
}

impl CallContext<'_> {
    /// Reads a response; a failure has its class and the error for the caller.
    pub(crate) fn read(&self, response: &HttpResponse) -> Result<Response, (FailureClass, Error)> {
        match response.read() {
            ApiResponse::Success(fields) => Ok(Response {
                request_id: self.safe_id(reading::request_id(response, &fields)),
                fields,
                http_status: response.status,
            }),
            ApiResponse::Refusal { code, message, request_id } => {
                let request_id = self.safe_id(request_id);
                let meaning = error_codes::classify(&code, &message, response.status);
                let error = self.refused(&meaning, &code, &message);
                Err((meaning.class, error.with_response(response.status, request_id)))
            }
            ApiResponse::Unrecognized { content, rejected_in_transit } => {
                let class = FailureClass::of_unrecognized(rejected_in_transit, response.status);
                Err((class, self.unrecognized(class, &content, response)))
            }
        }
    }

    fn refused(&self, meaning: &ErrorClass, code: &str, message: &str) -> Error {
        let Self { operation: Operation { action, ram, .. }, endpoint, subject, .. } = self;
        let shown = self.secrets().redact(code);
        let sentence = match meaning.kind {
            ErrorKind::NameTaken => {
                format!("{endpoint} already has a certificate named {subject} ({shown}).")
            }
            ErrorKind::NotFound => {
                format!("{endpoint} has no certificate with {subject} ({shown}).")
            }
            ErrorKind::Permission => format!(
                "{endpoint} refused {action} for {subject}: the access key does not have the RAM \
                 permission {ram}:{action} ({shown})."
            ),
            ErrorKind::Throttled => {
                format!("{endpoint} throttled {action} for {subject} ({shown}).")
            }
            _ => format!("{endpoint} refused {action} for {subject}: {shown}."),
        };
        let message_shown = (!message.is_empty()).then(|| self.secrets().redact(message));
        let error = Error::new(meaning.kind, sentence)
            .with_retryable(meaning.retryable())
            .with_service(shown, message_shown);
        let hint = match (meaning.kind, code) {
            (ErrorKind::Permission, _) => {
                format!("Grant {ram}:{action} to the RAM user or role of this access key.")
            }
            (_, "SignatureDoesNotMatch") => self.explain_mismatch(message).to_owned(),
            (_, code) if code.starts_with("InvalidAccessKeyId") => {
                let id = self.access_key.map_or("", AccessKey::id);
                format!("{} The access key ID is {}.", meaning.hint, display_id(id))
            }
            _ => meaning.hint.to_owned(),
        };
        let is_about_key = meaning.class == FailureClass::Correctable(Correction::AccessKey)
            || code == "SignatureDoesNotMatch";
        let hint = match self.credentials {
            Some(provider) if is_about_key => {
                format!("{hint} The access key comes from {}.", provider.origin())
            }
            _ => hint,
        };
        if hint.is_empty() { error } else { error.with_hint(hint) }
    }

    /// The gateway echoes its string to sign. If it equals ours, only the secret can be wrong.
    fn explain_mismatch(&self, message: &str) -> &'static str {
        let is_ours = |theirs: &str| match self.form.string_to_sign() {
            Some(ours) => theirs == ours,
            None => theirs == hmac_sha1::string_to_sign("POST", self.params).as_str(),
        };
        match message.split_once("string to sign is:") {
            Some((_, theirs)) if is_ours(theirs.trim()) => {
                "The access key secret is wrong: the request arrived unchanged."
            }
            Some(_) => {
                "The request was changed in transit. Check for a proxy or gateway that rewrites \
                 requests."
            }
            None => "Check the access key secret.",
        }
    }

    fn unrecognized(&self, class: FailureClass, content: &str, response: &HttpResponse) -> Error {
        let Self { operation: Operation { action, .. }, endpoint, subject, .. } = self;
        let content = self.secrets().redact(content);
        let error = if matches!(class, FailureClass::Throttled(_)) {
            let sentence =
                format!("{endpoint}, or a proxy, throttled {action} for {subject}: {content}.");
            Error::new(ErrorKind::Throttled, sentence).with_retryable(true).with_hint(
                "Make fewer calls per second. Check which limit the proxies on the way have.",
            )
        } else {
            let sentence =
                format!("Invalid response from {endpoint} to {action} for {subject}: {content}.");
            Error::new(ErrorKind::Protocol, sentence)
                .with_hint(CHECK_ENDPOINT)
                .with_retryable(response.status >= 500 || response.status == 408)
        };
        error.with_response(response.status, self.safe_id(response.request_id()))
    }

    /// Describes an attempt that got no whole response.
    pub(crate) fn no_response(&self, failure: TransportError) -> CallError {
        let Self { operation: Operation { action, .. }, subject, .. } = self;
        let class = FailureClass::of_transport(&failure);
        let cause = failure.message;
        let sent = format!("{action} for {subject} was sent, but {cause}.");
        let (kind, sentence, hint) = match failure.progress {
            SendProgress::NotSent if failure.deadline_passed && !failure.permanent => (
                ErrorKind::Timeout,
                format!("{action} for {subject} timed out before it was sent: {cause}."),
                "Nothing was sent. Check the network, or set a longer timeout.".to_owned(),
            ),
            SendProgress::NotSent => (
                ErrorKind::Network,
                format!("{action} for {subject} was not sent: {cause}."),
                failure.hint.unwrap_or_else(|| "Check the network.".to_owned()),
            ),
            // The service may still be working on it.
            SendProgress::Sent if failure.deadline_passed => (
                ErrorKind::OutcomeUnknown,
                sent,
                "Set a longer timeout, or call again: libcas then finds what is stored.".to_owned(),
            ),
            SendProgress::Sent => (
                ErrorKind::Network,
                sent,
                "Check the network and the proxy, and call again.".to_owned(),
            ),
            SendProgress::ResponseStarted => (
                ErrorKind::Protocol,
                sent,
                "Check that the endpoint belongs to Alibaba Cloud and that no proxy truncates its \
                 responses."
                    .to_owned(),
            ),
        };
        let mut error =
            Error::new(kind, sentence).with_hint(hint).with_retryable(!failure.permanent);
        if let Some(exhaustion) = failure.exhaustion {
            error = error.with_exhaustion(exhaustion);
        }
        if let Some(status) = failure.http_status {
            let request_id = self.safe_id(failure.request_id);
            error = error.with_response(status, request_id);
        }
        CallError::new(class, error)
    }

    /// A RequestId, unless the server put something there that must not be shown.
    fn safe_id(&self, id: Option<String>) -> Option<String> {
        // The service sends upper-case UUIDs; anything else is checked.
        let is_uuid = |id: &str| {
            id.len() == 36 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F' | b'-'))
        };
        id.filter(|id| is_uuid(id) || self.secrets().redact(id) == *id)
    }

    fn secrets(&self) -> Secrets<'_> {
        let mut others = vec![self.form.signature()];
        others.extend(self.access_key.map(AccessKey::secret));
        others.extend(self.access_key.and_then(AccessKey::security_token));
        others.extend(self.params.get("OIDCToken").map(str::trim));
        let keys = ["Key", "SignPrivateKey", "EncryptPrivateKey"];
        let private_keys = keys.iter().filter_map(|name| self.params.get(name)).collect();
        Secrets { private_keys, others }
    }
}

/// No credential source has an access key.
pub(crate) fn no_access_key(cause: CredentialsError) -> CallError {
    let hint = cause.hint.unwrap_or_else(|| {
        "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, configure another \
         credential source of docs/credentials.md, or set the client's access key."
            .to_owned()
    });
    let sentence = format!("Failed to obtain an access key: {}.", cause.reason);
    let error = Error::new(ErrorKind::Credentials, sentence)
        .with_hint(hint)
        .with_retryable(cause.retryable);
    let failure = CallError::from(error);
    if cause.retryable { CallError { class: FailureClass::NotSent, ..failure } } else { failure }
}

/// Certificate names are public, so this name would reveal the access key secret.
pub(crate) fn secret_in_name() -> Error {
    let sentence = "The certificate name contains the access key secret.";
    Error::new(ErrorKind::InvalidArgument, sentence).with_hint(
        "Choose another name: names are public. If the name was ever used, replace the access key.",
    )
}

/// Another thread cancelled the call.
pub(crate) fn cancelled(action: &str, subject: &str) -> Error {
    let sentence = format!("{action} for {subject} was cancelled.");
    Error::new(ErrorKind::Cancelled, sentence).with_hint(AGAIN)
}

/// A deletion that failed after an attempt that may have been applied; `last` is its last error.
pub(crate) fn deletion_unknown(subject: &str, last: &Error) -> Error {
    let happened = last.message();
    let sentence = format!("Failed to find out whether {subject} is deleted. {happened}");
    Error::new(ErrorKind::OutcomeUnknown, sentence)
        .with_service_details_of(last)
        .with_attempts(last.attempts())
        .with_hint("Delete it again: an error that says that it does not exist is a success then.")
}

/// A success without the fields that the operation returns.
#[cold]
pub(crate) fn incomplete(
    endpoint: &str,
    action: &str,
    subject: &str,
    cause: &serde_json::Error,
    response: Response<()>,
) -> CallError {
    let sentence =
        format!("Incomplete response from {endpoint} to {action} for {subject}: {cause}.");
    let error = Error::new(ErrorKind::Protocol, sentence)
        .with_hint(CHECK_ENDPOINT)
        .with_response(response.http_status, response.request_id);
    CallError::new(FailureClass::OutcomeUnknown, error)
}

/// Why what was read of the list of certificates proves nothing.
#[derive(Clone, Copy)]
pub(crate) enum ListFailure {
    /// It changed whenever it was read, so that an entry may have been missed each time.
    Unstable,
    /// It has a name that was looked up, without the ID of its certificate.
    Unreadable,
    /// The deadline passed while another thread read it.
    Late,
}

#[cold]
pub(crate) fn unusable_list(endpoint: &str, failure: ListFailure) -> CallError {
    let (class, kind, what, hint) = match failure {
        ListFailure::Unstable => (
            FailureClass::OutcomeUnknown,
            ErrorKind::Protocol,
            "changed each time that it was read",
            "Make the same call again when fewer certificates are deleted.",
        ),
        ListFailure::Unreadable => (
            FailureClass::OutcomeUnknown,
            ErrorKind::Protocol,
            "is incomplete: missing certificate ID",
            CHECK_ENDPOINT,
        ),
        ListFailure::Late => (
            FailureClass::NotSent,
            ErrorKind::Timeout,
            "was not read in time",
            "Set a longer timeout.",
        ),
    };
    let error = Error::new(kind, format!("The list of certificates of {endpoint} {what}."))
        .with_hint(hint)
        .with_retryable(!matches!(failure, ListFailure::Unreadable));
    CallError::new(class, error)
}

/// A list of deployment that changed whenever it was read.
#[cold]
pub(crate) fn unusable_entries(endpoint: &str, what: &str) -> CallError {
    let sentence = format!("The list of {what} of {endpoint} changed each time that it was read.");
    let error = Error::new(ErrorKind::Protocol, sentence)
        .with_hint("Make the same call again.")
        .with_retryable(true);
    CallError::new(FailureClass::OutcomeUnknown, error)
}

/// The service no longer has the version of the API, so another one is used from now on.
pub(crate) fn version_changed(error: &Error, version: &dyn Display) -> String {
    format!("{error} libcas uses API version {version} from now on.")
}

/// Adds how to go on after the service no longer has the version that was used.
pub(crate) fn with_next_version(error: Error) -> Error {
    error.with_retryable(true).with_hint("Call again: libcas then uses the next API version.")
}

/// A failed attempt that is repeated after `delay`.
pub(crate) fn retrying(error: &Error, delay: Duration) -> String {
    format!("{error} Retry in {} ms.", delay.as_millis())
}

/// A request of `size` bytes that is about to be sent.
pub(crate) fn sending(action: &str, subject: &str, endpoint: &str, size: usize) -> String {
    format!("Sending {action} for {subject} to {endpoint}: {size} bytes.")
}

/// A response that arrived `elapsed` after its request was sent.
pub(crate) fn received(
    action: &str,
    subject: &str,
    response: &HttpResponse,
    elapsed: Duration,
) -> String {
    let (status, size, ms) = (response.status, response.body.len(), elapsed.as_millis());
    format!("Received HTTP {status} to {action} for {subject}: {size} bytes, {ms} ms.")
}

/// The stored certificate could not be fetched to compare it.
pub(crate) fn relying_on_list(error: &Error) -> String {
    format!("{error} libcas relies on the list alone.")
}

/// The endpoint is not part of a valid URL.
pub(crate) fn invalid_endpoint(endpoint: &Endpoint) -> Error {
    let message = format!("Invalid endpoint {endpoint}: not a valid URL.");
    Error::new(ErrorKind::InvalidArgument, message).with_hint(endpoint::FORMS)
}

/// A header of the request is invalid.
pub(crate) fn invalid_header() -> TransportError {
    TransportError::not_sent("a request header is invalid").permanent()
}

#[cfg(test)]
mod tests;
