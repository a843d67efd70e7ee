//! Lists of deployment jobs, workers, cloud resources and contacts, and how those are added.

use cas_emulator::Emulator;
use serde_json::{Value, json};

use super::calls::nth_id;
use super::deployment::{create, of_job, ok, set_worker, start, started, upload};
use crate::client::{Call, control, control_with};

#[test]
fn lists_have_pages_and_filters() {
    let emulator = start(53);
    let port = emulator.port();
    let first = ok(&Call::v2020("ListCloudResources"), port);
    let length = |page: &Value| page["Data"].as_array().unwrap().len();
    assert_eq!((length(&first), &first["Total"], &first["ShowSize"]), (50, &json!(53), &json!(50)));
    let second = ok(&Call::v2020("ListCloudResources").set("CurrentPage", "2"), port);
    assert_eq!((length(&second), &second["Data"][0]["Domain"]), (3, &json!("51.example")));
    let slb = r#"{"cloud_product":"SLB","instance_id":"lb-1","listener_port":443,
                  "default_resource":true,"region_id":"cn-beijing"}"#;
    let other = r#"{"cloud_product":"TencentCDN","cloud_name":"Tencent","cloud_access_id":"AK",
                    "domain":"t.example"}"#;
    emulator.add_cloud_resources(&format!("[{slb},{other}]")).unwrap();
    let one = upload(port, "n");
    let bind = json!({"cloud_product": "CDN", "domain": "3.example", "cert_id": nth_id(1)});
    emulator.add_cloud_resources(&bind.to_string()).unwrap();
    let ids = |filters: &[(&str, &str)]| {
        let call = Call::v2020("ListCloudResources");
        let call = filters.iter().fold(call, |call, (name, value)| call.set(name, value));
        let data = ok(&call, port)["Data"].as_array().unwrap().clone();
        data.iter().map(|resource| resource["Id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[("CloudProduct", "SLB")]), [54]);
    assert_eq!(ids(&[("CloudName", "Tencent")]), [55]);
    assert_eq!(ids(&[("SecretId", "AK")]), [55]);
    assert_eq!(ids(&[("Keyword", "2.EXAMPLE")]), [2, 12, 22, 32, 42, 52]);
    assert_eq!(ids(&[("Keyword", "lb-1")]), [54]);
    assert_eq!(ids(&[("CertIds", &format!("[{one},7]"))]), [3]);
    assert_eq!(ids(&[("CertIds", &one)]), [3]);
    assert!(ids(&[("CertIds", &one), ("Keyword", "lb")]).is_empty());

    let item = |product: &str| {
        ok(&Call::v2020("ListCloudResources").set("CloudProduct", product), port)["Data"][0].clone()
    };
    let slb = item("SLB");
    assert_eq!((&slb["ListenerPort"], &slb["DefaultResource"]), (&json!("443"), &json!(1)));
    assert_eq!((&slb["RegionId"], &slb["EnableHttps"]), (&json!("cn-beijing"), &json!(0)));
    assert_eq!(item("CDN").get("ListenerPort"), None);
    let bound =
        ok(&Call::v2020("ListCloudResources").set("CertIds", &one), port)["Data"][0].clone();
    assert_eq!((&bound["CertName"], &bound["EnableHttps"]), (&json!("n"), &json!(1)));
    let time = |name: &str| bound[name].as_str().unwrap().parse::<i64>().unwrap();
    let detail = super::calls::detail_2020(port, nth_id(1)).json();
    assert_eq!(json!(time("CertEndTime")), detail["NotAfter"]);

    for number in 0..3 {
        let job_type = ["user", "user", "cloud"][number];
        ok(&create(&one, "1,2,55").set("JobType", job_type), port);
    }
    let jobs = |name: &str, value: &str| {
        let page = ok(&Call::v2020("ListDeploymentJob").set(name, value), port);
        let data = page["Data"].as_array().unwrap().clone();
        data.iter().map(|job| job["Id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(jobs("ShowSize", "2"), [3, 2]);
    assert_eq!(jobs("JobType", "cloud"), [3]);
    assert_eq!(jobs("Status", "editing"), [3, 2, 1]);
    assert!(jobs("Status", "success").is_empty());
    assert_eq!(jobs("InstanceId", "cas-job-user-000002"), [2]);
    assert_eq!(jobs("CertId", &one), [3, 2, 1]);
    assert!(jobs("CertId", "2000").is_empty());
    let page = ok(&Call::v2020("ListDeploymentJob").set("ShowSize", "2"), port);
    let certificates = json!([{"CertId": nth_id(1), "CertInstanceId": detail["InstanceId"],
                               "CertName": "n", "CertType": "upload"}]);
    assert_eq!(page["Data"][0]["Certificates"], certificates);
    assert_eq!(page["Data"][0]["ProductName"], "CDN,TencentCDN");
    let worker =
        ok(&of_job("ListWorkerResource", "3").set("CurrentPage", "3").set("ShowSize", "1"), port);
    assert_eq!(worker["Total"], 3);
    assert_eq!(worker["Data"][0]["CloudName"], "Tencent");
}

#[test]
fn contacts_are_seeded_and_searched() {
    let emulator = Emulator::builder()
        .contact(r#"{"name":"Ann","email":"ann@a.example","mobile":"1390"}"#)
        .contact(r#"[{"name":"Bob"},{"name":"Ann","email":"ann@a.example","mobile":"1390"}]"#)
        .start()
        .unwrap();
    let port = emulator.port();
    let names = |keyword: &str| {
        let page = ok(&Call::v2020("ListContact").set("Keyword", keyword), port);
        let list = page["ContactList"].as_array().unwrap().clone();
        assert_eq!(page["TotalCount"], list.len());
        list.iter().map(|contact| contact["Name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["Ann", "Bob"]);
    assert_eq!(names("A.EX"), ["Ann"]);
    assert_eq!(names("390"), ["Ann"]);
    assert_eq!(names("bo"), ["Bob"]);
    let first = ok(&Call::v2020("ListContact"), port)["ContactList"][0].clone();
    assert_eq!((&first["ContactId"], &first["EmailStatus"]), (&json!(1), &json!(1)));
    assert_eq!(first["WebhookList"], json!([]));
    assert_eq!(control(port, "DELETE", "/_emulator/contacts").body, "[]");
    assert!(names("").is_empty());
    emulator.add_contacts(r#"{"name":"Cid"}"#).unwrap();
    assert_eq!(names(""), ["Cid"]);
}

#[test]
fn the_control_interface_adds_resources() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let add = |json: &str| control_with(port, "POST", "/_emulator/cloud-resources", json);
    let added = add(r#"{"cloud_product":"CDN","domain":"a.example"}"#);
    assert_eq!(added.status, 200);
    let item = &added.json()[0];
    assert_eq!(
        (&item["id"], &item["cloud_name"], &item["cert_id"]),
        (&json!(1), &json!("aliyun"), &json!(0))
    );
    // The same resource again changes nothing.
    assert_eq!(add(r#"{"cloud_product":"CDN","domain":"a.example"}"#).json(), added.json());
    let invalid = add(r#"[{"cloud_product":"CDN"},{"product":"CDN"}]"#);
    assert_eq!(invalid.status, 400);
    assert!(invalid.body.contains("unknown member"), "{}", invalid.body);
    assert_eq!(control(port, "GET", "/_emulator/cloud-resources").json(), added.json());
    let start = Emulator::builder().cloud_resource("{}").start().unwrap_err().to_string();
    assert!(start.contains("invalid cloud resource: missing member"), "{start}");
}

#[test]
fn responses_in_xml_have_the_same_fields() {
    let emulator = start(1);
    let port = emulator.port();
    let job_id = started(port, "1");
    for (call, part) in [
        (of_job("DescribeDeploymentJob", &job_id), "<DescribeDeploymentJobResponse><Id>1</Id>"),
        (
            of_job("DescribeDeploymentJobStatus", &job_id),
            "<ProductWorkerCount><ProductName>CDN</ProductName><Count>1</Count></Product",
        ),
        (of_job("ListWorkerResource", &job_id), "<Data><Id>1</Id><JobId>1</JobId>"),
        (set_worker(&job_id, "1", "rollback"), "<UpdateWorkerResourceStatusResponse><RequestId>"),
        (Call::v2020("ListDeploymentJob"), "<Certificates><CertId>"),
        (Call::v2020("ListCloudResources"), "<Total>1</Total>"),
        (Call::v2020("ListContact"), "<ContactList><ContactId>1</ContactId>"),
        (create(&nth_id(1).to_string(), "1"), "<CreateDeploymentJobResponse><JobId>2</JobId>"),
    ] {
        let response = call.set("Format", "XML").send(port);
        assert!(response.status == 200 && response.body.contains(part), "{}", response.body);
    }
}

/// Two accounts have the same resources, but nothing else in common.
#[test]
fn accounts_see_nothing_of_each_other() {
    let emulator = Emulator::builder()
        .access_key("testid", "testsecret")
        .access_key_of("1111222233334444", "other", "othersecret")
        .cloud_resource(r#"{"cloud_product":"CDN"}"#)
        .start()
        .unwrap();
    let port = emulator.port();
    let other = |call: Call| call.set("AccessKeyId", "other").secret("othersecret");
    let first = |action: &str| ok(&Call::v2020(action), port)["Data"][0]["Id"].to_string();
    let job_id = started(port, &first("ListCloudResources"));
    let jobs = |call: Call| ok(&call, port)["Total"].as_i64().unwrap();
    assert_eq!(jobs(Call::v2020("ListDeploymentJob")), 1);
    assert_eq!(jobs(other(Call::v2020("ListDeploymentJob"))), 0);
    let theirs = ok(&other(Call::v2020("ListCloudResources")), port)["Data"][0].clone();
    assert_eq!(theirs["UserId"], 1_111_222_233_334_444_u64);
    let contact_id = ok(&other(Call::v2020("ListContact")), port)["ContactList"][0].clone();
    let create = create(&upload(port, "n"), &theirs["Id"].to_string());
    let foreign = [
        of_job("DescribeDeploymentJob", &job_id),
        set_worker(&job_id, "1", "rollback"),
        create.set("ContactIds", &contact_id["ContactId"].to_string()),
    ];
    for call in foreign {
        assert_eq!(other(call).send(port).code(), "NotFound");
    }
    let assume = Call::v2018("AssumeRole").set("Version", "2015-04-01");
    let assume = assume.set("RoleArn", "acs:ram::1:role/r").set("RoleSessionName", "alice");
    let key = ok(&other(assume), port)["Credentials"].clone();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let session = Call::v2020("DescribeDeploymentJob").set("JobId", &job_id);
    let session = session.set("AccessKeyId", &text("AccessKeyId"));
    let session = session.set("SecurityToken", &text("SecurityToken"));
    assert_eq!(session.secret(&text("AccessKeySecret")).send(port).code(), "NotFound");
}
