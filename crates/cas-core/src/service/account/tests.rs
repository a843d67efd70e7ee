//! Lists by page, deletions in doubt, and the change of the API version.

use super::*;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::base::deadline::Deadline;
use crate::http::failure::SendProgress;
use crate::service::caller::tests::{
    AN_HOUR, ScriptedResult, caller, cancelled_after, failure, response,
};

/// An account whose requests have these outcomes, and the forms that it sends.
pub(crate) fn account(outcomes: Vec<ScriptedResult>) -> (Account, Arc<Mutex<Vec<String>>>) {
    let (caller, sent) = caller(outcomes);
    let account = Account {
        caller,
        versions: Versions::new(None),
        rate_limiter: RateLimiter::new(0, Instant::now()),
        region: "cn-hangzhou".to_owned(),
        readings: PerProcess::new(Arc::default()),
    };
    (account, sent)
}

fn deadline() -> Deadline {
    Deadline::after(AN_HOUR)
}

/// A page with the certificates of these IDs.
fn page(total: Option<usize>, ids: std::ops::Range<i64>) -> ScriptedResult {
    let list: Vec<_> = ids.map(|id| json!({"id": id})).collect();
    response(200, &json!({"TotalCount": total, "CertificateList": list}).to_string())
}

fn gone() -> ScriptedResult {
    response(404, r#"{"Code":"InvalidAction.NotFound"}"#)
}

fn listed(outcomes: Vec<ScriptedResult>) -> (Vec<i64>, usize) {
    let (account, sent) = account(outcomes);
    let list = account.list(&deadline()).unwrap();
    let requests = sent.lock().unwrap().len();
    (list.iter().map(|certificate| certificate.id.get()).collect(), requests)
}

#[test]
fn pages_are_read_until_the_last() {
    assert_eq!(listed(vec![page(Some(0), 0..0)]), (vec![], 1));
    let all: Vec<i64> = (1..61).collect();
    assert_eq!(listed(vec![page(Some(60), 1..51), page(Some(60), 51..61)]), (all.clone(), 2));
    // Without a total, an empty page is the last.
    let pages = vec![page(None, 1..51), page(None, 51..61), page(None, 0..0)];
    assert_eq!(listed(pages), (all, 3));
    // A list that changed is read again.
    let pages = vec![page(Some(60), 1..51), page(Some(59), 51..60), page(Some(1), 7..8)];
    assert_eq!(listed(pages), (vec![7], 3));
}

#[test]
fn a_list_that_never_stays_the_same_is_an_error() {
    let pages = (0..10).map(|number| page(Some(100 - number), 1..51)).collect();
    let (account, sent) = account(pages);
    let failure = account.list(&deadline()).unwrap_err();
    assert!(failure.class.is_passing() && failure.error.is_retryable());
    assert_eq!(
        failure.error.message(),
        "The list of certificates of cas.example changed each time that it was read."
    );
    assert_eq!(sent.lock().unwrap().len(), 10);
}

#[test]
fn a_certificate_in_both_lists_counts_once() {
    let page = |body: &str| response(200, body);
    let issued = r#"{"TotalCount":1,"CertificateOrderList":[{"CertificateId":1}]}"#;
    let expired = r#"{"TotalCount":2,"CertificateOrderList":[{"CertificateId":1},
                      {"CertificateId":2}]}"#;
    assert_eq!(listed(vec![gone(), page(issued), page(expired)]), (vec![1, 2], 3));
}

#[test]
fn a_call_changes_the_version_once() {
    let (account, sent) = account(vec![gone(), response(200, r#"{"Id":7,"Name":"web"}"#)]);
    let id = CertId::new(7).unwrap();
    assert_eq!(account.get(id, &deadline()).unwrap().name, "web");
    assert_eq!(account.versions.current(), ApiVersion::V2020_04_07);
    assert!(sent.lock().unwrap()[1].contains("Action=GetUserCertificateDetail"));
    let (account, sent) = self::account(vec![gone(), gone()]);
    let failure = account.get(id, &deadline()).unwrap_err();
    assert_eq!(failure.error.service_code(), Some("InvalidAction.NotFound"));
    assert_eq!(sent.lock().unwrap().len(), 2);
    // The next call uses the other version if one attempt is allowed.
    let (mut account, sent) = self::account(vec![gone(), response(200, r#"{"Id":7}"#)]);
    account.caller.max_attempts = 1;
    let error = account.get(id, &deadline()).unwrap_err().error;
    assert_eq!((error.is_retryable(), sent.lock().unwrap().len()), (true, 1));
    assert!(error.hint().unwrap().starts_with("Call again"), "{error}");
    account.get(id, &deadline()).unwrap();
}

#[test]
fn a_deletion_in_doubt_that_finds_nothing_succeeded() {
    let id = CertId::new(7).unwrap();
    let not_found = || response(404, r#"{"Code":"NotFound"}"#);
    let (account, _) = account(vec![not_found()]);
    assert_eq!(
        account.delete(id, None, &deadline()).unwrap_err().error.kind(),
        ErrorKind::NotFound
    );
    let (account, _) = self::account(vec![failure(SendProgress::Sent, false), not_found()]);
    account.delete(id, None, &deadline()).unwrap();
    let (account, _) = self::account(vec![failure(SendProgress::NotSent, false), not_found()]);
    assert_eq!(
        account.delete(id, None, &deadline()).unwrap_err().error.kind(),
        ErrorKind::NotFound
    );
    // Every attempt of one deletion has the same idempotency token.
    let (account, sent) =
        self::account(vec![gone(), failure(SendProgress::Sent, false), response(200, "{}")]);
    account.delete(id, None, &deadline()).unwrap();
    let tokens: Vec<_> = sent.lock().unwrap()[1..]
        .iter()
        .map(|form| {
            form.split('&').find(|pair| pair.starts_with("ClientToken=")).map(str::to_owned)
        })
        .collect();
    assert!(tokens[0].is_some() && tokens[0] == tokens[1], "{tokens:?}");
}

#[test]
fn a_deletion_in_doubt_outweighs_a_later_error() {
    let id = CertId::new(7).unwrap();
    let denied = || response(403, r#"{"Code":"Forbidden.RAM","RequestId":"R"}"#);
    for outcomes in [
        vec![failure(SendProgress::Sent, false), denied()],
        (0..4).map(|_| failure(SendProgress::Sent, false)).collect(),
        vec![failure(SendProgress::Sent, false), response(502, ""), response(403, "<html></html>")],
    ] {
        let (account, _) = account(outcomes);
        let error = account.delete(id, None, &deadline()).unwrap_err().error;
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::OutcomeUnknown, true));
        assert!(error.message().starts_with("Failed to find out whether CertId 7"), "{error}");
        assert!(error.attempts() > 1, "{error}");
    }
    let (account, _) = account(vec![failure(SendProgress::NotSent, false), denied()]);
    assert_eq!(
        account.delete(id, None, &deadline()).unwrap_err().error.kind(),
        ErrorKind::Permission
    );
}

#[test]
fn a_deadline_ends_a_list() {
    let (account, _) = account(vec![failure(SendProgress::NotSent, false)]);
    let soon = &Deadline::after(Duration::from_millis(1));
    assert_eq!(account.list(soon).unwrap_err().error.kind(), ErrorKind::Network);
}

#[test]
fn a_cancelled_deletion_may_have_been_done_once_it_was_sent() {
    let id = CertId::new(7).unwrap();
    for (outcome, kind, part) in [
        (failure(SendProgress::NotSent, false), ErrorKind::Cancelled, "was cancelled."),
        (
            failure(SendProgress::Sent, false),
            ErrorKind::OutcomeUnknown,
            "whether CertId 7 is deleted. DeleteUserCertificate for CertId 7 was cancelled.",
        ),
    ] {
        let (mut account, _) = account(vec![]);
        let (transport, deadline) = cancelled_after(0, vec![outcome]);
        account.caller.transport = transport;
        let error = account.delete(id, None, &deadline).unwrap_err().error;
        assert_eq!((error.kind(), error.attempts()), (kind, 1));
        assert!(error.message().ends_with(part) && error.is_retryable(), "{error}");
    }
}
