//! The control interface: recorded requests, stored certificates, reset.

use cas_emulator::{Emulator, RecordedValue, SignatureKind};

use crate::certificates::certificate;
use crate::client::{Call, Shape, control, timestamp};

#[test]
fn recorded_requests_contain_no_secrets() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let call = Call::create("shown", &cert, &key).set("Lang", "en").shape(Shape::PostQueryAndForm);
    let request_id = call.send(port).header("x-acs-request-id").unwrap().to_owned();
    assert_eq!(call.send(port).code(), "SignatureNonceUsed");

    let requests = control(port, "GET", "/_emulator/requests").json();
    let first = &requests[0];
    assert_eq!(requests.as_array().unwrap().len(), 2);
    assert_eq!(
        (&first["method"], &first["action"]),
        (&"POST".into(), &"CreateUserCertificate".into())
    );
    assert_eq!(
        (&first["version"], &first["signature"]),
        (&"2018-07-13".into(), &"hmac-sha1".into())
    );
    assert_eq!((&first["status"], &first["code"]), (&200.into(), &serde_json::Value::Null));
    assert_eq!((&first["request_id"], &first["connection"]), (&request_id.into(), &1.into()));
    assert_eq!(
        (&requests[1]["connection"], &requests[1]["code"]),
        (&2.into(), &"SignatureNonceUsed".into())
    );
    let (target, _, body) = call.parts();
    assert_eq!(
        (&first["target_length"], &first["body_length"]),
        (&target.len().into(), &body.len().into())
    );
    assert_eq!(first["parameters"]["Name"], serde_json::json!({"in": ["form"], "value": "shown"}));
    assert_eq!(
        first["parameters"]["AccessKeyId"],
        serde_json::json!({"in": ["query"], "value": "testid"})
    );
    assert_eq!(first["parameters"]["Cert"]["value"], cert);
    let sha256 = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let sha256 =
        sha256.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let hashed = serde_json::json!({"in": ["form"], "value": {"sha256": sha256}});
    assert_eq!(first["parameters"]["Key"], hashed);
    assert_eq!(first["parameters"]["Signature"]["value"]["sha256"].as_str().unwrap().len(), 64);

    let typed = &emulator.requests()[0];
    assert_eq!(typed.signature, Some(SignatureKind::HmacSha1));
    assert_eq!(typed.parameters["Key"].value, RecordedValue::Sha256(sha256));
}

#[test]
fn certificates_are_listed_and_reset_deletes_them() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let call = Call::create("kept", &cert, &key);
    assert_eq!(call.send(port).cert_id(), 10_000_000);

    let stored = control(port, "GET", "/_emulator/certificates").json();
    let stored = &stored[0];
    assert_eq!((&stored["cert_id"], &stored["name"]), (&10_000_000.into(), &"kept".into()));
    assert_eq!(stored["common_name"], "rcgen self signed cert");
    assert_eq!(stored["sans"], serde_json::json!(["www.example.com", "example.com"]));
    assert_eq!(stored["algorithm"], "ECC");
    assert_eq!(stored["cert_pem"], cert);
    assert_eq!(stored["not_before"], "1975-01-01T00:00:00Z");
    assert_eq!(timestamp(emulator.certificates().unwrap()[0].not_after), "4096-01-01T00:00:00Z");

    assert_eq!(control(port, "POST", "/_emulator/reset").status, 200);
    assert_eq!(control(port, "GET", "/_emulator/certificates").body, "[]");
    assert_eq!(control(port, "GET", "/_emulator/requests").body, "[]");
    // The same request again: nonce, name and ID are free.
    assert_eq!(call.send(port).cert_id(), 10_000_000);
}

#[test]
fn unknown_paths_and_methods_list_the_available_ones() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let health = control(port, "GET", "/_emulator/health");
    assert_eq!(
        health.json(),
        serde_json::json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})
    );
    let unknown = control(port, "GET", "/_emulator/faultless");
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"].as_str().unwrap().contains("POST /_emulator/reset"));
    assert_eq!(control(port, "POST", "/_emulator/health").status, 405);
    assert_eq!(control(port, "GET", "/_emulator/reset").status, 405);
    assert!(emulator.requests().is_empty());
}
