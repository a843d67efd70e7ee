//! `cas_request_allow_finding`: an upload continues in spite of a finding that is allowed by name,
//! and of no other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::program::report;
use acceptance::test_ca::{KINDS, LEAF, LONG, New, TestCa};
use acceptance::{Emulator, Outcome, run, top};

/// What docs/findings.md says of each refused finding: its identifier, and whether it can be
/// allowed.
fn documented() -> Vec<(String, bool)> {
    let text = fs::read_to_string(top().join("docs/findings.md")).unwrap();
    let row = |line: &str| {
        let (id, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        Some((id.to_owned(), rest.starts_with("yes | ")))
    };
    text.lines().filter_map(row).collect()
}

fn upload(emulator: &Emulator, allowed: &str, name: &str, files: [&Path; 2]) -> Outcome {
    let settings = [("CAS_LOG", "2"), ("CAS_ALLOW_FINDING", allowed)];
    report(emulator.url(), &settings, name, files[0], files[1]).run()
}

fn sha256(path: &Path) -> String {
    let printed = run(Command::new("sha256sum").arg(path));
    printed.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn an_allowed_finding_is_logged_and_what_it_is_about_is_sent_tidied() {
    let ca = TestCa::new("allowed");
    let kind = &KINDS[3];
    ca.make(kind);
    let name = |what: &str| format!("EC-P256-{what}");
    let chain = |what: &str| ca.chain(&[&name(what), "intermediate"]);
    let key = ca.read("EC-P256.key");
    let another = ca.read("EC-P256-another.key");
    // A letter of the public point beside the private key.
    let mut broken: Vec<String> = key.lines().map(ToOwned::to_owned).collect();
    let last = broken.len() - 2;
    let letter = if broken[last].as_bytes()[9] == b'x' { "y" } else { "x" };
    broken[last].replace_range(9..10, letter);
    let broken = broken.join("\n") + "\n";
    ca.issue(New {
        name: "other",
        subject: "b.example",
        key: "EC-P256-another",
        issuer: "stranger",
        extensions: LEAF,
        valid: LONG,
        hash: "sha256",
    });
    ca.issue(New {
        name: "logged",
        subject: "a.example",
        key: "EC-P256",
        issuer: "intermediate",
        extensions: &format!("{LEAF}\n1.3.6.1.4.1.11129.2.4.3=critical,ASN1:NULL"),
        valid: LONG,
        hash: "sha256",
    });
    let logged = ca.chain(&["logged", "intermediate"]);
    let good = chain("good");
    let long = "x".repeat(129);
    // The finding; the certificate and the key as they are passed, and as they are sent.
    let cases = [
        ("expired", "web", chain("expired"), key.clone(), chain("expired"), key.clone()),
        (
            "ca-as-leaf",
            "web",
            ca.chain(&["intermediate"]),
            ca.read("stranger.key"),
            ca.chain(&["intermediate"]),
            ca.read("stranger.key"),
        ),
        (
            "chain-unrelated",
            "web",
            format!("{}{}{}", ca.chain(&["stranger"]), good, ca.chain(&["other"])),
            key.clone(),
            // The CA certificate is left out of any complete chain.
            format!("{good}{}", ca.chain(&["other"])),
            key.clone(),
        ),
        ("key-mismatch", "web", good.clone(), another.clone(), good.clone(), another.clone()),
        ("broken-key", "web", good.clone(), broken.clone(), good.clone(), broken),
        ("precertificate", "web", logged.clone(), key.clone(), logged, key.clone()),
        ("name-too-long", &long, good.clone(), key.clone(), good.clone(), key.clone()),
    ];
    let wanted: Vec<&str> = cases.iter().map(|case| case.0).collect();
    let mut can: Vec<String> =
        documented().into_iter().filter(|(_, can)| *can).map(|(id, _)| id).collect();
    can.sort_unstable();
    let mut covered = wanted.clone();
    covered.sort_unstable();
    assert_eq!(covered, can);
    for (id, name, certificate, key, sent, sent_key) in cases {
        let emulator = Emulator::start(&[]);
        let files = [
            ca.write(&format!("{id}.cert"), certificate.replace('\n', " \r\n")),
            ca.write(&format!("{id}.secret"), key.replace('\n', "\\n")),
        ];
        let files = files.each_ref().map(PathBuf::as_path);
        let refused = upload(&emulator, "no-san", name, files);
        refused.assert_fields(&[("status", "CAS_ERR_CERTIFICATE"), ("attempts", "0")]);
        assert!(refused.field("message").contains(&format!("{id}: ")), "{}", refused.stdout);
        let hint = refused.field("hint");
        assert!(hint.contains("cas_request_allow_finding"), "{hint}");
        assert!(hint.contains(&format!("\"{id}\"")), "{hint}");
        assert!(emulator.requests().is_empty());

        // Both where two findings refuse the certificate of a CA with the key of another.
        let allowed = if id == "ca-as-leaf" { "ca-as-leaf,key-mismatch" } else { id };
        let outcome = upload(&emulator, allowed, name, files);
        // The emulator checks some of it as the service does: what counts is what was sent.
        assert_ne!(outcome.field("attempts"), "0", "{id}: {}", outcome.stdout);
        let is_logged = |line: &str| {
            line.starts_with("log=2 Checking ")
                && line.contains(&format!("{id}: "))
                && line.contains("as cas_request_allow_finding allows")
        };
        assert!(outcome.stdout.lines().any(is_logged), "{id}: {}", outcome.stdout);
        let requests = emulator.requests();
        let parameters = &requests[0]["parameters"];
        assert_eq!(parameters["Cert"]["value"], sent.as_str(), "{id}");
        let digest = sha256(&ca.write("sent-key", sent_key));
        assert_eq!(parameters["Key"]["value"]["sha256"], digest.as_str(), "{id}");
    }
}

#[test]
fn findings_that_cannot_be_allowed_and_unknown_ones_refuse_the_upload() {
    let emulator = Emulator::start(&[]);
    let ca = TestCa::new("not-allowed");
    ca.make(&KINDS[3]);
    let good = ca.write("good", ca.chain(&["EC-P256-good", "intermediate"]));
    let key = ca.0.join("EC-P256.key");
    let cannot = documented().into_iter().filter(|(_, can)| !can).map(|(id, _)| id);
    let ids: Vec<String> = cannot.chain(["".into(), "all".into(), "Expired".into()]).collect();
    assert!(ids.len() > 15, "{ids:?}");
    for id in ids {
        // Never the empty identifier alone: the program reads the list up to its end.
        let listed = if id.is_empty() { ",expired" } else { &id };
        let outcome = upload(&emulator, listed, "web", [&good, &key]);
        outcome.assert_fields(&[
            ("setting", "CAS_ALLOW_FINDING"),
            ("status", "CAS_ERR_INVALID_ARGUMENT"),
        ]);
    }
    assert!(emulator.requests().is_empty());

    // Allowing nothing that applies, and what needs no allowing, changes nothing.
    let outcome = upload(&emulator, "expired,ca-as-leaf,no-san,line-ends", "web", [&good, &key]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    assert!(!outcome.stdout.contains("log="), "{}", outcome.stdout);
}

/// One finding that is not allowed refuses the upload, and is the only one that it names.
#[test]
fn a_finding_beside_an_allowed_one_refuses_the_upload() {
    let emulator = Emulator::start(&[]);
    let ca = TestCa::new("beside");
    ca.make(&KINDS[3]);
    let expired = ca.write("expired", ca.chain(&["EC-P256-expired", "intermediate"]));
    let another = ca.0.join("EC-P256-another.key");
    for (allowed, names, hides, hint) in [
        ("expired", "key-mismatch: ", "expired: ", "with \"key-mismatch\"."),
        ("key-mismatch", "expired: ", "key-mismatch: ", "with \"expired\"."),
        ("no-san", "key-mismatch: ", "no-san: ", "with \"expired\", \"key-mismatch\"."),
    ] {
        let outcome = upload(&emulator, allowed, "web", [&expired, &another]);
        outcome.assert_fields(&[("status", "CAS_ERR_CERTIFICATE"), ("attempts", "0")]);
        let message = outcome.field("message");
        assert!(message.contains(names) && !message.contains(hides), "{message}");
        assert!(outcome.field("hint").ends_with(hint), "{}", outcome.field("hint"));
    }
    // A finding that cannot be allowed leaves nothing to advise.
    let outcome = upload(&emulator, "no-san", "web", [&expired, &expired]);
    assert!(outcome.field("message").contains("no-key: "), "{}", outcome.stdout);
    assert!(!outcome.field("hint").contains("allow_finding"), "{}", outcome.stdout);
    assert!(emulator.requests().is_empty());
}
