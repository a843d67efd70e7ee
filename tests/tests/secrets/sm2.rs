//! SM2 double certificates: no part of either key appears anywhere but in the body of the request,
//! or remains in memory.

use std::process::Command;

use acceptance::program::report;
use acceptance::sm2_ca::Sm2Ca;
use acceptance::stub::Reply;
use acceptance::{Emulator, Program, Stub, compile, run, scratch};

use crate::encode;

/// Where the secret number of an SM2 key in PKCS#8 stands in its base64. The public key comes after
/// it, and certificates have that as well.
const SECRET: std::ops::Range<usize> = 48..90;

fn base64(key: &str) -> String {
    key.lines().filter(|line| !line.starts_with('-')).collect()
}

/// Pieces of the secret numbers of both keys, plain and encoded once and twice.
fn marks(ca: &Sm2Ca) -> Vec<String> {
    let mut plain = Vec::new();
    for key in ["sign.key", "encrypt.key"] {
        let secret = &base64(&ca.read(key))[SECRET];
        // The lines of a PEM end at the first of these.
        plain.extend([0..16, 16..32, 26..42].map(|piece| secret[piece].to_owned()));
    }
    (0..=2).flat_map(|times| plain.iter().map(move |mark| encode(mark, times))).collect()
}

#[test]
fn no_part_of_either_key_is_shown() {
    let ca = Sm2Ca::new("sm2-canary");
    let marks = marks(&ca);
    let assert_clean = |what: &str, text: &str| {
        for mark in &marks {
            assert!(!text.contains(mark), "{what} holds {mark}:\n{text}");
        }
    };
    let [sign, encrypt] = ["sign", "encrypt"].map(|name| ca.chain(&[name, "sub"]));
    let [sign_key, encrypt_key] = ["sign.key", "encrypt.key"].map(|name| ca.path(name));
    let upload = |endpoint: &str, settings: &[(&str, &str)]| {
        let double = [
            ("CAS_LOG", "4"),
            ("RUST_LOG", "trace"),
            ("CAS_SM2_ENCRYPTION_CERT", &encrypt),
            ("CAS_SM2_ENCRYPTION_KEY", &encrypt_key),
        ];
        let settings = [settings, &double].concat();
        let outcome = report(endpoint, &settings, "canary", &sign, &sign_key).run();
        assert_clean("output", &outcome.stdout);
        assert_clean("complaints", &outcome.stderr);
        outcome
    };
    let directory = scratch("sm2-canary-data");
    let data = directory.join("emulator.sqlite");
    let emulator = Emulator::start(&["--data", data.to_str().unwrap()]);
    assert_eq!(upload(emulator.url(), &[]).field("outcome"), "0");
    emulator.fault(r#"{"action":"UploadUserCertificate","kind":"drop-after"}"#);
    assert_eq!(upload(emulator.url(), &[]).field("status"), "CAS_OK");
    assert_eq!(upload(emulator.url(), &[("CAS_ON_CONFLICT", "3")]).field("status"), "CAS_OK");
    for path in ["/_emulator/requests", "/_emulator/certificates"] {
        assert_clean(path, &emulator.control("GET", path).to_string());
    }
    assert_clean("what the emulator printed", &emulator.stop());
    for file in std::fs::read_dir(&directory).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        assert_clean("a file of the emulator", &String::from_utf8_lossy(&content));
    }

    // The first upload shows the body; then servers echo it.
    let stub = Stub::start(vec![Reply::http("200 OK", "", r#"{"CertId":1}"#)]);
    upload(&stub.url(), &[]);
    let body = stub.requests().remove(0).body;
    let once = ca.read("encrypt.key");
    assert!(body.contains(&encode(&once, 1)) && body.contains("EncryptPrivateKey="));
    let key = base64(&once);
    // Too short to be taken for a key whatever it is.
    let piece = &key[72..92];
    for echo in [body.as_str(), &encode(&body, 1), &once, &format!("x {piece} y"), &key] {
        let quoted = serde_json::Value::String(echo.to_owned()).to_string();
        for (status, body) in [
            ("400 Bad Request", format!(r#"{{"Code":"Other","Message":{quoted}}}"#)),
            ("400 Bad Request", format!(r#"{{"Code":"Other","RequestId":{quoted}}}"#)),
            ("403 Forbidden", format!("<html><title>{echo}</title></html>")),
        ] {
            let stub = Stub::start(vec![Reply::http(status, "", &body)]);
            let settings = [("CAS_MAX_ATTEMPTS", "1"), ("CAS_TIMEOUT_MS", "1000")];
            assert_ne!(upload(&stub.url(), &settings).field("status"), "CAS_OK");
        }
    }
}

#[test]
fn no_part_of_the_encryption_key_remains_in_memory() {
    let ca = Sm2Ca::new("sm2-wiped");
    let [sign, encrypt] = ["sign", "encrypt"].map(|name| ca.chain(&[name, "sub"]));
    // With the end of a line.
    let body = ca.read("encrypt.key").split_once("-----\n").unwrap().1[SECRET].to_owned();
    let backwards: String = body.chars().rev().collect();
    let shown = run(Command::new("openssl")
        .args(["pkey", "-noout", "-text", "-in", "encrypt.key"])
        .current_dir(&ca.0));
    let number = shown.split_once("priv:").unwrap().1.split_once("pub:").unwrap().0;
    let bytes: Vec<_> = number.split([':', ' ', '\n']).filter(|byte| byte.len() == 2).collect();
    let numbers = [bytes.concat(), bytes.iter().rev().copied().collect()];
    let emulator = Emulator::start(&[]);
    for (endpoint, status) in [
        (emulator.url(), "CAS_OK"),
        // The second time libcas looks up what is stored.
        (emulator.url(), "CAS_OK"),
        ("http://127.0.0.1:1", "CAS_ERR_NETWORK"),
    ] {
        Program::new(compile("tests/fixtures/c/wiped.c", &[]))
            .env("CAS_SM2_ENCRYPTION_CERT", &encrypt)
            .env("CAS_SM2_ENCRYPTION_KEY", ca.path("encrypt.key"))
            .args([endpoint, &sign, &ca.path("sign.key"), status, &backwards])
            .args(&numbers)
            .succeed();
    }
    assert_eq!(emulator.certificates().len(), 1);
}
