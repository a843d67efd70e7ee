//! Attempts that may have stored the certificate: what follows them never hides them. Lists that
//! lag.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Stub, chain};
use serde_json::{Value, json};

use crate::exactly_once::{Api, run_all};
use crate::failures::{NOTHING_STORED, assert_fields, report};

/// An error of the service.
fn error(status: u16, code: &str) -> Value {
    json!({"kind": "error", "status": status, "code": code})
}

/// Adds faults to the uploads: the first one is stored, is listed after `lag_ms` and gets no
/// response.
fn first_is_lost(emulator: &Emulator, api: Api, lag_ms: u64) {
    let mut faults =
        [json!({"kind": "lag", "ms": lag_ms}), json!({"kind": "drop-after", "times": 1})];
    for fault in &mut faults {
        fault["action"] = api.upload().into();
    }
    emulator.fault(&json!(faults).to_string());
}

fn copies(emulator: &Emulator) -> Result<(), String> {
    match emulator.certificates().len() {
        1 => Ok(()),
        copies => Err(format!("{copies} copies")),
    }
}

fn created(outcome: &Outcome) -> bool {
    outcome.field("status") == "CAS_OK" && outcome.field("outcome") == "0"
}

#[test]
fn a_list_that_lags_leads_to_no_second_copy() {
    chain();
    let mut cells = Vec::new();
    for api in [Api::Old, Api::New] {
        for lag_ms in [500, 2_000, 5_000] {
            for attempts in ["1", "2", "4"] {
                cells.push((api, lag_ms, attempts));
            }
        }
    }
    run_all(
        &cells,
        |_| true,
        |(api, lag_ms, attempts)| {
            let emulator = Emulator::start(&[]);
            first_is_lost(&emulator, *api, *lag_ms);
            let settings = [("CAS_API", api.number()), ("CAS_MAX_ATTEMPTS", attempts)];
            let outcome = report(emulator.url(), &settings);
            let said = format!("{api:?} {lag_ms} {attempts}\n{}", outcome.stdout);
            if !created(&outcome) {
                return Err(said);
            }
            copies(&emulator).map_err(|what| format!("{what}: {said}"))
        },
    );
}

#[test]
fn an_error_about_the_certificate_is_final() {
    let emulator = Emulator::start(&[]);
    let rejected = error(400, "ParseCertificateFailed");
    let mut faults = vec![json!({"kind": "drop-before"}), rejected];
    for fault in &mut faults {
        fault["action"] = Api::New.upload().into();
        fault["times"] = 1.into();
    }
    emulator.fault(&json!(faults).to_string());
    let outcome = report(emulator.url(), &[("CAS_API", Api::New.number())]);
    assert_fields(
        &outcome,
        &[
            ("status", "CAS_ERR_SERVICE"),
            ("service_code", "ParseCertificateFailed"),
            ("attempts", "2"),
        ],
    );
}

#[test]
fn a_look_up_that_is_refused_for_good_ends_the_search() {
    for (status, headers, body) in [
        ("403 Forbidden", "", r#"{"Code":"Forbidden.RAM"}"#),
        ("400 Bad Request", "x-acs-retry-after: 3600000\r\n", r#"{"Code":"Throttling.User"}"#),
    ] {
        let refused = Reply::http(status, headers, body);
        let stub = Stub::start(vec![Reply::SendAndClose(Vec::new()), refused]);
        let started = Instant::now();
        let outcome = report(&stub.url(), &[("CAS_TIMEOUT_MS", "600000")]);
        assert_fields(&outcome, &[("status", "CAS_ERR_OUTCOME_UNKNOWN"), ("attempts", "1")]);
        assert_eq!(stub.requests().len(), 2, "{body}");
        // Much sooner than a search ends.
        assert!(started.elapsed() < Duration::from_secs(19), "{body}");
    }
}

#[test]
fn a_look_up_that_fails_for_a_moment_is_repeated() {
    let emulator = Emulator::start(&[]);
    first_is_lost(&emulator, Api::Old, 0);
    // More than the four attempts of one look-up.
    let failing = json!({"action": Api::Old.list(), "kind": "drop-before", "times": 9});
    emulator.fault(&failing.to_string());
    let outcome = report(emulator.url(), &[]);
    assert!(created(&outcome), "{}", outcome.stdout);
    assert_eq!(outcome.field("attempts"), "1");
}

#[test]
fn http_429_is_throttling_whoever_sends_it() {
    for body in ["", "<html><title>Too many</title></html>", r#"{"message":"rate limit"}"#] {
        let page = Reply::http("429 Too Many Requests", "", body);
        let stub = Stub::start(vec![page.clone()]);
        let outcome = report(&stub.url(), &[("CAS_TIMEOUT_MS", "3000")]);
        assert_fields(
            &outcome,
            &[("status", "CAS_ERR_THROTTLED"), ("http_status", "429"), ("retryable", "1")],
        );
        let requests = stub.requests();
        assert!(requests.len() > 2, "{}", requests.len());
        // What is sent again takes a new connection.
        let connections: BTreeSet<_> = requests.iter().map(|request| request.connection).collect();
        assert_eq!(connections.len(), requests.len());
        let stub = Stub::start(vec![page]);
        let outcome = report(&stub.url(), &[("CAS_MAX_ATTEMPTS", "1")]);
        assert_fields(&outcome, &[("status", "CAS_ERR_THROTTLED"), ("attempts", "1")]);
        assert_eq!(stub.requests().len(), 1);
    }
}

#[test]
fn what_is_rejected_on_the_way_is_looked_up_once() {
    for (status, headers, body) in [
        ("302 Found", "Location: https://login.example/\r\n", ""),
        ("403 Forbidden", "", "<html><title>Blocked</title></html>"),
        ("403 Forbidden", "", r#"{"error":"blocked"}"#),
        ("404 Not Found", "", ""),
        ("403 Forbidden", "Content-Encoding: gzip\r\n", "\u{1f}\u{8}compressed"),
    ] {
        let page = Reply::http(status, headers, body);
        let listed = Reply::http("200 OK", "", NOTHING_STORED);
        for replies in [vec![page.clone(), listed], vec![page]] {
            let stub = Stub::start(replies);
            let outcome = report(&stub.url(), &[]);
            assert_fields(&outcome, &[("status", "CAS_ERR_PROTOCOL"), ("attempts", "1")]);
            assert_eq!(stub.requests().len(), 2, "{status} {body}");
        }
    }
}
