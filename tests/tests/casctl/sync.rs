//! Uploaded, deployed and served: `casctl sync`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use acceptance::{Emulator, Program, casctl};
use serde_json::{Value, json};

use super::deploy::{add_resources, bound, calls};
use super::lineages::{self, Issuer, Pair};

/// Writes a chain and its key as `NAME.pem` and `NAME.key`.
fn write(top: &Path, name: &str, pair: &Pair) -> [String; 2] {
    [("pem", &pair.chain), ("key", &pair.key)].map(|(kind, text)| {
        let path = top.join(format!("{name}.{kind}"));
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

/// A server that presents a certificate. It happens to be an emulator.
fn serve(top: &Path, name: &str, pair: &Pair) -> Emulator {
    let [chain, key] = write(top, name, pair);
    let mut command = std::process::Command::new(acceptance::artefact("cas-emulator"));
    command.env_remove("RUST_LOG");
    let server = Emulator::start_in(command, &["--tls-cert", &chain, "--tls-key", &key]);
    assert!(server.url().starts_with("https://"));
    server
}

/// A manifest with one certificate of `localhost`, served at this port.
fn manifest(top: &Path, pair: &Pair, port: u16, deploy: bool) -> PathBuf {
    write(top, "site", pair);
    let path = top.join("certificates.toml");
    let text = format!(
        "[[certificate]]\ncert = \"site.pem\"\nkey = \"site.key\"\n\
         domains = [\"localhost:{port}\"]\ndeploy = {deploy}\n"
    );
    fs::write(&path, text).unwrap();
    path
}

fn sync(emulator: &Emulator, path: &Path, more: &[&str]) -> Program {
    casctl(emulator, &["sync", "--output", "json"]).arg(path).args(more)
}

#[track_caller]
fn synced(emulator: &Emulator, path: &Path, status: i32) -> Value {
    sync(emulator, path, &[]).run().exits_with(status).json()
}

#[test]
fn what_is_not_uploaded_is_uploaded_once() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-upload"), Issuer::new());
    let pair = issuer.issue("localhost");
    let server = serve(&top, "server", &pair);
    let manifest = manifest(&top, &pair, server.port(), true);
    let first = synced(&emulator, &manifest, 0);
    assert_eq!((&first["state"], &first["uploaded"]), (&json!("corrected"), &json!(true)));
    assert_eq!(first["served"][0]["status"], "served");
    assert_eq!(first["served"][0]["fingerprint_sha256"], first["fingerprint_sha256"]);
    // Its authority is not trusted, which is said.
    assert!(first["served"][0]["rejection"].is_string(), "{first}");
    let again = synced(&emulator, &manifest, 0);
    assert_eq!((&again["state"], &again["uploaded"]), (&json!("in-order"), &json!(false)));
    assert_eq!(emulator.certificates().len(), 1);
    // It is served, so that nothing needs to be deployed or paid for.
    assert_eq!(calls(&emulator, "ListCloudResources"), 0);
    assert!(again["deployed"].is_null());
}

#[test]
fn what_is_served_by_an_older_one_is_reported_or_deployed() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-older"), Issuer::new());
    let server = serve(&top, "server", &issuer.issue("localhost"));
    let pair = issuer.issue("localhost");
    let reported = manifest(&top, &pair, server.port(), false);
    for _ in 0..2 {
        let value = synced(&emulator, &reported, 1);
        assert_eq!(value["state"], "not-served");
        assert_eq!(value["served"][0]["status"], "other");
    }
    let text = casctl(&emulator, &["sync"]).arg(&reported).run().exits_with(1);
    assert!(text.stderr.contains("serves another certificate"), "{text:?}");
    add_resources(&emulator, &["localhost"]);
    let deployed = manifest(&top, &pair, server.port(), true);
    let value = synced(&emulator, &deployed, 0);
    assert_eq!(
        (&value["state"], &value["deployed"][0]["status"]),
        (&json!("corrected"), &json!("deployed"))
    );
    assert_eq!(bound(&emulator), [10_000_000]);
    // The servers have had their time: what is still not served is reported, and not paid again.
    let value = synced(&emulator, &deployed, 1);
    assert_eq!(
        (&value["state"], &value["deployed"][0]["status"]),
        (&json!("not-served"), &json!("already-deployed"))
    );
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 1);
}

#[test]
fn what_cannot_be_deployed_is_reported() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-resource"), Issuer::new());
    let server = serve(&top, "server", &issuer.issue("localhost"));
    let manifest = manifest(&top, &issuer.issue("localhost"), server.port(), true);
    let value = synced(&emulator, &manifest, 1);
    assert_eq!(
        (&value["state"], &value["deployment_error"]["kind"]),
        (&json!("not-deployed"), &json!("not-found"))
    );
    add_resources(&emulator, &["localhost"]);
    emulator.fault(r#"{"kind":"worker-error","times":1}"#);
    let value = synced(&emulator, &manifest, 1);
    assert_eq!(value["deployed"][0]["status"], "failed");
    let value = synced(&emulator, &manifest, 0);
    assert_eq!(value["deployed"][0]["status"], "deployed");
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 1);
}

#[test]
fn a_server_that_cannot_be_reached_is_reported() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-unreachable"), Issuer::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let manifest = manifest(&top, &issuer.issue("localhost"), port, false);
    // Accepts and says nothing.
    let outcome = sync(&emulator, &manifest, &["--served-timeout", "300ms"]).run().exits_with(1);
    let value = outcome.json();
    assert_eq!(
        (&value["state"], &value["served"][0]["status"]),
        (&json!("not-served"), &json!("unreachable"))
    );
    assert_eq!(value["served"][0]["error"]["kind"], "timeout");
    assert_eq!(value["uploaded"], true);
    drop(listener);
    let value = synced(&emulator, &manifest, 1);
    assert_eq!(value["served"][0]["error"]["kind"], "network");
    let value = sync(&emulator, &manifest, &["--no-served"]).run().exits_with(0).json();
    assert_eq!(value["state"], "in-order");
}

#[test]
fn the_next_run_makes_good_what_an_outage_prevented() {
    let (top, issuer) = (lineages::directory("sync-outage"), Issuer::new());
    let emulator = Emulator::start(&[]);
    let pair = issuer.issue("localhost");
    let server = serve(&top, "server", &pair);
    let manifest = manifest(&top, &pair, server.port(), false);
    let down = {
        let unused = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", unused.local_addr().unwrap())
    };
    let outcome = sync(&emulator, &manifest, &["--endpoint", &down]).run().exits_with(14);
    assert!(outcome.stderr.contains("\"kind\":\"network\""), "{outcome:?}");
    // Every attempt of the upload fails as well.
    emulator.fault(
        r#"{"action":"CreateUserCertificate","kind":"error","code":"ServiceUnavailable",
            "status":503,"times":2}"#,
    );
    let outcome = sync(&emulator, &manifest, &["--max-attempts", "1"]).run().exits_with(20);
    assert_eq!(outcome.json()["state"], "failed");
    emulator.clear_faults();
    assert_eq!(synced(&emulator, &manifest, 0)["state"], "corrected");
    assert_eq!(emulator.certificates().len(), 1);
}

#[test]
fn one_run_at_a_time() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-lock"), Issuer::new());
    lineages::certbot(&top, "a.example", &issuer.issue("a.example"));
    let live = top.join("live");
    emulator
        .fault(r#"{"action":"DescribeUserCertificateList","kind":"delay","ms":3000,"times":1}"#);
    let first = sync(&emulator, &live, &["--no-served"]).start();
    while emulator.faults()[0]["left"] != 0 {
        std::thread::yield_now();
    }
    let second = sync(&emulator, &live, &["--no-served"]).run().exits_with(1);
    assert!(second.stderr.contains("is running") && second.stdout.is_empty(), "{second:?}");
    let error: Value = serde_json::from_str(second.stderr.trim()).unwrap();
    assert_eq!(
        (&error["error"]["kind"], &error["error"]["exit_status"]),
        (&json!("locked"), &json!(1))
    );
    first.finish().exits_with(0);
    sync(&emulator, &live, &["--no-served"]).run().exits_with(0);
    assert_eq!(emulator.certificates().len(), 1);
}

#[test]
fn five_hundred_certificates_are_uploaded_once() {
    let (emulator, top, issuer) =
        (Emulator::start(&["--qps", "100"]), lineages::directory("sync-many"), Issuer::new());
    for number in 0..500 {
        let domain = format!("n{number}.example");
        lineages::certbot(&top, &domain, &issuer.issue(&domain));
    }
    let report = top.join("report.jsonl");
    let options = [
        "--no-served",
        "--jobs",
        "8",
        "--api",
        "2020-04-07",
        "--jitter",
        "1ms",
        "--report",
        report.to_str().unwrap(),
    ];
    let outcome = sync(&emulator, &top, &options).run().exits_with(0);
    assert_eq!(outcome.json_lines().len(), 500);
    assert_eq!(emulator.certificates().len(), 500);
    assert_eq!(fs::read_to_string(&report).unwrap().lines().count(), 500);
    // A few may be throttled. The list is read once, while it is empty.
    assert!(calls(&emulator, "UploadUserCertificate") < 600);
    assert!(calls(&emulator, "ListUserCertificateOrder") <= 4);
    let before = emulator.requests().len();
    let outcome = sync(&emulator, &top, &options).run().exits_with(0);
    assert!(outcome.json_lines().iter().all(|line| line["state"] == "in-order"));
    // The lists alone: 500 certificates on pages of 50, and those that have expired.
    assert!(emulator.requests().len() <= before + 12, "{}", emulator.requests().len());
}

#[test]
fn a_wildcard_has_no_server_to_ask() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-wildcard"), Issuer::new());
    lineages::lego(&top, "_.a.example", &issuer.issue("*.a.example"));
    let value = synced(&emulator, &top, 0);
    assert_eq!(
        value["served"],
        json!([{"host": "*.a.example", "port": 443, "status": "not-asked"}])
    );
}

#[test]
fn wrong_usage_is_seen_at_once() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-usage"), Issuer::new());
    sync(&emulator, &top.join("missing"), &[]).run().exits_with(21);
    sync(&emulator, &top, &[]).run().exits_with(21);
    let pair = issuer.issue("localhost");
    let path = manifest(&top, &pair, 443, false);
    let text = fs::read_to_string(&path).unwrap().replace("localhost:443", "localhost:x");
    fs::write(&path, text).unwrap();
    sync(&emulator, &path, &["--jitter", "soon"]).run().exits_with(2);
    let outcome = sync(&emulator, &path, &[]).run().exits_with(2);
    assert_eq!(outcome.json()["error"]["kind"], "usage");
}

#[test]
fn an_interrupted_run_is_continued() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-interrupted"), Issuer::new());
    for number in 0..20 {
        let domain = format!("n{number}.example");
        lineages::certbot(&top, &domain, &issuer.issue(&domain));
    }
    // At the documented rate, ten uploads a second.
    let mut process = sync(&emulator, &top, &["--no-served"]).start();
    while emulator.certificates().len() < 5 {
        std::thread::yield_now();
    }
    process.terminate();
    let outcome = process.finish().exits_with(1);
    assert!(outcome.stderr.contains("run the same command again"), "{outcome:?}");
    let done = emulator.certificates().len();
    assert!((5..20).contains(&done), "{done}");
    sync(&emulator, &top, &["--no-served"]).run().exits_with(0);
    assert_eq!(emulator.certificates().len(), 20);
}

#[test]
fn all_are_deployed_on_request() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-deploy"), Issuer::new());
    let domains = ["a.example", "b.example", "c.example"];
    for domain in domains {
        lineages::acme_sh(&top, domain, "_ecc", &issuer.issue(domain));
    }
    add_resources(&emulator, &domains);
    let options = ["--no-served", "--deploy"];
    let outcome = sync(&emulator, &top, &options).run().exits_with(0);
    assert!(outcome.json_lines().iter().all(|line| line["state"] == "corrected"), "{outcome:?}");
    let mut certificates = bound(&emulator);
    certificates.sort_unstable();
    assert_eq!(certificates, [10_000_000, 10_000_001, 10_000_002]);
    let outcome = sync(&emulator, &top, &options).run().exits_with(0);
    assert!(outcome.json_lines().iter().all(|line| line["state"] == "in-order"), "{outcome:?}");
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 3);
}

#[test]
fn a_newer_certificate_is_not_replaced() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-newer"), Issuer::new());
    // Another machine has renewed it.
    let [cert, key] = write(&top, "newer", &issuer.issue_in("a.example", 2026));
    casctl(&emulator, &["upload", "--cert", &cert, "--key", &key]).run().exits_with(0);
    let resource = json!({"cloud_product": "CDN", "domain": "a.example", "cert_id": 10_000_000});
    emulator.control_with("POST", "/_emulator/cloud-resources", &resource.to_string());
    let older = top.join("older");
    lineages::certbot(&older, "a.example", &issuer.issue_in("a.example", 2025));
    let outcome = sync(&emulator, &older, &["--no-served", "--deploy"]).run().exits_with(0);
    assert_eq!(outcome.json()["deployed"][0]["status"], "newer");
    assert_eq!(bound(&emulator), [10_000_000]);
    assert_eq!(calls(&emulator, "CreateDeploymentJob"), 0);
}

#[test]
fn what_a_hook_has_uploaded_counts_under_its_name() {
    let (emulator, top, issuer) =
        (Emulator::start(&[]), lineages::directory("sync-name"), Issuer::new());
    let pair = issuer.issue("a.example");
    let [cert, key] = write(&top, "site", &pair);
    casctl(&emulator, &["upload", "shop", "--cert", &cert, "--key", &key]).run().exits_with(0);
    let live = top.join("live");
    lineages::certbot(&live, "a.example", &pair);
    let value = sync(&emulator, &live, &["--no-served"]).run().exits_with(0).json();
    assert_eq!((&value["state"], &value["name"]), (&json!("in-order"), &json!("shop")));
    // A name in a manifest is meant.
    let manifest = top.join("certificates.toml");
    fs::write(
        &manifest,
        "[[certificate]]\nname = \"blog\"\ncert = \"site.pem\"\nkey = \"site.key\"\n",
    )
    .unwrap();
    let value = sync(&emulator, &manifest, &["--no-served"]).run().exits_with(0).json();
    assert_eq!((&value["state"], &value["name"]), (&json!("corrected"), &json!("blog")));
}

#[test]
fn hosts_are_asked_through_the_proxy() {
    let (top, issuer) = (lineages::directory("sync-proxy"), Issuer::new());
    let authority = top.join("authority");
    fs::create_dir_all(&authority).unwrap();
    // It stands in for the name of the service, and is no other host.
    let emulator = Emulator::start(&["--tls-ca", authority.to_str().unwrap()]);
    let pair = issuer.issue("cas.aliyuncs.com");
    let live = top.join("live");
    lineages::certbot(&live, "cas.aliyuncs.com", &pair);
    let outcome = sync(&emulator, &live, &[]).env("HTTPS_PROXY", emulator.url()).run();
    let value = outcome.exits_with(1).json();
    let served = &value["served"][0];
    assert_eq!((&served["host"], &served["status"]), (&json!("cas.aliyuncs.com"), &json!("other")));
    assert!(served["address"].is_null(), "{served}");
    // With its authority, the certificate is valid.
    let roots = authority.join("ca.pem");
    let outcome = sync(&emulator, &live, &["--ca-file", roots.to_str().unwrap()])
        .env("HTTPS_PROXY", emulator.url())
        .run();
    assert!(outcome.exits_with(1).json()["served"][0]["rejection"].is_null());
}
