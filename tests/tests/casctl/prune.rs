//! Superseded certificates: `casctl prune`.

use acceptance::{Emulator, Program, casctl};
use serde_json::{Value, json};

use super::deploy::{add_resources, upload};
use super::lineages::Issuer;

fn prune(emulator: &Emulator, more: &[&str]) -> Program {
    casctl(emulator, &[&["prune", "--output", "json"], more].concat())
}

/// The outcome for each certificate, by its number.
fn outcomes(values: &[Value]) -> Vec<(i64, &str)> {
    let mut outcomes: Vec<_> = values
        .iter()
        .map(|value| {
            (value["cert_id"].as_i64().unwrap() - 10_000_000, value["outcome"].as_str().unwrap())
        })
        .collect();
    outcomes.sort_unstable();
    outcomes
}

fn ids(emulator: &Emulator) -> Vec<i64> {
    let mut ids: Vec<_> = emulator
        .certificates()
        .iter()
        .map(|one| one["cert_id"].as_i64().unwrap() - 10_000_000)
        .collect();
    ids.sort_unstable();
    ids
}

/// Three certificates of `a.example`, then one of `b.example`.
fn start() -> Emulator {
    let emulator = Emulator::start(&[]);
    let issuer = Issuer::new();
    for domain in ["a.example", "a.example", "a.example", "bb.example"] {
        upload(&emulator, &issuer, domain);
    }
    emulator
}

#[test]
fn the_newest_stay_and_nothing_goes_without_consent() {
    let emulator = start();
    let outcome = prune(&emulator, &["--name", "*"]).run().exits_with(0);
    let lines = outcome.json_lines();
    let wanted = [(0, "would-delete"), (1, "would-delete"), (2, "kept"), (3, "kept")];
    assert_eq!(outcomes(&lines), wanted);
    assert_eq!(ids(&emulator), [0, 1, 2, 3]);
    let table = casctl(&emulator, &["prune", "--name", "*"]).run().exits_with(0);
    assert!(table.stdout.contains("superseded") && table.stderr.contains("--yes"), "{table:?}");
    prune(&emulator, &["--name", "bb.*", "--yes"]).run().exits_with(0);
    prune(&emulator, &["--name", "*", "--expired", "--yes"]).run().exits_with(0);
    assert_eq!(ids(&emulator), [0, 1, 2, 3]);
    prune(&emulator, &["--name", "*", "--keep", "2", "--yes"]).run().exits_with(0);
    assert_eq!(ids(&emulator), [1, 2, 3]);
    let outcome = prune(&emulator, &["--name", "*", "--keep", "0", "--yes"]).run().exits_with(0);
    assert_eq!(outcomes(&outcome.json_lines()), [(1, "deleted"), (2, "kept"), (3, "kept")]);
    prune(&emulator, &["--yes"]).run().exits_with(2);
}

#[test]
fn what_is_in_use_stays() {
    let emulator = start();
    let resource = json!({"cloud_product": "CDN", "domain": "a.example", "cert_id": 10_000_000});
    emulator.control_with("POST", "/_emulator/cloud-resources", &resource.to_string());
    add_resources(&emulator, &["a.example"]);
    // A job that is not started refers to the second one.
    emulator.fault(
        r#"{"action":"UpdateDeploymentJobStatus","kind":"error","code":"Forbidden.RAM",
            "status":403}"#,
    );
    casctl(&emulator, &["deploy", "10000001", "--domain", "a.example", "--yes"])
        .run()
        .exits_with(24);
    let outcome = prune(&emulator, &["--name", "*", "--yes"]).run().exits_with(0);
    let lines = outcome.json_lines();
    let reason = |id: i64| {
        let found = lines.iter().find(|line| line["cert_id"] == 10_000_000 + id);
        found.unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!([reason(0), reason(1), reason(2)], ["in-use", "in-use", "newest"]);
    assert_eq!(ids(&emulator), [0, 1, 2, 3]);
}

#[test]
fn what_the_service_does_not_tell_is_not_assumed() {
    let emulator = start();
    let denied = r#"{"action":"ListCloudResources","kind":"error","code":"Forbidden.RAM",
                     "status":403,"times":2}"#;
    emulator.fault(denied);
    let outcome = prune(&emulator, &["--name", "*", "--yes"]).run().exits_with(24);
    assert!(outcome.stderr.contains("yundun-cert:ListCloudResources"), "{outcome:?}");
    assert_eq!(ids(&emulator), [0, 1, 2, 3]);
    let outcome =
        prune(&emulator, &["--name", "*", "--yes", "--ignore-deployments"]).run().exits_with(0);
    assert!(outcome.stderr.contains("in use"), "{outcome:?}");
    assert_eq!(ids(&emulator), [2, 3]);
}

#[test]
fn a_failed_deletion_does_not_stop_the_others() {
    let emulator = start();
    emulator.fault(
        r#"{"action":"DeleteUserCertificate","kind":"error","code":"InvalidStatus.DeleteProtection",
            "status":400,"times":1}"#,
    );
    let outcome = prune(&emulator, &["--name", "*", "--yes"]).run().exits_with(1);
    let lines = outcome.json_lines();
    let mut found = outcomes(&lines);
    found.retain(|(_, outcome)| *outcome != "kept");
    assert_eq!(found.len(), 2);
    assert!(found.iter().any(|(_, outcome)| *outcome == "failed"), "{found:?}");
    assert_eq!(ids(&emulator).len(), 3);
}
