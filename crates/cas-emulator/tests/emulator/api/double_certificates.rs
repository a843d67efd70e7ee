//! SM2 double certificates of version 2020-04-07: a signing pair and an encryption pair.

use cas_emulator::Emulator;
use serde_json::json;

use super::calls::{by_id, delete_2020, detail_2018, detail_2020, names, orders};
use crate::certificates::{certificate, rsa};
use crate::client::{Call, control};

const SIGN_CERT: &str = include_str!("../../data/keys/sm2.crt");
const SIGN_KEY: &str = include_str!("../../data/keys/sm2.pkcs8.key");
const ENCRYPT_CERT: &str = include_str!("../../data/keys/sm2-encryption.crt");
const ENCRYPT_KEY: &str = include_str!("../../data/keys/sm2-encryption.pkcs8.key");
const FIELDS: [&str; 4] = ["SignCert", "SignPrivateKey", "EncryptCert", "EncryptPrivateKey"];

fn double(name: &str) -> Call {
    let call = Call::v2020("UploadUserCertificate").set("Name", name);
    let call = call.set("SignCert", SIGN_CERT).set("SignPrivateKey", SIGN_KEY);
    call.set("EncryptCert", ENCRYPT_CERT).set("EncryptPrivateKey", ENCRYPT_KEY)
}

#[test]
fn both_pairs_are_stored_listed_shown_and_deleted() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let uploaded = double("gm").send(port).json();
    assert_eq!(names(&uploaded), ["CertId", "RequestId", "ResourceId"]);

    let detail = detail_2020(port, 10_000_000).json();
    let shown = FIELDS.map(|field| detail[field].as_str().unwrap().to_owned());
    assert_eq!(shown, [SIGN_CERT, SIGN_KEY, ENCRYPT_CERT, ENCRYPT_KEY]);
    assert_eq!((&detail["Cert"], &detail["Key"]), (&json!(""), &json!("")));
    assert_eq!((&detail["Algorithm"], &detail["Name"]), (&json!("SM2"), &json!("gm")));
    assert_eq!(detail["CertChain"].as_array().unwrap().len(), 1);
    // From `openssl x509 -fingerprint` for sm2.crt: the signing certificate.
    let sha1 = "DB3746174C396DF35A52DBD28978A8D0579AAF46";
    let single = Call::upload("single", SIGN_CERT, SIGN_KEY).send(port).cert_id();
    let single = detail_2020(port, single).json();
    for field in ["Fingerprint", "Sha2", "SerialNo", "Common", "Sans", "NotAfter", "CertChain"] {
        assert_eq!(detail[field], single[field], "{field}");
    }
    assert_eq!(detail["Fingerprint"], sha1);
    assert!(FIELDS.iter().all(|field| single[field] == ""), "{single}");

    let filtered =
        by_id(Call::v2020("GetUserCertificateDetail"), 10_000_000).set("CertFilter", "true");
    let filtered = filtered.send(port).json();
    assert!(FIELDS.iter().chain(&["Cert", "Key"]).all(|field| filtered.get(field).is_none()));
    let listed = orders().send(port).json();
    assert_eq!(listed["CertificateOrderList"][1]["Name"], "gm");
    assert_eq!(listed["CertificateOrderList"][1]["Fingerprint"], sha1);
    let old = detail_2018(port, 10_000_000).json();
    assert_eq!((&old["Name"], &old["Cert"], &old["Key"]), (&json!("gm"), &json!(""), &json!("")));

    let stored = control(port, "GET", "/_emulator/certificates");
    assert!(!stored.body.contains("PRIVATE KEY"));
    let stored = &stored.json()[0];
    assert_eq!(
        (&stored["cert_pem"], &stored["encrypt_cert_pem"]),
        (&json!(SIGN_CERT), &json!(ENCRYPT_CERT))
    );
    assert_eq!(delete_2020(10_000_000).send(port).status, 200);
    assert_eq!(detail_2020(port, 10_000_000).code(), "NotFound");
}

#[test]
fn each_of_the_four_is_required_and_checked() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    for field in FIELDS {
        assert_eq!(double("a").without(field).send(port).code(), format!("Missing{field}"));
        assert_eq!(double("a").set(field, "").send(port).code(), format!("Missing{field}"));
        let format = if field.ends_with("Cert") { "-1008" } else { "PrivateKeyFormatError" };
        assert_eq!(double("a").set(field, "text").send(port).code(), format);
    }
    let code = |changed: &[(&str, &str)]| {
        let call = changed.iter().fold(double("a"), |call, (name, value)| call.set(name, value));
        call.send(port).code()
    };
    assert_eq!(code(&[("SignPrivateKey", ENCRYPT_KEY)]), "CertKeyNotMatch");
    assert_eq!(code(&[("EncryptPrivateKey", SIGN_KEY)]), "CertKeyNotMatch");
    let (cert, key) = rsa();
    assert_eq!(code(&[("SignCert", cert), ("SignPrivateKey", key)]), "-1008");
    assert_eq!(code(&[("EncryptCert", cert), ("EncryptPrivateKey", key)]), "-1008");
    // One of `Cert` and `Key` alone is not a pair.
    assert_eq!(double("a").set("Cert", cert).send(port).cert_id(), 10_000_000);
    assert_eq!(emulator.certificates().unwrap()[0].encrypt_cert_pem, ENCRYPT_CERT);
}

#[test]
fn cert_and_key_come_first_and_version_2018_has_no_double_certificates() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    assert_eq!(double("a").set("Cert", &cert).set("Key", &key).send(port).cert_id(), 10_000_000);
    let stored = emulator.certificates().unwrap();
    assert_eq!((&stored[0].cert_pem, stored[0].is_double()), (&cert, false));
    let old = Call::v2018("CreateUserCertificate").set("Name", "b");
    let old = FIELDS.iter().fold(old, |call, field| call.set(field, SIGN_CERT));
    assert_eq!(old.send(port).code(), "MissingCert");
}

#[test]
fn a_client_token_covers_both_pairs() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let upload = || double("a").set("ClientToken", "t");
    for _ in 0..2 {
        assert_eq!(upload().send(port).cert_id(), 10_000_000);
    }
    let sec1 = include_str!("../../data/keys/sm2.sec1.key");
    for (case, changed) in [
        upload().set("SignPrivateKey", sec1),
        upload().set("EncryptCert", SIGN_CERT).set("EncryptPrivateKey", SIGN_KEY),
        upload().set("EncryptPrivateKey", &format!("{ENCRYPT_KEY}\n")),
        upload().set("Cert", SIGN_CERT).set("Key", SIGN_KEY),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(changed.send(port).code(), "IdempotentParameterMismatch", "{case}");
    }
    assert_eq!(emulator.certificates().unwrap().len(), 1);
}
