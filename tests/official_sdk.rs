//! The official Python SDK as a judge: of the emulator, and of the signature that libcas sends.

use std::fs;

use outside::stub::Reply;
use outside::{Emulator, Program, Stub, chain, compile, scratch, top};

fn python(script: &str) -> Program {
    let python = top().join("target/venv/bin/python");
    assert!(python.exists(), "run `make test`: it installs the official SDK into target/venv");
    Program::new(python).arg(top().join("tests/python").join(script))
}

#[test]
fn the_sdk_uploads_to_the_emulator_and_a_changed_byte_is_refused() {
    let emulator = Emulator::start(&[]);
    let printed = python("upload.py").arg(emulator.url()).arg(&chain().chain).arg(&chain().key).succeed();
    assert_eq!(printed, "post: 1\nget: 2\nchanged: SignatureDoesNotMatch\n");
    let codes: Vec<_> = emulator.requests().iter().map(|request| request["code"].clone()).collect();
    assert_eq!(codes, [serde_json::Value::Null, serde_json::Value::Null, "SignatureDoesNotMatch".into()]);
    assert_eq!(emulator.certificates().len(), 2);
}

#[test]
fn the_sdk_computes_the_signature_that_libcas_sent() {
    let stub = Stub::start(vec![Reply::http("200 OK", "", r#"{"CertId":1}"#)]);
    let names = ["plain", "sp ace + plus", "*~!'()/=&%", "名称 ü"];
    for name in names {
        Program::new(compile("tests/c/report.c", &[]))
            .env("CAS_ENDPOINT", stub.url())
            .env("ALIBABA_CLOUD_SECURITY_TOKEN", "to+ken/==")
            .arg(name)
            .arg(&chain().chain)
            .arg(&chain().key)
            .succeed();
    }
    let requests = stub.requests();
    assert_eq!(requests.len(), names.len());
    for (index, request) in requests.iter().enumerate() {
        let body = scratch("captured").join(format!("body-{index}"));
        fs::write(&body, &request.body).unwrap();
        assert_eq!(python("resign.py").arg(&body).arg("testsecret").succeed(), "equal\n");
    }
}
