//! Attempts that may have stored the certificate: what follows them never hides them. Lists that
//! lag, and many processes at the documented rate.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Stub, chain};
use serde_json::{Value, json};

use crate::exactly_once::{Api, run_all};
use crate::failures::{NOTHING_STORED, assert_fields, report};

/// A list that shows a new certificate later than any test waits.
const NEVER_MS: u64 = 3_600_000;

/// An error of the service.
fn error(status: u16, code: &str) -> Value {
    json!({"kind": "error", "status": status, "code": code})
}

/// The faults of one attempt after which the upload may not end with "not stored".
fn second_failures() -> Vec<Value> {
    let mut failures = vec![
        error(400, "Unheard.Of"),
        error(400, "InsufficientQuota"),
        error(403, "Forbidden.RAM"),
        error(403, "Forbidden.RiskControl"),
        error(404, "InvalidAccessKeyId.NotFound"),
        error(400, "SignatureDoesNotMatch"),
        error(400, "MissingParameter"),
        error(400, "Throttling.User"),
        error(400, "OperationConflict"),
        error(400, "LastTokenProcessing"),
        error(400, "SystemError"),
        error(500, "InternalError.Database"),
        error(408, "Unheard.Of"),
        error(503, "ServiceUnavailable"),
    ];
    failures.extend(
        ["drop-before", "reset", "truncate", "garbage", "empty", "no-cert-id"]
            .map(|kind| json!({ "kind": kind })),
    );
    failures
}

/// Adds faults to the uploads: the first one is stored, is listed after `lag_ms` and gets no
/// response; the second one fails as `second` says.
fn first_is_lost(emulator: &Emulator, api: Api, lag_ms: u64, second: Option<&Value>) {
    let mut faults =
        vec![json!({"kind": "lag", "ms": lag_ms}), json!({"kind": "drop-after", "times": 1})];
    faults.extend(second.map(|second| {
        let mut second = second.clone();
        second["times"] = 1.into();
        second
    }));
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
fn a_later_failure_never_says_that_a_stored_certificate_is_not_stored() {
    chain();
    let mut cells = Vec::new();
    for api in [Api::Old, Api::New] {
        for second in second_failures() {
            for (lag_ms, timeout_ms) in [(3_000, "30000"), (NEVER_MS, "6000")] {
                cells.push((api, second.clone(), lag_ms, timeout_ms));
            }
        }
    }
    run_all(
        &cells,
        |_| true,
        |(api, second, lag_ms, timeout_ms)| {
            let emulator = Emulator::start(&[]);
            first_is_lost(&emulator, *api, *lag_ms, Some(second));
            let settings = [
                ("CAS_API", api.number()),
                ("CAS_TIMEOUT_MS", timeout_ms),
                ("CAS_MAX_ATTEMPTS", "2"),
            ];
            let outcome = report(emulator.url(), &settings);
            let unknown = outcome.field("status") == "CAS_ERR_OUTCOME_UNKNOWN"
                && outcome.field("retryable") == "1";
            // The service may recognise another attempt by its ClientToken.
            let ends_well = created(&outcome) || (*lag_ms == NEVER_MS && unknown);
            let said = format!("{api:?} {second} {lag_ms}\n{}", outcome.stdout);
            if !ends_well {
                return Err(said);
            }
            // The last error is quoted.
            let code = second["code"].as_str().unwrap_or_default();
            if *lag_ms == NEVER_MS && code.starts_with("Forbidden") {
                outcome.assert_fields(&[("service_code", code), ("attempts", "2")]);
            }
            copies(&emulator).map_err(|what| format!("{what}: {said}"))
        },
    );
    println!("{} cells", cells.len());
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
            first_is_lost(&emulator, *api, *lag_ms, None);
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
    first_is_lost(&emulator, Api::Old, 0, None);
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

#[test]
fn many_processes_at_the_documented_rate_all_succeed() {
    for api in [Api::Old, Api::New] {
        let emulator = Emulator::start(&["--qps", "10"]);
        let processes: Vec<_> = (0..12)
            .map(|number| {
                let name = format!("web-{number}");
                let settings = [("CAS_API", api.number())];
                acceptance::report(emulator.url(), &settings, &name, &chain().chain, &chain().key)
                    .start()
            })
            .collect();
        for process in processes {
            let outcome = process.finish();
            assert!(created(&outcome), "{}", outcome.stdout);
        }
        assert_eq!(emulator.certificates().len(), 12);
        let requests = emulator.requests();
        let throttled = requests.iter().filter(|request| request["code"] == "Throttling.User");
        println!("{api:?}: {} of {} requests throttled", throttled.count(), requests.len());
    }
}
