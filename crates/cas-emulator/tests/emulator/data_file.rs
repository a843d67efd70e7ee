//! The data file: what it stores, what it never contains, and files of older versions.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cas_emulator::{Emulator, StartError};
use rusqlite::Connection;

use crate::certificates::certificate;
use crate::client::Call;

/// A database as the first version of the emulator created it.
const FIRST_VERSION: &str = "
    CREATE TABLE certificate (
        cert_id      INTEGER PRIMARY KEY AUTOINCREMENT,
        name         TEXT NOT NULL UNIQUE,
        common_name  TEXT NOT NULL,
        sans         TEXT NOT NULL,
        issuer       TEXT NOT NULL,
        organization TEXT NOT NULL,
        city         TEXT NOT NULL,
        province     TEXT NOT NULL,
        country      TEXT NOT NULL,
        not_before   INTEGER NOT NULL,
        not_after    INTEGER NOT NULL,
        sha1         TEXT NOT NULL,
        sha256       TEXT NOT NULL,
        serial       TEXT NOT NULL,
        algorithm    TEXT NOT NULL,
        cert_pem     TEXT NOT NULL
    ) STRICT;
    PRAGMA journal_mode = WAL;
    PRAGMA application_id = 1667330885;
    PRAGMA user_version = 1;";

fn start(file: &Path) -> Result<Emulator, StartError> {
    Emulator::builder().data(file).start()
}

fn detail(emulator: &Emulator, cert_id: &str) -> serde_json::Value {
    Call::v2020("GetUserCertificateDetail").set("CertId", cert_id).send(emulator.port()).json()
}

#[test]
fn keys_tags_and_client_tokens_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let (cert, key) = certificate();
    let upload = || {
        let call =
            Call::upload("a", &cert, &key).set("ClientToken", "t").set("ResourceGroupId", "rg");
        call.set("Tags.1.Key", "k").set("Tags.1.Value", "v")
    };
    let delete =
        || Call::v2020("DeleteUserCertificate").set("CertId", "10000001").set("ClientToken", "d");
    let emulator = start(&file).unwrap();
    assert_eq!(upload().send(emulator.port()).cert_id(), 10_000_000);
    assert_eq!(Call::create("b", &cert, &key).send(emulator.port()).cert_id(), 10_000_001);
    assert_eq!(delete().send(emulator.port()).status, 200);
    let before = detail(&emulator, "10000000");
    emulator.stop();

    let emulator = start(&file).unwrap();
    let after = detail(&emulator, "10000000");
    assert_eq!(
        (&after["Key"], &after["Tags"], &after["ResourceGroupId"]),
        (&key.as_str().into(), &before["Tags"], &"rg".into())
    );
    assert_eq!(after["Tags"], serde_json::json!([{"TagKey": "k", "TagValue": "v"}]));
    assert_eq!(upload().send(emulator.port()).cert_id(), 10_000_000);
    assert_eq!(
        upload().set("Name", "c").send(emulator.port()).code(),
        "IdempotentParameterMismatch"
    );
    assert_eq!(delete().send(emulator.port()).status, 200);
    assert_eq!(Call::create("b", &cert, &key).send(emulator.port()).cert_id(), 10_000_002);
    assert_eq!(emulator.certificates().unwrap().len(), 2);
}

const SM2: [(&str, &str); 4] = [
    ("SignCert", include_str!("../data/keys/sm2.crt")),
    ("SignPrivateKey", include_str!("../data/keys/sm2.pkcs8.key")),
    ("EncryptCert", include_str!("../data/keys/sm2-encryption.crt")),
    ("EncryptPrivateKey", include_str!("../data/keys/sm2-encryption.pkcs8.key")),
];

fn upload_double(emulator: &Emulator, name: &str) {
    let call = Call::v2020("UploadUserCertificate").set("Name", name);
    let call = SM2.iter().fold(call, |call, (field, value)| call.set(field, value));
    assert_eq!(call.send(emulator.port()).status, 200);
}

#[test]
fn double_certificates_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let emulator = start(&file).unwrap();
    upload_double(&emulator, "a");
    emulator.stop();
    let emulator = start(&file).unwrap();
    let shown = detail(&emulator, "10000000");
    assert!(SM2.iter().all(|(field, value)| shown[field] == *value), "{}", shown["Name"]);
}

#[test]
fn no_file_contains_a_part_of_a_private_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let (cert, key) = certificate();
    let emulator = start(&file).unwrap();
    for name in ["a", "b"] {
        assert_eq!(Call::create(name, &cert, &key).send(emulator.port()).status, 200);
    }
    assert_eq!(detail(&emulator, "10000000")["Key"], key);
    upload_double(&emulator, "c");

    let contents = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect::<Vec<_>>()
    };
    let running = contents();
    emulator.stop();
    let stopped = contents();
    let holds = |piece: &[u8]| {
        let mut all = running.iter().chain(&stopped);
        all.any(|text| text.windows(piece.len()).any(|window| window == piece))
    };
    assert!(holds(&cert.as_bytes()[40..56]), "the files do not contain the certificate");
    for key in [key.as_str(), SM2[1].1, SM2[3].1] {
        // Eight bytes at a time, as text and decoded, without the first and the last line.
        let lines: Vec<_> = key.lines().skip_while(|line| !line.starts_with('-')).collect();
        let text: String = lines[1..lines.len() - 1].concat();
        let base64 = &base64::engine::general_purpose::STANDARD;
        let der = base64::Engine::decode(base64, &text).unwrap();
        // The position of the private number in a PKCS#8 file of these curves.
        for piece in text.as_bytes().windows(8).skip(48).take(40).chain(der[36..68].windows(8)) {
            assert!(!holds(piece), "a part of the key is in a file");
        }
    }
}

#[test]
fn the_key_file_is_private_to_its_owner_and_required() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let key_file = folder.path().join("cas.db.key");
    let (cert, key) = certificate();
    let emulator = start(&file).unwrap();
    assert_eq!(std::fs::metadata(&key_file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Call::create("a", &cert, &key).send(emulator.port()).status, 200);
    emulator.stop();
    std::fs::remove_file(&key_file).unwrap();
    let rejected = start(&file).unwrap_err();
    assert!(matches!(rejected, StartError::Data(_)), "{rejected:?}");
    assert!(rejected.to_string().contains("cas.db.key is missing"), "{rejected}");
    assert!(
        rejected.to_string().contains("Restore it, or delete both files to start over"),
        "{rejected}"
    );
    assert!(!key_file.exists(), "a useless key file was created");
}

#[test]
fn a_file_of_schema_1_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let (cert, key) = certificate();
    let old = Connection::open(&file).unwrap();
    old.execute_batch(FIRST_VERSION).unwrap();
    let row = "INSERT INTO certificate VALUES
        (7, 'old', 'cn', 'a,b', 'i', '', '', '', '', 0, 1, '', '', '', 'RSA', ?1)";
    old.execute(row, [&cert]).unwrap();
    // The ID of a deleted certificate.
    old.execute_batch("UPDATE sqlite_sequence SET seq = 8").unwrap();
    drop(old);

    let emulator = start(&file).unwrap();
    let shown = detail(&emulator, "7");
    assert_eq!(
        (&shown["Name"], &shown["Cert"], shown.get("Key")),
        (&"old".into(), &cert.as_str().into(), None)
    );
    assert_eq!(
        (&shown["Tags"], &shown["CertChain"][0]["CommonName"]),
        (&serde_json::json!([]), &"rcgen self signed cert".into())
    );
    let first = Call::v2018("DescribeUserCertificateDetail")
        .set("CertId", "7")
        .send(emulator.port())
        .json();
    assert_eq!((&first["Sans"], first.get("Key")), (&"a,b".into(), None));
    assert_eq!(Call::create("old", &cert, &key).send(emulator.port()).code(), "NameRepeat");
    let call = Call::upload("new", &cert, &key).set("ClientToken", "t");
    assert_eq!(call.send(emulator.port()).cert_id(), 10_000_000);
    let list = Call::v2018("DescribeUserCertificateList").send(emulator.port()).json();
    assert_eq!(
        (&list["TotalCount"], &list["CertificateList"][1]["name"]),
        (&2.into(), &"old".into())
    );
    let expired = Call::v2020("ListUserCertificateOrder").set("OrderType", "UPLOAD");
    let expired = expired.set("Status", "EXPIRED").set("Keyword", "B").send(emulator.port()).json();
    assert_eq!(expired["CertificateOrderList"][0]["CertificateId"], 7);
    emulator.stop();

    let emulator = start(&file).unwrap();
    assert_eq!(
        (detail(&emulator, "7").get("Key"), &detail(&emulator, "10000000")["Key"]),
        (None, &key.into())
    );
}
