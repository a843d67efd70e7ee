//! Deployments against scripted responses: what is sent, and what errors say.

use super::*;
use serde_json::{Value, json};

use crate::deployment::plan::DeploymentRequest;
use crate::http::failure::SendProgress;
use crate::protocol::fields::parse;
use crate::service::account::tests::account;
use crate::service::caller::tests::{AN_HOUR, ScriptedResult, cancelled_after, failure, response};
use crate::service::deployment::types::{CloudResource, Contact};
use crate::service::types::CertId;

const NAME: &str = "libcas-7-0123456789ab";

fn plan() -> DeploymentPlan {
    let resource: CloudResource = parse(json!({"Id": 1, "Domain": "www.example.com"})).unwrap();
    let certificate = parse(json!({"Id": 7, "Common": "www.example.com"})).unwrap();
    let inventory = plan::Inventory {
        certificate,
        resources: vec![resource],
        contacts: vec![Contact { id: 4, name: "n".to_owned() }],
        jobs: Vec::new(),
    };
    let domains = vec!["www.example.com".to_owned()];
    let request = DeploymentRequest { domains, ..DeploymentRequest::default() };
    DeploymentPlan { job_name: NAME.to_owned(), ..plan::plan(&request, inventory) }
}

fn ok(body: &Value) -> ScriptedResult {
    response(200, &body.to_string())
}

fn jobs(list: &[(i64, &str, &str)]) -> ScriptedResult {
    let data: Vec<_> = list
        .iter()
        .map(|(id, name, status)| json!({"Id": id, "Name": name, "Status": status}))
        .collect();
    ok(&json!({"Total": data.len(), "Data": data}))
}

fn created(id: i64) -> ScriptedResult {
    ok(&json!({"JobId": id}))
}

fn progress(succeeded: u32, failed: u32) -> ScriptedResult {
    ok(&json!({"WorkerCount": 1, "SuccessCount": succeeded, "FailedCount": failed}))
}

fn job(status: &str) -> ScriptedResult {
    ok(&json!({"Id": 5, "Name": NAME, "Status": status}))
}

fn workers(status: &str) -> ScriptedResult {
    let worker = json!({
        "Id": 9, "ResourceId": 1, "Status": status, "ResourceDomain": "www.example.com",
        "ResourceCertId": 6, "CertId": 7,
    });
    ok(&json!({"Total": 1, "Data": [worker]}))
}

/// The result, the actions of the requests, and what the listener heard.
fn run(
    outcomes: Vec<ScriptedResult>,
) -> (Result<Deployment, Error>, Vec<String>, Vec<DeploymentEvent>) {
    let (account, sent) = account(outcomes);
    let mut heard = Vec::new();
    let rules = Rules { max_attempts: 4, waits: true };
    let execution = Execution { rules, call_timeout: AN_HOUR };
    let result = deploy(&account, &plan(), execution, &Deadline::after(AN_HOUR), &mut |event| {
        heard.push(event);
    });
    let action = |form: &String| {
        let action = form.split('&').find_map(|field| field.strip_prefix("Action="));
        action.unwrap().to_owned()
    };
    let actions = sent.lock().unwrap().iter().map(action).collect();
    (result, actions, heard)
}

#[test]
fn a_job_is_created_started_and_followed() {
    let (result, actions, heard) = run(vec![
        jobs(&[(1, "other", "success")]),
        created(5),
        jobs(&[(5, NAME, "editing")]),
        ok(&json!({"Data": []})),
        progress(0, 0),
        job("processing"),
        progress(1, 0),
        job("success"),
        workers("success"),
    ]);
    let deployment = result.unwrap();
    assert_eq!((deployment.job_id.get(), deployment.created), (5, true));
    let worker = &deployment.workers[0];
    assert_eq!((worker.resource_id, worker.replaced), (1, CertId::new(6)));
    assert_eq!(
        actions,
        [
            "ListDeploymentJob",
            "CreateDeploymentJob",
            "ListDeploymentJob",
            "UpdateDeploymentJobStatus",
            "DescribeDeploymentJobStatus",
            "DescribeDeploymentJob",
            "DescribeDeploymentJobStatus",
            "DescribeDeploymentJob",
            "ListWorkerResource",
        ]
    );
    let id = JobId::new(5).unwrap();
    assert_eq!(heard[..2], [DeploymentEvent::Created(id), DeploymentEvent::Started(id)]);
    assert!(matches!(heard[3], DeploymentEvent::Progress(_, progress) if progress.succeeded == 1));
}

#[test]
fn the_job_of_a_lost_response_is_found() {
    let (result, actions, heard) = run(vec![
        jobs(&[]),
        failure(SendProgress::Sent, false),
        jobs(&[]),
        jobs(&[(5, NAME, "editing")]),
        ok(&json!({"Data": []})),
        progress(0, 1),
        job("error"),
        workers("error"),
    ]);
    let deployment = result.unwrap();
    assert!(!deployment.created);
    let created = actions.iter().filter(|action| *action == "CreateDeploymentJob");
    assert_eq!(created.count(), 1);
    let id = JobId::new(5).unwrap();
    assert_eq!(heard[0], DeploymentEvent::Found(id, JobStatus::Editing));
}

#[test]
fn a_job_that_is_never_found_is_an_error_that_says_how_to_go_on() {
    let (result, actions, _) = run(vec![
        jobs(&[]),
        failure(SendProgress::Sent, false),
        response(403, r#"{"Code":"Forbidden.RAM"}"#),
    ]);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert!(error.message().contains("whether cas.example has created"), "{error}");
    assert!(error.hint().unwrap().contains("run the same deployment again"), "{error:?}");
    assert_eq!(actions.len(), 3);
}

#[test]
fn a_job_that_was_not_started_is_named() {
    let (result, ..) = run(vec![
        jobs(&[(5, NAME, "editing")]),
        response(403, r#"{"Code":"Forbidden.RAM"}"#),
        progress(0, 0),
        job("editing"),
    ]);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(error.message().starts_with("Deployment job 5 (libcas-7-"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("yundun-cert:UpdateDeploymentJobStatus"), "{hint}");
    assert!(hint.contains("creates no other"), "{hint}");
}

#[test]
fn a_refusal_is_the_error() {
    let refused = response(400, r#"{"Code":"Forbidden.RiskControl"}"#);
    let (result, actions, _) = run(vec![jobs(&[]), refused]);
    let error = result.unwrap_err();
    assert_eq!(error.service_code(), Some("Forbidden.RiskControl"));
    assert_eq!(actions.len(), 2);
}

#[test]
fn counts_of_an_earlier_start_are_not_the_end() {
    let (result, actions, _) = run(vec![
        jobs(&[(5, NAME, "error")]),
        ok(&json!({"Data": []})),
        progress(0, 1),
        job("scheduling"),
        progress(0, 0),
        job("processing"),
        progress(1, 0),
        job("success"),
        workers("success"),
    ]);
    assert_eq!(result.unwrap().workers[0].status.as_str(), "success");
    assert_eq!(actions.len(), 9);
}

#[test]
fn a_cancelled_deployment_says_what_exists() {
    let cancelled = |before: usize, outcomes: Vec<ScriptedResult>| {
        let (mut account, _) = account(Vec::new());
        let (transport, deadline) = cancelled_after(before, outcomes);
        account.caller.transport = transport;
        let rules = Rules { max_attempts: 4, waits: true };
        let execution = Execution { rules, call_timeout: AN_HOUR };
        deploy(&account, &plan(), execution, &deadline, &mut |_| {}).unwrap_err()
    };
    let error = cancelled(0, vec![jobs(&[])]);
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(error.message(), "The deployment was cancelled. No job was created.");
    let error = cancelled(1, vec![jobs(&[]), failure(SendProgress::Sent, false)]);
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    let error = cancelled(1, vec![jobs(&[]), created(5)]);
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.message().contains("Deployment job 5"), "{error}");
}
