//! Uploads that fail on the network or by a response: status, message, code and RequestId as a C
//! program sees them.

use std::net::{SocketAddr, TcpListener, TcpStream};

use std::time::Duration;

use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Stub, chain, other_chain};

/// Uploads as `web` to `endpoint`.
pub fn report(endpoint: &str, settings: &[(&str, &str)]) -> Outcome {
    acceptance::report(endpoint, settings, "web", &chain().chain, &chain().key).run()
}

pub fn report_files(endpoint: &str, settings: &[(&str, &str)], cert: &str, key: &str) -> Outcome {
    acceptance::report(endpoint, settings, "web", cert, key).run()
}

/// Checks the fields of a failure.
#[track_caller]
pub fn assert_fields(outcome: &Outcome, fields: &[(&str, &str)]) {
    outcome.assert_fields(fields);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stderr, "");
}

/// Whether this is an upper-case UUID, as every response of the service has one.
pub fn is_request_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || b.is_ascii_uppercase())
}

#[test]
fn a_closed_port_is_a_network_error_that_can_be_retried() {
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
        outcome.assert_says(
            "message",
            &["\"web\"", "was not sent", &format!("127.0.0.1:{port}"), "refused"],
        );
        outcome.assert_says("hint", &["endpoint"]);
    }
}

#[test]
fn an_unknown_host_is_reported_with_a_hint() {
    let outcome = report(
        "https://no-such-host.invalid",
        &[("CAS_MAX_ATTEMPTS", "1"), ("CAS_TIMEOUT_MS", "20000")],
    );
    assert_fields(&outcome, &[("status", "CAS_ERR_NETWORK"), ("attempts", "1")]);
    outcome.assert_says("message", &["no-such-host.invalid", "failed to resolve"]);
    outcome.assert_says("hint", &["DNS"]);
}

#[test]
fn a_port_that_does_not_respond_fails_after_the_connect_timeout() {
    // A listener that accepts nothing and whose queue is full: the system drops further
    // connections.
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
    outcome.assert_says("message", &["failed to connect to", "timed out"]);
    let outcome = report(&endpoint, &[("CAS_TIMEOUT_MS", "100"), ("CAS_MAX_ATTEMPTS", "1")]);
    assert_fields(
        &outcome,
        &[("status", "CAS_ERR_TIMEOUT"), ("attempts", "1"), ("retryable", "1")],
    );
    outcome.assert_says("hint", &["Nothing was sent"]);
}

/// An empty list of certificates.
pub const NOTHING_STORED: &str = r#"{"TotalCount":0,"CertificateList":[]}"#;

#[test]
fn a_truncated_response_leaves_the_outcome_unknown() {
    let whole = "HTTP/1.1 200 OK\r\nx-acs-request-id: 5C5EE5B6-0000-4E6B-8E0C-CB55C4F5F60D\r\n\
                 Content-Length: 64\r\n\r\n";
    let cut = Reply::SendAndClose(format!("{whole}{{\"CertId\":1").into_bytes());
    // The list is empty, or truncated as well.
    let empty = Reply::http("200 OK", "", NOTHING_STORED);
    for (replies, says) in [
        (vec![cut.clone(), empty], "does not show it yet"),
        (vec![cut], "Failed to find out whether"),
    ] {
        let stub = Stub::start(replies);
        let settings = [("CAS_MAX_ATTEMPTS", "1"), ("CAS_TIMEOUT_MS", "3000")];
        let outcome = report(&stub.url(), &settings);
        assert_fields(
            &outcome,
            &[
                ("status", "CAS_ERR_OUTCOME_UNKNOWN"),
                ("service_code", "(none)"),
                ("request_id", "5C5EE5B6-0000-4E6B-8E0C-CB55C4F5F60D"),
                ("http_status", "200"),
                ("attempts", "1"),
                ("retryable", "1"),
            ],
        );
        outcome.assert_says("message", &["ended early, after 11 bytes", "\"web\"", says]);
    }
}

#[test]
fn a_response_that_is_not_from_the_api_leaves_the_outcome_unknown() {
    for (reply, what, http_status) in [
        (Reply::http("200 OK", "", ""), "empty body (HTTP 200)", "200"),
        (Reply::http("200 OK", "", r#"{"CertId":1"#), "truncated or invalid JSON", "200"),
        (Reply::http("200 OK", "", "{}"), "missing field `CertId`", "200"),
        (Reply::http("200 OK", "", r#"{"CertId":9223372036854775808}"#), "invalid CertId", "200"),
        (
            Reply::http(
                "502 Bad Gateway",
                "Content-Type: text/html\r\n",
                "<html><title>Squid: error</title></html>",
            ),
            "HTML page titled \"Squid: error\"",
            "502",
        ),
        (Reply::http("200 OK", "", &"x".repeat((1 << 20) + 1)), "exceeds 1048576 bytes", "200"),
        (Reply::SendAndClose(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()), "not valid HTTP", "0"),
    ] {
        let listed = Reply::http("200 OK", "", NOTHING_STORED);
        for replies in [vec![reply.clone(), listed], vec![reply]] {
            let stub = Stub::start(replies);
            let settings = [("CAS_MAX_ATTEMPTS", "1"), ("CAS_TIMEOUT_MS", "1500")];
            let outcome = report(&stub.url(), &settings);
            let status = ("status", "CAS_ERR_OUTCOME_UNKNOWN");
            assert_fields(&outcome, &[status, ("http_status", http_status), ("attempts", "1")]);
            outcome.assert_says("message", &[what, "\"web\""]);
        }
    }
}

#[test]
fn a_redirect_or_a_blocking_page_is_looked_up_and_reported() {
    for (reply, what, http_status) in [
        (
            Reply::http("302 Found", "Location: https://login.example/?next=x\r\n", ""),
            "redirect to login.example,",
            "302",
        ),
        (
            Reply::http("403 Forbidden", "", "<html><title>Blocked by policy</title></html>"),
            "HTML page titled \"Blocked by policy\"",
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
        outcome.assert_says("message", &[what, "\"web\""]);
        // The list meets the same page.
        assert_eq!(stub.requests().len(), 2, "{what}");
    }
}

#[test]
fn an_xml_response_is_understood() {
    let xml = "<?xml version='1.0' encoding='UTF-8'?>\
               <CreateUserCertificate><RequestId>A-1</RequestId>\
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
        outcome.assert_says(field, &["yundun-cert:CreateUserCertificate"]);
    }
}

#[test]
fn no_response_before_the_deadline_leaves_the_outcome_unknown() {
    let stub = Stub::start(vec![Reply::Nothing]);
    let outcome = report(&stub.url(), &[("CAS_TIMEOUT_MS", "2000")]);
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
    outcome
        .assert_says("message", &["was sent", "before the deadline", "Failed to find out whether"]);
    outcome.assert_says("hint", &["SHA-1", "same call again"]);
}

#[test]
fn an_incomplete_response_at_the_deadline_leaves_the_outcome_unknown() {
    let half =
        b"HTTP/1.1 200 OK\r\nx-acs-request-id: A-5\r\nContent-Length: 64\r\n\r\n{\"CertId\":1"
            .to_vec();
    let stub = Stub::start(vec![Reply::Send(half)]);
    let outcome = report(&stub.url(), &[("CAS_TIMEOUT_MS", "2000")]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_OUTCOME_UNKNOWN"),
            ("http_status", "200"),
            ("request_id", "A-5"),
            ("retryable", "1"),
        ],
    );
    outcome
        .assert_says("message", &["was incomplete at the deadline", "Failed to find out whether"]);
}

#[test]
fn a_connection_closed_without_a_response_leaves_the_outcome_unknown() {
    let stub = Stub::start(vec![Reply::SendAndClose(Vec::new())]);
    let outcome = report(&stub.url(), &[("CAS_TIMEOUT_MS", "3000")]);
    assert_fields(&outcome, &[("status", "CAS_ERR_OUTCOME_UNKNOWN"), ("attempts", "1")]);
    let actions: Vec<_> = stub
        .requests()
        .iter()
        .map(|request| {
            request.body.split('&').find(|pair| pair.starts_with("Action=")).unwrap().to_owned()
        })
        .collect();
    assert_eq!(actions[0], "Action=CreateUserCertificate");
    // A look-up is a list with four attempts; libcas looks until the deadline.
    assert!(actions.len() > 5, "{actions:?}");
    assert!(actions[1..].iter().all(|action| action == "Action=DescribeUserCertificateList"));
}

#[test]
fn tls_is_always_verified() {
    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &[]);
    let root = chain().root.to_str().unwrap();
    let trusted = report(emulator.url(), &[("CAS_CA_FILE", root)]);
    assert_eq!(trusted.field("cert_id"), "10000000");
    let trusted =
        report(&emulator.url().replace("127.0.0.1", "localhost"), &[("CAS_CA_FILE", root)]);
    assert_fields(
        &trusted,
        &[("status", "CAS_ERR_NETWORK"), ("attempts", "1"), ("retryable", "0")],
    );
    trusted.assert_says("message", &["localhost", "is not valid for"]);
    let by_variable = report(emulator.url(), &[("SSL_CERT_FILE", root), ("CAS_MAX_ATTEMPTS", "1")]);
    assert_eq!((by_variable.field("cert_id"), by_variable.field("outcome")), ("10000000", "1"));
    let untrusted = report(emulator.url(), &[]);
    assert_fields(
        &untrusted,
        &[("status", "CAS_ERR_NETWORK"), ("attempts", "1"), ("retryable", "0")],
    );
    untrusted.assert_says("message", &["issuer is not trusted"]);
    untrusted.assert_says("hint", &["SSL_CERT_FILE"]);
    let nothing = report(emulator.url(), &[("SSL_CERT_FILE", "/nonexistent/roots.pem")]);
    nothing.assert_says("message", &["failed to load root certificates", "/nonexistent/roots.pem"]);
}

#[test]
fn https_to_a_plaintext_server_fails_in_the_handshake() {
    let emulator = Emulator::start(&[]);
    let https = emulator.url().replace("http://", "https://");
    let outcome = report(&https, &[("CAS_MAX_ATTEMPTS", "1")]);
    assert_fields(&outcome, &[("status", "CAS_ERR_NETWORK")]);
    outcome.assert_says("message", &["TLS handshake"]);
    assert!(emulator.requests().is_empty());
}

#[test]
fn log_messages_are_filtered_by_level() {
    let emulator = Emulator::start(&[]);
    let log =
        |outcome: &Outcome| outcome.stdout.lines().filter(|line| line.starts_with("log=")).count();
    let outcome = report(emulator.url(), &[("CAS_LOG", "4")]);
    assert!(
        outcome.stdout.contains("log=4 Sending CreateUserCertificate for \"web\" to "),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("log=3 \"web\" is stored as CertId 10000000"),
        "{}",
        outcome.stdout
    );
    let another = [&other_chain().chain, &other_chain().key].map(|path| path.to_str().unwrap());
    assert_eq!(log(&report_files(emulator.url(), &[("CAS_LOG", "1")], another[0], another[1])), 1);
    assert_eq!(
        log(&report("http://127.0.0.1:1", &[("CAS_LOG", "2"), ("CAS_MAX_ATTEMPTS", "2")])),
        2
    );
    assert_eq!(log(&report(emulator.url(), &[])), 0);
}
