//! Every way in which an upload fails, as a C program sees it: status, message, code, RequestId.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};

use std::time::Duration;

use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Program, Stub, chain, compile, other_chain, scratch};

/// An upload as `web` to `endpoint`, with more settings.
fn report(endpoint: &str, settings: &[(&str, &str)]) -> Outcome {
    acceptance::report(endpoint, settings, "web", &chain().chain, &chain().key).run()
}

fn report_files(endpoint: &str, settings: &[(&str, &str)], cert: &str, key: &str) -> Outcome {
    acceptance::report(endpoint, settings, "web", cert, key).run()
}

/// A failure whose report has these fields.
#[track_caller]
fn assert_fields(outcome: &Outcome, fields: &[(&str, &str)]) {
    outcome.assert_fields(fields);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stderr, "");
}

#[track_caller]
fn assert_says(outcome: &Outcome, field: &str, parts: &[&str]) {
    for part in parts {
        assert!(
            outcome.field(field).contains(part),
            "{field} without {part:?} in:\n{}",
            outcome.stdout
        );
    }
}

/// Upper-case UUID, as every answer of the service carries.
fn is_request_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || b.is_ascii_uppercase())
}

#[test]
fn a_closed_port() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    for (attempts, shown) in [("1", "1"), ("3", "3")] {
        let outcome = report(&endpoint, &[("CAS_MAX_ATTEMPTS", attempts)]);
        assert_fields(
            &outcome,
            &[
                ("status", "CAS_ERR_NETWORK"),
                ("service_code", "(none)"),
                ("service_message", "(none)"),
                ("request_id", "(none)"),
                ("http_status", "0"),
                ("attempts", shown),
                ("retryable", "1"),
            ],
        );
        assert_says(
            &outcome,
            "message",
            &["\"web\"", "was not sent", &format!("127.0.0.1:{port}"), "refused"],
        );
        assert_says(&outcome, "hint", &["endpoint"]);
    }
}

#[test]
fn a_host_that_does_not_exist() {
    let outcome = report(
        "https://no-such-host.invalid",
        &[("CAS_MAX_ATTEMPTS", "1"), ("CAS_TIMEOUT_MS", "20000")],
    );
    assert_fields(&outcome, &[("status", "CAS_ERR_NETWORK"), ("attempts", "1")]);
    assert_says(&outcome, "message", &["no-such-host.invalid", "failed to resolve"]);
    assert_says(&outcome, "hint", &["DNS"]);
}

#[test]
fn a_port_that_does_not_answer_is_given_up_after_the_connect_timeout() {
    // A listener that accepts nothing, with a queue that is full: the system drops what comes
    // further.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
    }
    let endpoint = format!("http://{address}");
    let short = [("CAS_CONNECT_TIMEOUT_MS", "100"), ("CAS_MAX_ATTEMPTS", "1")];
    let outcome = report(&endpoint, &short);
    assert_fields(
        &outcome,
        &[("status", "CAS_ERR_NETWORK"), ("attempts", "1"), ("retryable", "1")],
    );
    assert_says(&outcome, "message", &["failed to connect to", "timed out"]);
    let outcome = report(&endpoint, &[("CAS_TIMEOUT_MS", "100"), ("CAS_MAX_ATTEMPTS", "1")]);
    assert_fields(
        &outcome,
        &[("status", "CAS_ERR_TIMEOUT"), ("attempts", "1"), ("retryable", "1")],
    );
    assert_says(&outcome, "hint", &["Nothing was sent"]);
}

#[test]
fn a_wrong_secret() {
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
                "The access key secret is wrong: the request arrived as it was sent. The access key comes from the environment.",
            ),
            (
                "service_message",
                "Specified signature is not matched with our calculation. server string to sign: [removed]",
            ),
        ],
    );
    assert_says(&outcome, "message", &["127.0.0.1", "\"web\"", "SignatureDoesNotMatch"]);
    assert!(is_request_id(outcome.field("request_id")));
    assert_eq!(outcome.field("request_id"), emulator.requests()[0]["request_id"]);
}

#[test]
fn an_unknown_access_key() {
    let emulator = Emulator::start(&[]);
    let outcome = report(emulator.url(), &[("ALIBABA_CLOUD_ACCESS_KEY_ID", "nobody")]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_SERVICE"),
            ("service_code", "InvalidAccessKeyId.NotFound"),
            ("http_status", "404"),
            ("attempts", "1"),
        ],
    );
    assert_says(&outcome, "hint", &["access key id"]);
    assert!(is_request_id(outcome.field("request_id")));
}

#[test]
fn no_access_key() {
    let emulator = Emulator::start(&[]);
    let outcome = Program::new(compile("tests/fixtures/c/report.c", &[]))
        .without("ALIBABA_CLOUD_ACCESS_KEY_ID")
        .without("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        .env("CAS_ENDPOINT", emulator.url())
        .arg("web")
        .arg(&chain().chain)
        .arg(&chain().key)
        .run();
    assert_fields(
        &outcome,
        &[("status", "CAS_ERR_CREDENTIALS"), ("attempts", "0"), ("request_id", "(none)")],
    );
    assert_says(&outcome, "message", &["ALIBABA_CLOUD_ACCESS_KEY_ID", "not set"]);
    assert!(emulator.requests().is_empty());
}

#[test]
fn a_clock_that_is_wrong_either_way_is_corrected_once_and_for_good() {
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
fn a_date_that_is_wrong_does_not_make_it_loop() {
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
        assert_says(&outcome, "hint", &["clock"]);
        assert_eq!(stub.requests().len().to_string(), attempts);
    }
}

#[test]
fn a_name_that_is_taken() {
    let emulator = Emulator::start(&[]);
    assert_eq!(report(emulator.url(), &[]).field("cert_id"), "1");
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
        assert_says(&outcome, "message", &["another certificate named \"web\"", "CertId 1"]);
        assert_says(&outcome, "hint", &["on_conflict"]);
        assert!(is_request_id(outcome.field("request_id")));
    }
    assert_eq!(emulator.certificates().len(), 1);
    // The same certificate is a success.
    let again = report(emulator.url(), &[]);
    assert_eq!(
        (again.field("cert_id"), again.field("outcome"), again.field("attempts")),
        ("1", "1", "1")
    );
}

#[test]
fn a_certificate_that_the_service_cannot_read() {
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
    assert_says(&outcome, "hint", &["PEM"]);
}

#[test]
fn a_bad_pair_is_refused_before_it_leaves_unless_checks_are_skipped() {
    let emulator = Emulator::start(&[]);
    let [cert, key] = [&chain().chain, &chain().key].map(|path| path.to_str().unwrap());
    let outcome = report_files(emulator.url(), &[], key, cert);
    assert_fields(
        &outcome,
        &[("status", "CAS_ERR_CERTIFICATE"), ("attempts", "0"), ("http_status", "0")],
    );
    assert_says(&outcome, "hint", &["certificate first"]);
    assert!(emulator.requests().is_empty());
    let outcome = report_files(emulator.url(), &[("CAS_SKIP_CHECKS", "1")], cert, cert);
    assert_fields(&outcome, &[("status", "CAS_ERR_SERVICE"), ("attempts", "1")]);
}

#[test]
fn files_that_are_not_there() {
    let outcome =
        report_files("http://127.0.0.1:1", &[], "/nonexistent/cert.pem", "/nonexistent/key.pem");
    assert_fields(&outcome, &[("status", "CAS_ERR_IO"), ("attempts", "0")]);
    assert_says(&outcome, "message", &["/nonexistent/cert.pem"]);
}

/// An empty list of certificates.
const NOTHING_STORED: &str = r#"{"TotalCount":0,"CertificateList":[]}"#;

#[test]
fn an_answer_that_is_cut_short() {
    let whole = "HTTP/1.1 200 OK\r\nx-acs-request-id: 5C5EE5B6-0000-4E6B-8E0C-CB55C4F5F60D\r\nContent-Length: 64\r\n\r\n";
    let cut = Reply::SendAndClose(format!("{whole}{{\"CertId\":1").into_bytes());
    // The list shows nothing, or is cut as well.
    for (replies, status, says) in [
        (
            vec![cut.clone(), Reply::http("200 OK", "", NOTHING_STORED)],
            "CAS_ERR_PROTOCOL",
            "does not show it",
        ),
        (vec![cut], "CAS_ERR_OUTCOME_UNKNOWN", "could not be found out"),
    ] {
        let stub = Stub::start(replies);
        let outcome = report(&stub.url(), &[("CAS_MAX_ATTEMPTS", "1")]);
        assert_fields(
            &outcome,
            &[
                ("status", status),
                ("service_code", "(none)"),
                ("request_id", "5C5EE5B6-0000-4E6B-8E0C-CB55C4F5F60D"),
                ("http_status", "200"),
                ("attempts", "1"),
                ("retryable", "1"),
            ],
        );
        assert_says(&outcome, "message", &["ended early, after 11 bytes", "\"web\"", says]);
    }
}

#[test]
fn an_answer_that_is_none() {
    for (reply, what, http_status) in [
        (Reply::http("200 OK", "", ""), "nothing (HTTP 200, no body)", "200"),
        (Reply::http("200 OK", "", r#"{"CertId":1"#), "JSON that is cut or broken", "200"),
        (Reply::http("200 OK", "", "{}"), "with a success without a CertId", "200"),
        (
            Reply::http("200 OK", "", r#"{"CertId":9223372036854775808}"#),
            "a success without a CertId",
            "200",
        ),
        (
            Reply::http(
                "502 Bad Gateway",
                "Content-Type: text/html\r\n",
                "<html><title>Squid: error</title></html>",
            ),
            "an HTML page titled \"Squid: error\"",
            "502",
        ),
        (Reply::http("200 OK", "", &"x".repeat((1 << 20) + 1)), "exceeds 1048576 bytes", "200"),
        (Reply::SendAndClose(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()), "not valid HTTP", "0"),
    ] {
        let listed = Reply::http("200 OK", "", NOTHING_STORED);
        for (replies, status) in [
            (vec![reply.clone(), listed], "CAS_ERR_PROTOCOL"),
            (vec![reply], "CAS_ERR_OUTCOME_UNKNOWN"),
        ] {
            let stub = Stub::start(replies);
            let outcome = report(&stub.url(), &[("CAS_MAX_ATTEMPTS", "1")]);
            assert_fields(
                &outcome,
                &[("status", status), ("http_status", http_status), ("attempts", "1")],
            );
            assert_says(&outcome, "message", &[what, "\"web\""]);
        }
    }
}

#[test]
fn whoever_turns_the_request_away_did_not_store_it() {
    for (reply, what, http_status) in [
        (
            Reply::http("302 Found", "Location: https://login.example/?next=x\r\n", ""),
            "a redirect to login.example,",
            "302",
        ),
        (
            Reply::http("403 Forbidden", "", "<html><title>Blocked by policy</title></html>"),
            "an HTML page titled \"Blocked by policy\"",
            "403",
        ),
    ] {
        let stub = Stub::start(vec![reply]);
        let outcome = report(&stub.url(), &[]);
        assert_fields(
            &outcome,
            &[
                ("status", "CAS_ERR_PROTOCOL"),
                ("http_status", http_status),
                ("attempts", "1"),
                ("retryable", "0"),
            ],
        );
        assert_says(&outcome, "message", &[what, "\"web\""]);
        assert_eq!(stub.requests().len(), 1, "{what}");
    }
}

#[test]
fn xml_is_understood_although_json_was_asked_for() {
    let xml = "<?xml version='1.0' encoding='UTF-8'?><CreateUserCertificate><RequestId>A-1</RequestId>\
               <CertId>9223372036854775807</CertId></CreateUserCertificate>";
    let stub = Stub::start(vec![Reply::http("200 OK", "Content-Type: text/xml\r\n", xml)]);
    let outcome = report(&stub.url(), &[]);
    assert_eq!(outcome.field("cert_id"), "9223372036854775807");
    assert_eq!(outcome.field("request_id"), "A-1");
    let xml =
        "<Error><Code>Forbidden.RAM</Code><Message>no</Message><RequestId>A-2</RequestId></Error>";
    let stub = Stub::start(vec![Reply::http("403 Forbidden", "", xml)]);
    let outcome = report(&stub.url(), &[]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_PERMISSION"),
            ("service_code", "Forbidden.RAM"),
            ("request_id", "A-2"),
            ("http_status", "403"),
        ],
    );
    for field in ["message", "hint"] {
        assert_says(&outcome, field, &["yundun-cert:CreateUserCertificate"]);
    }
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
fn a_service_that_fails_inside_is_asked_what_it_stored() {
    let body =
        r#"{"Code":"ServiceUnavailable","Message":"The request has failed.","RequestId":"A-3"}"#;
    let failing = Reply::http("503 Service Unavailable", "", body);
    let listed = Reply::http("200 OK", "", NOTHING_STORED);
    for (replies, status) in [
        (vec![failing.clone(), listed], "CAS_ERR_SERVICE"),
        (vec![failing], "CAS_ERR_OUTCOME_UNKNOWN"),
    ] {
        let stub = Stub::start(replies);
        let outcome = report(&stub.url(), &[("CAS_MAX_ATTEMPTS", "1")]);
        assert_fields(
            &outcome,
            &[
                ("status", status),
                ("service_code", "ServiceUnavailable"),
                ("request_id", "A-3"),
                ("retryable", "1"),
                ("attempts", "1"),
            ],
        );
    }
}

#[test]
fn throttling_is_waited_out_or_reported() {
    let throttled = Reply::http(
        "400 Bad Request",
        "x-acs-retry-after: 1\r\n",
        r#"{"Code":"Throttling.User","RequestId":"A-4"}"#,
    );
    let stub = Stub::start(vec![throttled.clone()]);
    let outcome = report(&stub.url(), &[("CAS_MAX_ATTEMPTS", "3")]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_THROTTLED"),
            ("service_code", "Throttling.User"),
            ("request_id", "A-4"),
            ("attempts", "3"),
            ("retryable", "1"),
        ],
    );
    assert_eq!(stub.requests().len(), 3);

    let stub = Stub::start(vec![throttled, Reply::http("200 OK", "", r#"{"CertId":"5"}"#)]);
    let outcome = report(&stub.url(), &[]);
    assert_eq!((outcome.field("cert_id"), outcome.field("attempts")), ("5", "2"));

    // A pause that would outlast the deadline is not begun.
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
fn no_answer_before_the_deadline_leaves_the_outcome_open() {
    let stub = Stub::start(vec![Reply::Nothing]);
    let outcome = report(&stub.url(), &[("CAS_TIMEOUT_MS", "300")]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_OUTCOME_UNKNOWN"),
            ("http_status", "0"),
            ("attempts", "1"),
            ("retryable", "1"),
            ("request_id", "(none)"),
        ],
    );
    assert_says(
        &outcome,
        "message",
        &["was sent", "before the deadline", "could not be found out"],
    );
    assert_says(&outcome, "hint", &["SHA-1", "same call again"]);
}

#[test]
fn an_answer_that_is_not_whole_before_the_deadline_leaves_the_outcome_open() {
    let half =
        b"HTTP/1.1 200 OK\r\nx-acs-request-id: A-5\r\nContent-Length: 64\r\n\r\n{\"CertId\":1"
            .to_vec();
    let stub = Stub::start(vec![Reply::Send(half)]);
    let outcome = report(&stub.url(), &[("CAS_TIMEOUT_MS", "300")]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_OUTCOME_UNKNOWN"),
            ("http_status", "200"),
            ("request_id", "A-5"),
            ("retryable", "1"),
        ],
    );
    assert_says(&outcome, "message", &["was incomplete at the deadline", "could not be found out"]);
}

#[test]
fn no_pause_at_all_is_no_advice() {
    let throttled =
        Reply::http("400 Bad Request", "x-acs-retry-after: 0\r\n", r#"{"Code":"Throttling"}"#);
    let stub = Stub::start(vec![throttled]);
    // The pauses double up to 10 seconds, so the deadline comes long before a thousand attempts.
    let outcome = report(&stub.url(), &[("CAS_MAX_ATTEMPTS", "1000"), ("CAS_TIMEOUT_MS", "1000")]);
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
        program.arg(name).arg(&chain().chain).arg(&chain().key).run()
    };
    let unread = [("CAS_SKIP_CHECKS", "1")];
    assert_eq!(upload(&"名".repeat(42), &[]).field("status"), "CAS_OK");
    let long = "名".repeat(43);
    assert_says(&upload(&long, &[]), "message", &["129 bytes"]);
    // How long it may be is the service's to say then.
    assert_eq!(upload(&long, &unread).field("status"), "CAS_OK");
    assert_eq!(upload(&"名".repeat(129), &unread).field("status"), "CAS_ERR_SERVICE");
}

#[test]
fn a_connection_that_closes_without_an_answer_leaves_the_outcome_open() {
    let stub = Stub::start(vec![Reply::SendAndClose(Vec::new())]);
    let outcome = report(&stub.url(), &[]);
    assert_fields(&outcome, &[("status", "CAS_ERR_OUTCOME_UNKNOWN"), ("attempts", "1")]);
    let actions: Vec<_> = stub
        .requests()
        .iter()
        .map(|request| {
            request.body.split('&').find(|pair| pair.starts_with("Action=")).unwrap().to_owned()
        })
        .collect();
    assert_eq!(actions[0], "Action=CreateUserCertificate");
    assert_eq!(actions[1..], vec!["Action=DescribeUserCertificateList"; 4]);
}

#[test]
fn tls_is_always_verified() {
    let [cert, key] = [&chain().chain, &chain().key].map(|path| path.to_str().unwrap());
    let emulator = Emulator::start(&["--tls-cert", cert, "--tls-key", key]);
    let root = chain().root.to_str().unwrap();
    let trusted = report(emulator.url(), &[("CAS_CA_FILE", root)]);
    assert_eq!(trusted.field("cert_id"), "1");
    let trusted =
        report(&emulator.url().replace("127.0.0.1", "localhost"), &[("CAS_CA_FILE", root)]);
    assert_fields(
        &trusted,
        &[("status", "CAS_ERR_NETWORK"), ("attempts", "1"), ("retryable", "0")],
    );
    assert_says(&trusted, "message", &["localhost", "is not valid for"]);
    let by_variable = report(emulator.url(), &[("SSL_CERT_FILE", root), ("CAS_MAX_ATTEMPTS", "1")]);
    assert_eq!((by_variable.field("cert_id"), by_variable.field("outcome")), ("1", "1"));
    let untrusted = report(emulator.url(), &[]);
    assert_fields(
        &untrusted,
        &[("status", "CAS_ERR_NETWORK"), ("attempts", "1"), ("retryable", "0")],
    );
    assert_says(&untrusted, "message", &["issuer is not trusted"]);
    assert_says(&untrusted, "hint", &["SSL_CERT_FILE"]);
    let nothing = report(emulator.url(), &[("SSL_CERT_FILE", "/nonexistent/roots.pem")]);
    assert_says(
        &nothing,
        "message",
        &["failed to load root certificates", "/nonexistent/roots.pem"],
    );
}

#[test]
fn plaintext_and_tls_do_not_meet() {
    let emulator = Emulator::start(&[]);
    let https = emulator.url().replace("http://", "https://");
    let outcome = report(&https, &[("CAS_MAX_ATTEMPTS", "1")]);
    assert_fields(&outcome, &[("status", "CAS_ERR_NETWORK")]);
    assert_says(&outcome, "message", &["TLS handshake"]);
    assert!(emulator.requests().is_empty());
}

#[test]
fn messages_reach_the_programs_log_by_level() {
    let emulator = Emulator::start(&[]);
    let log =
        |outcome: &Outcome| outcome.stdout.lines().filter(|line| line.starts_with("log=")).count();
    let outcome = report(emulator.url(), &[("CAS_LOG", "4")]);
    assert!(
        outcome.stdout.contains("log=4 CreateUserCertificate of \"web\""),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("log=3 \"web\" is stored as CertId 1"), "{}", outcome.stdout);
    let another = [&other_chain().chain, &other_chain().key].map(|path| path.to_str().unwrap());
    assert_eq!(log(&report_files(emulator.url(), &[("CAS_LOG", "1")], another[0], another[1])), 1);
    assert_eq!(
        log(&report("http://127.0.0.1:1", &[("CAS_LOG", "2"), ("CAS_MAX_ATTEMPTS", "2")])),
        2
    );
    assert_eq!(log(&report(emulator.url(), &[])), 0);
}
