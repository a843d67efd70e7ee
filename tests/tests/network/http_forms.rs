//! Legal but unusual forms of HTTP/1.1 responses, and those that libcas does not read.

use acceptance::stub::Reply;
use acceptance::{Outcome, Stub, chain, report};

const BODY: &str = r#"{"CertId":7}"#;

/// Two uploads, of which each gets `response`, and the connections of all requests.
fn uploads(response: &str, timeout_ms: &str) -> (Outcome, Vec<usize>) {
    let stub = Stub::start(vec![Reply::Send(response.as_bytes().to_vec())]);
    let [cert, key] = chain().files();
    let settings = [("CAS_TIMEOUT_MS", timeout_ms), ("CAS_MAX_ATTEMPTS", "1")];
    let outcome = report(&stub.url(), &settings, "web", cert, key).arg("2").run();
    (outcome, stub.requests().iter().map(|request| request.connection).collect())
}

fn with_length(before: &str, fields: &str) -> String {
    format!("{before}HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{BODY}", BODY.len())
}

fn in_chunks(chunks: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
}

#[test]
fn legal_responses_are_read_and_leave_the_connection_open() {
    let long = "x".repeat(60_000);
    for response in [
        with_length("HTTP/1.1 100 Continue\r\n\r\n", ""),
        with_length("HTTP/1.1 100 Continue\r\nServer: a\r\nDate: b\r\n\r\n", ""),
        with_length("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", ""),
        with_length(&"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n".repeat(1000), ""),
        with_length("HTTP/1.0 100\r\nA: b\r\n c\r\n\r\nHTTP/1.1 199 \r\n\r\n", ""),
        with_length("", "A: b\r\n c\r\n\td\r\n"),
        with_length("", &format!("A: {long}\r\n")),
        with_length("", &format!("Content-Length: {}\r\n", BODY.len())),
        with_length("", "A:b\r\nB:\r\ntransfer-coding:\t \r\n"),
        with_length("", &"A: b\r\n".repeat(90)),
        with_length("", "").replace("\r\n", "\n"),
        in_chunks(&format!("C\r\n{BODY}\r\n0\r\n\r\n")),
        in_chunks(&format!("c\r\n{BODY}\r\n000\r\n\r\n")),
        in_chunks(&format!("000000000000000C\r\n{BODY}\r\n0\r\n\r\n")),
        in_chunks(&format!("c;a=b;c=\"d\"\r\n{BODY}\r\n0;e\r\n\r\n")),
        in_chunks(&format!("c ; a\r\n{BODY}\r\n0\r\n\r\n")),
        in_chunks(&format!("5\r\n{}\r\n7\r\n{}\r\n0\r\n\r\n", &BODY[..5], &BODY[5..])),
        in_chunks(&format!("c\r\n{BODY}\r\n0\r\nA: b\r\nDigest: {long}\r\n\r\n")),
        in_chunks(&format!("c\r\n{BODY}\r\n0\r\n\r\n")).replace("chunked", "Chunked"),
    ] {
        let (outcome, connections) = uploads(&response, "60000");
        let ids = outcome.stdout.lines().filter(|line| *line == "cert_id=7").count();
        assert_eq!(ids, 2, "{}\n{}", &response[..response.len().min(200)], outcome.stdout);
        assert_eq!(connections, [0, 0], "{}", &response[..response.len().min(200)]);
    }
}

#[test]
fn a_form_that_is_not_read_leaves_the_outcome_unknown() {
    for response in [
        // docs/service.md, Forms of HTTP.
        in_chunks(&format!("c;{}\r\n{BODY}\r\n0\r\n\r\n", "x".repeat(40))),
        in_chunks(&format!("{}c\r\n{BODY}\r\n0\r\n\r\n", "0".repeat(40))),
        with_length("", &"A: b\r\n".repeat(200)),
        with_length("", &format!("A: {}\r\n", "x".repeat(70_000))),
        // Not legal.
        with_length("", "Content-Length: 1\r\n"),
        with_length("", "A b\r\n"),
        in_chunks(&format!("{BODY}\r\n0\r\n\r\n")),
        in_chunks(&format!("c\r\n{BODY}XX\r\n0\r\n\r\n")),
        format!("HTTP/2 200\r\nContent-Length: 12\r\n\r\n{BODY}"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nA\u{0}: b\r\n\r\n{BODY}"),
    ] {
        // A call in doubt looks for the certificate until its deadline.
        let (outcome, connections) = uploads(&response, "2000");
        let expected = [("status", "CAS_ERR_OUTCOME_UNKNOWN"), ("attempts", "1")];
        let shown = &response[..response.len().min(200)];
        assert!(!outcome.stdout.contains("cert_id"), "{shown}");
        outcome.assert_fields(&expected);
        // No connection is used again.
        assert!(connections.is_sorted_by(|one, next| one < next), "{shown}: {connections:?}");
    }
}
