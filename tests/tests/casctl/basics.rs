//! One certificate at a time: upload, check, list, show, delete.

use acceptance::{Emulator, Outcome, casctl, chain, other_chain};
use serde_json::json;

fn upload(emulator: &Emulator, more: &[&str]) -> Outcome {
    let [cert, key] = chain().files();
    casctl(emulator, &[&["upload", "--cert", cert, "--key", key], more].concat()).run()
}

#[test]
fn an_upload_prints_the_id_alone() {
    let emulator = Emulator::start(&[]);
    let outcome = upload(&emulator, &["site"]).exits_with(0);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("10000000\n", ""));
    let again = upload(&emulator, &["site", "--output", "json"]).exits_with(0).json();
    assert_eq!(again["outcome"], "reused");
    assert_eq!(again["cert_id"], 10_000_000);
    for (field, wanted) in [
        ("cert-id", "10000000"),
        ("cert-identifier", "10000000-cn-hangzhou"),
        ("name", "site"),
        ("outcome", "reused"),
        ("fingerprint-sha256", again["fingerprint_sha256"].as_str().unwrap()),
    ] {
        let outcome = upload(&emulator, &["site", "--print", field]).exits_with(0);
        assert_eq!(outcome.stdout.trim_end(), wanted);
    }
    assert_eq!(emulator.certificates().len(), 1);
}

#[test]
fn json_has_every_field_of_the_result() {
    let emulator = Emulator::start(&[]);
    let result = upload(&emulator, &["site", "--output", "json"]).exits_with(0).json();
    let mut fields: Vec<_> = result.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let wanted = [
        "api",
        "attempts",
        "cert_id",
        "cert_identifier",
        "fingerprint_sha256",
        "name",
        "not_after",
        "outcome",
        "request_id",
    ];
    assert_eq!(fields, wanted);
    assert_eq!(result["attempts"], 1);
    assert_eq!(result["api"], "2018-07-13");
    assert_eq!(result["request_id"], emulator.requests()[0]["request_id"]);
}

#[test]
fn without_a_name_the_certificate_suggests_one() {
    let emulator = Emulator::start(&[]);
    let first = upload(&emulator, &["--output", "json"]).exits_with(0).json();
    let name = first["name"].as_str().unwrap();
    let digits = first["fingerprint_sha256"].as_str().unwrap()[..8].to_lowercase();
    assert!(name.ends_with(&format!("-{digits}")), "{name}");
    assert_eq!(upload(&emulator, &["--print", "outcome"]).exits_with(0).stdout, "reused\n");
}

#[test]
fn the_exit_status_names_the_failure() {
    let emulator = Emulator::start(&[]);
    upload(&emulator, &["site"]).exits_with(0);
    let [cert, key] = other_chain().files();
    let arguments = ["upload", "site", "--cert", cert, "--key", key];
    let taken = casctl(&emulator, &arguments).run().exits_with(18);
    assert!(
        taken.stderr.contains("name taken") && taken.stderr.contains("what to do"),
        "{taken:?}"
    );
    let json = casctl(&emulator, &arguments).env("CASCTL_OUTPUT", "json").run().exits_with(18);
    let error: serde_json::Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(error["error"]["kind"], "name-taken");
    // Certificate and key swapped: refused, and nothing sent.
    let before = emulator.requests().len();
    let swapped = casctl(&emulator, &["upload", "x", "--cert", key, "--key", cert]).run();
    assert!(swapped.exits_with(12).stderr.contains("swapped"));
    let missing = casctl(&emulator, &["upload", "x", "--cert", "/nonexistent", "--key", key]).run();
    assert!(missing.exits_with(21).stderr.contains("/nonexistent"));
    assert_eq!(emulator.requests().len(), before);
    let no_key = casctl(&emulator, &["list"]).without("ALIBABA_CLOUD_ACCESS_KEY_ID").run();
    no_key.exits_with(13);
    let refused = casctl(&emulator, &["list", "--endpoint", "http://127.0.0.1:1"]).run();
    refused.exits_with(14);
    casctl(&emulator, &["show", "7"]).run().exits_with(23);
}

#[test]
fn a_key_may_come_through_a_pipe() {
    let emulator = Emulator::start(&[]);
    let [cert, key] = chain().files();
    for arguments in [["--cert", cert, "--key", "-"], ["--cert", "-", "--key", "-"]] {
        let mut process =
            casctl(&emulator, &[&["upload", "piped"], &arguments[..]].concat()).start();
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        let whole = arguments[1] == "-";
        process.feed(&if whole { read(cert) + &read(key) } else { read(key) });
        process.finish().exits_with(0);
    }
    assert_eq!(emulator.certificates().len(), 1);
}

#[test]
fn a_dry_run_sends_nothing_and_shows_no_key() {
    let emulator = Emulator::start(&[]);
    for more in [&["site", "--dry-run"][..], &["--dry-run", "--output", "json"]] {
        let outcome = upload(&emulator, more).exits_with(0);
        assert!(!outcome.stdout.contains("PRIVATE KEY-"), "{outcome:?}");
        assert!(outcome.stdout.contains(emulator.url().strip_prefix("http://").unwrap()));
    }
    assert!(emulator.requests().is_empty());
}

#[test]
fn lists_are_filtered_by_name() {
    let emulator = Emulator::start(&[]);
    for name in ["shop-1", "shop-2", "blog"] {
        upload(&emulator, &[name]).exits_with(0);
    }
    let names = |more: &[&str]| -> Vec<String> {
        let arguments = [&["list", "--output", "json"], more].concat();
        let lines = casctl(&emulator, &arguments).run().exits_with(0).json_lines();
        lines.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&[]), ["blog", "shop-1", "shop-2"]);
    assert_eq!(names(&["--name", "shop-*"]), ["shop-1", "shop-2"]);
    assert_eq!(names(&["--name", "shop-[!1]"]), ["shop-2"]);
    assert!(names(&["--expired"]).is_empty());
    let text = casctl(&emulator, &["list"]).run().exits_with(0).stdout;
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[test]
fn a_certificate_is_shown_and_deleted() {
    let emulator = Emulator::start(&[]);
    upload(&emulator, &["site"]).exits_with(0);
    let shown = casctl(&emulator, &["show", "10000000", "--output", "json"]).run().exits_with(0);
    assert_eq!(shown.json()["name"], "site");
    let pem = casctl(&emulator, &["show", "10000000", "--pem"]).run().exits_with(0).stdout;
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("KEY"), "{pem}");
    casctl(&emulator, &["delete", "10000000"]).run().exits_with(0);
    casctl(&emulator, &["delete", "10000000"]).run().exits_with(23);
    upload(&emulator, &["site"]).exits_with(0);
    let several = casctl(&emulator, &["delete", "10000001", "5", "--output", "json"]).run();
    let several = several.exits_with(1);
    assert_eq!(several.json(), json!({"cert_id": 10_000_001, "outcome": "deleted"}));
    assert!(several.stderr.contains("not-found"));
    assert!(emulator.certificates().is_empty());
}

#[test]
fn a_check_says_whether_an_upload_would_refuse_it() {
    let emulator = Emulator::start(&[]);
    let [cert, key] = chain().files();
    let check = |arguments: &[&str]| casctl(&emulator, &[&["check"], arguments].concat()).run();
    let fit = check(&["--cert", cert, "--key", key]).exits_with(0).stdout;
    assert!(fit.contains("└─") && fit.contains("Fit for an upload."), "{fit}");
    assert!(check(&["--cert", cert, "--warn-days", "10000"]).exits_with(1).stdout.contains("soon"));
    let other = other_chain().files()[1];
    let refused =
        check(&["--cert", cert, "--key", other, "--output", "json"]).exits_with(12).json();
    assert_eq!(refused["verdict"], "refused");
    assert_eq!(refused["findings"][0]["id"], "key-mismatch");
    for (arguments, status, word) in [
        (&["--cert", cert][..], 0, "CERTIFICATE OK - "),
        (&["--cert", cert, "--warn-days", "10000"], 1, "CERTIFICATE WARNING - "),
        (&["--cert", key], 2, "CERTIFICATE CRITICAL - "),
        (&["--cert", "/nonexistent"], 3, "CERTIFICATE UNKNOWN - "),
    ] {
        let outcome = check(&[&["--nagios"], arguments].concat()).exits_with(status);
        assert!(outcome.stdout.starts_with(word), "{outcome:?}");
        assert_eq!(outcome.stdout.lines().count(), 1);
    }
    assert!(emulator.requests().is_empty());
}
