//! Every kind of key, in every encoding and layout, with every finding: each finding is reported
//! for the certificates that have it and for no others, with the severity that docs/findings.md
//! states. openssl makes the certificates during the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use acceptance::inspection::{inspect, pair};
use acceptance::program::report;
use acceptance::test_ca::{CA, KINDS, Kind, LEAF, LONG, New, TestCa};
use acceptance::{Emulator, Outcome, top};

use super::not_pem;
use super::shapes::notes;

/// How people have PEM, and what is noted then.
type Layout = (&'static str, fn(&str) -> String, &'static [&'static str]);
const LAYOUTS: [Layout; 10] = [
    ("clean", |pem| pem.to_owned(), &[]),
    ("CRLF", |pem| pem.replace('\n', "\r\n"), &["line-ends"]),
    ("BOM", |pem| format!("\u{feff}{pem}"), &["byte-order-mark"]),
    ("blank lines", |pem| pem.replace('\n', "\n\n"), &["layout"]),
    (
        "text",
        |pem| pem.replace("-----BEGIN", "Bag Attributes\n    x: y\n-----BEGIN"),
        &["surrounding-text"],
    ),
    ("trailing spaces", |pem| pem.replace('\n', "  \n"), &["layout"]),
    ("one line", |pem| pem.replace('\n', " "), &["layout"]),
    ("one line of base64", one_line_of_base64, &["layout"]),
    ("escapes", |pem| pem.replace('\n', "\\n"), &["escapes"]),
    ("no final newline", |pem| pem.trim_end().to_owned(), &["layout"]),
];

fn one_line_of_base64(pem: &str) -> String {
    let lines = pem
        .lines()
        .map(|line| if line.starts_with('-') { format!("\n{line}\n") } else { line.to_owned() });
    lines.collect::<String>().replace("\n\n", "\n").trim_start().to_owned()
}

/// Identifiers that were expected, in the order of [`Inspection::ids`].
fn expected(parts: &[&[&'static str]]) -> Vec<&'static str> {
    let mut ids = parts.concat();
    ids.sort_unstable();
    ids
}

#[test]
fn every_key_type_encoding_and_layout_is_accepted_without_findings() {
    let ca = TestCa::new("clean");
    let (mut lines, mut cases) = (Vec::new(), Vec::new());
    for kind in &KINDS {
        ca.make(kind);
        let chain = ca.chain(&[&format!("{}-good", kind.key_type), "intermediate"]);
        for (encoding, text) in ca.encodings(kind) {
            for (layout, lay_out, notes) in LAYOUTS {
                let name =
                    format!("{} {encoding} {layout}", kind.key_type).replace([' ', '#'], "_");
                let certificate = ca.write(&format!("{name}.cert"), lay_out(&chain));
                let key = ca.write(&format!("{name}.secret"), lay_out(&text));
                lines.push(pair(&certificate, Some(&key)));
                // A key of one line is one line already.
                let key_notes = if lay_out(&text) == text { &[] } else { notes };
                cases.push((name, kind, [notes, key_notes], chain.clone()));
            }
        }
    }
    assert!(cases.len() > 200, "{}", cases.len());
    for (inspection, (name, kind, [notes, key_notes], chain)) in inspect(&lines).iter().zip(cases) {
        assert_eq!(
            inspection.ids(),
            expected(&[kind.always, notes, key_notes]),
            "{name}: {:?}",
            inspection.findings
        );
        assert_eq!(inspection.pem, chain, "{name}");
        assert_eq!(inspection.fields["key_type"], kind.key_type, "{name}");
        assert_eq!(inspection.fields["chain_len"], "2", "{name}");
        assert_eq!(inspection.fields["sans"], "a.example", "{name}");
    }
}

/// A certificate's text, a key's text, and what must be found.
type Case = (&'static str, Vec<u8>, Vec<u8>, Vec<&'static str>);

fn cases(ca: &TestCa, kind: &Kind) -> Vec<Case> {
    let name = |what: &str| format!("{}-{what}", kind.key_type);
    let leaf = |what: &str| ca.chain(&[&name(what), "intermediate"]);
    let chain = |names: &[&str]| ca.chain(&[&[name("good").as_str()], names].concat());
    let good = leaf("good");
    let key_file = format!("{}.key", kind.key_type);
    let key = ca.read(&key_file);
    let good_file = format!("{}.pem", name("good"));
    let made = |file: &str, arguments: &[&str]| {
        ca.openssl(&[arguments, &["-out", file]].concat());
        fs::read(ca.0.join(file)).unwrap()
    };
    let bare = |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let stranger = ca.read("stranger.pem");
    let ed25519_or_not = if kind.key_type == "Ed25519" { "RSA-2048.key" } else { "Ed25519.key" };
    let with = |id: &'static str, certificate: &str, key: &str| {
        // A key that is compared is compared as any of its kind.
        (
            id,
            certificate.as_bytes().to_vec(),
            key.as_bytes().to_vec(),
            expected(&[kind.always, &[id]]),
        )
    };
    // Where certificate or key cannot be read, nothing is said of how the two compare, or of the
    // key's size.
    let only = |ids: &[&'static str], certificate: &[u8], key: &[u8]| {
        let weak: &[&str] = if certificate == good.as_bytes()
            && ["RSA-1024", "RSA-2047"].contains(&kind.key_type)
        {
            &["weak-rsa"]
        } else {
            &[]
        };
        (ids[0], certificate.to_vec(), key.to_vec(), expected(&[weak, ids]))
    };
    let only_text = |id: &'static str, certificate: &str, key: &str| {
        only(&[id], certificate.as_bytes(), key.as_bytes())
    };
    let mut cases = vec![
        with("expired", &leaf("expired"), &key),
        with("expires-soon", &leaf("soon"), &key),
        with("not-yet-valid", &leaf("future"), &key),
        with("no-san", &leaf("no-san"), &key),
        with("weak-signature", &leaf("sha1"), &key),
        with("weak-signature", &leaf("md5"), &key),
        with("weak-signature", &leaf("sha1-pss"), &key),
        with("root-left-out", &ca.chain(&[&name("sha256-pss"), "intermediate", "root"]), &key),
        with("ca-as-leaf", &leaf("ca"), &key),
        with("chain-incomplete", &chain(&[]), &key),
        with("issuer-expired", &chain(&["old"]), &key),
        with("root-left-out", &chain(&["intermediate", "root"]), &key),
        with("reordered", &ca.chain(&["intermediate", &name("good")]), &key),
        with("duplicate", &chain(&["intermediate", "intermediate"]), &key),
        with("unrelated-left-out", &format!("{good}{stranger}"), &key),
        with("chain-unrelated", &format!("{good}{}", ca.read("second.pem")), &key),
        with("label", &good.replace("CERTIFICATE", "X509 CERTIFICATE"), &key),
        with("other-blocks", &good, &format!("{good}{key}")),
        with("key-beside-certificate", &format!("{key}{good}"), &key),
        with("bare-base64", &good, &bare(&key)),
        only_text("key-mismatch", &good, &ca.read(ed25519_or_not)),
        only_text("no-key", &good, ""),
        only_text("no-certificate", "", &key),
        only_text("csr", &ca.read("request.csr"), &key),
        only_text("csr", &good, &ca.read("request.csr")),
        only_text("other-pem", &good.replace("CERTIFICATE", "X509 CRL"), &key),
        only_text("openssh-key", &good, &key.replace("PRIVATE KEY", "OPENSSH PRIVATE KEY")),
        only_text("broken-pem", &good.replacen("MII", "M?I", 1), &key),
        only_text("broken-pem", &good, &key.replacen("BEGIN ", "BEGIN", 1)),
        only_text("broken-certificate", &good.replacen("MII", "MIJ", 1), &key),
        only_text("broken-key", &good, &key.replacen("\nM", "\nN", 1)),
        only_text("too-many-certificates", &good.repeat(9), &key),
        only(&["swapped", "no-key"], key.as_bytes(), good.as_bytes()),
    ];
    let printed = |arguments: &[&str]| ca.printed(arguments).unwrap();
    let public = printed(&["pkey", "-in", &key_file, "-pubout"]);
    cases.push(only_text("public-key", &public, &key));
    cases.push(only_text("public-key", &good, &public));
    let encrypted = printed(&[
        "pkcs8",
        "-topk8",
        "-in",
        &key_file,
        "-passout",
        "pass:test",
        "-v2",
        "aes-256-cbc",
    ]);
    cases.push(only_text("key-encrypted", &good, &encrypted));
    let traditional =
        ["pkey", "-in", &key_file, "-traditional", "-aes256", "-passout", "pass:test"];
    cases.extend(ca.printed(&traditional).map(|text| only_text("key-encrypted", &good, &text)));
    let der = made("der", &["x509", "-in", &good_file, "-outform", "der"]);
    cases.push(only(&["der"], &der, key.as_bytes()));
    let der = made("der", &["pkey", "-in", &key_file, "-outform", "der"]);
    cases.push(only(&["der"], good.as_bytes(), &der));
    let export =
        ["pkcs12", "-export", "-in", &good_file, "-inkey", &key_file, "-passout", "pass:test"];
    let pkcs12 = made("pkcs12", &export);
    cases.push(only(&["pkcs12"], &pkcs12, key.as_bytes()));
    cases.push(only(&["pkcs12"], good.as_bytes(), &pkcs12));
    let pkcs7 = made("pkcs7", &["crl2pkcs7", "-nocrl", "-certfile", &good_file]);
    cases.push(only(&["pkcs7"], &pkcs7, key.as_bytes()));
    let pkcs7 =
        made("pkcs7.der", &["crl2pkcs7", "-nocrl", "-outform", "der", "-certfile", &good_file]);
    cases.push(only(&["pkcs7"], &pkcs7, key.as_bytes()));
    ca.write("text", &good);
    let twice = made("base64", &["base64", "-in", "text"]);
    cases.push(only(&["base64-of-pem"], &twice, key.as_bytes()));
    // One letter of the secret number of a curve, or of the last number of an RSA key, is another.
    let (line, column) = match kind.key_type.starts_with("RSA") {
        true => (key.lines().count() - 3, 10),
        false => (1, 60),
    };
    let damaged = replace_letter(&key, line, column);
    if kind.algorithm[0] == "EC" {
        // The point, which stands last.
        let line = key.lines().count() - 3;
        cases.push(only_text("broken-key", &good, &replace_letter(&key, line, 60)));
    }
    match kind.key_type {
        "Ed448" => {}
        "Ed25519" => cases.push(only_text("key-mismatch", &good, &damaged)),
        _ => cases.push(only_text("broken-key", &good, &damaged)),
    }
    if kind.key_type != "SM2" {
        cases.push(with("self-signed-ca", &ca.read(&format!("{}.pem", name("own-ca"))), &key));
    }
    if kind.key_type != "Ed448" {
        let another = ca.read(&format!("{}-another.key", kind.key_type));
        cases.push(only_text("key-mismatch", &good, &another));
    }
    cases
}

fn replace_letter(pem: &str, line: usize, column: usize) -> String {
    let mut lines: Vec<String> = pem.lines().map(ToOwned::to_owned).collect();
    let other = if lines[line].as_bytes()[column] == b'x' { "y" } else { "x" };
    lines[line].replace_range(column..=column, other);
    lines.join("\n") + "\n"
}

/// The severities of docs/findings.md.
fn documented() -> BTreeMap<String, u8> {
    let mut severities = BTreeMap::new();
    let mut severity = 0;
    for line in fs::read_to_string(top().join("docs/findings.md")).unwrap().lines() {
        severity = match line {
            "## Refused" => 2,
            "## Warnings" => 1,
            "## Notes" => 0,
            _ => severity,
        };
        if let Some((id, _)) = line.strip_prefix("- `").and_then(|rest| rest.split_once('`')) {
            severities.insert(id.to_owned(), severity);
        }
    }
    severities
}

/// Findings of certificates that openssl does not make, from [`super::openssl_server`].
pub(super) const OF_ODD_CERTIFICATES: [&str; 7] = [
    "bad-name",
    "bad-self-signature",
    "broken-extension",
    "key-type",
    "not-for-servers",
    "precertificate",
    "unknown-critical",
];
/// Findings of the name and the files of an upload, from
/// [`findings_refuse_an_upload_or_are_logged`], and of SM2 certificates, from `sm2.rs`.
const OF_UPLOADS: [&str; 13] = [
    "long-name",
    "name-control",
    "name-empty",
    "name-too-long",
    "not-text",
    "sm2-enveloped-key",
    "sm2-key-usage",
    "sm2-other-type",
    "sm2-same-certificate",
    "sm2-same-key",
    "sm2-single",
    "sm2-subjects-differ",
    "sm2-swapped",
];

#[test]
fn every_finding_is_reported_exactly_where_it_applies() {
    let ca = TestCa::new("findings");
    for kind in &KINDS {
        ca.make(kind);
    }
    let names: String = (0..2000).map(|n| format!(",DNS:{n}.{}.example", "x".repeat(50))).collect();
    let large = New {
        name: "large",
        subject: "a.example",
        key: "RSA-2048",
        issuer: "intermediate",
        extensions: &format!("subjectAltName=DNS:a.example{names}\n"),
        valid: LONG,
        hash: "sha256",
    };
    ca.issue(large);
    let (mut lines, mut wanted) = (Vec::new(), Vec::new());
    let mut add = |name: String, (what, certificate, key, ids): Case| {
        let name = format!("{name}-{what}-{}", lines.len());
        let certificate = ca.write(&format!("{name}.cert"), certificate);
        lines.push(pair(&certificate, Some(&ca.write(&format!("{name}.secret"), key))));
        wanted.push((name, ids));
    };
    for kind in &KINDS {
        for case in cases(&ca, kind) {
            add(kind.key_type.to_owned(), case);
        }
    }
    let key = ca.read("RSA-2048.key").into_bytes();
    let large = ca.chain(&["large", "intermediate"]).into_bytes();
    add("large".to_owned(), ("too-large", large, key, vec!["too-large"]));

    let documented = documented();
    let mut made: BTreeSet<String> =
        LAYOUTS.iter().flat_map(|layout| layout.2).map(ToString::to_string).collect();
    for (inspection, (name, ids)) in inspect(&lines).iter().zip(wanted) {
        assert_eq!(inspection.ids(), ids, "{name}: {:?}", inspection.findings);
        for (severity, id, _) in &inspection.findings {
            assert_eq!(documented.get(id), Some(severity), "{name}: {id}");
        }
        made.extend(ids.into_iter().map(ToOwned::to_owned));
    }
    made.extend(OF_ODD_CERTIFICATES.into_iter().chain(OF_UPLOADS).map(ToOwned::to_owned));
    made.extend(notes().map(ToOwned::to_owned));
    made.extend(not_pem::FINDINGS.map(ToOwned::to_owned));
    assert_eq!(made, documented.into_keys().collect());
}

/// The tidied chain leads a verifier from the leaf to the root, in whatever order it was given.
#[test]
fn every_order_of_a_chain_becomes_one_that_openssl_verifies() {
    let ca = TestCa::new("orders");
    ca.make(&KINDS[3]);
    ca.key("lower", KINDS[3].algorithm);
    ca.key("leaf", KINDS[3].algorithm);
    let lower = New {
        name: "lower",
        subject: "lower",
        key: "lower",
        issuer: "intermediate",
        extensions: CA,
        valid: LONG,
        hash: "sha256",
    };
    ca.issue(lower);
    ca.issue(New {
        name: "leaf",
        subject: "a.example",
        key: "leaf",
        issuer: "lower",
        extensions: LEAF,
        ..lower
    });
    let parts = ["leaf", "lower", "intermediate", "root"];
    let mut orders: Vec<Vec<&str>> = vec![Vec::new()];
    for part in parts {
        orders = orders
            .iter()
            .flat_map(|order| {
                (0..=order.len()).map(|at| [&order[..at], &[part], &order[at..]].concat())
            })
            .collect();
    }
    let key = ca.0.join("leaf.key");
    let lines: Vec<String> = orders
        .iter()
        .map(|order| {
            pair(&ca.write(&format!("{}.cert", order.join("-")), ca.chain(order)), Some(&key))
        })
        .collect();
    assert_eq!(lines.len(), 24);
    for (inspection, order) in inspect(&lines).iter().zip(&orders) {
        assert!(inspection.refused().is_empty(), "{order:?}: {:?}", inspection.findings);
        assert_eq!(inspection.pem, ca.chain(&["leaf", "lower", "intermediate"]), "{order:?}");
        ca.write("tidied", &inspection.pem);
        ca.openssl(&["verify", "-CAfile", "root.pem", "-untrusted", "tidied", "tidied"]);
        assert!(inspection.has("root-left-out"));
        assert_eq!(inspection.has("reordered"), !is_sorted(order), "{order:?}");
    }
}

fn is_sorted(order: &[&str]) -> bool {
    let without_root: Vec<&str> = order.iter().filter(|part| **part != "root").copied().collect();
    without_root == ["leaf", "lower", "intermediate"]
}

fn upload(
    emulator: &Emulator,
    settings: &[(&str, &str)],
    name: &str,
    files: [&Path; 2],
) -> Outcome {
    report(emulator.url(), settings, name, files[0], files[1]).run()
}

#[test]
fn findings_refuse_an_upload_or_are_logged() {
    let ca = TestCa::new("uploads");
    let kind = &KINDS[3];
    ca.make(kind);
    let emulator = Emulator::start(&[]);
    let key = ca.0.join("EC-P256.key");
    let chain =
        |leaf: &str| ca.write(leaf, ca.chain(&[&format!("EC-P256-{leaf}"), "intermediate"]));
    let good = chain("good");
    let refused = |name: &str, files: [&Path; 2], status: &str, id: &str| {
        let outcome = upload(&emulator, &[], name, files);
        outcome.assert_fields(&[("status", status), ("attempts", "0"), ("retryable", "0")]);
        assert!(outcome.field("message").contains(&format!("{id}: ")), "{}", outcome.stdout);
        assert_ne!(outcome.field("hint"), "(none)");
    };
    let text = ca.read("good");
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.bytes().flat_map(|b| [b, 0])).collect();
    let utf16 = ca.write("utf16", utf16);
    refused("web", [&chain("expired"), &key], "CAS_ERR_CERTIFICATE", "expired");
    refused("web", [&good, &ca.0.join("root.key")], "CAS_ERR_CERTIFICATE", "key-mismatch");
    refused("web", [&utf16, &key], "CAS_ERR_CERTIFICATE", "not-text");
    refused("a\tb", [&good, &key], "CAS_ERR_CERTIFICATE", "name-control");
    refused(&"x".repeat(129), [&good, &key], "CAS_ERR_CERTIFICATE", "name-too-long");
    refused(&"\u{540d}".repeat(43), [&good, &key], "CAS_ERR_CERTIFICATE", "name-too-long");
    refused("", [&good, &key], "CAS_ERR_INVALID_ARGUMENT", "name-empty");
    assert!(emulator.requests().is_empty());

    // Warnings reach the log, notes only where it is open for them.
    let crlf = ca.write("crlf", fs::read_to_string(chain("soon")).unwrap().replace('\n', "\r\n"));
    for (level, notes) in [("2", false), ("3", true)] {
        let name = format!("{}{level}", "x".repeat(64));
        let outcome = upload(&emulator, &[("CAS_LOG", level)], &name, [&crlf, &key]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        for (id, severity) in [("long-name", "2"), ("expires-soon", "2"), ("line-ends", "3")] {
            let is_logged = outcome.stdout.lines().any(|line| {
                line.starts_with(&format!("log={severity} ")) && line.contains(&format!("{id}: "))
            });
            assert_eq!(is_logged, severity == "2" || notes, "{id} in:\n{}", outcome.stdout);
        }
    }
}

#[test]
fn uploads_send_the_tidied_chain_unless_checks_are_skipped() {
    let ca = TestCa::new("sent");
    ca.make(&KINDS[3]);
    let emulator = Emulator::start(&[]);
    let key = ca.0.join("EC-P256.key");
    let tidy = ca.chain(&["EC-P256-good", "intermediate"]);
    let untidy = ca.chain(&["root", "intermediate", "EC-P256-good"]).replace('\n', "\r\n");
    let untidy = ca.write("untidy", untidy);
    upload(&emulator, &[], "tidied", [&untidy, &key]).assert_fields(&[("status", "CAS_OK")]);
    assert_eq!(emulator.certificates()[0]["cert_pem"], tidy.as_str());
    // As it was given, whatever is wrong with it.
    let expired = ca.chain(&["EC-P256-expired", "intermediate"]).replace('\n', " \r\n");
    let file = ca.write("expired", &expired);
    upload(&emulator, &[("CAS_SKIP_CHECKS", "1")], "unread", [&file, &key])
        .assert_fields(&[("status", "CAS_OK")]);
    assert_eq!(emulator.certificates()[1]["cert_pem"], expired.as_str());
}
