//! Many certificates at once: `casctl upload --from`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use acceptance::{Emulator, Outcome, Program, artefact, casctl};
use serde_json::{Value, json};

use super::lineages::{self, Issuer};

fn from(emulator: &Emulator, path: &Path, more: &[&str]) -> Program {
    casctl(emulator, &["upload", "--from"]).arg(path).args(more)
}

fn names(emulator: &Emulator) -> Vec<String> {
    let certificates = emulator.certificates();
    certificates.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

fn report_of(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_layout_is_read() {
    let issuer = Issuer::new();
    let emulator = Emulator::start(&[]);
    let top = lineages::directory("layouts");
    for domain in ["a.example", "*.b.example"] {
        let label = domain.replace('*', "wild");
        lineages::certbot(&top.join("certbot"), &label, &issuer.issue(domain));
        lineages::acme_sh(&top.join("acme.sh"), domain, "_ecc", &issuer.issue(domain));
        lineages::lego(&top.join("lego"), &domain.replace('*', "_"), &issuer.issue(domain));
    }
    lineages::acme_sh(&top.join("acme.sh"), "c.example", "", &issuer.issue("c.example"));
    for (path, wanted) in [
        ("certbot", 2),
        ("certbot/live", 2),
        ("certbot/live/a.example", 1),
        ("acme.sh", 3),
        ("acme.sh/a.example_ecc", 1),
        ("lego", 2),
        ("lego/certificates", 2),
    ] {
        let outcome = from(&emulator, &top.join(path), &["--output", "json"]).run().exits_with(0);
        assert_eq!(outcome.json_lines().len(), wanted, "{path}");
    }
    let names = names(&emulator);
    assert_eq!(names.len(), 7, "each is stored once: {names:?}");
    assert!(names.iter().any(|name| name.starts_with("_.b.example-")), "{names:?}");
    let nothing = from(&emulator, &lineages::directory("nothing"), &[]).run();
    assert!(nothing.exits_with(21).stderr.contains("certbot, acme.sh or lego"));
    from(&emulator, &top.join("missing"), &[]).run().exits_with(21);
}

#[test]
fn a_manifest_decides_about_each_certificate() {
    let issuer = Issuer::new();
    let emulator = Emulator::start(&[]);
    let top = lineages::directory("manifest");
    let write = |domain: &str| {
        let pair = issuer.issue(domain);
        fs::write(top.join(format!("{domain}.pem")), pair.chain).unwrap();
        fs::write(top.join(format!("{domain}.key")), pair.key).unwrap();
    };
    write("shop.example");
    write("blog.example");
    let manifest = top.join("certificates.toml");
    fs::write(
        &manifest,
        "[[certificate]]\nname = \"shop\"\n\
         cert = \"shop.example.pem\"\nkey = \"shop.example.key\"\n\
         on_conflict = \"rename\"\nlang = \"zh\"\n\n\
         [[certificate]]\ncert = \"blog.example.pem\"\nkey = \"blog.example.key\"\n",
    )
    .unwrap();
    from(&emulator, &manifest, &["--lang", "en"]).run().exits_with(0);
    let names = names(&emulator);
    assert!(names.iter().any(|name| name == "shop"), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("blog.example-")), "{names:?}");
    let requests = emulator.requests();
    let languages: BTreeSet<_> = requests
        .iter()
        .filter(|one| one["action"] == "CreateUserCertificate")
        .map(|one| one["parameters"]["Lang"]["value"].as_str().unwrap())
        .collect();
    assert_eq!(languages, BTreeSet::from(["en", "zh"]));
    // Renewed: the rule of the manifest applies.
    write("shop.example");
    let renewed = from(&emulator, &manifest, &["--output", "json"]).run().exits_with(0);
    let outcomes: Vec<_> = renewed.json_lines().iter().map(|one| one["outcome"].clone()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "created").count(), 1);
    fs::write(&manifest, "[[certificate]]\ncert = \"a\"\nkeys = \"canary\"\n").unwrap();
    let invalid = from(&emulator, &manifest, &[]).run().exits_with(2);
    assert!(invalid.stderr.contains("line 3") && !invalid.stderr.contains("canary"), "{invalid:?}");
}

#[test]
fn a_failure_is_reported_and_the_others_are_uploaded() {
    let issuer = Issuer::new();
    let emulator = Emulator::start(&[]);
    let top = lineages::directory("partial");
    for domain in ["a.example", "b.example", "c.example"] {
        lineages::lego(&top, domain, &issuer.issue(domain));
    }
    fs::copy(top.join("certificates/a.example.key"), top.join("certificates/b.example.key"))
        .unwrap();
    let report = top.join("report.jsonl");
    let more = ["--report", report.to_str().unwrap()];
    let outcome = from(&emulator, &top, &more).run().exits_with(1);
    assert!(outcome.stderr.contains("b.example: certificate refused"), "{outcome:?}");
    assert_eq!(outcome.stdout.lines().count(), 2);
    let lines = report_of(&report);
    let of = |source: &str| lines.iter().find(|line| line["source"] == source).unwrap();
    assert_eq!(lines.len(), 3);
    assert_eq!(of("b.example")["error"]["kind"], "certificate");
    assert_eq!(of("a.example")["outcome"], "created");
    // All fail for one reason: the exit status names it.
    let no_key = from(&emulator, &top, &[]).without("ALIBABA_CLOUD_ACCESS_KEY_ID").run();
    no_key.exits_with(13);
}

/// Calls that fail: every tenth upload, in turn in each of the ways that an upload can fail.
fn every_tenth(all: usize) -> String {
    let kinds = [
        json!({"kind": "drop-after"}),
        json!({"kind": "drop-before"}),
        json!({"kind": "error", "status": 503, "code": "ServiceUnavailable", "message": "later"}),
        json!({"kind": "garbage"}),
        json!({"kind": "error", "status": 400, "code": "Throttling.User", "message": "slower"}),
    ];
    let faults: Vec<Value> = (0..all / 10)
        .map(|index| {
            let mut fault = kinds[index % kinds.len()].clone();
            fault["action"] = json!("UploadUserCertificate");
            // Those before it are used up by then.
            fault["skip"] = json!(if index == 0 { 9 } else { 10 * index + 9 });
            fault["times"] = json!(1);
            fault
        })
        .collect();
    json!(faults).to_string()
}

/// A run of many; `make test-bulk` has a thousand.
fn many() -> usize {
    std::env::var("CASCTL_BULK").map_or(60, |number| number.parse().unwrap())
}

fn limit() -> Duration {
    Duration::from_secs(20) + Duration::from_millis(100) * u32::try_from(many()).unwrap()
}

#[test]
fn many_are_stored_exactly_once_in_spite_of_faults() {
    let issuer = Issuer::new();
    let emulator = Emulator::start(&["--qps", "100", "-q"]);
    let top = lineages::directory("many");
    for index in 0..many() {
        let domain = format!("site-{index}.example");
        lineages::acme_sh(&top, &domain, "_ecc", &issuer.issue(&domain));
    }
    emulator.fault(&every_tenth(many()));
    let report = top.join("report.jsonl");
    let more = ["--jobs", "8", "--api", "2020-04-07", "--report", report.to_str().unwrap()];
    let run = || from(&emulator, &top, &more).start().finish_within(limit());
    let outcome = run().exits_with(0);
    assert_eq!(outcome.stdout.lines().count(), many());
    let stored: BTreeSet<String> = names(&emulator).into_iter().collect();
    assert_eq!((stored.len(), emulator.certificates().len()), (many(), many()));
    assert_eq!(report_of(&report).len(), many());
    // Again: nothing is sent but the list. The record has room for some of the requests only.
    emulator.control("DELETE", "/_emulator/requests");
    let again = run().exits_with(0);
    assert_eq!(again.stdout.lines().collect::<BTreeSet<_>>().len(), many());
    assert_eq!(uploads(&emulator), 0);
    assert!(!emulator.requests().is_empty());
    assert!(report_of(&report).iter().all(|line| line["outcome"] == "reused"));
}

/// How many uploads the emulator has seen.
fn uploads(emulator: &Emulator) -> usize {
    let requests = emulator.requests();
    requests.iter().filter(|one| one["action"] == "UploadUserCertificate").count()
}

#[test]
fn an_interrupted_run_goes_on_when_it_is_run_again() {
    let issuer = Issuer::new();
    // The service takes its time, so that the signal comes in the middle.
    let emulator = Emulator::start(&[
        "-q",
        "--fault",
        r#"{"action":"UploadUserCertificate","kind":"lag","ms":40,"times":1000000}"#,
    ]);
    let top = lineages::directory("interrupted");
    for index in 0..many() {
        let domain = format!("site-{index}.example");
        lineages::lego(&top, &domain, &issuer.issue(&domain));
    }
    let run = || from(&emulator, &top, &["--jobs", "8", "--api", "2020-04-07"]).start();
    let mut process = run();
    for _ in 0..many() / 4 {
        process.line().unwrap();
    }
    interrupt(&process);
    let outcome: Outcome = process.finish_within(limit()).exits_with(1);
    assert!(outcome.stderr.contains("run the same command again"), "{outcome:?}");
    let stored = names(&emulator).len();
    assert!(stored >= many() / 4 && stored < many(), "{stored} of {}", many());
    run().finish_within(limit()).exits_with(0);
    let stored: BTreeSet<String> = names(&emulator).into_iter().collect();
    assert_eq!((stored.len(), emulator.certificates().len()), (many(), many()));
}

/// Sends SIGINT, as Ctrl+C does.
fn interrupt(process: &acceptance::Process) {
    acceptance::run(std::process::Command::new("kill").args(["-INT", &process.id().to_string()]));
}

#[test]
fn the_documented_rate_is_kept() {
    let issuer = Issuer::new();
    let emulator = Emulator::start(&["-q"]);
    let top = lineages::directory("rate");
    for index in 0..12 {
        let domain = format!("site-{index}.example");
        lineages::lego(&top, &domain, &issuer.issue(&domain));
    }
    let started = Instant::now();
    from(&emulator, &top, &["--jobs", "8"]).run().exits_with(0);
    // Ten a second: the twelfth begins 1.1 s after the first.
    assert!(started.elapsed() >= Duration::from_millis(1_100), "{:?}", started.elapsed());
}

#[test]
fn results_that_cannot_be_written_stop_no_upload() {
    let issuer = Issuer::new();
    let top = lineages::directory("unwritten");
    for domain in ["a.example", "b.example", "c.example"] {
        lineages::lego(&top, domain, &issuer.issue(domain));
    }
    let script = |command: &str, emulator: &Emulator| {
        let casctl = artefact("casctl");
        let upload = format!(
            "'{}' upload --jobs 1 --endpoint {} --from '{}'",
            casctl.display(),
            emulator.url(),
            top.display()
        );
        Program::new("bash").args(["-o", "pipefail", "-c"]).arg(format!("{upload} {command}")).run()
    };
    let emulator = Emulator::start(&[]);
    let full = script("> /dev/full", &emulator).exits_with(21);
    assert!(full.stderr.contains("to standard output: No space left"), "{}", full.stderr);
    assert_eq!(emulator.certificates().len(), 3);

    // It reads nothing at all.
    let emulator = Emulator::start(&[]);
    script("| true", &emulator).exits_with(0);
    assert_eq!(emulator.certificates().len(), 3);
}
