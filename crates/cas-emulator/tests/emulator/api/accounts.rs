//! Accounts: each has certificates of its own.

use cas_emulator::{Emulator, StartError};

use super::calls::orders;
use crate::certificates::certificate;
use crate::client::{Call, control};
use crate::process::{Process, rejected};

const ONE: &str = "1234567890123456";
const OTHER: &str = "0000000000000007";

#[test]
fn accounts_see_nothing_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let start = || {
        let builder = Emulator::builder().data(&file).quota(2);
        let builder = builder.access_key_of(ONE, "one", "s1").access_key_of(OTHER, "other", "s2");
        builder.access_key_of(ONE, "second", "s3").access_key("none", "s4").start().unwrap()
    };
    let emulator = start();
    let port = emulator.port();
    let by = |call: Call, id: &str, secret: &str| call.set("AccessKeyId", id).secret(secret);
    let (cert, key) = certificate();
    let upload = || Call::upload("same", &cert, &key).set("ClientToken", "t");
    let ids = [("one", "s1"), ("other", "s2"), ("none", "s4")]
        .map(|(id, secret)| by(upload(), id, secret).send(port).cert_id());
    assert_eq!((ids[1] - ids[0], ids[2] - ids[1]), (1, 1), "IDs are those of all accounts");
    // Another access key of the same account.
    assert_eq!(by(upload(), "second", "s3").send(port).cert_id(), ids[0]);
    let create = || Call::create("same", &cert, &key);
    assert_eq!(by(create(), "second", "s3").send(port).code(), "NameRepeat");

    let total = |call: Call| call.send(port).json()["TotalCount"].as_i64().unwrap();
    assert_eq!(total(by(orders(), "other", "s2")), 1);
    assert_eq!(total(by(orders().set("Keyword", "example"), "other", "s2")), 1);
    let detail = |cert_id: i64| {
        let call = Call::v2020("GetUserCertificateDetail").set("CertId", &cert_id.to_string());
        by(call, "other", "s2").send(port).code()
    };
    assert_eq!((detail(ids[0]), detail(ids[1])), ("NotFound".to_owned(), String::new()));
    let delete = |cert_id: i64| {
        let call = Call::v2018("DeleteUserCertificate").set("CertId", &cert_id.to_string());
        by(call, "other", "s2").send(port).code()
    };
    assert_eq!((delete(ids[0]), delete(ids[1])), ("NotFound".to_owned(), String::new()));
    // The quota is that of one account.
    for (name, code) in [("b", ""), ("c", "InsufficientQuota")] {
        assert_eq!(by(Call::create(name, &cert, &key), "one", "s1").send(port).code(), code);
    }

    let stored = emulator.certificates().unwrap();
    let accounts: Vec<_> = stored.iter().map(|stored| stored.account.as_str()).collect();
    assert_eq!(accounts, [ONE, "1000000000000001", ONE]);
    emulator.stop();
    assert_eq!(start().certificates().unwrap(), stored);
}

#[test]
fn an_account_is_what_follows_the_last_at_sign() {
    let process = Process::start(&[
        "--access-key",
        "a:pass@word@1234567890123456",
        "--access-key",
        "b:ends@123456789012345",
        "--sts",
        "c:secret:to@ken@1234567890123456",
    ]);
    let port = process.port;
    let (cert, key) = certificate();
    let upload = |name: &str, id: &str, secret: &str| {
        Call::create(name, &cert, &key).set("AccessKeyId", id).secret(secret)
    };
    assert_eq!(upload("n", "a", "pass@word").send(port).status, 200);
    assert_eq!(upload("n", "b", "ends@123456789012345").send(port).status, 200);
    let temporary = upload("n", "c", "secret").set("SecurityToken", "to@ken");
    assert_eq!(temporary.send(port).code(), "NameRepeat");
    let stored = control(port, "GET", "/_emulator/certificates").json();
    assert_eq!(stored[0]["account"], "1234567890123456");

    let invalid = Emulator::builder().access_key_of("12345", "id", "secret").start();
    assert!(matches!(invalid, Err(StartError::Option(_))), "{invalid:?}");
    let (status, stderr) = rejected(&["--access-key", "id@1234567890123456"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("expected ID:SECRET or ID:SECRET@ACCOUNT"), "{stderr}");
}
