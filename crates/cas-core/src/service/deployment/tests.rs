//! Lists by page, and sentences about what is no certificate.

use super::*;
use serde_json::json;

use crate::http::failure::SendProgress;
use crate::service::account::tests::account;
use crate::service::caller::tests::{AN_HOUR, ScriptedResult, failure, response};

fn deadline() -> Deadline {
    Deadline::after(AN_HOUR)
}

fn resources(total: usize, ids: std::ops::Range<i64>) -> ScriptedResult {
    let data: Vec<_> = ids.map(|id| json!({"Id": id, "Domain": "www.example.com"})).collect();
    response(200, &json!({"Total": total, "ShowSize": 50, "Data": data}).to_string())
}

fn job() -> JobId {
    JobId::new(3).unwrap()
}

#[test]
fn a_list_is_read_to_its_end() {
    let (account, sent) = account(vec![resources(60, 1..51), resources(60, 51..61)]);
    let list = account.cloud_resources("example.com", &deadline()).unwrap();
    assert_eq!(list.iter().map(|it| it.id).collect::<Vec<_>>(), (1..61).collect::<Vec<_>>());
    let sent = sent.lock().unwrap();
    assert!(sent[0].contains("Keyword=example.com") && sent[1].contains("CurrentPage=2"));
}

#[test]
fn a_list_that_changed_is_read_again() {
    let pages = vec![
        resources(60, 1..51),
        resources(59, 51..60),
        resources(59, 2..52),
        resources(59, 51..61),
    ];
    let (account, _) = account(pages);
    let list = account.cloud_resources("", &deadline()).unwrap();
    assert_eq!(list.len(), 59);
    let pages = (0..10).map(|page| resources(100 - page, 1..51)).collect();
    let (account, _) = self::account(pages);
    let error = account.cloud_resources("", &deadline()).unwrap_err().error;
    assert_eq!(
        error.message(),
        "The list of the cloud resources of cas.example changed each time that it was read."
    );
}

#[test]
fn a_page_with_an_unreadable_job_is_no_list() {
    let page = r#"{"Total":2,"Data":[{"Id":1,"Name":"n"},{"Name":"m"}]}"#;
    let (account, _) = account(vec![response(200, page)]);
    let error = account.deployment_jobs(None, &deadline()).unwrap_err().error;
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[test]
fn what_is_missing_is_named() {
    let not_found = || response(404, r#"{"Code":"NotFound","RequestId":"R"}"#);
    let (account, _) = account(vec![not_found(), not_found()]);
    let error = account.job_progress(job(), &deadline()).unwrap_err().error;
    assert_eq!(error.message(), "cas.example has no deployment job 3 (NotFound).");
    assert_eq!((error.kind(), error.request_id()), (ErrorKind::NotFound, Some("R")));
    let new = NewJob {
        name: "n",
        cert_id: CertId::new(7).unwrap(),
        resource_ids: &[1],
        contact_ids: &[2],
    };
    let failure = account.create_deployment_job(&new, Connection::Any, &deadline()).unwrap_err();
    assert_eq!(
        failure.error.message(),
        "cas.example refused to create deployment job \"n\": the certificate, a resource or a \
         contact does not exist (NotFound)."
    );
}

#[test]
fn a_job_is_created_in_one_attempt() {
    let new = NewJob {
        name: "n",
        cert_id: CertId::new(7).unwrap(),
        resource_ids: &[1],
        contact_ids: &[2],
    };
    let (account, sent) = account(vec![failure(SendProgress::Sent, false)]);
    let failed = account.create_deployment_job(&new, Connection::Any, &deadline()).unwrap_err();
    assert!(failed.in_doubt && sent.lock().unwrap().len() == 1);
    let (account, _) = self::account(vec![response(200, r#"{"JobId":"5","RequestId":"R"}"#)]);
    let created = account.create_deployment_job(&new, Connection::Any, &deadline()).unwrap();
    assert_eq!(created.get(), 5);
    // Without an ID, the response may come from something else.
    let (account, _) = self::account(vec![response(200, r#"{"RequestId":"R"}"#)]);
    let failed = account.create_deployment_job(&new, Connection::Any, &deadline()).unwrap_err();
    assert!(failed.in_doubt);
}
