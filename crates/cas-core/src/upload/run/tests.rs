//! Receipts and errors of whole uploads, over a scripted transport.

use super::*;
use std::sync::Mutex;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use crate::base::deadline::Deadline;
use crate::http::failure::SendProgress;
use crate::http::response::HttpResponse;
use crate::inspect::Fingerprint;
use crate::service::account::tests::account;
use crate::service::caller::tests::{
    AN_HOUR, ScriptedResult, Unsteady, cancelled_after, failure, response,
};
use crate::upload::events::Outcome;

fn certificate() -> String {
    let der = BASE64_STANDARD.encode(b"made for this test");
    format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
}

fn pair(certificate: &str) -> PemPair<'_> {
    PemPair { certificate, key: "key" }
}

fn request(on_conflict: OnConflict) -> Upload {
    let mut upload = Upload::new();
    upload.set_name("web");
    upload.set_on_conflict(on_conflict);
    upload
}

/// Runs an upload; returns its result and the forms it sent.
fn run(
    on_conflict: OnConflict,
    outcomes: Vec<ScriptedResult>,
) -> (Result<Receipt, Error>, Vec<String>) {
    let (account, sent) = account(outcomes);
    let deadline = &Deadline::after(AN_HOUR);
    let result = upload(&account, &request(on_conflict), pair(&certificate()), None, deadline);
    let sent = sent.lock().unwrap().clone();
    (result, sent)
}

fn stored(id: i64) -> ScriptedResult {
    response(200, &json!({"CertId": id, "RequestId": format!("R-{id}")}).to_string())
}

fn lost() -> ScriptedResult {
    failure(SendProgress::Sent, false)
}

/// A list with one certificate: this one, or a different one.
fn list(id: i64, name: &str, same: bool) -> ScriptedResult {
    let leaf = Fingerprint::of_pem(&certificate()).unwrap();
    let other = "A".repeat(40);
    let sha1 = if same { &leaf.sha1 } else { &other };
    let entry = json!({"id": id, "name": name, "fingerprint": sha1, "Sha2": leaf.sha256});
    let entry = if same { entry } else { json!({"id": id, "name": name, "fingerprint": sha1}) };
    let body = json!({"RequestId": "LIST", "TotalCount": 1, "CertificateList": [entry]});
    response(200, &body.to_string())
}

fn empty_list() -> ScriptedResult {
    response(200, r#"{"TotalCount":0}"#)
}

#[test]
fn a_receipt_has_what_the_service_returned() {
    let (receipt, sent) = run(OnConflict::Reuse, vec![stored(7)]);
    let receipt = receipt.unwrap();
    assert_eq!((receipt.cert_id.get(), receipt.name.as_str()), (7, "web"));
    assert_eq!(receipt.cert_identifier, "7-cn-hangzhou");
    assert_eq!(receipt.request_id.as_deref(), Some("R-7"));
    assert_eq!((receipt.outcome, receipt.attempts), (Outcome::Created, 1));
    assert_eq!((receipt.api, sent.len()), (ApiVersion::V2018_07_13, 1));
}

#[test]
fn a_source_that_fails_once_does_not_end_an_upload() {
    let (mut account, sent) = account(vec![stored(7)]);
    account.caller.credentials =
        Some(Box::new(Unsteady { failures: Mutex::new(1), retryable: true }));
    let deadline = &Deadline::after(AN_HOUR);
    let request = request(OnConflict::Reuse);
    let receipt = upload(&account, &request, pair(&certificate()), None, deadline).unwrap();
    assert_eq!((receipt.cert_id.get(), receipt.attempts), (7, 1));
    assert_eq!(sent.lock().unwrap().len(), 1);
}

#[test]
fn a_lost_response_is_settled_by_the_list() {
    let (receipt, sent) = run(OnConflict::Reuse, vec![lost(), list(8, "web", true)]);
    let receipt = receipt.unwrap();
    assert_eq!((receipt.cert_id.get(), receipt.outcome), (8, Outcome::Created));
    assert_eq!((receipt.request_id.as_deref(), receipt.attempts), (Some("LIST"), 1));
    assert_eq!(sent.len(), 2);
    let (error, _) = run(OnConflict::Reuse, vec![lost(), list(8, "web", false)]);
    let message = "cas.example already has another certificate named \"web\" (CertId 8).";
    assert_eq!(error.unwrap_err().message(), message);
}

#[test]
fn the_next_version_is_used_with_an_idempotency_token() {
    let gone = response(404, r#"{"Code":"InvalidAction.NotFound"}"#);
    let (receipt, sent) = run(OnConflict::Reuse, vec![gone, stored(7)]);
    let receipt = receipt.unwrap();
    assert_eq!((receipt.api, receipt.attempts), (ApiVersion::V2020_04_07, 2));
    assert!(!sent[0].contains("ClientToken") && sent[1].contains("&ClientToken="));
}

#[test]
fn a_renamed_upload_has_a_token_and_a_name_of_its_own() {
    let other = json!({"CertificateId": 5, "Name": "web", "Fingerprint": "A".repeat(40)});
    let (account, sent) = account(vec![
        response(200, &json!({"TotalCount": 1, "CertificateOrderList": [other]}).to_string()),
        response(200, r#"{"TotalCount":0}"#),
        stored(7),
    ]);
    account.versions.mark_gone(ApiVersion::V2018_07_13);
    let deadline = &Deadline::after(AN_HOUR);
    let request = request(OnConflict::Rename);
    let receipt = upload(&account, &request, pair(&certificate()), None, deadline).unwrap();
    let leaf = Fingerprint::of_pem(&certificate()).unwrap();
    assert_eq!(receipt.name, format!("web-{}", leaf.short()));
    assert!(sent.lock().unwrap()[2].contains("-other&"), "{:?}", sent.lock().unwrap()[2]);
}

#[test]
fn an_unknown_outcome_says_how_to_find_out() {
    let denied = || response(403, r#"{"Code":"Forbidden.RAM"}"#);
    let (error, _) = run(OnConflict::Reuse, vec![lost(), denied()]);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert!(error.message().starts_with("Failed to find out whether \"web\" is stored."));
    assert!(error.message().contains("was sent, but it broke."), "{error}");
    assert!(error.message().contains("does not have the RAM permission"), "{error}");
    let hint = error.hint().unwrap();
    let sha1 = Fingerprint::of_pem(&certificate()).unwrap().sha1;
    for part in ["same call again", "\"web\"", &sha1, "Grant yundun-cert:Describe"] {
        assert!(hint.contains(part), "{hint}");
    }
    assert!(error.is_retryable() && error.attempts() == 1);
}

#[test]
fn a_refusal_after_a_doubt_says_that_the_list_was_empty() {
    let refused = || response(403, r#"{"Code":"Forbidden.RiskControl","RequestId":"R"}"#);
    let looked = || (0..3).map(|_| empty_list());
    let outcomes = std::iter::once(lost()).chain(looked()).chain([refused()]);
    let (mut account, _) = account(outcomes.chain((0..50).map(|_| empty_list())).collect());
    account.caller.max_attempts = 2;
    let deadline = &Deadline::after(Duration::from_secs(2));
    let error = upload(&account, &request(OnConflict::Reuse), pair(&certificate()), None, deadline);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    let parts = ["Forbidden.RiskControl", "The list of certificates does not show it yet."];
    assert!(parts.iter().all(|part| error.message().contains(part)), "{error}");
    assert_eq!((error.request_id(), error.attempts()), (Some("R"), 2));
}

#[test]
fn a_delay_beyond_the_deadline_ends_an_upload() {
    let throttled = Ok(HttpResponse {
        retry_after: Some(AN_HOUR * 2),
        ..response(400, r#"{"Code":"Throttling.User"}"#).unwrap()
    });
    let (error, sent) = run(OnConflict::Reuse, vec![throttled]);
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), sent.len()), (ErrorKind::Throttled, 1, 1));
    let (account, _) = account(vec![]);
    let deadline = &Deadline::over();
    let error = upload(&account, &request(OnConflict::Reuse), pair(&certificate()), None, deadline);
    let error = error.unwrap_err();
    assert_eq!(error.message(), "Upload of \"web\" timed out before it was sent.");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 0));
}

#[test]
fn a_replaced_certificate_is_deleted_after_the_upload() {
    let deleted = || response(200, "{}");
    let not_found = response(404, r#"{"Code":"NotFound"}"#);
    let denied = response(403, r#"{"Code":"Forbidden.RAM"}"#);
    for (deletion, outcome) in
        [(deleted(), Outcome::Replaced), (not_found, Outcome::Replaced), (denied, Outcome::Created)]
    {
        let (receipt, sent) =
            run(OnConflict::Replace, vec![list(5, "web", false), stored(7), deletion]);
        let receipt = receipt.unwrap();
        assert_eq!((receipt.cert_id.get(), receipt.outcome), (7, outcome));
        assert!(sent[2].contains("CertId=5"), "{}", sent[2]);
    }
}

#[test]
fn throttling_slows_the_uploads_of_all_threads() {
    let throttled = Ok(HttpResponse {
        retry_after: Some(Duration::from_millis(1)),
        ..response(400, r#"{"Code":"Throttling.User"}"#).unwrap()
    });
    let (account, _) = account(vec![throttled, stored(7)]);
    let deadline = &Deadline::after(AN_HOUR);
    upload(&account, &request(OnConflict::Reuse), pair(&certificate()), None, deadline).unwrap();
    let turn = || {
        account
            .rate_limiter
            .acquire(ApiVersion::V2018_07_13, Instant::now(), deadline.instant())
            .unwrap()
    };
    turn();
    assert!(turn() > Duration::ZERO);
}

/// Runs an upload that is cancelled during its last request.
fn run_cancelled(on_conflict: OnConflict, outcomes: Vec<ScriptedResult>) -> Result<Receipt, Error> {
    let (mut account, _) = account(vec![]);
    let (transport, deadline) = cancelled_after(outcomes.len() - 1, outcomes);
    account.caller.transport = transport;
    upload(&account, &request(on_conflict), pair(&certificate()), None, &deadline)
}

#[test]
fn a_cancelled_upload_says_whether_the_certificate_may_be_stored() {
    use OnConflict::{Rename, Reuse};
    let not_sent = || failure(SendProgress::NotSent, false);
    let permanent = || failure(SendProgress::NotSent, true);
    let throttled = || response(400, r#"{"Code":"Throttling.User"}"#);
    let name_taken = || response(400, r#"{"Code":"NameRepeat"}"#);
    for (rule, outcomes, attempts) in [
        (Reuse, vec![not_sent()], 1),
        (Reuse, vec![permanent()], 1),
        (Reuse, vec![throttled()], 1),
        (Reuse, vec![name_taken(), not_sent()], 1),
        (Reuse, vec![name_taken(), lost()], 1),
        (Rename, vec![lost()], 0),
        (Rename, vec![list(5, "web", false)], 0),
        (Rename, vec![list(5, "web", false), not_sent()], 1),
    ] {
        let error = run_cancelled(rule, outcomes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        assert!(error.message().ends_with("was cancelled. Nothing was stored."), "{error}");
        assert_eq!((error.attempts(), error.is_retryable()), (attempts, true), "{error}");
    }
    for (rule, outcomes, attempts) in [
        (Reuse, vec![lost()], 1),
        (Reuse, vec![response(503, "")], 1),
        (Reuse, vec![lost(), lost()], 1),
        (Reuse, vec![lost(), empty_list()], 1),
        (Reuse, vec![lost(), empty_list(), empty_list(), empty_list(), not_sent()], 2),
        (Rename, vec![list(5, "web", false), lost()], 1),
    ] {
        let error = run_cancelled(rule, outcomes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert!(error.message().contains("was cancelled, and the certificate may be"), "{error}");
        assert!(error.hint().unwrap().starts_with("Make the same call again"), "{error}");
        assert_eq!((error.attempts(), error.is_retryable()), (attempts, true), "{error}");
    }
}

#[test]
fn a_cancelled_upload_whose_end_is_certain_ends_as_usual() {
    let receipt = run_cancelled(OnConflict::Reuse, vec![stored(7)]).unwrap();
    assert_eq!(receipt.outcome, Outcome::Created);
    let receipt = run_cancelled(OnConflict::Reuse, vec![lost(), list(7, "web", true)]).unwrap();
    assert_eq!((receipt.cert_id.get(), receipt.outcome), (7, Outcome::Created));
    for deletion in [lost(), failure(SendProgress::NotSent, false)] {
        let outcomes = vec![list(5, "web", false), stored(7), deletion];
        let receipt = run_cancelled(OnConflict::Replace, outcomes).unwrap();
        assert_eq!((receipt.cert_id.get(), receipt.outcome), (7, Outcome::Created));
    }
    let refused = response(400, r#"{"Code":"Forbidden.RAM"}"#);
    let error = run_cancelled(OnConflict::Reuse, vec![refused]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
}
