//! Seeds: what an emulator has when it starts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use cas_emulator::{Emulator, StartError};
use serde_json::{Value, json};

use crate::certificates::certificate;
use crate::client::{Call, control};
use crate::process::{Process, command};

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// Names of the certificates of an emulator with a seed, in the order of their IDs. Each of them
/// has its key.
fn seeded(path: &Path) -> Vec<String> {
    let emulator = Emulator::builder().seed(path).start().unwrap();
    let stored = emulator.certificates().unwrap();
    for certificate in &stored {
        let detail = Call::v2020("GetUserCertificateDetail");
        let detail = detail.set("CertId", &certificate.cert_id.to_string()).send(emulator.port());
        assert!(detail.json()["Key"].as_str().unwrap().contains("PRIVATE KEY"));
    }
    stored.into_iter().map(|certificate| certificate.name).collect()
}

fn refused(path: &Path) -> String {
    match Emulator::builder().seed(path).start() {
        Err(StartError::Option(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_folders_of_other_tools_are_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate();
    // certbot: live has links to the newest files of archive, and a text for people.
    let certbot = folder.path().join("letsencrypt");
    for name in ["www.example.com", "example.org-0001"] {
        let live = certbot.join("live").join(name);
        fs::create_dir_all(&live).unwrap();
        for (link, file, text) in
            [("fullchain.pem", "fullchain2.pem", &cert), ("privkey.pem", "privkey2.pem", &key)]
        {
            write(&certbot.join("archive").join(name).join(file), text);
            symlink(format!("../../archive/{name}/{file}"), live.join(link)).unwrap();
        }
    }
    write(&certbot.join("live/README"), "text");
    let both = ["example.org-0001", "www.example.com"];
    assert_eq!(seeded(&certbot), both);
    assert_eq!(seeded(&certbot.join("live")), both);
    assert_eq!(seeded(&certbot.join("live/www.example.com")), ["www.example.com"]);

    let acme_sh = folder.path().join("acme.sh");
    write(&acme_sh.join("a.example/fullchain.cer"), &cert);
    write(&acme_sh.join("a.example/a.example.key"), &key);
    write(&acme_sh.join("a.example_ecc/fullchain.cer"), &cert);
    write(&acme_sh.join("a.example_ecc/a.example.key"), &key);
    write(&acme_sh.join("ca/ca.conf"), "text");
    assert_eq!(seeded(&acme_sh), ["a.example", "a.example_ecc"]);
    assert_eq!(seeded(&acme_sh.join("a.example_ecc")), ["a.example_ecc"]);

    let lego = folder.path().join("lego");
    write(&lego.join("certificates/_.example.com.crt"), &cert);
    write(&lego.join("certificates/_.example.com.issuer.crt"), &cert);
    write(&lego.join("certificates/_.example.com.key"), &key);
    write(&lego.join("certificates/_.example.com.json"), "{}");
    assert_eq!(seeded(&lego), ["_.example.com"]);
    assert_eq!(seeded(&lego.join("certificates")), ["_.example.com"]);
}

#[test]
fn a_document_has_certificates_cloud_resources_and_contacts() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate();
    write(&folder.path().join("tls/www.pem"), &cert);
    write(&folder.path().join("tls/www.key"), &key);
    let account = "1234567890123456";
    let document = json!({
        "certificates": [
            {"name": "files", "cert": "tls/www.pem", "key": "tls/www.key",
             "tags": {"env": "prod"}, "resource_group_id": "rg"},
            {"name": "pem", "cert": cert, "key": key, "account": account},
        ],
        "cloud_resources": [{"cloud_product": "CDN", "domain": "www.example.com"}],
        "contacts": [{"name": "ops"}],
    });
    let file = folder.path().join("seed.json");
    write(&file, &document.to_string());
    let list = folder.path().join("list.json");
    write(&list, &json!([{"name": "listed", "cert": cert, "key": key}]).to_string());
    let builder = Emulator::builder().seed(&file).seed(&list).access_key("testid", "testsecret");
    let emulator = builder.access_key_of(account, "other", "secret").start().unwrap();
    let port = emulator.port();
    let stored = emulator.certificates().unwrap();
    let shown: Vec<_> = stored.iter().map(|it| (it.name.as_str(), it.cert_id)).collect();
    assert_eq!(shown, [("files", 10_000_000), ("pem", 10_000_001), ("listed", 10_000_002)]);
    assert_eq!(stored[0].tags, [("env".to_owned(), "prod".to_owned())]);
    assert_eq!((&*stored[0].resource_group_id, &*stored[1].account), ("rg", account));
    let detail = Call::v2020("GetUserCertificateDetail").set("CertId", "10000000").send(port);
    assert_eq!(detail.json()["Key"], key);
    let named = |path: &str, member: &str| -> Vec<Value> {
        let all = control(port, "GET", path).json();
        all.as_array().unwrap().iter().map(|it| it[member].clone()).collect()
    };
    assert_eq!(named("/_emulator/cloud-resources", "domain"), vec!["www.example.com"; 2]);
    assert_eq!(named("/_emulator/contacts", "name"), vec!["ops"; 2]);
    // After a reset, as with the options for them.
    assert_eq!(control(port, "POST", "/_emulator/reset").status, 200);
    assert_eq!(named("/_emulator/cloud-resources", "domain"), vec!["www.example.com"; 2]);
    assert_eq!(named("/_emulator/certificates", "name"), [Value::Null; 0]);

    // Without an access key of the default account, the certificates belong to the first one.
    let builder = Emulator::builder().seed(&list).access_key_of(account, "other", "secret");
    assert_eq!(builder.start().unwrap().certificates().unwrap()[0].account, account);
}

#[test]
fn a_seed_that_cannot_be_used_is_named_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate();
    let (_, other_key) = certificate();
    let file = folder.path().join("seed.json");
    let one = |name: &str, cert: &str, key: &str| {
        json!([{"name": name, "cert": cert, "key": key}]).to_string()
    };
    let documents = [
        (String::new(), "EOF while parsing"),
        ("{".to_owned(), "EOF while parsing"),
        (r#"{"certs":[]}"#.to_owned(), "unknown member `certs`"),
        (r#"[{"name":"a","cert":"b"}]"#.to_owned(), "missing member `key`"),
        (one("a", "no.pem", &key), "no.pem: No such file"),
        (one("a", &cert, "no.key"), "no.key: No such file"),
        (one("a", &cert, &other_key), "`a`: the private key belongs to another certificate"),
        (one("a", &key, &cert), "`a`: the certificate cannot be read: it must be the chain"),
        (one("a", &cert, &cert), "`a`: the private key cannot be read: it must be one key"),
        (one("", &cert, &key), "a name must have 1 to 128 characters"),
        (json!({"certificates": &key}).to_string(), "PEM where something else is expected"),
        (json!({"contacts": [{"name": ""}]}).to_string(), "the `name` of a contact is empty"),
        (r#"{"cas_emulator_snapshot":2}"#.to_owned(), "it has version 2"),
        (one("a", &cert, &key).replace("\"a\"", "\"a\",\"account\":\"1\""), "without 16 digits"),
    ];
    for (document, problem) in &documents {
        write(&file, document);
        let message = refused(&file);
        assert!(message.contains(problem), "{message:?} must contain {problem:?}");
        assert!(message.contains(file.to_str().unwrap()), "{message}");
        assert!(!message.contains("BEGIN"), "{message}");
    }
    let missing = folder.path().join("missing");
    assert!(
        refused(&missing).starts_with(&format!("failed to read the seed {}", missing.display()))
    );
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let message = refused(&empty);
    assert!(message.contains("no certificate was found in the seed"), "{message}");
    assert!(message.contains("live/NAME/fullchain.pem"), "{message}");
    write(&empty.join("live/www/fullchain.pem"), &cert);
    let message = refused(&empty);
    assert!(message.contains("live/www/privkey.pem: No such file"), "{message}");
    write(&empty.join("live/www/privkey.pem"), &other_key);
    let message = refused(&empty);
    assert!(message.contains("fullchain.pem: the private key belongs to another"), "{message}");
    assert!(!refused(Path::new(&key)).contains("BEGIN"));
    let pem = folder.path().join("one.pem");
    write(&pem, &format!("{cert}{key}"));
    let message = refused(&pem);
    assert!(message.contains("it is PEM, and a certificate needs a name"), "{message}");
    let (other_cert, other_key) = certificate();
    let twice = json!([{"name": "a", "cert": cert, "key": key},
                       {"name": "a", "cert": other_cert, "key": other_key}]);
    write(&file, &twice.to_string());
    let message = refused(&file);
    assert!(message.contains("it has two different certificates with the name `a`"), "{message}");
    assert!(!message.contains("--data"), "{message}");
    // Two different certificates of one name, and more than the quota allows.
    let pair = json!([{"name": "a", "cert": cert, "key": key}, {"name": "b", "cert": cert,
                      "key": key}]);
    write(&file, &pair.to_string());
    let message = Emulator::builder().seed(&file).quota(1).start().unwrap_err().to_string();
    assert!(message.contains("more certificates than --quota"), "{message}");
}

#[test]
fn a_certificate_that_the_data_file_has_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("cas.db");
    let file = folder.path().join("seed.json");
    let (cert, key) = certificate();
    let one = |cert: &str, key: &str| json!([{"name": "a", "cert": cert, "key": key}]).to_string();
    write(&file, &one(&cert, &key));
    let start = || Emulator::builder().data(&data).seed(&file).start();
    for _ in 0..2 {
        let emulator = start().unwrap();
        let stored = emulator.certificates().unwrap();
        assert_eq!((stored.len(), stored[0].cert_id), (1, 10_000_000));
    }
    let (other_cert, other_key) = certificate();
    write(&file, &one(&other_cert, &other_key));
    let message = start().unwrap_err().to_string();
    assert!(message.contains("a different certificate is stored as `a`"), "{message}");
    assert!(message.contains("start without --data"), "{message}");
}

#[test]
fn a_snapshot_is_a_seed() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate();
    let from = Emulator::start().unwrap();
    for name in ["a", "b"] {
        Call::create(name, &cert, &key).send(from.port()).cert_id();
    }
    let file = folder.path().join("state.json");
    write(&file, &control(from.port(), "GET", "/_emulator/snapshot").body);
    assert_eq!(seeded(&file), ["a", "b"]);

    let data = folder.path().join("cas.db");
    let start = || Emulator::builder().data(&data).seed(&file).start();
    let emulator = start().unwrap();
    assert_eq!(Call::create("c", &cert, &key).send(emulator.port()).cert_id(), 10_000_002);
    let delete = Call::v2020("DeleteUserCertificate").set("CertId", "10000000");
    assert_eq!(delete.send(emulator.port()).status, 200);
    emulator.stop();
    // It keeps what it has.
    let emulator = start().unwrap();
    let names: Vec<_> = emulator.certificates().unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["b", "c"]);
    let (other_cert, other_key) = certificate();
    Call::create("a", &other_cert, &other_key).send(emulator.port()).cert_id();
    emulator.stop();
    let message = start().unwrap_err().to_string();
    assert!(message.contains("a different certificate is stored as `a`"), "{message}");

    let stranger = Emulator::builder().access_key("other", "secret").seed(&file).start();
    let message = stranger.unwrap_err().to_string();
    assert!(message.contains("sealed for the access keys testid"), "{message}");
}

#[test]
fn the_program_takes_seeds_as_options_and_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate();
    for name in ["one", "two"] {
        write(&folder.path().join(name).join("fullchain.pem"), &cert);
        write(&folder.path().join(name).join("privkey.pem"), &key);
    }
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let stored = |process: &Process| {
        let all = control(process.port, "GET", "/_emulator/certificates?fields=summary").json();
        all.as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Vec<_>>()
    };
    let process = Process::start(&["--seed", &path("two"), "--seed", &path("one")]);
    assert_eq!(stored(&process), ["two", "one"]);
    let mut with_variable = command();
    with_variable.env("CAS_EMULATOR_SEED", format!("{}\n{}", path("one"), path("two")));
    assert_eq!(stored(&Process::start_by(with_variable, &[])), ["one", "two"]);
    let failed = command().args(["--seed", &path("none")]).output().unwrap();
    assert_eq!(failed.status.code(), Some(2));
    let message = String::from_utf8(failed.stderr).unwrap();
    assert!(message.contains("failed to read the seed") && message.contains("none"), "{message}");
}
