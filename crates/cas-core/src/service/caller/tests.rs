//! What each kind of answer, and of none, means for a call.

use super::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::base::secret::Secret;
use crate::http::failure::{SendProgress, TransportError};
use crate::http::response::HttpResponse;
use crate::service::provider::StaticProvider;
use crate::service::types::{CertId, NewCertificate};
use crate::service::version::ApiVersion;
use zeroize::Zeroizing;

type Outcome = Result<HttpResponse, TransportError>;

/// Answers as told and keeps what was sent.
struct Scripted {
    outcomes: Mutex<VecDeque<Outcome>>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Transport for Scripted {
    fn post(&self, form: &SignedForm, _: Instant) -> Outcome {
        self.sent.lock().unwrap().push(String::from_utf8(form.as_bytes().to_vec()).unwrap());
        self.outcomes.lock().unwrap().pop_front().expect("no more attempts than outcomes")
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an outcome, like those of `failure`")]
fn answer(status: u16, body: &str) -> Outcome {
    Ok(HttpResponse { status, body: Zeroizing::new(body.into()), ..HttpResponse::default() })
}

fn failure(progress: SendProgress, permanent: bool) -> Outcome {
    let what = "it broke".to_owned();
    Err(TransportError {
        progress,
        deadline_passed: false,
        message: what,
        hint: None,
        permanent,
        http_status: None,
        request_id: None,
    })
}

fn late(progress: SendProgress) -> Outcome {
    failure(progress, false).map_err(|failure| TransportError { deadline_passed: true, ..failure })
}

fn caller(outcomes: Vec<Outcome>) -> (Caller, Arc<Mutex<Vec<String>>>) {
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

const AN_HOUR: Duration = Duration::from_secs(3600);

/// One attempt of an upload.
fn attempt(outcome: Outcome) -> Result<Answer, CallError> {
    let new = NewCertificate {
        name: "web",
        certificate: "c",
        key: "k",
        lang: None,
        source_ip: None,
        client_token: "t",
    };
    let operation = ApiVersion::V2018_07_13.upload(&new);
    caller(vec![outcome]).0.attempt(&operation, "\"web\"", Instant::now() + AN_HOUR)
}

/// A call of something harmless; gives the result and how many requests were sent.
fn call(outcomes: Vec<Outcome>) -> (Result<Answer, CallError>, usize) {
    let (caller, sent) = caller(outcomes);
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    let result = caller.call(&operation, "CertId 7", Instant::now() + AN_HOUR);
    let sent = sent.lock().unwrap().len();
    (result, sent)
}

#[test]
fn every_failure_has_its_fate() {
    for (outcome, class) in [
        (failure(SendProgress::NotSent, false), FailureClass::NotSent),
        (late(SendProgress::NotSent), FailureClass::NotSent),
        (failure(SendProgress::NotSent, true), FailureClass::Permanent),
        (failure(SendProgress::Sent, false), FailureClass::OutcomeUnknown),
        (failure(SendProgress::ResponseStarted, true), FailureClass::OutcomeUnknown),
        (late(SendProgress::Sent), FailureClass::OutcomeUnknown),
        (answer(400, r#"{"Code":"Throttling.User"}"#), FailureClass::Throttled(None)),
        (answer(400, r#"{"Code":"FlowControlError"}"#), FailureClass::Throttled(None)),
        (answer(429, r#"{"Code":"Any"}"#), FailureClass::Throttled(None)),
        (answer(400, r#"{"Code":"NameRepeat"}"#), FailureClass::NameTaken),
        (answer(400, r#"{"Code":"Never.Heard"}"#), FailureClass::Ambiguous),
        (answer(400, r#"{"Code":"InvalidTimeStamp.Expired"}"#), FailureClass::Refused),
        (answer(404, r#"{"Code":"InvalidAction.NotFound"}"#), FailureClass::VersionGone),
        (answer(403, r#"{"Code":"Forbidden.RAM"}"#), FailureClass::Refused),
        (answer(500, r#"{"Code":"InternalError"}"#), FailureClass::OutcomeUnknown),
        (
            answer(503, r#"{"Code":"OperationDenied.SystemUpgrading"}"#),
            FailureClass::OutcomeUnknown,
        ),
        (answer(400, r#"{"Code":"SignatureNonceUsed"}"#), FailureClass::OutcomeUnknown),
        (answer(200, "<html></html>"), FailureClass::OutcomeUnknown),
        (answer(502, "<html></html>"), FailureClass::OutcomeUnknown),
        (answer(200, ""), FailureClass::OutcomeUnknown),
        (answer(400, "{\"Code\":\"Na"), FailureClass::OutcomeUnknown),
        // Whoever sends these did not pass the request on.
        (answer(403, "<html></html>"), FailureClass::Refused),
        (answer(429, "<html></html>"), FailureClass::Throttled(None)),
        (answer(408, "<html></html>"), FailureClass::OutcomeUnknown),
        (answer(302, ""), FailureClass::Refused),
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
fn what_does_no_harm_is_called_again_until_the_last_attempt() {
    let throttled = Ok(HttpResponse {
        retry_after: Some(Duration::from_millis(1)),
        ..answer(429, r#"{"Code":"T"}"#).unwrap()
    });
    let (result, sent) = call(vec![
        failure(SendProgress::NotSent, false),
        answer(503, r#"{"Code":"ServiceUnavailable"}"#),
        throttled,
        answer(200, r#"{"Id":7}"#),
    ]);
    assert_eq!((result.unwrap().http_status, sent), (200, 4));
    let broken = || failure(SendProgress::Sent, false);
    let (result, sent) = call(vec![broken(), broken(), broken(), broken()]);
    assert_eq!((result.unwrap_err().error.attempts(), sent), (4, 4));
    let (result, sent) = call(vec![broken(), answer(400, r#"{"Code":"NotFound"}"#)]);
    let failed = result.unwrap_err();
    assert_eq!((failed.error.kind(), failed.error.attempts(), sent), (ErrorKind::NotFound, 2, 2));
    assert!(failed.in_doubt);
}

#[test]
fn a_clock_is_corrected_once() {
    let refused = |date: Option<SystemTime>| {
        Ok(HttpResponse { date, ..answer(400, r#"{"Code":"InvalidTimeStamp.Expired"}"#).unwrap() })
    };
    let ahead = Some(SystemTime::now() + AN_HOUR);
    let (result, sent) = call(vec![refused(ahead), answer(200, "{}")]);
    assert_eq!((result.is_ok(), sent), (true, 2));
    // A wrong date cannot make it loop.
    let (result, sent) = call(vec![refused(ahead), refused(ahead.map(|at| at + AN_HOUR))]);
    assert_eq!(
        (result.unwrap_err().error.service_code(), sent),
        (Some("InvalidTimeStamp.Expired"), 2)
    );
    for no_news in [None, Some(SystemTime::now())] {
        let (result, sent) = call(vec![refused(no_news)]);
        assert_eq!((result.is_err(), sent), (true, 1));
    }
}

#[test]
fn the_corrected_time_is_sent_and_kept() {
    let refused = HttpResponse {
        date: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000)),
        ..answer(400, r#"{"Code":"IllegalTimestamp"}"#).unwrap()
    };
    let (caller, sent) = caller(vec![Ok(refused), answer(200, "{}"), answer(200, "{}")]);
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    for _ in 0..2 {
        caller.call(&operation, "CertId 7", Instant::now() + AN_HOUR).unwrap();
    }
    let sent = sent.lock().unwrap();
    let in_2096: Vec<_> = sent.iter().map(|form| form.contains("&Timestamp=2096-")).collect();
    assert_eq!(in_2096, [false, true, true]);
}

#[test]
fn a_pause_that_would_outlast_the_deadline_is_not_begun() {
    let (caller, _) = caller(vec![Ok(HttpResponse {
        retry_after: Some(AN_HOUR),
        ..answer(400, r#"{"Code":"Throttling"}"#).unwrap()
    })]);
    let operation = ApiVersion::V2018_07_13.detail(CertId::new(7).unwrap(), false);
    let failed = caller.call(&operation, "CertId 7", Instant::now() + AN_HOUR / 2).unwrap_err();
    assert_eq!((failed.error.kind(), failed.error.attempts()), (ErrorKind::Throttled, 1));
}

#[test]
fn what_was_sent_is_told_from_what_was_not() {
    for (outcome, kind, words) in [
        (failure(SendProgress::NotSent, false), ErrorKind::Network, "was not sent"),
        (late(SendProgress::NotSent), ErrorKind::Timeout, "ran out of time"),
        (failure(SendProgress::Sent, false), ErrorKind::Network, "was sent, but"),
        (late(SendProgress::Sent), ErrorKind::OutcomeUnknown, "was sent, but"),
        (failure(SendProgress::ResponseStarted, false), ErrorKind::Protocol, "was sent, but"),
    ] {
        let error = attempt(outcome).unwrap_err().error;
        assert_eq!((error.kind(), error.is_retryable()), (kind, true));
        assert!(error.message().contains(words) && error.hint().is_some(), "{error}");
    }
}

#[test]
fn a_changed_request_is_told_from_a_wrong_secret() {
    let hint = |echo: &str| {
        let message = format!("no match. server string to sign is:{echo}");
        let body =
            serde_json::json!({"Code": "SignatureDoesNotMatch", "Message": message}).to_string();
        let error = attempt(answer(400, &body)).unwrap_err().error;
        assert!(!error.service_message().unwrap().contains("POST"));
        error.hint().unwrap().to_owned()
    };
    assert!(hint("POST&%2F&Action%3DSomethingElse").contains("changed on its way"));
    let body = r#"{"Code":"SignatureDoesNotMatch","Message":"no"}"#;
    assert!(attempt(answer(400, body)).unwrap_err().error.hint().unwrap().contains("secret"));
}

#[test]
fn permission_names_the_action_to_grant() {
    let error = attempt(answer(403, r#"{"Code":"Forbidden.RAM"}"#)).unwrap_err().error;
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(error.hint().unwrap().contains("yundun-cert:CreateUserCertificate"));
}

#[test]
fn a_name_that_gives_the_secret_away_is_told_from_one_that_shares_a_word() {
    assert!(holds_secret("x-0123456789abcdef-y", "0123456789abcdef"));
    assert!(holds_secret("testsecret", "testsecret"));
    assert!(!holds_secret("my testsecret", "test"));
}

#[test]
fn nonces_differ_and_are_as_long_as_the_official_ones() {
    let (one, two) = (nonce().unwrap(), nonce().unwrap());
    assert_ne!(one, two);
    assert!(one.len() == 32 && one.bytes().all(|b| b.is_ascii_hexdigit()));
}
