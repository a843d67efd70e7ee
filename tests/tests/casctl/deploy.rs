//! Deployment to cloud resources: `casctl deploy`.

use acceptance::{Emulator, Outcome, Program, casctl};
use serde_json::{Value, json};

use super::lineages::{self, Issuer};

/// The CertId of the first certificate of an emulator.
pub const FIRST: &str = "10000000";

/// Uploads a certificate for a domain as the next of an emulator.
pub fn upload(emulator: &Emulator, issuer: &Issuer, domain: &str) {
    let pair = issuer.issue(domain);
    let top = lineages::directory(&format!("deploy-{}-{}", emulator.port(), domain.len()));
    let [cert, key] = ["cert.pem", "key.pem"].map(|file| top.join(file));
    std::fs::write(&cert, pair.chain).unwrap();
    std::fs::write(&key, pair.key).unwrap();
    casctl(emulator, &["upload", "--cert"]).arg(&cert).arg("--key").arg(&key).run().exits_with(0);
}

/// Adds resources of CDN with these domains.
pub fn add_resources(emulator: &Emulator, domains: &[&str]) {
    let resources: Vec<_> =
        domains.iter().map(|domain| json!({"cloud_product": "CDN", "domain": domain})).collect();
    let body = json!(resources).to_string();
    emulator.control_with("POST", "/_emulator/cloud-resources", &body);
}

/// The certificate of each resource.
pub fn bound(emulator: &Emulator) -> Vec<i64> {
    let resources = emulator.control("GET", "/_emulator/cloud-resources");
    let resources = resources.as_array().unwrap().iter();
    resources.map(|resource| resource["cert_id"].as_i64().unwrap()).collect()
}

/// How often an operation was applied or answered.
pub fn calls(emulator: &Emulator, action: &str) -> usize {
    emulator.requests().iter().filter(|request| request["action"] == action).count()
}

/// An emulator with a certificate for `*.shop.example` and resources of these domains.
fn start(domains: &[&str]) -> Emulator {
    let emulator = Emulator::start(&[]);
    upload(&emulator, &Issuer::new(), "*.shop.example");
    add_resources(&emulator, domains);
    emulator
}

fn deploy(emulator: &Emulator, domain: &str, more: &[&str]) -> Program {
    let arguments = ["deploy", FIRST, "--domain", domain, "--output", "json"];
    casctl(emulator, &[&arguments[..], more].concat())
}

fn statuses(value: &Value) -> Vec<&str> {
    let resources = value["resources"].as_array().unwrap().iter();
    resources.map(|resource| resource["status"].as_str().unwrap()).collect()
}

#[track_caller]
fn deployed(outcome: Outcome, status: i32) -> Value {
    outcome.exits_with(status).json()
}

#[test]
fn a_certificate_is_deployed_to_the_resources_of_its_domains() {
    let emulator = start(&["a.shop.example", "*.shop.example", "shop.example", "b.other.example"]);
    let plan = deployed(deploy(&emulator, "*.shop.example", &["--dry-run"]).run(), 0);
    assert_eq!(statuses(&plan), ["planned", "planned"]);
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 0);
    let result = deployed(deploy(&emulator, "*.shop.example", &["--yes"]).run(), 0);
    assert_eq!(statuses(&result), ["deployed", "deployed"]);
    assert_eq!(result["created"], true);
    assert_eq!(bound(&emulator), [10_000_000, 10_000_000, 0, 0]);
    // Once more: nothing is left to do, and nothing is paid twice.
    let again = deployed(deploy(&emulator, "*.shop.example", &["--yes"]).run(), 0);
    assert_eq!(statuses(&again), ["already-deployed", "already-deployed"]);
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 1);
}

#[test]
fn nothing_is_changed_without_consent() {
    let emulator = start(&["a.shop.example"]);
    let outcome = deploy(&emulator, "a.shop.example", &[]).run().exits_with(2);
    assert!(outcome.stderr.contains("--yes"), "{outcome:?}");
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 0);
    let text = casctl(&emulator, &["deploy", FIRST, "--domain", "a.shop.example", "--dry-run"]);
    let outcome = text.run().exits_with(0);
    assert!(outcome.stdout.contains("a.shop.example"), "{outcome:?}");
    assert!(outcome.stderr.contains("charges for deployments"), "{outcome:?}");
}

#[test]
fn what_cannot_be_deployed_is_named() {
    let emulator = start(&["a.shop.example", "other.example"]);
    let outcome = deploy(&emulator, "nobody.example", &["--yes"]).run().exits_with(23);
    assert!(outcome.stderr.contains("nobody.example"), "{outcome:?}");
    // The certificate does not cover it.
    let result = deployed(deploy(&emulator, "other.example", &["--yes"]).run(), 1);
    assert_eq!(statuses(&result), ["not-covered"]);
    let both = ["--domain", "nobody.example", "--yes"];
    let result = deployed(deploy(&emulator, "a.shop.example", &both).run(), 1);
    assert_eq!(
        (statuses(&result), &result["unmatched"]),
        (vec!["deployed"], &json!(["nobody.example"]))
    );
    let invalid = deploy(&emulator, "https://a.shop.example/", &["--yes"]).run();
    assert!(invalid.exits_with(11).stderr.contains("Invalid domain"));
    casctl(&emulator, &["deploy", "7", "--domain", "a.shop.example", "--yes"]).run().exits_with(23);
    casctl(&emulator, &["deploy", FIRST]).run().exits_with(2);
}

#[test]
fn a_failed_worker_is_run_again_by_the_next_run() {
    let emulator = start(&["a.shop.example", "b.shop.example"]);
    emulator.fault(r#"{"kind":"worker-error","times":1}"#);
    let result = deployed(deploy(&emulator, "*.shop.example", &["--yes"]).run(), 1);
    let mut found = statuses(&result);
    found.sort_unstable();
    assert_eq!(found, ["deployed", "failed"]);
    let again = deployed(deploy(&emulator, "*.shop.example", &["--yes"]).run(), 0);
    assert_eq!(again["created"], false);
    assert_eq!(again["job_id"], result["job_id"]);
    assert_eq!(bound(&emulator), [10_000_000, 10_000_000]);
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 1);
}

#[test]
fn a_lost_response_never_makes_two_jobs() {
    for kind in ["drop-after", "truncate", "garbage", "empty", "reset"] {
        let emulator = start(&["a.shop.example"]);
        emulator
            .fault(&json!({"action": "CreateDeploymentJob", "kind": kind, "times": 1}).to_string());
        let result = deploy(&emulator, "a.shop.example", &["--yes"]).run();
        assert_eq!(calls(&emulator, "CreateDeploymentJob"), 1, "{kind}: {result:?}");
        let value = deployed(result, 0);
        assert_eq!(
            (statuses(&value), &value["created"]),
            (vec!["deployed"], &json!(false)),
            "{kind}"
        );
    }
}

#[test]
fn a_request_that_may_have_been_lost_is_not_repeated() {
    let emulator = start(&["a.shop.example"]);
    emulator.fault(r#"{"action":"CreateDeploymentJob","kind":"drop-before","times":1}"#);
    // Shorter than the 20 seconds for which it looks.
    let outcome = deploy(&emulator, "a.shop.example", &["--yes", "--wait=3s"]).run().exits_with(20);
    assert!(outcome.stderr.contains("run the same deployment again"), "{outcome:?}");
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 1);
    let value = deployed(deploy(&emulator, "a.shop.example", &["--yes"]).run(), 0);
    assert_eq!(statuses(&value), ["deployed"]);
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 2);
}

#[test]
fn other_calls_are_repeated() {
    for action in [
        "ListCloudResources",
        "ListContact",
        "ListDeploymentJob",
        "UpdateDeploymentJobStatus",
        "DescribeDeploymentJobStatus",
        "DescribeDeploymentJob",
        "ListWorkerResource",
    ] {
        let emulator = start(&["a.shop.example"]);
        emulator.fault(&json!({"action": action, "kind": "drop-after", "times": 2}).to_string());
        let value = deployed(deploy(&emulator, "a.shop.example", &["--yes"]).run(), 0);
        assert_eq!(statuses(&value), ["deployed"], "{action}");
        assert_eq!(calls(&emulator, "CreateDeploymentJob"), 1, "{action}");
    }
}

#[test]
fn an_interrupted_run_is_continued() {
    for action in
        ["CreateDeploymentJob", "UpdateDeploymentJobStatus", "DescribeDeploymentJobStatus"]
    {
        let emulator = start(&["a.shop.example"]);
        emulator.fault(
            &json!({"action": action, "kind": "delay-after", "ms": 60_000, "times": 1}).to_string(),
        );
        let mut process = deploy(&emulator, "a.shop.example", &["--yes"]).start();
        while calls(&emulator, action) == 0 {
            std::thread::yield_now();
        }
        process.terminate();
        let outcome = process.finish();
        assert!(matches!(outcome.code, Some(20 | 25)), "{action}: {outcome:?}");
        emulator.clear_faults();
        let value = deployed(deploy(&emulator, "a.shop.example", &["--yes"]).run(), 0);
        assert_eq!(statuses(&value).len(), 1, "{action}");
        assert_eq!(bound(&emulator), [10_000_000], "{action}");
        assert_eq!(calls(&emulator, "CreateDeploymentJob"), 1, "{action}");
    }
}

#[test]
fn a_job_can_be_started_without_waiting() {
    let emulator = start(&["a.shop.example"]);
    let value = deployed(deploy(&emulator, "a.shop.example", &["--yes", "--no-wait"]).run(), 0);
    assert_eq!(statuses(&value), ["running"]);
    let value = deployed(deploy(&emulator, "a.shop.example", &["--yes", "--wait"]).run(), 0);
    assert_eq!((statuses(&value), &value["created"]), (vec!["deployed"], &json!(false)));
}

#[test]
fn a_deployment_is_rolled_back() {
    let emulator = Emulator::start(&[]);
    let issuer = Issuer::new();
    upload(&emulator, &issuer, "*.shop.example");
    upload(&emulator, &issuer, "a.shop.example");
    let resource = json!({
        "cloud_product": "CDN", "domain": "a.shop.example", "cert_id": 10_000_001,
    });
    emulator.control_with("POST", "/_emulator/cloud-resources", &resource.to_string());
    deploy(&emulator, "a.shop.example", &["--rollback", "--yes"]).run().exits_with(23);
    let value = deployed(deploy(&emulator, "a.shop.example", &["--yes"]).run(), 0);
    assert_eq!(value["resources"][0]["replaced_cert_id"], 10_000_001);
    assert_eq!(bound(&emulator), [10_000_000]);
    let dry = deployed(deploy(&emulator, "a.shop.example", &["--rollback", "--dry-run"]).run(), 0);
    assert_eq!(statuses(&dry), ["to-be-rolled-back"]);
    deploy(&emulator, "a.shop.example", &["--rollback"]).run().exits_with(2);
    emulator.fault(r#"{"kind":"rollback-error","times":1}"#);
    let failed = deployed(deploy(&emulator, "a.shop.example", &["--rollback", "--yes"]).run(), 1);
    assert_eq!(statuses(&failed), ["rollback-failed"]);
    let value = deployed(deploy(&emulator, "a.shop.example", &["--rollback", "--yes"]).run(), 0);
    assert_eq!(statuses(&value), ["rolled-back"]);
    assert_eq!(bound(&emulator), [10_000_001]);
    // The job has ended; another one is made only if the user asks for it.
    let value = deployed(deploy(&emulator, "a.shop.example", &["--yes"]).run(), 1);
    assert_eq!(statuses(&value), ["rolled-back"]);
    let value = deployed(deploy(&emulator, "a.shop.example", &["--yes", "--again"]).run(), 0);
    assert_eq!((statuses(&value), &value["created"]), (vec!["deployed"], &json!(true)));
}

#[test]
fn a_missing_permission_names_the_action() {
    let emulator = start(&["a.shop.example"]);
    emulator.fault(
        r#"{"action":"UpdateDeploymentJobStatus","kind":"error","code":"Forbidden.RAM",
            "status":403}"#,
    );
    let outcome = deploy(&emulator, "a.shop.example", &["--yes"]).run().exits_with(24);
    assert!(outcome.stderr.contains("yundun-cert:UpdateDeploymentJobStatus"), "{outcome:?}");
    emulator.clear_faults();
    // The job that exists is started.
    deployed(deploy(&emulator, "a.shop.example", &["--yes"]).run(), 0);
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 1);
}

#[test]
fn many_resources_are_one_job() {
    let domains: Vec<_> = (0..120).map(|number| format!("n{number}.shop.example")).collect();
    let domains: Vec<_> = domains.iter().map(String::as_str).collect();
    let emulator = start(&domains);
    let value = deployed(deploy(&emulator, "*.shop.example", &["--yes"]).run(), 0);
    assert_eq!(statuses(&value).len(), 120);
    assert!(bound(&emulator).iter().all(|id| *id == 10_000_000));
}

#[test]
fn two_runs_at_once_start_the_same_job() {
    let emulator = start(&["a.shop.example"]);
    // Both look before either of them creates a job.
    emulator.fault(r#"{"action":"ListDeploymentJob","kind":"delay-after","ms":1000,"times":4}"#);
    let runs = [(), ()].map(|()| deploy(&emulator, "a.shop.example", &["--yes"]).start());
    let values = runs.map(|run| deployed(run.finish(), 0));
    assert_eq!(values[0]["job_id"], values[1]["job_id"]);
    assert!(values.iter().all(|value| statuses(value) == ["deployed"]), "{values:?}");
    assert_eq!(bound(&emulator), [10_000_000]);
}

#[test]
fn texts_are_in_the_language_of_the_environment() {
    let emulator = start(&["a.shop.example"]);
    let run = |command: &[&str]| {
        let outcome = casctl(&emulator, command).env("LANG", "zh_CN.UTF-8").run().exits_with(0);
        outcome.stdout + &outcome.stderr
    };
    let plan = run(&["deploy", FIRST, "--domain", "a.shop.example", "--dry-run"]);
    assert!(plan.contains("待部署") && plan.contains("收费"), "{plan}");
    let done = run(&["deploy", FIRST, "--domain", "a.shop.example", "--yes"]);
    assert!(done.contains("已部署") && done.contains("已创建部署任务 1"), "{done}");
    let prune = run(&["prune", "--name", "*"]);
    assert!(prune.contains("保留：属于最新") && prune.contains("没有需要删除的证书"), "{prune}");
}

#[test]
fn an_expired_certificate_is_not_deployed() {
    let emulator = start(&["a.shop.example"]);
    emulator.control_with("PUT", "/_emulator/clock", r#"{"now":"4097-01-01T00:00:00Z"}"#);
    let outcome = deploy(&emulator, "a.shop.example", &["--yes"]).run().exits_with(12);
    assert!(outcome.stderr.contains("has expired"), "{outcome:?}");
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 0);
}
