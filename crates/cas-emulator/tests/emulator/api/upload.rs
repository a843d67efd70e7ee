//! Uploads: parameters in every shape, responses, names and keys.

use std::sync::{Arc, Barrier};
use std::thread;

use cas_emulator::{Emulator, Place};

use super::calls::names;
use crate::certificates::{authority, certificate};
use crate::client::{Call, SHAPES};

#[test]
fn parameters_are_accepted_in_every_shape_that_sdks_send() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    for (index, shape) in SHAPES.into_iter().enumerate() {
        // A space, a plus sign and Chinese, which SDKs encode differently.
        let name = format!("n {index}+名");
        let response = Call::create(&name, &cert, &key).shape(shape).send(emulator.port());
        assert_eq!(response.cert_id(), i64::try_from(index).unwrap() + 10_000_000, "{shape:?}");
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
fn responses_have_the_documented_fields_in_both_formats() {
    let emulator = Emulator::builder().region("eu-central-1").start().unwrap();
    let (cert, key) = certificate();

    let json = Call::create("a", &cert, &key).send(emulator.port());
    assert_eq!(json.header("content-type"), Some("application/json;charset=utf-8"));
    assert_eq!(json.header("connection"), Some("keep-alive"));
    assert!(json.header("date").unwrap().ends_with(" GMT"));
    let fields = json.json();
    assert_eq!(
        (names(&fields), &fields["CertId"]),
        (vec!["CertId", "RequestId"], &10_000_000.into())
    );
    let request_id = fields["RequestId"].as_str().unwrap();
    assert_eq!(json.header("x-acs-request-id"), Some(request_id));
    assert_eq!((request_id.len(), request_id.to_uppercase().as_str()), (36, request_id));

    let xml = Call::create("b", &cert, &key).set("Format", "xml").send(emulator.port());
    assert_eq!(xml.header("content-type"), Some("text/xml;charset=utf-8"));
    let request_id = xml.header("x-acs-request-id").unwrap();
    assert_eq!(
        xml.body,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><CreateUserCertificate>\
             <RequestId>{request_id}</RequestId><CertId>10000001</CertId></CreateUserCertificate>"
        )
    );
    let default = Call::create("c", &cert, &key).without("Format").send(emulator.port());
    assert_eq!(default.cert_id(), 10_000_002);
}

#[test]
fn a_rejected_upload_does_not_use_up_an_id() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    assert_eq!(Call::create("a", &cert, &key).send(emulator.port()).cert_id(), 10_000_000);
    assert_eq!(Call::create("a", &cert, &key).send(emulator.port()).code(), "NameRepeat");
    assert_eq!(Call::create("b", &cert, &key).send(emulator.port()).cert_id(), 10_000_001);
}

#[test]
fn the_sample_of_2019_is_an_option() {
    let builder = Emulator::builder().region("eu-central-1").sample_2019(true);
    let emulator = builder.start().unwrap();
    let (cert, key) = certificate();
    let fields = Call::create("a", &cert, &key).send(emulator.port()).json();
    assert_eq!(names(&fields), ["CertId", "Code", "HostId", "RequestId"]);
    assert_eq!(fields["Code"], "200");
    assert_eq!(fields["HostId"], "cas.eu-central-1.aliyuncs.com");
    let xml = Call::create("b", &cert, &key).set("Format", "xml").send(emulator.port()).body;
    assert!(
        xml.contains("<HostId>cas.eu-central-1.aliyuncs.com</HostId><Code>200</Code>"),
        "{xml}"
    );
}

#[test]
fn responses_have_the_headers_of_the_gateway() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    let call = Call::create("a", &cert, &key);
    let responses = [call.send(emulator.port()), call.send(emulator.port())];
    assert_eq!(responses.each_ref().map(|response| response.status), [200, 400]);
    let traces = responses.each_ref().map(|response| {
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        assert_eq!(response.header("access-control-expose-headers"), Some("*"));
        assert_eq!(response.header("etag").unwrap().len(), 24);
        let trace = response.header("x-acs-trace-id").unwrap();
        assert!(trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()), "{trace}");
        trace
    });
    assert_ne!(traces[0], traces[1]);
}

#[test]
fn of_32_concurrent_uploads_with_one_name_one_succeeds() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    let together = Arc::new(Barrier::new(32));
    let codes: Vec<_> = thread::scope(|scope| {
        let upload = |_| {
            let (call, together) = (Call::create("same", &cert, &key), Arc::clone(&together));
            let port = emulator.port();
            scope.spawn(move || {
                together.wait();
                call.send(port).code()
            })
        };
        let threads: Vec<_> = (0..32).map(upload).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 1);
    assert_eq!(codes.iter().filter(|code| *code == "NameRepeat").count(), 31);
    assert_eq!(emulator.certificates().unwrap().len(), 1);
}

#[test]
fn names_have_at_most_128_characters() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    assert_eq!(
        Call::create(&"名".repeat(128), &cert, &key).send(emulator.port()).cert_id(),
        10_000_000
    );
    assert_eq!(
        Call::create(&"n".repeat(129), &cert, &key).send(emulator.port()).code(),
        "InvalidName"
    );
}

#[test]
fn rsa_and_sm2_chains_are_accepted() {
    let emulator = Emulator::start().unwrap();
    let files = [
        (include_str!("../../data/keys/rsa.crt"), include_str!("../../data/keys/rsa.pkcs1.key")),
        (
            include_str!("../../data/keys/sm2.crt"),
            include_str!("../../data/keys/sm2.no-public.key"),
        ),
    ];
    for (index, (leaf, key)) in files.into_iter().enumerate() {
        let chain = format!("{leaf}{}", include_str!("../../data/keys/p384.crt"));
        let response = Call::create(&format!("chain {index}"), &chain, key).send(emulator.port());
        assert_eq!(response.status, 200, "{}", response.body);
    }
    let stored = emulator.certificates().unwrap();
    // From `openssl x509 -fingerprint -serial` for rsa.crt.
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
fn a_self_signed_certificate_of_an_authority_is_accepted() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = authority();
    assert_eq!(Call::create("a", &cert, &key).send(emulator.port()).cert_id(), 10_000_000);
    assert_eq!(Call::upload("b", &cert, &key).send(emulator.port()).cert_id(), 10_000_001);
}
