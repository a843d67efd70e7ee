//! Uploads that libcas or the service refuses: status, code, message and hint.

use std::fs;

use acceptance::stub::Reply;
use acceptance::{Emulator, Program, Stub, chain, compile, other_chain, scratch};

use crate::failures::{NOTHING_STORED, assert_fields, is_request_id, report, report_files};

#[test]
fn a_wrong_secret_is_reported_with_a_hint() {
    let emulator = Emulator::start(&[]);
    let outcome = report(emulator.url(), &[("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong-secret")]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_SERVICE"),
            ("service_code", "SignatureDoesNotMatch"),
            ("http_status", "400"),
            ("attempts", "1"),
            ("retryable", "0"),
            (
                "hint",
                "The access key secret is wrong: the request arrived unchanged. \
                 The access key comes from the environment.",
            ),
            (
                "service_message",
                "Specified signature is not matched with our calculation. \
                 server string to sign: [removed]",
            ),
        ],
    );
    outcome.assert_says("message", &["127.0.0.1", "\"web\"", "SignatureDoesNotMatch"]);
    assert!(is_request_id(outcome.field("request_id")));
    assert_eq!(outcome.field("request_id"), emulator.requests()[0]["request_id"]);
}

#[test]
fn an_unknown_access_key_is_reported_with_a_hint() {
    let emulator = Emulator::start(&[]);
    let outcome = report(emulator.url(), &[("ALIBABA_CLOUD_ACCESS_KEY_ID", "unknownid")]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_SERVICE"),
            ("service_code", "InvalidAccessKeyId.NotFound"),
            ("http_status", "404"),
            ("attempts", "1"),
        ],
    );
    outcome.assert_says("hint", &["access key ID"]);
    assert!(is_request_id(outcome.field("request_id")));
}

#[test]
fn a_missing_access_key_is_reported_without_a_request() {
    let emulator = Emulator::start(&[]);
    let outcome = Program::new(compile("tests/fixtures/c/report.c", &[]))
        .without("ALIBABA_CLOUD_ACCESS_KEY_ID")
        .without("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        .env("CAS_ENDPOINT", emulator.url())
        .arg("web")
        .with_chain()
        .run();
    assert_fields(
        &outcome,
        &[("status", "CAS_ERR_CREDENTIALS"), ("attempts", "0"), ("request_id", "(none)")],
    );
    outcome.assert_says("message", &["ALIBABA_CLOUD_ACCESS_KEY_ID", "not set"]);
    assert!(emulator.requests().is_empty());
}

#[test]
fn clock_skew_in_either_direction_is_corrected_once() {
    for offset in ["--clock-offset=3600", "--clock-offset=-3600"] {
        let emulator = Emulator::start(&[offset]);
        let uploads =
            acceptance::report(emulator.url(), &[], "web", &chain().chain, &chain().key).arg("3");
        let printed = uploads.succeed();
        let attempts: Vec<_> =
            printed.lines().filter(|line| line.starts_with("attempts=")).collect();
        assert_eq!(attempts, ["attempts=2", "attempts=1", "attempts=1"]);
        let codes: Vec<_> =
            emulator.requests().iter().map(|request| request["code"].clone()).collect();
        assert_eq!(codes.len(), 4);
        assert_eq!(codes[0], "InvalidTimeStamp.Expired");
    }
}

#[test]
fn a_wrong_date_header_does_not_cause_a_loop() {
    let refused = |headers: &str| {
        let body = r#"{"Code":"InvalidTimeStamp.Expired","Message":"expired","RequestId":"A-6"}"#;
        Reply::http("400 Bad Request", headers, body)
    };
    for (replies, attempts) in [
        (
            vec![
                refused("Date: Thu, 01 Jan 2015 00:00:00 GMT\r\n"),
                refused("Date: Sun, 01 Jan 2040 00:00:00 GMT\r\n"),
            ],
            "2",
        ),
        (vec![refused("Date: nonsense\r\n")], "1"),
        (vec![refused("")], "1"),
    ] {
        let stub = Stub::start(replies);
        let outcome = report(&stub.url(), &[]);
        assert_fields(
            &outcome,
            &[
                ("status", "CAS_ERR_SERVICE"),
                ("service_code", "InvalidTimeStamp.Expired"),
                ("service_message", "expired"),
                ("http_status", "400"),
                ("attempts", attempts),
            ],
        );
        outcome.assert_says("hint", &["clock"]);
        assert_eq!(stub.requests().len().to_string(), attempts);
    }
}

#[test]
fn a_taken_name_is_reported_with_its_owner() {
    let emulator = Emulator::start(&[]);
    assert_eq!(report(emulator.url(), &[]).field("cert_id"), "10000000");
    let [cert, key] = [&other_chain().chain, &other_chain().key].map(|path| path.to_str().unwrap());
    for (lang, message) in
        [("en", "The certificate name already exists."), ("zh", "名称重复，请重新输入。")]
    {
        let outcome = report_files(emulator.url(), &[("CAS_LANG", lang)], cert, key);
        assert_fields(
            &outcome,
            &[
                ("status", "CAS_ERR_NAME_TAKEN"),
                ("service_code", "NameRepeat"),
                ("service_message", message),
                ("http_status", "400"),
                ("attempts", "1"),
                ("retryable", "0"),
            ],
        );
        outcome.assert_says("message", &["another certificate named \"web\"", "CertId 10000000"]);
        outcome.assert_says("hint", &["on_conflict"]);
        assert!(is_request_id(outcome.field("request_id")));
    }
    assert_eq!(emulator.certificates().len(), 1);
    // The same certificate is a success.
    let again = report(emulator.url(), &[]);
    assert_eq!(
        (again.field("cert_id"), again.field("outcome"), again.field("attempts")),
        ("10000000", "1", "1")
    );
}

#[test]
fn the_service_rejects_an_unreadable_certificate() {
    let emulator = Emulator::start(&[]);
    let bad = scratch("bad").join("bad.pem");
    fs::write(&bad, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let unread = [("CAS_SKIP_CHECKS", "1")];
    let outcome =
        report_files(emulator.url(), &unread, bad.to_str().unwrap(), chain().key.to_str().unwrap());
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_SERVICE"),
            ("service_code", "-1008"),
            ("http_status", "400"),
            ("retryable", "0"),
        ],
    );
    outcome.assert_says("hint", &["PEM"]);
}

#[test]
fn libcas_refuses_a_bad_pair_without_sending_it_unless_checks_are_skipped() {
    let emulator = Emulator::start(&[]);
    let [cert, key] = chain().files();
    let outcome = report_files(emulator.url(), &[], key, cert);
    assert_fields(
        &outcome,
        &[("status", "CAS_ERR_CERTIFICATE"), ("attempts", "0"), ("http_status", "0")],
    );
    outcome.assert_says("hint", &["certificate first"]);
    assert!(emulator.requests().is_empty());
    let outcome = report_files(emulator.url(), &[("CAS_SKIP_CHECKS", "1")], cert, cert);
    assert_fields(&outcome, &[("status", "CAS_ERR_SERVICE"), ("attempts", "1")]);
}

#[test]
fn missing_files_are_reported_by_name() {
    let outcome =
        report_files("http://127.0.0.1:1", &[], "/nonexistent/cert.pem", "/nonexistent/key.pem");
    assert_fields(&outcome, &[("status", "CAS_ERR_IO"), ("attempts", "0")]);
    outcome.assert_says("message", &["/nonexistent/cert.pem"]);
}

#[test]
fn an_internal_error_of_the_service_leads_to_a_look_up() {
    let body =
        r#"{"Code":"ServiceUnavailable","Message":"The request has failed.","RequestId":"A-3"}"#;
    let failing = Reply::http("503 Service Unavailable", "", body);
    let listed = Reply::http("200 OK", "", NOTHING_STORED);
    for replies in [vec![failing.clone(), listed], vec![failing]] {
        let stub = Stub::start(replies);
        let settings = [("CAS_MAX_ATTEMPTS", "1"), ("CAS_TIMEOUT_MS", "3000")];
        let outcome = report(&stub.url(), &settings);
        assert_fields(
            &outcome,
            &[
                ("status", "CAS_ERR_OUTCOME_UNKNOWN"),
                ("service_code", "ServiceUnavailable"),
                ("request_id", "A-3"),
                ("retryable", "1"),
                ("attempts", "1"),
            ],
        );
    }
}

#[test]
fn throttling_is_retried_and_then_reported() {
    let throttled = Reply::http(
        "400 Bad Request",
        "x-acs-retry-after: 1\r\n",
        r#"{"Code":"Throttling.User","RequestId":"A-4"}"#,
    );
    let stub = Stub::start(vec![throttled.clone()]);
    // Until the deadline, however many attempts are allowed, unless it is a single one.
    for (attempts, sent) in [("1", 1..=1), ("3", 4..=100)] {
        let settings = [("CAS_MAX_ATTEMPTS", attempts), ("CAS_TIMEOUT_MS", "3000")];
        let outcome = report(&stub.url(), &settings);
        assert_fields(
            &outcome,
            &[
                ("status", "CAS_ERR_THROTTLED"),
                ("service_code", "Throttling.User"),
                ("request_id", "A-4"),
                ("retryable", "1"),
            ],
        );
        let requests = stub.requests().len();
        assert!(sent.contains(&requests), "{requests}");
        assert_eq!(outcome.field("attempts"), requests.to_string());
    }

    let stub = Stub::start(vec![throttled, Reply::http("200 OK", "", r#"{"CertId":"5"}"#)]);
    let outcome = report(&stub.url(), &[]);
    assert_eq!((outcome.field("cert_id"), outcome.field("attempts")), ("5", "2"));

    // libcas does not wait beyond the deadline.
    let long = Reply::http(
        "400 Bad Request",
        "x-acs-retry-after: 3600000\r\n",
        r#"{"Code":"Throttling"}"#,
    );
    let stub = Stub::start(vec![long]);
    let outcome = report(&stub.url(), &[]);
    assert_fields(&outcome, &[("status", "CAS_ERR_THROTTLED"), ("attempts", "1")]);
}

#[test]
fn an_error_with_http_200_is_an_error() {
    let stub = Stub::start(vec![Reply::http(
        "200 OK",
        "",
        r#"{"Code":"InsufficientQuota","Message":"full"}"#,
    )]);
    let outcome = report(&stub.url(), &[]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_SERVICE"),
            ("service_code", "InsufficientQuota"),
            ("http_status", "200"),
        ],
    );
}

#[test]
fn a_retry_after_of_zero_does_not_disable_backoff() {
    let throttled =
        Reply::http("400 Bad Request", "x-acs-retry-after: 0\r\n", r#"{"Code":"Throttling"}"#);
    let stub = Stub::start(vec![throttled]);
    // The pauses double up to 10 seconds, so the deadline comes long before a thousand attempts.
    let outcome = report(&stub.url(), &[("CAS_MAX_ATTEMPTS", "1000"), ("CAS_TIMEOUT_MS", "3000")]);
    assert_fields(&outcome, &[("status", "CAS_ERR_THROTTLED")]);
    assert!(stub.requests().len() < 100);
}

#[test]
fn a_long_name_is_measured_in_bytes() {
    let emulator = Emulator::start(&[]);
    let upload = |name: &str, settings: &[(&str, &str)]| {
        let mut program = Program::new(compile("tests/fixtures/c/report.c", &[]))
            .env("CAS_ENDPOINT", emulator.url());
        for (variable, value) in settings {
            program = program.env(variable, value);
        }
        program.arg(name).with_chain().run()
    };
    let unread = [("CAS_SKIP_CHECKS", "1")];
    assert_eq!(upload(&"名".repeat(42), &[]).field("status"), "CAS_OK");
    let long = "名".repeat(43);
    upload(&long, &[]).assert_says("message", &["129 bytes"]);
    // The service decides on the length then.
    assert_eq!(upload(&long, &unread).field("status"), "CAS_OK");
    assert_eq!(upload(&"名".repeat(129), &unread).field("status"), "CAS_ERR_SERVICE");
}
