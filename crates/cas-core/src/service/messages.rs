//! Failed calls in sentences: what happened, and what to do.

use crate::base::error::{Error, ErrorKind};
use crate::http::failure::{SendProgress, TransportError};
use crate::http::response::HttpResponse;
use crate::protocol::access_key::{AccessKey, shown_id};
use crate::protocol::failure_class::{Correction, FailureClass};
use crate::protocol::params::Params;
use crate::protocol::reading::ApiResponse;
use crate::protocol::redact::Secrets;
use crate::protocol::signed_form::SignedForm;
use crate::protocol::{error_codes, hmac_sha1, reading};
use crate::service::failure::CallError;
use crate::service::provider::{CredentialsError, Provider};
use crate::service::types::{Answer, Operation};

/// One request and all that is needed to speak about its answer.
pub(crate) struct CallContext<'a> {
    pub(crate) operation: &'a Operation<'a>,
    pub(crate) subject: &'a str,
    pub(crate) endpoint: &'a str,
    pub(crate) params: &'a Params<'a>,
    pub(crate) access_key: Option<&'a AccessKey>,
    /// Where the access key comes from.
    pub(crate) credentials: Option<&'a dyn Provider>,
    pub(crate) form: &'a SignedForm,
}

impl CallContext<'_> {
    pub(crate) fn judge(&self, answer: &HttpResponse) -> Result<Answer, (FailureClass, Error)> {
        match answer.read() {
            ApiResponse::Success(fields) => Ok(Answer {
                request_id: self.shown_id(reading::request_id(answer, Some(&fields))),
                fields,
                http_status: answer.status,
            }),
            ApiResponse::Refusal { code, message, request_id } => {
                let request_id = self.shown_id(request_id);
                let (class, refusal) = self.refused(&code, &message, answer.status);
                Err((class, refusal.with_response(answer.status, request_id)))
            }
            ApiResponse::Unrecognized { instead, rejected_on_the_way } => {
                let class = match (rejected_on_the_way, answer.status) {
                    (true, 429) => FailureClass::Throttled(None),
                    (true, _) => FailureClass::Refused,
                    (false, _) => FailureClass::OutcomeUnknown,
                };
                Err((class, self.not_understood(&instead, answer)))
            }
        }
    }

    fn refused(&self, code: &str, message: &str, http_status: u16) -> (FailureClass, Error) {
        let Self { operation: Operation { action, ram, .. }, endpoint, subject, .. } = self;
        let meaning = error_codes::classify(code, message, http_status);
        let shown_code = self.secrets().redact(code);
        let sentence = match meaning.kind {
            ErrorKind::NameTaken => {
                format!("{endpoint} already has a certificate named {subject} ({shown_code}).")
            }
            ErrorKind::NotFound => {
                format!("{endpoint} has no certificate with {subject} ({shown_code}).")
            }
            ErrorKind::Permission => {
                format!(
                    "{endpoint} refused {action} of {subject}: the access key lacks the RAM action {ram}:{action} ({shown_code})."
                )
            }
            ErrorKind::Throttled => {
                format!(
                    "{endpoint} refuses {action} of {subject} because of too many calls ({shown_code})."
                )
            }
            _ => format!("{endpoint} refused {action} of {subject}: {shown_code}."),
        };
        let mut error =
            Error::new(meaning.kind, sentence).with_retryable(meaning.retryable()).with_service(
                shown_code,
                (!message.is_empty()).then(|| self.secrets().redact(message)),
            );
        let hint = match (meaning.kind, code) {
            (ErrorKind::Permission, _) => {
                format!("Grant {ram}:{action} to the RAM user or role of this access key.")
            }
            (_, "SignatureDoesNotMatch") => self.why_signatures_differ(message).to_owned(),
            (_, code) if code.starts_with("InvalidAccessKeyId") => {
                let id = self.access_key.map_or("", AccessKey::id);
                format!("{} The id was {}.", meaning.hint, shown_id(id))
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
        if !hint.is_empty() {
            error = error.with_hint(hint);
        }
        (meaning.class, error)
    }

    /// The gateway echoes its string-to-sign. Where it is ours, only the secret can be wrong.
    fn why_signatures_differ(&self, message: &str) -> &'static str {
        let is_ours = |theirs: &str| match self.form.string_to_sign() {
            Some(ours) => theirs == ours,
            None => theirs == hmac_sha1::string_to_sign("POST", self.params).as_str(),
        };
        match message.split_once("string to sign is:") {
            Some((_, theirs)) if is_ours(theirs.trim()) => {
                "The access key secret is wrong: the request arrived as it was sent."
            }
            Some(_) => {
                "The request was changed on its way: look for a proxy or gateway that rewrites requests."
            }
            None => "Check the access key secret.",
        }
    }

    fn not_understood(&self, instead: &str, answer: &HttpResponse) -> Error {
        let Self { operation: Operation { action, .. }, endpoint, subject, .. } = self;
        let instead = self.secrets().redact(instead);
        Error::new(
            ErrorKind::Protocol,
            format!("{endpoint} gave no API answer to {action} of {subject}, but {instead}."),
        )
        .with_hint("Check that the endpoint is Alibaba Cloud's and no proxy answers in its place.")
        .with_response(answer.status, self.shown_id(answer.request_id()))
        .with_retryable(answer.status >= 500 || matches!(answer.status, 408 | 429))
    }

    pub(crate) fn no_answer(&self, failure: TransportError) -> CallError {
        let Self { operation: Operation { action, .. }, subject, .. } = self;
        let what = failure.what;
        let sent = format!("{action} of {subject} was sent, but {what}.");
        let (kind, sentence, hint) = match failure.progress {
            SendProgress::NotSent if failure.deadline_passed => (
                ErrorKind::Timeout,
                format!("{action} of {subject} ran out of time: {what}."),
                "Nothing was sent. Check the network, or allow more time.".to_owned(),
            ),
            SendProgress::NotSent => (
                ErrorKind::Network,
                format!("{action} of {subject} was not sent: {what}."),
                failure.hint.unwrap_or_else(|| "Check the network.".to_owned()),
            ),
            // Whatever is slow may still be at work.
            SendProgress::Sent if failure.deadline_passed => (
                ErrorKind::OutcomeUnknown,
                sent,
                "Allow more time, or call again: what is stored is found then.".to_owned(),
            ),
            SendProgress::Sent => (
                ErrorKind::Network,
                sent,
                "Check the network and proxies, and call again.".to_owned(),
            ),
            SendProgress::ResponseStarted => (
                ErrorKind::Protocol,
                sent,
                "Check that the endpoint is Alibaba Cloud's and no proxy cuts its answers."
                    .to_owned(),
            ),
        };
        let class = match failure.progress {
            SendProgress::NotSent if failure.permanent => FailureClass::Permanent,
            SendProgress::NotSent => FailureClass::NotSent,
            SendProgress::Sent | SendProgress::ResponseStarted => FailureClass::OutcomeUnknown,
        };
        let mut error =
            Error::new(kind, sentence).with_hint(hint).with_retryable(!failure.permanent);
        if let Some(status) = failure.http_status {
            let request_id = self.shown_id(failure.request_id);
            error = error.with_response(status, request_id);
        }
        CallError::new(class, error)
    }

    /// A request id, unless a server put something there that must not be shown.
    fn shown_id(&self, id: Option<String>) -> Option<String> {
        // The service's own are UUIDs; anything else is looked at.
        let uuid = |id: &str| {
            id.len() == 36 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F' | b'-'))
        };
        id.filter(|id| uuid(id) || self.secrets().redact(id) == *id)
    }

    fn secrets(&self) -> Secrets<'_> {
        let mut others = vec![self.form.signature()];
        others.extend(self.access_key.map(AccessKey::secret));
        others.extend(self.access_key.and_then(AccessKey::security_token));
        others.extend(self.params.get("OIDCToken").map(str::trim));
        Secrets { private_key: self.params.get("Key"), others }
    }
}

pub(crate) fn no_access_key(reason: CredentialsError) -> CallError {
    let hint = reason.hint.unwrap_or_else(|| {
        "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or set up another of the sources in \
         docs/credentials.md, or give the client a key."
            .to_owned()
    });
    let sentence = format!("No usable access key was found: {}.", reason.why);
    let error = Error::new(ErrorKind::Credentials, sentence)
        .with_hint(hint)
        .with_retryable(reason.retryable);
    let failed = CallError::from(error);
    if reason.retryable { CallError { class: FailureClass::NotSent, ..failed } } else { failed }
}

/// An answer that is one, and does not hold what it must.
pub(crate) fn incomplete(
    endpoint: &str,
    action: &str,
    subject: &str,
    lacks: &str,
    answer: &Answer,
) -> CallError {
    let error = Error::new(
        ErrorKind::Protocol,
        format!("{endpoint} answered {action} of {subject} with a success without {lacks}."),
    )
    .with_hint("Check that the endpoint is Alibaba Cloud's and no proxy answers in its place.")
    .with_response(answer.http_status, answer.request_id.clone());
    CallError::new(FailureClass::OutcomeUnknown, error)
}
