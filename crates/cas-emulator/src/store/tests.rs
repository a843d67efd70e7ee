//! Tests of opening databases.

use super::*;
use crate::certificates::certificate::parse_leaf;

fn open_error(file: &Path) -> String {
    Store::open(Some(file), None).err().unwrap_or_default()
}

#[test]
fn rejects_databases_of_other_programs_and_newer_versions() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "not a database, but long enough to be looked at as if it were one")
        .unwrap();
    assert!(open_error(&text).ends_with("is not a cas-emulator database; it was not changed"));

    let other = folder.path().join("other");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (a); PRAGMA user_version = 1")
        .unwrap();
    assert!(open_error(&other).ends_with("is not a cas-emulator database; it was not changed"));
    assert!(!key_sealer::key_file(&other).exists());

    let future = folder.path().join("future");
    drop(Store::open(Some(&future), None).unwrap());
    Connection::open(&future).unwrap().execute_batch("PRAGMA user_version = 4").unwrap();
    assert!(
        open_error(&future)
            .ends_with("a newer cas-emulator (schema 4; this version supports up to 3)")
    );

    assert!(open_error(&folder.path().join("no/such/folder")).contains("failed to open"));
}

fn new<'a>(name: &'a str, leaf: &'a Leaf) -> NewCertificate<'a> {
    NewCertificate {
        name,
        pair: PemPair { cert_pem: "pem", key_pem: "the key" },
        encryption: None,
        leaf,
        resource_group_id: "",
        tags: Vec::new(),
        client_token: None,
        lag: None,
    }
}

fn leaf() -> Leaf {
    parse_leaf(include_str!("../../tests/data/keys/p256.crt")).unwrap()
}

#[test]
fn reports_a_missing_or_wrong_key_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let key = key_sealer::key_file(&file);
    drop(Store::open(Some(&file), None).unwrap());
    // Without an encrypted key in the database, a new key file is created.
    std::fs::remove_file(&key).unwrap();
    let store = Store::open(Some(&file), None).unwrap();
    assert_eq!(store.insert(&new("a", &leaf())), Ok(InsertResult::Stored(1)));
    drop(store);

    let good = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert!(open_error(&file).contains("cas.db.key is missing"), "{}", open_error(&file));
    assert!(open_error(&file).contains("delete both files"));
    std::fs::write(&key, "short").unwrap();
    assert!(open_error(&file).contains("it must have exactly 32 bytes"), "{}", open_error(&file));
    std::fs::write(&key, [7; 32]).unwrap();
    assert!(
        open_error(&file).contains("does not decrypt the private keys"),
        "{}",
        open_error(&file)
    );
    std::fs::write(&key, good).unwrap();
    assert_eq!(open_error(&file), "");
}
