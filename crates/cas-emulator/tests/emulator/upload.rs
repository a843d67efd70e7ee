//! Uploads that succeed, in every shape, and what is kept of them.

use std::sync::{Arc, Barrier};
use std::thread;

use cas_emulator::{Emulator, Place, RecordedValue, SignatureKind};

use crate::client::{Call, SHAPES, Shape, certificate, control, timestamp};

#[test]
fn every_shape_that_sdks_send_is_understood() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    for (index, shape) in SHAPES.into_iter().enumerate() {
        // A space, a plus and Chinese: what the ways of encoding disagree about.
        let name = format!("n {index}+名");
        let answer = Call::upload(&name, &cert, &key).shape(shape).send(emulator.port());
        assert_eq!(answer.cert_id(), i64::try_from(index).unwrap() + 1, "{shape:?}");
        assert_eq!(emulator.certificates().unwrap()[index].name, name, "{shape:?}");
    }
    let places: Vec<_> = emulator
        .requests()
        .iter()
        .map(|request| request.parameters["Key"].places.clone())
        .collect();
    let expected: [&[Place]; 6] = [
        &[Place::Query],
        &[Place::Form],
        &[Place::Form],
        &[Place::Query, Place::Form],
        &[Place::Query, Place::Json],
        &[Place::Json],
    ];
    assert_eq!(places, expected);
}

#[test]
fn success_has_the_documented_fields_in_both_formats() {
    let emulator = Emulator::builder().region("eu-central-1").start().unwrap();
    let (cert, key) = certificate();

    let json = Call::upload("a", &cert, &key).send(emulator.port());
    assert_eq!(json.header("content-type"), Some("application/json;charset=utf-8"));
    assert_eq!(json.header("connection"), Some("keep-alive"));
    assert!(json.header("date").unwrap().ends_with(" GMT"));
    let fields = json.json();
    assert_eq!(fields["CertId"], 1);
    assert_eq!(fields["Code"], "200");
    assert_eq!(fields["HostId"], "cas.eu-central-1.aliyuncs.com");
    let request_id = fields["RequestId"].as_str().unwrap();
    assert_eq!(json.header("x-acs-request-id"), Some(request_id));
    assert_eq!((request_id.len(), request_id.to_uppercase().as_str()), (36, request_id));

    let xml = Call::upload("b", &cert, &key).set("Format", "xml").send(emulator.port());
    assert_eq!(xml.header("content-type"), Some("text/xml;charset=utf-8"));
    let request_id = xml.header("x-acs-request-id").unwrap();
    assert_eq!(
        xml.body,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><CreateUserCertificate><RequestId>{request_id}</RequestId>\
             <CertId>2</CertId><HostId>cas.eu-central-1.aliyuncs.com</HostId><Code>200</Code>\
             </CreateUserCertificate>"
        )
    );
    let absent = Call::upload("c", &cert, &key).without("Format").send(emulator.port());
    assert_eq!(absent.cert_id(), 3);
}

#[test]
fn a_refused_upload_uses_no_id_up() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    assert_eq!(Call::upload("a", &cert, &key).send(emulator.port()).cert_id(), 1);
    assert_eq!(Call::upload("a", &cert, &key).send(emulator.port()).code(), "NameRepeat");
    assert_eq!(Call::upload("b", &cert, &key).send(emulator.port()).cert_id(), 2);
}

#[test]
fn thirty_two_threads_and_one_name_give_one_success() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    let together = Arc::new(Barrier::new(32));
    let codes: Vec<_> = thread::scope(|scope| {
        let upload = |_| {
            let (call, together) = (Call::upload("same", &cert, &key), Arc::clone(&together));
            let port = emulator.port();
            scope.spawn(move || {
                together.wait();
                call.send(port).code()
            })
        };
        let threads: Vec<_> = (0..32).map(upload).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| *code == "200").count(), 1);
    assert_eq!(codes.iter().filter(|code| *code == "NameRepeat").count(), 31);
    assert_eq!(emulator.certificates().unwrap().len(), 1);
}

#[test]
fn names_of_128_characters_fit() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    assert_eq!(Call::upload(&"名".repeat(128), &cert, &key).send(emulator.port()).cert_id(), 1);
    assert_eq!(
        Call::upload(&"n".repeat(129), &cert, &key).send(emulator.port()).code(),
        "InvalidName"
    );
}

#[test]
fn rsa_and_sm2_chains_are_taken() {
    let emulator = Emulator::start().unwrap();
    let files = [
        (include_str!("../data/keys/rsa.crt"), include_str!("../data/keys/rsa.pkcs1.key")),
        (include_str!("../data/keys/sm2.crt"), include_str!("../data/keys/sm2.no-public.key")),
    ];
    for (index, (leaf, key)) in files.into_iter().enumerate() {
        let chain = format!("{leaf}{}", include_str!("../data/keys/p384.crt"));
        let answer = Call::upload(&format!("chain {index}"), &chain, key).send(emulator.port());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let stored = emulator.certificates().unwrap();
    // What `openssl x509 -fingerprint -serial` prints for rsa.crt.
    assert_eq!(stored[0].sha1, "E038A39329863F417BD0DA080B5817DDC35E50E8");
    assert_eq!(
        stored[0].sha256,
        "27AD098942365B023B85E0FBF78260A343277BAFC5A768BB24283B46557C3723"
    );
    assert_eq!(stored[0].serial, "2bca7ff68503936cffc320cdf4424e26d8f04bef");
    assert_eq!((stored[0].algorithm.as_str(), stored[1].algorithm.as_str()), ("RSA", "SM2"));
    assert_eq!(stored[0].issuer, "leaf.example.com");
}

#[test]
fn the_control_interface_shows_requests_without_their_secrets() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let call = Call::upload("shown", &cert, &key).set("Lang", "en").shape(Shape::PostQueryAndForm);
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
fn the_control_interface_shows_certificates_and_forgets_them() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let call = Call::upload("kept", &cert, &key);
    assert_eq!(call.send(port).cert_id(), 1);

    let stored = control(port, "GET", "/_emulator/certificates").json();
    let stored = &stored[0];
    assert_eq!((&stored["cert_id"], &stored["name"]), (&1.into(), &"kept".into()));
    assert_eq!(stored["common_name"], "rcgen self signed cert");
    assert_eq!(stored["sans"], serde_json::json!(["www.example.com", "example.com"]));
    assert_eq!(stored["algorithm"], "ECC");
    assert_eq!(stored["cert_pem"], cert);
    assert_eq!(stored["not_before"], "1975-01-01T00:00:00Z");
    assert_eq!(timestamp(emulator.certificates().unwrap()[0].not_after), "4096-01-01T00:00:00Z");

    assert_eq!(control(port, "POST", "/_emulator/reset").status, 200);
    assert_eq!(control(port, "GET", "/_emulator/certificates").body, "[]");
    assert_eq!(control(port, "GET", "/_emulator/requests").body, "[]");
    // The same request once more: nonce, name and id are free again.
    assert_eq!(call.send(port).cert_id(), 1);
}

#[test]
fn the_control_interface_says_what_there_is() {
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
