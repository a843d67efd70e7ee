//! Snapshots: all that is stored, taken from one emulator to another.

use std::path::Path;
use std::thread;

use cas_emulator::Emulator;
use serde_json::{Value, json};

use crate::certificates::certificate;
use crate::client::{Call, Connection, Response, control, control_with};
use crate::process::Process;

const SNAPSHOT: &str = "/_emulator/snapshot";
const SM2: [(&str, &str); 4] = [
    ("SignCert", include_str!("../data/keys/sm2.crt")),
    ("SignPrivateKey", include_str!("../data/keys/sm2.pkcs8.key")),
    ("EncryptCert", include_str!("../data/keys/sm2-encryption.crt")),
    ("EncryptPrivateKey", include_str!("../data/keys/sm2-encryption.pkcs8.key")),
];
const OTHER: &str = "1234567890123456";

fn export(port: u16) -> String {
    let response = control(port, "GET", SNAPSHOT);
    assert_eq!(response.status, 200, "{}", response.body);
    response.body
}

fn import(port: u16, document: &str) -> Response {
    control_with(port, "PUT", SNAPSHOT, document)
}

/// An emulator with two accounts, in memory or with a data file.
fn start(data: Option<&Path>) -> Emulator {
    let builder = Emulator::builder().access_key("testid", "testsecret");
    let builder = builder.access_key_of(OTHER, "other", "secret of the other");
    data.map_or(builder, |file| Emulator::builder().data(file).access_key("testid", "testsecret"))
        .start()
        .unwrap()
}

/// Stores something of every kind. Returns a certificate of it and its key.
fn fill(port: u16) -> (String, String) {
    let (cert, key) = certificate();
    let first = Call::upload("first", &cert, &key).set("ClientToken", "t");
    assert_eq!(first.set("ResourceGroupId", "rg").send(port).cert_id(), 10_000_000);
    assert_eq!(Call::create("deleted", &cert, &key).send(port).cert_id(), 10_000_001);
    let double = Call::v2020("UploadUserCertificate").set("Name", "double 证书");
    let double = SM2.iter().fold(double, |call, (field, value)| call.set(field, value));
    assert_eq!(double.send(port).cert_id(), 10_000_002);
    let other = Call::upload("first", &cert, &key).set("AccessKeyId", "other");
    assert_eq!(other.secret("secret of the other").send(port).cert_id(), 10_000_003);
    assert_eq!(Call::create("last", &cert, &key).send(port).cert_id(), 10_000_004);
    for cert_id in ["10000001", "10000004"] {
        let delete = Call::v2020("DeleteUserCertificate").set("CertId", cert_id);
        assert_eq!(delete.set("ClientToken", cert_id).send(port).status, 200);
    }
    let tag = Call::v2020("TagResources").set("ResourceType", "instance");
    let tag = tag.set("ResourceId.1", "10000000").set("Tag.1.Key", "k").set("Tag.1.Value", "v");
    assert_eq!(tag.send(port).status, 200);
    let resource = r#"{"cloud_product":"CDN","domain":"www.example.com"}"#;
    assert_eq!(control_with(port, "POST", "/_emulator/cloud-resources", resource).status, 200);
    let job = Call::v2020("CreateDeploymentJob").set("Name", "j").set("JobType", "user");
    let job = job.set("CertIds", "10000000").set("ResourceIds", "1").set("ContactIds", "1");
    let response = job.send(port);
    assert_eq!(response.status, 200, "{}", response.body);
    (cert, key)
}

/// All that clients see.
fn seen(port: u16) -> Vec<Value> {
    let ask = |call: Call| {
        let mut shown = call.send(port).json();
        shown.as_object_mut().unwrap().remove("RequestId");
        shown
    };
    let detail = |cert_id: &str| Call::v2020("GetUserCertificateDetail").set("CertId", cert_id);
    let other = |call: Call| call.set("AccessKeyId", "other").secret("secret of the other");
    vec![
        ask(detail("10000000")),
        ask(detail("10000002")),
        ask(other(detail("10000003"))),
        ask(Call::v2020("ListUserCertificateOrder").set("OrderType", "CERT").set("Keyword", "ex")),
        ask(Call::v2018("DescribeUserCertificateList")),
        ask(Call::v2020("ListDeploymentJob").set("JobType", "user")),
        ask(Call::v2020("ListCloudResources")),
        ask(Call::v2020("ListContact")),
        control(port, "GET", "/_emulator/certificates").json(),
        control(port, "GET", "/_emulator/cloud-resources").json(),
        control(port, "GET", "/_emulator/contacts").json(),
    ]
}

#[test]
fn everything_that_is_stored_moves_to_another_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let from = start(None);
    let (cert, key) = fill(from.port());
    let document = export(from.port());
    let expected = seen(from.port());
    assert_eq!(expected[0]["Key"], key.as_str());

    let into_memory = start(None);
    // What was there is replaced, with what searches remember of it.
    Call::create("replaced", &cert, &key).send(into_memory.port());
    seen(into_memory.port());
    let with_file = Emulator::builder()
        .data(&file)
        .access_key("testid", "testsecret")
        .access_key_of(OTHER, "other", "secret of the other")
        .start()
        .unwrap();
    for to in [into_memory, with_file] {
        let port = to.port();
        let imported = import(port, &document);
        assert_eq!((imported.status, &*imported.body), (200, r#"{"status":"ok"}"#));
        assert_eq!(seen(port), expected);
        // Client tokens, also those of deletions and of changed certificates, and IDs.
        let again = Call::upload("first", &cert, &key).set("ClientToken", "t");
        assert_eq!(again.set("ResourceGroupId", "rg").send(port).cert_id(), 10_000_000);
        let delete = Call::v2020("DeleteUserCertificate").set("CertId", "10000004");
        assert_eq!(delete.set("ClientToken", "10000004").send(port).status, 200);
        assert_eq!(Call::create("new", &cert, &key).send(port).cert_id(), 10_000_005);
        let delete = Call::v2020("DeleteUserCertificate").set("CertId", "10000005");
        assert_eq!(delete.send(port).status, 200);
        // Twice is as once, and so is a document whose members a program has sorted.
        let sorted: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(import(port, &sorted.to_string()).status, 200);
        let without_keys = |document: &str| {
            let mut value: Value = serde_json::from_str(document).unwrap();
            value["access_keys"] = json!([]);
            for certificate in value["certificates"].as_array_mut().unwrap() {
                certificate["sealed_key"] = json!(null);
                certificate["sealed_encrypt_key"] = json!(null);
            }
            value
        };
        assert_eq!(without_keys(&export(port)), without_keys(&document));
        to.stop();
    }
    let again = start(Some(&file));
    let detail = Call::v2020("GetUserCertificateDetail").set("CertId", "10000000");
    assert_eq!(detail.send(again.port()).json()["Key"], key);
}

#[test]
fn no_private_key_is_in_a_snapshot_in_clear() {
    let emulator = start(None);
    let (_, key) = fill(emulator.port());
    let document = export(emulator.port());
    assert!(document.contains("BEGIN CERTIFICATE") && !document.contains("PRIVATE KEY"));
    assert!(!document.contains("testsecret") && !document.contains("secret of the other"));
    for key in [&*key, SM2[1].1, SM2[3].1] {
        for line in key.lines().filter(|line| !line.starts_with('-') && line.len() > 16) {
            assert!(
                !document.contains(&line[..16]) && !document.contains(&line[line.len() - 16..])
            );
        }
    }
}

#[test]
fn a_snapshot_that_cannot_be_used_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let from = start(None);
    let (cert, key) = fill(from.port());
    let document = export(from.port());
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::from_str(&document).unwrap();
        change(&mut value);
        value.to_string()
    };
    let set = |pointer: &'static str, to: Value| {
        changed(&|value| *value.pointer_mut(pointer).unwrap() = to.clone())
    };
    let broken = [
        (String::new(), "it ends too early, at line 1"),
        (document[..document.len() / 2].to_owned(), "it ends too early"),
        (format!("{document}x"), "trailing characters"),
        ("[]".to_owned(), "expected a snapshot: an object that GET /_emulator/snapshot"),
        ("{}".to_owned(), "`cas_emulator_snapshot` is missing"),
        (r#"{"certificates":[]}"#.to_owned(), "is missing before `certificates`"),
        (set("/cas_emulator_snapshot", json!(2)), "version 2, and this emulator reads version 1"),
        (changed(&|value| value["more"] = json!(1)), "unknown member `more`"),
        (set("/certificates/0/name", json!("second")), "sealed for another certificate or name"),
        (set("/certificates/0/cert_pem", json!(SM2[0].1)), "sealed for another certificate"),
        (set("/certificates/0/cert_pem", json!("x")), "`cert_pem` is not a certificate"),
        (set("/certificates/0/sealed_key", json!(key)), "text that is not base64"),
        (set("/certificates/0/cert_id", json!(key)), "PEM where something else is expected"),
        (set("/certificates/0/account", json!("7")), "an account without 16 digits"),
        (set("/certificates/0/cert_id", json!(10_000_002)), "it occurs twice"),
        (set("/deployment_jobs/0/status", json!("done")), "deployment job 1: "),
        (set("/deployment_workers/0/job_id", json!(7)), "refers to what does not exist"),
        (set("/certificates/0/name", json!("x".repeat(5 << 20))), "longer than 4194304 bytes"),
        (set("/sequences", json!({"table": 1})), "unknown sequence `table`"),
    ];
    let with_file = Emulator::builder().data(folder.path().join("cas.db")).start().unwrap();
    for emulator in [start(None), with_file] {
        let port = emulator.port();
        Call::create("kept", &cert, &key).send(port).cert_id();
        let before = control(port, "GET", "/_emulator/certificates").body;
        for (document, reason) in &broken {
            let refused = import(port, document);
            assert_eq!(refused.status, 400, "{reason}");
            let error = refused.json()["error"].as_str().unwrap().to_owned();
            assert!(error.contains(reason), "{error:?} must contain {reason:?}");
            assert!(error.contains("nothing was changed") && !error.contains("BEGIN"), "{error}");
            assert_eq!(control(port, "GET", "/_emulator/certificates").body, before);
        }
        assert_eq!(Call::create("next", &cert, &key).send(port).cert_id(), 10_000_001);
    }
}

#[test]
fn a_snapshot_needs_an_access_key_of_the_emulator_that_it_is_from() {
    let from = start(None);
    fill(from.port());
    let document = export(from.port());
    let other = Emulator::builder().access_key_of(OTHER, "other", "secret of the other").start();
    assert_eq!(import(other.unwrap().port(), &document).status, 200);
    for (id, secret) in [("another", "testsecret"), ("testid", "another")] {
        let stranger = Emulator::builder().access_key(id, secret).start().unwrap();
        let refused = import(stranger.port(), &document);
        let error = refused.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains("sealed for the access keys other, testid"), "{error}");
        assert!(error.contains("start it with one of them (--access-key)"), "{error}");
    }
}

#[test]
fn a_long_snapshot_comes_and_goes_in_pieces() {
    let process = Process::start(&["-q"]);
    let (cert, key) = certificate();
    let chain = cert.repeat(16);
    let mut connection = Connection::open(process.port);
    for number in 0..700 {
        let call = Call::create(&number.to_string(), &chain, &key);
        assert_eq!(connection.exchange(&call.bytes()).status, 200);
    }
    let full = process.status("VmRSS");
    let document = export(process.port);
    assert!(document.len() > 5 * 1024 * 1024);
    let peak = process.status("VmHWM");
    assert!(peak < full + full / 4, "{full} KiB before, at most {peak} KiB");

    let other = Process::start(&["-q"]);
    // In chunks, and over a connection that is used again.
    let mut connection = Connection::open(other.port);
    connection.send(b"PUT /_emulator/snapshot HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in document.as_bytes().chunks(100_000) {
        connection.send(format!("{:x}\r\n", piece.len()).as_bytes());
        connection.send(piece);
        connection.send(b"\r\n");
    }
    let imported = connection.exchange(b"0\r\n\r\n");
    assert_eq!((imported.status, imported.body.as_str()), (200, r#"{"status":"ok"}"#));
    let count = connection.exchange(b"GET /_emulator/certificates?limit=0 HTTP/1.1\r\n\r\n");
    assert_eq!(count.header("x-total-count"), Some("700"));
    let peak = other.status("VmHWM");
    assert!(peak < full + full / 4, "{full} KiB before, at most {peak} KiB");
}

#[test]
fn whoever_may_not_use_the_control_interface_sends_no_snapshot() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let request = format!(
        "PUT {SNAPSHOT} HTTP/1.1\r\nHost: other.example\r\nContent-Length: 1000000\r\n\
         Expect: 100-continue\r\n\r\n"
    );
    let mut connection = Connection::open(port);
    // Refused before the body is sent, and then the connection ends.
    let refused = connection.exchange(request.as_bytes());
    assert_eq!((refused.status, refused.header("connection")), (403, Some("close")));
    // A long body of any other request is refused as before.
    let length = 5 * 1024 * 1024;
    let whole = format!("POST {SNAPSHOT} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
    assert_eq!(Connection::open(port).exchange(whole.as_bytes()).status, 413);
}

#[test]
fn what_is_stored_meanwhile_is_in_a_snapshot_or_not_but_never_in_part() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    thread::scope(|scope| {
        let upload = scope.spawn(|| {
            for number in 0..150 {
                let call = Call::create(&number.to_string(), &cert, &key);
                assert_eq!(call.send(port).status, 200);
            }
        });
        while !upload.is_finished() {
            let document: Value = serde_json::from_str(&export(port)).unwrap();
            let certificates = document["certificates"].as_array().unwrap();
            let last = certificates.last().map_or(json!(0), |last| last["cert_id"].clone());
            assert_eq!(document["sequences"]["certificate"], last);
        }
    });
}
