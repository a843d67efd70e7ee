//! What each kind of response, and of failure to get one, means for a call.

use super::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::base::deadline::{Cancellation, Deadline};
use crate::base::error::ErrorKind;
use crate::base::secret::Secret;
use crate::http::failure::{SendProgress, TransportError};
use crate::http::response::HttpResponse;
use crate::service::certificate::Certificate;
use crate::service::provider::{CredentialsError, StaticProvider};
use crate::service::types::{CertId, NewCertificate, NewId, PemPair};
use crate::service::version::ApiVersion;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

pub(crate) type ScriptedResult = Result<HttpResponse, TransportError>;

/// Plays outcomes in order and records the forms.
struct Scripted {
    outcomes: Mutex<VecDeque<ScriptedResult>>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Transport for Scripted {
    fn post(&self, form: &SignedForm, _: Connection, _: &Deadline) -> ScriptedResult {
        self.sent.lock().unwrap().push(String::from_utf8(form.as_bytes().to_vec()).unwrap());
        self.outcomes.lock().unwrap().pop_front().expect("no more attempts than outcomes")
    }
}

/// Plays outcomes and cancels the calls in progress during one of them.
struct CancelledDuring {
    scripted: Scripted,
    cancellation: Cancellation,
    /// The number of requests that come before it.
    before: usize,
}

impl Transport for CancelledDuring {
    fn post(&self, form: &SignedForm, connection: Connection, limit: &Deadline) -> ScriptedResult {
        if self.scripted.sent.lock().unwrap().len() == self.before {
            self.cancellation.cancel();
        }
        self.scripted.post(form, connection, limit)
    }
}

/// A transport that plays outcomes, and the deadline that is cancelled after `before` of them.
pub(crate) fn cancelled_after(
    before: usize,
    outcomes: Vec<ScriptedResult>,
) -> (Box<dyn Transport>, Deadline) {
    let cancellation = Cancellation::default();
    let deadline = cancellation.deadline(Instant::now() + AN_HOUR);
    let scripted = Scripted { outcomes: Mutex::new(outcomes.into()), sent: Arc::default() };
    (Box::new(CancelledDuring { scripted, cancellation, before }), deadline)
}

#[expect(clippy::unnecessary_wraps, reason = "an outcome, like those of `failure`")]
pub(crate) fn response(status: u16, body: &str) -> ScriptedResult {
    Ok(HttpResponse { status, body: Zeroizing::new(body.into()), ..HttpResponse::default() })
}

pub(crate) fn failure(progress: SendProgress, permanent: bool) -> ScriptedResult {
    let what = "it broke".to_owned();
    Err(TransportError {
        progress,
        deadline_passed: false,
        message: what,
        hint: None,
        permanent,
        exhaustion: None,
        http_status: None,
        request_id: None,
    })
}

fn late(progress: SendProgress) -> ScriptedResult {
    failure(progress, false).map_err(|failure| TransportError { deadline_passed: true, ..failure })
}

pub(crate) fn caller(outcomes: Vec<ScriptedResult>) -> (Caller, Arc<Mutex<Vec<String>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let key = AccessKey::new("id".to_owned(), Secret::new("hidden-secret".to_owned()), None);
    let caller = Caller {
        transport: Box::new(Scripted {
            outcomes: Mutex::new(outcomes.into()),
            sent: Arc::clone(&sent),
        }),
        credentials: Some(Box::new(StaticProvider::new(key))),
        endpoint: "cas.example".to_owned(),
        signature: Signature::default(),
        max_attempts: 4,
        skew: ClockSkew::default(),
        logger: Logger::default(),
    };
    (caller, sent)
}

pub(crate) const AN_HOUR: Duration = Duration::from_secs(3600);

/// One attempt of an upload.
pub(crate) fn attempt(outcome: ScriptedResult) -> Result<Response, CallError> {
    let new = NewCertificate {
        name: "web",
        pair: PemPair { certificate: "c", key: "k" },
        encryption: None,
        lang: None,
        source_ip: None,
        client_token: "t",
    };
    let operation = ApiVersion::V2018_07_13.upload(&new);
    caller(vec![outcome]).0.attempt(
        &operation,
        "\"web\"",
        Connection::Any,
        &Deadline::after(AN_HOUR),
    )
}

/// Calls an operation that may be repeated; returns the result and the number of requests.
fn call(outcomes: Vec<ScriptedResult>) -> (Result<Response, CallError>, usize) {
    let (caller, sent) = caller(outcomes);
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    let result = caller.call(&operation, "CertId 7", &Deadline::after(AN_HOUR));
    let sent = sent.lock().unwrap().len();
    (result, sent)
}

#[test]
fn every_failure_has_its_class() {
    for (outcome, class) in [
        (failure(SendProgress::NotSent, false), FailureClass::NotSent),
        (late(SendProgress::NotSent), FailureClass::NotSent),
        (failure(SendProgress::NotSent, true), FailureClass::Permanent),
        (failure(SendProgress::Sent, false), FailureClass::OutcomeUnknown),
        (failure(SendProgress::ResponseStarted, true), FailureClass::OutcomeUnknown),
        (late(SendProgress::Sent), FailureClass::OutcomeUnknown),
        (response(400, r#"{"Code":"Throttling.User"}"#), FailureClass::Throttled(None)),
        (response(400, r#"{"Code":"FlowControlError"}"#), FailureClass::Throttled(None)),
        (response(429, r#"{"Code":"Any"}"#), FailureClass::Throttled(None)),
        (response(400, r#"{"Code":"NameRepeat"}"#), FailureClass::NameTaken),
        (response(400, r#"{"Code":"Never.Heard"}"#), FailureClass::Ambiguous),
        (response(400, r#"{"Code":"InvalidTimeStamp.Expired"}"#), FailureClass::Refused),
        (response(404, r#"{"Code":"InvalidAction.NotFound"}"#), FailureClass::VersionGone),
        (response(403, r#"{"Code":"Forbidden.RAM"}"#), FailureClass::Refused),
        (response(500, r#"{"Code":"InternalError"}"#), FailureClass::OutcomeUnknown),
        (
            response(503, r#"{"Code":"OperationDenied.SystemUpgrading"}"#),
            FailureClass::OutcomeUnknown,
        ),
        (response(400, r#"{"Code":"SignatureNonceUsed"}"#), FailureClass::OutcomeUnknown),
        (response(200, "<html></html>"), FailureClass::OutcomeUnknown),
        (response(502, "<html></html>"), FailureClass::OutcomeUnknown),
        (response(200, ""), FailureClass::OutcomeUnknown),
        (response(400, "{\"Code\":\"Na"), FailureClass::OutcomeUnknown),
        // What sends these did not pass the request on, unless they replace its response.
        (response(403, "<html></html>"), FailureClass::RejectedInTransit),
        (response(429, "<html></html>"), FailureClass::Throttled(None)),
        (response(408, "<html></html>"), FailureClass::OutcomeUnknown),
        (response(302, ""), FailureClass::RejectedInTransit),
    ] {
        let shown = format!("{outcome:?}");
        let failed = attempt(outcome).unwrap_err();
        assert_eq!(
            (failed.class, failed.in_doubt),
            (class, class == FailureClass::OutcomeUnknown),
            "{shown}"
        );
        assert!(failed.error.message().contains("\"web\"") && failed.tried, "{shown}");
    }
}

#[test]
fn a_repeatable_call_is_retried_until_the_last_attempt() {
    let throttled = Ok(HttpResponse {
        retry_after: Some(Duration::from_millis(1)),
        ..response(429, r#"{"Code":"T"}"#).unwrap()
    });
    let (result, sent) = call(vec![
        failure(SendProgress::NotSent, false),
        response(503, r#"{"Code":"ServiceUnavailable"}"#),
        throttled,
        response(200, r#"{"Id":7}"#),
    ]);
    assert_eq!((result.unwrap().http_status, sent), (200, 4));
    let broken = || failure(SendProgress::Sent, false);
    let (result, sent) = call(vec![broken(), broken(), broken(), broken()]);
    assert_eq!((result.unwrap_err().error.attempts(), sent), (4, 4));
    let (result, sent) = call(vec![broken(), response(400, r#"{"Code":"NotFound"}"#)]);
    let failed = result.unwrap_err();
    assert_eq!((failed.error.kind(), failed.error.attempts(), sent), (ErrorKind::NotFound, 2, 2));
    assert!(failed.in_doubt);
}

#[test]
fn the_clock_is_corrected_once() {
    let refused = |date: Option<SystemTime>| {
        Ok(HttpResponse {
            date,
            ..response(400, r#"{"Code":"InvalidTimeStamp.Expired"}"#).unwrap()
        })
    };
    let ahead = Some(SystemTime::now() + AN_HOUR);
    let (result, sent) = call(vec![refused(ahead), response(200, "{}")]);
    assert_eq!((result.is_ok(), sent), (true, 2));
    // A wrong `Date` does not make it loop.
    let (result, sent) = call(vec![refused(ahead), refused(ahead.map(|at| at + AN_HOUR))]);
    assert_eq!(
        (result.unwrap_err().error.service_code(), sent),
        (Some("InvalidTimeStamp.Expired"), 2)
    );
    for date in [None, Some(SystemTime::now())] {
        let (result, sent) = call(vec![refused(date)]);
        assert_eq!((result.is_err(), sent), (true, 1));
    }
}

#[test]
fn a_corrected_clock_stays_corrected() {
    let refused = HttpResponse {
        date: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000)),
        ..response(400, r#"{"Code":"IllegalTimestamp"}"#).unwrap()
    };
    let (caller, sent) = caller(vec![Ok(refused), response(200, "{}"), response(200, "{}")]);
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    for _ in 0..2 {
        caller.call::<IgnoredAny>(&operation, "CertId 7", &Deadline::after(AN_HOUR)).unwrap();
    }
    let sent = sent.lock().unwrap();
    let in_2096: Vec<_> = sent.iter().map(|form| form.contains("&Timestamp=2096-")).collect();
    assert_eq!(in_2096, [false, true, true]);
}

#[test]
fn a_delay_beyond_the_deadline_ends_the_call() {
    let (caller, _) = caller(vec![Ok(HttpResponse {
        retry_after: Some(AN_HOUR),
        ..response(400, r#"{"Code":"Throttling"}"#).unwrap()
    })]);
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    let deadline = &Deadline::after(AN_HOUR / 2);
    let failed = caller.call::<IgnoredAny>(&operation, "CertId 7", deadline).unwrap_err();
    assert_eq!((failed.error.kind(), failed.error.attempts()), (ErrorKind::Throttled, 1));
}

#[test]
fn messages_say_whether_the_request_was_sent() {
    for (outcome, kind, part) in [
        (failure(SendProgress::NotSent, false), ErrorKind::Network, "was not sent"),
        (late(SendProgress::NotSent), ErrorKind::Timeout, "timed out before it was sent"),
        (failure(SendProgress::Sent, false), ErrorKind::Network, "was sent, but"),
        (late(SendProgress::Sent), ErrorKind::OutcomeUnknown, "was sent, but"),
        (failure(SendProgress::ResponseStarted, false), ErrorKind::Protocol, "was sent, but"),
    ] {
        let error = attempt(outcome).unwrap_err().error;
        assert_eq!((error.kind(), error.is_retryable()), (kind, true));
        assert!(error.message().contains(part) && error.hint().is_some(), "{error}");
    }
}

#[test]
fn a_signature_mismatch_is_explained() {
    let hint = |echo: &str| {
        let message = format!("no match. server string to sign is:{echo}");
        let body =
            serde_json::json!({"Code": "SignatureDoesNotMatch", "Message": message}).to_string();
        let error = attempt(response(400, &body)).unwrap_err().error;
        assert!(!error.service_message().unwrap().contains("POST"));
        error.hint().unwrap().to_owned()
    };
    assert!(hint("POST&%2F&Action%3DSomethingElse").contains("changed in transit"));
    let body = r#"{"Code":"SignatureDoesNotMatch","Message":"no"}"#;
    assert!(attempt(response(400, body)).unwrap_err().error.hint().unwrap().contains("secret"));
}

#[test]
fn a_name_that_contains_the_secret_is_recognised() {
    assert!(contains_secret("x-0123456789abcdef-y", "0123456789abcdef"));
    assert!(contains_secret("testsecret", "testsecret"));
    assert!(!contains_secret("my testsecret", "test"));
}

#[test]
fn nonces_differ_and_have_32_digits() {
    let (one, two) = (nonce().unwrap(), nonce().unwrap());
    assert_ne!(one, two);
    assert!(one.len() == 32 && one.bytes().all(|b| b.is_ascii_hexdigit()));
}

/// A credential source that fails `failures` times and then has a key.
pub(crate) struct Unsteady {
    pub(crate) failures: Mutex<u32>,
    pub(crate) retryable: bool,
}

impl Provider for Unsteady {
    fn access_key(&self, _: SystemTime, _: &Deadline) -> Result<Arc<AccessKey>, CredentialsError> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            let error = CredentialsError::failed("100.100.100.200 refused: HTTP 503");
            return Err(error.with_retryable(self.retryable));
        }
        Ok(Arc::new(AccessKey::new("id".to_owned(), Secret::new("s".to_owned()), None)))
    }

    fn origin(&self) -> String {
        "the test".to_owned()
    }

    fn renew(&self, _: &AccessKey, _: SystemTime, _: &Deadline) -> bool {
        false
    }
}

/// Records how much time it has for a key.
struct Timed(Arc<Mutex<Vec<Duration>>>);

impl Provider for Timed {
    fn access_key(
        &self,
        _: SystemTime,
        deadline: &Deadline,
    ) -> Result<Arc<AccessKey>, CredentialsError> {
        self.0.lock().unwrap().push(deadline.time_left());
        Ok(Arc::new(AccessKey::new("id".to_owned(), Secret::new("s".to_owned()), None)))
    }

    fn origin(&self) -> String {
        "the test".to_owned()
    }

    fn renew(&self, _: &AccessKey, _: SystemTime, _: &Deadline) -> bool {
        false
    }
}

#[test]
fn an_access_key_may_take_all_of_the_time() {
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    let left = Arc::new(Mutex::new(Vec::new()));
    let (mut caller, _) = caller(vec![response(200, r#"{"Id":7}"#)]);
    caller.credentials = Some(Box::new(Timed(Arc::clone(&left))));
    let deadline = Deadline::after(AN_HOUR);
    caller.attempt::<IgnoredAny>(&operation, "CertId 7", Connection::Any, &deadline).unwrap();
    assert!(left.lock().unwrap()[0] > AN_HOUR * 3 / 4);
}

#[test]
fn a_credential_source_is_asked_again_only_if_that_may_help() {
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    let deadline = &Deadline::after(AN_HOUR);
    let (mut caller, sent) = caller(vec![response(200, r#"{"Id":7}"#)]);
    caller.credentials = Some(Box::new(Unsteady { failures: Mutex::new(1), retryable: false }));
    let failure = caller.call::<IgnoredAny>(&operation, "CertId 7", deadline).unwrap_err();
    assert_eq!((failure.class, failure.tried), (FailureClass::Permanent, false));
    assert_eq!((failure.error.kind(), failure.error.attempts()), (ErrorKind::Credentials, 0));
    let message = "Failed to obtain an access key: 100.100.100.200 refused: HTTP 503.";
    assert_eq!(failure.error.message(), message);
    caller.credentials = Some(Box::new(Unsteady { failures: Mutex::new(1), retryable: true }));
    let result = caller.call::<Certificate>(&operation, "CertId 7", deadline);
    assert_eq!((result.unwrap().fields.id.get(), sent.lock().unwrap().len()), (7, 1));
    caller.credentials = Some(Box::new(Unsteady { failures: Mutex::new(9), retryable: true }));
    let failure = caller.call::<IgnoredAny>(&operation, "CertId 7", deadline).unwrap_err();
    assert_eq!((failure.class, failure.error.attempts()), (FailureClass::NotSent, 0));
    assert!(failure.error.is_retryable() && !failure.in_doubt);
}

#[test]
fn a_success_without_its_fields_leaves_the_outcome_unknown() {
    let failure = |body: &str| {
        let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
        let (caller, _) = caller(vec![response(200, body)]);
        caller
            .attempt::<NewId>(&operation, "CertId 7", Connection::Any, &Deadline::after(AN_HOUR))
            .unwrap_err()
    };
    for (body, cause) in [
        (r#"{"RequestId":"R-1"}"#, "missing field `CertId`"),
        (r#"{"RequestId":"R-1","CertId":"hidden"}"#, "invalid CertId"),
    ] {
        let failure = failure(body);
        assert_eq!((failure.class, failure.in_doubt), (FailureClass::OutcomeUnknown, true));
        let error = failure.error;
        assert_eq!(
            error.message(),
            format!(
                "Incomplete response from cas.example to DescribeUserCertificateDetail for \
                 CertId 7: {cause}."
            )
        );
        assert_eq!((error.kind(), error.http_status()), (ErrorKind::Protocol, Some(200)));
        assert_eq!((error.request_id(), error.is_retryable()), (Some("R-1"), false));
    }
}

/// Records until when each attempt may wait and which connection it may use, and gets no response.
struct Limits(Arc<Mutex<Vec<(Instant, Connection)>>>);

impl Transport for Limits {
    fn post(&self, _: &SignedForm, connection: Connection, limit: &Deadline) -> ScriptedResult {
        self.0.lock().unwrap().push((limit.instant(), connection));
        failure(SendProgress::Sent, false)
    }
}

#[test]
fn only_the_last_attempt_may_use_all_the_time_and_it_takes_a_new_connection() {
    let limits = Arc::new(Mutex::new(Vec::new()));
    let (mut caller, _) = caller(vec![]);
    caller.transport = Box::new(Limits(Arc::clone(&limits)));
    caller.max_attempts = 2;
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    let deadline = &Deadline::after(AN_HOUR);
    caller.call::<IgnoredAny>(&operation, "CertId 7", deadline).unwrap_err();
    let limits = limits.lock().unwrap();
    assert!(limits[0].0 + AN_HOUR / 3 < deadline.instant(), "{limits:?}");
    assert_eq!(limits[0].1, Connection::Any);
    assert_eq!(limits[1..], [(deadline.instant(), Connection::New)]);
}

#[test]
fn a_cancelled_call_ends_at_once_unless_the_service_has_refused_it() {
    for (outcomes, kind, in_doubt) in [
        (vec![failure(SendProgress::NotSent, false)], ErrorKind::Cancelled, false),
        (vec![failure(SendProgress::NotSent, true)], ErrorKind::Cancelled, false),
        (vec![failure(SendProgress::Sent, false)], ErrorKind::Cancelled, true),
        (vec![response(503, "")], ErrorKind::Cancelled, true),
        (vec![response(400, r#"{"Code":"Throttling.User"}"#)], ErrorKind::Cancelled, false),
        (vec![response(404, r#"{"Code":"NotFound"}"#)], ErrorKind::NotFound, false),
    ] {
        let (mut caller, _) = caller(vec![]);
        let (transport, deadline) = cancelled_after(0, outcomes);
        caller.transport = transport;
        let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
        let failure = caller.call::<IgnoredAny>(&operation, "CertId 7", &deadline).unwrap_err();
        assert_eq!((failure.error.kind(), failure.in_doubt), (kind, in_doubt));
        assert_eq!(failure.error.attempts(), 1);
        if kind == ErrorKind::Cancelled {
            let message = failure.error.message();
            assert!(message.ends_with(" for CertId 7 was cancelled."), "{message}");
            assert!(failure.error.is_retryable());
        }
    }
}

#[test]
fn a_success_counts_even_if_the_call_is_cancelled() {
    let (mut caller, _) = caller(vec![]);
    let (transport, deadline) = cancelled_after(0, vec![response(200, "{}")]);
    caller.transport = transport;
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    caller.call::<IgnoredAny>(&operation, "CertId 7", &deadline).unwrap();
}

#[test]
fn a_call_that_is_cancelled_between_two_attempts_says_so() {
    let cancellation = Cancellation::default();
    let deadline = cancellation.deadline(Instant::now() + AN_HOUR);
    let (mut caller, _) = caller(vec![failure(SendProgress::NotSent, false)]);
    caller.logger = Logger::new(Level::Warn, move |_, message| {
        assert!(message.contains("Retry in"), "{message}");
        cancellation.cancel();
    });
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    let failure = caller.call::<IgnoredAny>(&operation, "CertId 7", &deadline).unwrap_err();
    assert_eq!((failure.error.kind(), failure.error.attempts()), (ErrorKind::Cancelled, 1));
}
