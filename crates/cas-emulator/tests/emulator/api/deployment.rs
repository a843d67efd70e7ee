//! Deployment jobs, from the list of cloud resources to the rollback of a worker.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use cas_emulator::Emulator;
use serde_json::{Value, json};

use super::calls::{delete_2020, nth_id, number};
use crate::certificates::certificate;
use crate::client::{Call, Connection, control};

pub(super) fn ok(call: &Call, port: u16) -> Value {
    let response = call.send(port);
    assert_eq!(response.status, 200, "{}", response.body);
    response.json()
}

fn refused(call: &Call, port: u16) -> (u16, String) {
    let response = call.send(port);
    (response.status, response.code())
}

fn bad_request(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

pub(super) fn upload(port: u16, name: &str) -> String {
    let (cert, key) = certificate();
    Call::upload(name, &cert, &key).send(port).cert_id().to_string()
}

/// `times` cloud resources of a CDN.
pub(super) fn start(times: usize) -> Emulator {
    let resource = |number| json!({"cloud_product": "CDN", "domain": format!("{number}.example")});
    let resources: Vec<_> = (1..=times).map(resource).collect();
    Emulator::builder().cloud_resource(&json!(resources).to_string()).start().unwrap()
}

pub(super) fn create(certificates: &str, resources: &str) -> Call {
    Call::v2020("CreateDeploymentJob")
        .set("Name", "job 名")
        .set("JobType", "user")
        .set("CertIds", certificates)
        .set("ResourceIds", resources)
        .set("ContactIds", "1")
}

pub(super) fn of_job(action: &str, job_id: &str) -> Call {
    Call::v2020(action).set("JobId", job_id)
}

/// Creates a job for resources and starts it.
pub(super) fn started(port: u16, resources: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("job {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let cert_id = upload(port, &name);
    let job_id = ok(&create(&cert_id, resources), port)["JobId"].to_string();
    ok(&set_status(&job_id, "scheduling"), port);
    job_id
}

fn set_status(job_id: &str, status: &str) -> Call {
    of_job("UpdateDeploymentJobStatus", job_id).set("Status", status)
}

pub(super) fn set_worker(job_id: &str, worker_id: &str, status: &str) -> Call {
    let call = of_job("UpdateWorkerResourceStatus", job_id).set("WorkerId", worker_id);
    call.set("Status", status)
}

/// Success, failed and all workers. The job advances afterwards.
fn poll(port: u16, job_id: &str) -> [i64; 3] {
    let status = ok(&of_job("DescribeDeploymentJobStatus", job_id), port);
    ["SuccessCount", "FailedCount", "WorkerCount"].map(|name| status[name].as_i64().unwrap())
}

/// Runs a job that is scheduled to its end.
fn finish(port: u16, job_id: &str) {
    poll(port, job_id);
    poll(port, job_id);
}

/// The status of the job, by a list that does not advance it.
fn status(port: u16, job_id: &str) -> String {
    let jobs = ok(&Call::v2020("ListDeploymentJob"), port);
    let job_id: i64 = job_id.parse().unwrap();
    let job = jobs["Data"].as_array().unwrap().iter().find(|job| job["Id"] == job_id);
    job.unwrap()["Status"].as_str().unwrap().to_owned()
}

fn worker_statuses(port: u16, job_id: &str) -> Vec<String> {
    let workers = ok(&of_job("ListWorkerResource", job_id), port);
    let workers = workers["Data"].as_array().unwrap();
    workers.iter().map(|worker| worker["Status"].as_str().unwrap().to_owned()).collect()
}

fn resource_certificates(port: u16) -> Vec<i64> {
    let resources = ok(&Call::v2020("ListCloudResources"), port);
    let resources = resources["Data"].as_array().unwrap();
    resources.iter().map(|resource| number(&resource["CertId"])).collect()
}

#[test]
fn a_job_goes_through_its_states_with_each_poll() {
    let emulator = start(3);
    let port = emulator.port();
    let cert_id = upload(port, "n");
    let job_id = ok(&create(&cert_id, "1,3"), port)["JobId"].to_string();
    for _ in 0..3 {
        assert_eq!(poll(port, &job_id), [0, 0, 2]);
    }
    assert_eq!(status(port, &job_id), "editing");
    ok(&set_status(&job_id, "pending"), port);
    assert_eq!(status(port, &job_id), "pending");
    poll(port, &job_id);
    assert_eq!(status(port, &job_id), "scheduling");
    assert_eq!(poll(port, &job_id), [0, 0, 2]);
    assert_eq!(status(port, &job_id), "processing");
    assert_eq!(resource_certificates(port), [0, 0, 0]);
    assert_eq!(poll(port, &job_id), [0, 0, 2]);
    assert_eq!(status(port, &job_id), "success");
    assert_eq!(resource_certificates(port), [1, 0, 1]);
    assert_eq!(poll(port, &job_id), [2, 0, 2]);
    assert_eq!(poll(port, &job_id), [2, 0, 2]);

    let job = ok(&of_job("DescribeDeploymentJob", &job_id), port);
    for (name, value) in [
        ("Name", json!("job 名")),
        ("JobType", json!("user")),
        ("Status", json!("success")),
        ("ProductName", json!("CDN")),
        ("CertType", json!("upload")),
        ("CertDomain", json!("rcgen self signed cert,www.example.com,example.com")),
        ("Rollback", json!(0)),
        ("Del", json!(0)),
        ("InstanceId", json!("cas-job-user-000001")),
        ("UserId", json!(1_000_000_000_000_001_u64)),
    ] {
        assert_eq!(job[name], value, "{name}");
    }
    assert_eq!(job.get("ScheduleTime"), None);
    let time = |name: &str| job[name].as_i64().unwrap();
    assert!(time("GmtCreate") <= time("StartTime") && time("StartTime") <= time("EndTime"));
    let contact = json!([{"Id": "1", "Name": "emulator", "Email": "emulator@example.com",
                          "Mobile": "13800000000"}]);
    assert_eq!(job["CasContacts"], contact);
}

#[test]
fn any_call_that_shows_one_job_advances_it() {
    for action in ["DescribeDeploymentJob", "DescribeDeploymentJobStatus", "ListWorkerResource"] {
        let emulator = start(1);
        let port = emulator.port();
        let job_id = started(port, "1");
        for expected in ["scheduling", "processing", "success"] {
            assert_eq!(status(port, &job_id), expected, "{action}");
            ok(&of_job(action, &job_id), port);
        }
    }
}

#[test]
fn a_job_waits_for_its_schedule_time() {
    let emulator = start(1);
    let port = emulator.port();
    let cert_id = upload(port, "n");
    let seconds = UNIX_EPOCH.elapsed().unwrap().as_secs() + 86_400;
    let milliseconds = seconds * 1000;
    for time in [seconds, milliseconds] {
        let call = create(&cert_id, "1").set("ScheduleTime", &time.to_string());
        let job_id = ok(&call, port)["JobId"].to_string();
        ok(&set_status(&job_id, "pending"), port);
        poll(port, &job_id);
        assert_eq!(status(port, &job_id), "pending");
        let job = ok(&of_job("DescribeDeploymentJob", &job_id), port);
        assert_eq!(job["ScheduleTime"], milliseconds);
        assert_eq!(job.get("EndTime"), None);
    }
    // Unless it is scheduled at once.
    let call = create(&cert_id, "1").set("ScheduleTime", &milliseconds.to_string());
    let job_id = ok(&call, port)["JobId"].to_string();
    ok(&set_status(&job_id, "scheduling"), port);
    finish(port, &job_id);
    assert_eq!(poll(port, &job_id), [1, 0, 1]);
    emulator.set_now(Some(UNIX_EPOCH + Duration::from_secs(seconds)));
    for job_id in ["1", "2"] {
        for expected in ["scheduling", "processing", "success"] {
            poll(port, job_id);
            assert_eq!(status(port, job_id), expected);
        }
    }
}

#[test]
fn a_fault_fails_one_worker_which_can_be_executed_again() {
    let emulator = start(3);
    let port = emulator.port();
    emulator.add_faults(r#"{"kind":"worker-error","skip":1}"#).unwrap();
    let job_id = started(port, "1,2,3");
    finish(port, &job_id);
    assert_eq!(poll(port, &job_id), [2, 1, 3]);
    assert_eq!(status(port, &job_id), "error");
    assert_eq!(emulator.faults()[0].left(), Some(0));
    assert_eq!(worker_statuses(port, &job_id), ["success", "error", "success"]);
    assert_eq!(resource_certificates(port), [1, 0, 1]);
    let failed = ok(&of_job("ListWorkerResource", &job_id).set("Status", "error"), port);
    assert_eq!((&failed["Total"], &failed["Data"][0]["Id"]), (&json!(1), &json!(2)));

    ok(&set_worker(&job_id, "2", "pending"), port);
    assert_eq!(status(port, &job_id), "pending");
    for expected in [[2, 0, 3], [2, 0, 3], [2, 0, 3], [3, 0, 3]] {
        assert_eq!(poll(port, &job_id), expected);
    }
    assert_eq!(status(port, &job_id), "success");
    assert_eq!(resource_certificates(port), [1, 1, 1]);

    // Or the whole job.
    emulator.add_faults(r#"{"kind":"worker-error","times":2}"#).unwrap();
    let job_id = started(port, "1,2,3");
    finish(port, &job_id);
    assert_eq!(poll(port, &job_id), [1, 2, 3]);
    ok(&set_status(&job_id, "scheduling"), port);
    finish(port, &job_id);
    assert_eq!(poll(port, &job_id), [3, 0, 3]);
}

#[test]
fn a_rollback_gives_the_resource_its_certificate_back() {
    let emulator = start(2);
    let port = emulator.port();
    let first = upload(port, "old");
    let bind = json!({"cloud_product": "CDN", "domain": "2.example", "cert_id": nth_id(1)});
    emulator.add_cloud_resources(&bind.to_string()).unwrap();
    assert_eq!(resource_certificates(port), [0, 1]);
    let job_id = started(port, "1,2");
    finish(port, &job_id);
    assert_eq!(resource_certificates(port), [2, 2]);
    let workers = ok(&of_job("ListWorkerResource", &job_id), port);
    assert_eq!(workers["Data"][1]["ResourceCertId"].to_string(), first);

    emulator.add_faults(r#"{"kind":"rollback-error"}"#).unwrap();
    ok(&set_worker(&job_id, "2", "rollback"), port);
    // The same again, as a client does that lost the first response.
    ok(&set_worker(&job_id, "2", "rollback"), port);
    assert_eq!(worker_statuses(port, &job_id), ["success", "rollback"]);
    let status = ok(&of_job("DescribeDeploymentJobStatus", &job_id), port);
    let counts = ["RollbackCount", "RollbackSuccessCount", "RollbackFailedCount", "SuccessCount"];
    let counted = |status: &Value| counts.map(|name| status[name].as_i64().unwrap());
    assert_eq!(counted(&status), [1, 0, 1, 1]);
    assert_eq!(resource_certificates(port), [2, 2]);

    ok(&set_worker(&job_id, "2", "rollback"), port);
    ok(&set_worker(&job_id, "1", "rollback"), port);
    assert_eq!(worker_statuses(port, &job_id), ["rollback"; 2]);
    assert_eq!(worker_statuses(port, &job_id), ["rollback_success"; 2]);
    let status = ok(&of_job("DescribeDeploymentJobStatus", &job_id), port);
    assert_eq!(counted(&status), [2, 2, 0, 0]);
    assert_eq!(resource_certificates(port), [0, 1]);
    assert_eq!(ok(&of_job("DescribeDeploymentJob", &job_id), port)["Rollback"], 1);
    assert_eq!(refused(&set_worker(&job_id, "2", "rollback"), port), bad_request("InvalidStatus"));
}

#[test]
fn the_certificate_that_covers_the_domain_is_deployed() {
    let emulator = Emulator::builder()
        .cloud_resource(r#"{"cloud_product":"CDN","domain":"WWW.example.com"}"#)
        .cloud_resource(r#"[{"cloud_product":"OSS","domain":"x.test"},{"cloud_product":"SLB"}]"#)
        .start()
        .unwrap();
    let port = emulator.port();
    let names = rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap();
    let call = Call::upload("o", &names.cert.pem(), &names.signing_key.serialize_pem());
    let first = call.send(port).cert_id();
    upload(port, "n");
    let job_id = ok(&create(&format!("{first},{}", nth_id(2)), "1,2,3"), port)["JobId"].to_string();
    let status = ok(&of_job("DescribeDeploymentJobStatus", &job_id), port);
    for (name, value) in [
        ("CertCount", json!(2)),
        ("ResourceCount", json!(3)),
        ("MatchWorkerCount", json!(2)),
        ("BuyCount", json!(0)),
        ("CostCount", json!(0)),
        ("UseCount", json!(0)),
        (
            "ProductWorkerCount",
            json!([{"ProductName": "CDN", "Count": 1}, {"ProductName": "OSS", "Count": 1},
                   {"ProductName": "SLB", "Count": 1}]),
        ),
    ] {
        assert_eq!(status[name], value, "{name}");
    }
    let workers = ok(&of_job("ListWorkerResource", &job_id), port);
    let cert_ids: Vec<_> = workers["Data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|worker| number(&worker["CertId"]))
        .collect();
    assert_eq!(cert_ids, [2, 1, 1]);
    let filtered = ok(&of_job("ListWorkerResource", &job_id).set("CloudProduct", "OSS"), port);
    assert_eq!((&filtered["Total"], &filtered["Data"][0]["ResourceId"]), (&json!(1), &json!(2)));
}

#[test]
fn a_deleted_certificate_or_resource_fails_the_worker() {
    let emulator = start(1);
    let port = emulator.port();
    let job_id = started(port, "1");
    assert_eq!(delete_2020(nth_id(1)).send(port).status, 200);
    finish(port, &job_id);
    assert_eq!(poll(port, &job_id), [0, 1, 1]);
    let job_id = started(port, "1");
    assert_eq!(control(port, "DELETE", "/_emulator/cloud-resources").body, "[]");
    finish(port, &job_id);
    assert_eq!(poll(port, &job_id), [0, 1, 1]);
}

#[test]
fn invalid_parameters_unknown_ids_and_wrong_states_are_refused() {
    let emulator = start(1);
    let port = emulator.port();
    let one = upload(port, "n");
    for name in ["Name", "JobType", "CertIds", "ResourceIds", "ContactIds"] {
        let refused = refused(&create(&one, "1").without(name), port);
        assert_eq!(refused, bad_request(&format!("Missing{name}")));
    }
    let job_id = started(port, "1");
    let cases = [
        (create(&one, "1").set("JobType", "both"), "InvalidJobType"),
        (create(&format!("{one},x"), "1"), "InvalidCertIds"),
        (create(&format!("{one},"), "1"), "InvalidCertIds"),
        (create(&one, "cdn"), "InvalidResourceIds"),
        (create(&one, "1").set("ContactIds", "1;2"), "InvalidContactIds"),
        (create(&one, "1").set("ScheduleTime", "tomorrow"), "InvalidScheduleTime"),
        (create(&format!("{one},9"), "1"), "NotFound"),
        (create(&one, "1,9"), "NotFound"),
        (create(&one, "1").set("ContactIds", "9"), "NotFound"),
        (set_status("9", "pending"), "NotFound"),
        (of_job("DescribeDeploymentJob", "9"), "NotFound"),
        (of_job("DescribeDeploymentJobStatus", "9"), "NotFound"),
        (of_job("ListWorkerResource", "9"), "NotFound"),
        (set_worker("9", "1", "rollback"), "NotFound"),
        (set_worker(&job_id, "9", "rollback"), "NotFound"),
        (of_job("DescribeDeploymentJob", "x"), "InvalidJobId"),
        (Call::v2020("DescribeDeploymentJobStatus"), "MissingJobId"),
        (Call::v2020("ListWorkerResource"), "MissingJobId"),
        (of_job("ListWorkerResource", &job_id).set("Status", "done"), "InvalidStatus"),
        (of_job("ListWorkerResource", &job_id).set("ShowSize", "0"), "InvalidShowSize"),
        (of_job("UpdateDeploymentJobStatus", &job_id), "MissingStatus"),
        (set_status(&job_id, "processing"), "InvalidStatus"),
        (set_status(&job_id, "success"), "InvalidStatus"),
        (
            of_job("UpdateWorkerResourceStatus", &job_id).set("Status", "rollback"),
            "MissingWorkerId",
        ),
        (set_worker(&job_id, "1", "error"), "InvalidStatus"),
        // Not while the job runs.
        (set_worker(&job_id, "1", "rollback"), "InvalidStatus"),
        (Call::v2020("ListDeploymentJob").set("Status", "rollback"), "InvalidStatus"),
        (Call::v2020("ListDeploymentJob").set("CertId", "x"), "InvalidCertId"),
        (Call::v2020("ListCloudResources").set("CertIds", "[1,x]"), "InvalidCertIds"),
        (Call::v2020("ListContact").set("CurrentPage", "-1"), "InvalidCurrentPage"),
    ];
    for (case, (call, code)) in cases.into_iter().enumerate() {
        assert_eq!(refused(&call, port), bad_request(code), "case {case}");
    }
    // Back to editing before it runs, and no longer after.
    for status in ["editing", "scheduling", "scheduling"] {
        ok(&set_status(&job_id, status), port);
    }
    finish(port, &job_id);
    for status in ["editing", "pending", "scheduling"] {
        assert_eq!(refused(&set_status(&job_id, status), port), bad_request("InvalidStatus"));
    }
    // Marks without a rollback.
    ok(&set_worker(&job_id, "1", "rollback_success"), port);
    assert_eq!(resource_certificates(port), [2]);
    assert_eq!(ok(&Call::v2020("ListDeploymentJob"), port)["Total"], 1);
}

/// Nothing makes the creation of a job idempotent, so a client that repeats it after a lost
/// response creates a second one. It can look for the first.
#[test]
fn a_lost_response_leaves_a_job() {
    let emulator = start(1);
    let port = emulator.port();
    let one = upload(port, "n");
    emulator.add_faults(r#"{"action":"CreateDeploymentJob","kind":"drop-after"}"#).unwrap();
    let mut connection = Connection::open(port);
    connection.send(&create(&one, "1").bytes());
    assert!(connection.is_closed());
    assert_eq!(ok(&Call::v2020("ListDeploymentJob"), port)["Total"], 1);
    assert_eq!(ok(&create(&one, "1"), port)["JobId"], 2);
    // A lost response of a poll is a step, too.
    ok(&set_status("2", "scheduling"), port);
    emulator.add_faults(r#"{"action":"DescribeDeploymentJobStatus","kind":"drop-after"}"#).unwrap();
    let mut connection = Connection::open(port);
    connection.send(&of_job("DescribeDeploymentJobStatus", "2").bytes());
    assert!(connection.is_closed());
    poll(port, "2");
    assert_eq!(poll(port, "2"), [1, 0, 1]);
}

#[test]
fn jobs_and_resources_survive_a_restart_and_end_with_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let builder = Emulator::builder().data(folder.path().join("cas.db"));
        builder.cloud_resource(r#"{"cloud_product":"CDN"}"#).start().unwrap()
    };
    let emulator = start();
    let job_id = started(emulator.port(), "1");
    poll(emulator.port(), &job_id);
    emulator.stop();
    let emulator = start();
    let port = emulator.port();
    assert_eq!(status(port, &job_id), "processing");
    assert_eq!(poll(port, &job_id), [0, 0, 1]);
    emulator.stop();
    let emulator = start();
    let port = emulator.port();
    assert_eq!(status(port, &job_id), "success");
    assert_eq!(resource_certificates(port), [1]);

    emulator.add_cloud_resources(r#"{"cloud_product":"OSS"}"#).unwrap();
    emulator.add_contacts(r#"{"name":"Ann"}"#).unwrap();
    emulator.reset().unwrap();
    assert_eq!(ok(&Call::v2020("ListDeploymentJob"), port)["Total"], 0);
    assert_eq!(resource_certificates(port), [0]);
    let contacts = ok(&Call::v2020("ListContact"), port);
    assert_eq!(contacts["ContactList"][0]["Name"], "emulator");
    assert_eq!((&contacts["TotalCount"], started(port, "1").as_str()), (&json!(1), "1"));
}
