//! Client tokens, which make uploads and deletions idempotent.

use cas_emulator::Emulator;

use super::calls::delete_2020;
use crate::certificates::certificate;
use crate::client::Call;

#[test]
fn an_upload_with_a_used_token_returns_the_first_result() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let (other_cert, other_key) = certificate();
    let upload =
        |name: &str| Call::upload(name, &cert, &key).set("ClientToken", "t").set("Tags.1.Key", "k");
    assert_eq!(upload("a").send(port).cert_id(), 10_000_000);
    let again = upload("a").send(port);
    assert_eq!(again.cert_id(), 10_000_000);
    assert_eq!(again.json()["ResourceId"], "cas-upload-05yc1s");
    let others = [
        upload("b"),
        upload("a").set("Cert", &other_cert).set("Key", &other_key),
        upload("a").set("Key", &format!("{key}\n")),
        upload("a").set("ResourceGroupId", "rg"),
        upload("a").set("Tags.1.Value", "v"),
        upload("a").without("Tags.1.Key"),
    ];
    for (case, other) in others.into_iter().enumerate() {
        let rejected = other.send(port);
        assert_eq!(
            (rejected.status, rejected.code().as_str()),
            (400, "IdempotentParameterMismatch"),
            "{case}"
        );
    }
    assert_eq!(emulator.certificates().unwrap().len(), 1);
    // Without the token or with another one, it is a new upload. Version 2018 has no tokens.
    assert_eq!(upload("a").without("ClientToken").send(port).code(), "NameRepeat");
    assert_eq!(upload("a").set("ClientToken", "u").send(port).code(), "NameRepeat");
    assert_eq!(
        Call::create("a", &cert, &key).set("ClientToken", "t").send(port).code(),
        "NameRepeat"
    );
    // Deleting the certificate frees its token.
    assert_eq!(delete_2020(10_000_000).send(port).status, 200);
    assert_eq!(upload("b").send(port).cert_id(), 10_000_001);
}

#[test]
fn a_deletion_with_a_used_token_succeeds_again() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    for name in ["a", "b"] {
        Call::create(name, &cert, &key).send(port).cert_id();
    }
    // A rejected deletion does not use up its token.
    assert_eq!(delete_2020(10_000_008).set("ClientToken", "t").send(port).code(), "NotFound");
    for _ in 0..2 {
        assert_eq!(delete_2020(10_000_000).set("ClientToken", "t").send(port).status, 200);
    }
    assert_eq!(
        delete_2020(10_000_001).set("ClientToken", "t").send(port).code(),
        "IdempotentParameterMismatch"
    );
    assert_eq!(delete_2020(10_000_000).send(port).code(), "NotFound");
    assert_eq!(emulator.certificates().unwrap().len(), 1);
}
