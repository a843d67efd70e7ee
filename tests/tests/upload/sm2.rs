//! SM2 double certificates: both pairs are stored under one CertId, exactly once.

use std::process::Command;

use acceptance::program::report;
use acceptance::sm2_ca::{ENCRYPTS, SIGNS, SUBJECT, Sm2Ca};
use acceptance::{Emulator, Outcome, chain, run};

use crate::truth::{NAME_TAKEN, OK, ended};

const FIELDS: [&str; 4] = ["SignCert", "SignPrivateKey", "EncryptCert", "EncryptPrivateKey"];

/// The four files of double certificates.
struct Double {
    signing: [String; 2],
    encryption: [String; 2],
}

impl Double {
    fn of(ca: &Sm2Ca, [sign, encrypt]: [&str; 2]) -> Self {
        let pair = |name: &str| [ca.chain(&[name, "sub"]), ca.path(&format!("{name}.key"))];
        Self { signing: pair(sign), encryption: pair(encrypt) }
    }

    fn upload(&self, emulator: &Emulator, name: &str, settings: &[(&str, &str)]) -> Outcome {
        let [cert, key] = &self.encryption;
        let settings = [
            settings,
            &[("CAS_SM2_ENCRYPTION_CERT", cert.as_str()), ("CAS_SM2_ENCRYPTION_KEY", key)],
        ];
        let [cert, key] = &self.signing;
        report(emulator.url(), &settings.concat(), name, cert, key).run()
    }
}

fn actions(emulator: &Emulator) -> Vec<String> {
    let action = |request: &serde_json::Value| request["action"].as_str().unwrap().to_owned();
    emulator.requests().iter().map(action).collect()
}

#[test]
fn both_pairs_are_stored_once_and_found_again() {
    let ca = Sm2Ca::new("sm2-once");
    let double = Double::of(&ca, ["sign", "encrypt"]);
    for (api, signature) in [("0", "0"), ("2", "1")] {
        let emulator = Emulator::start(&[]);
        let settings = [("CAS_API", api), ("CAS_SIGNATURE", signature)];
        let outcome = double.upload(&emulator, "gm", &settings);
        assert_eq!(ended(&outcome), "created", "{}", outcome.stdout);
        assert_eq!((outcome.field("api"), outcome.field("attempts")), ("2", "1"));
        assert_eq!(actions(&emulator), ["UploadUserCertificate"]);
        let sent = emulator.requests()[0]["parameters"].clone();
        assert!(FIELDS.iter().all(|field| sent.get(field).is_some()), "{sent}");
        assert!(sent.get("Cert").is_none() && sent.get("Key").is_none(), "{sent}");
        let stored = &emulator.certificates()[0];
        assert_eq!(stored["cert_pem"], ca.read("sign-sub-chain"));
        assert_eq!(stored["encrypt_cert_pem"], ca.read("encrypt-sub-chain"));

        // The signing certificate decides what is the same.
        let outcome = double.upload(&emulator, "gm", &settings);
        assert_eq!(ended(&outcome), "reused", "{}", outcome.stdout);
        assert_eq!((outcome.field("cert_id"), outcome.field("api")), ("10000000", "2"));
        let any_name = [&settings[..], &[("CAS_REUSE_ANY_NAME", "1")]].concat();
        let outcome = double.upload(&emulator, "another", &any_name);
        assert_eq!((ended(&outcome), outcome.field("name")), ("reused", "gm"));
        assert_eq!(emulator.certificates().len(), 1);
        let all = actions(&emulator);
        assert!(all.iter().all(|action| !action.contains("Describe")), "{all:?}");
    }
}

#[test]
fn a_lost_response_or_an_error_stores_nothing_twice() {
    let ca = Sm2Ca::new("sm2-faults");
    let double = Double::of(&ca, ["sign", "encrypt"]);
    for kind in [
        r#""drop-before""#,
        r#""drop-after""#,
        r#""truncate""#,
        r#""garbage""#,
        r#""empty""#,
        r#""reset""#,
        r#""no-cert-id""#,
        r#""error","status":500,"code":"InternalError""#,
        r#""error","status":400,"code":"Throttling.User""#,
    ] {
        for times in [1, 2] {
            let emulator = Emulator::start(&[]);
            let action = "UploadUserCertificate";
            emulator.fault(&format!(r#"{{"action":"{action}","times":{times},"kind":{kind}}}"#));
            let outcome = double.upload(&emulator, "gm", &[]);
            assert_eq!(ended(&outcome), "created", "{kind}: {}", outcome.stdout);
            emulator.clear_faults();
            let again = double.upload(&emulator, "gm", &[]);
            assert_eq!(ended(&again), "reused", "{kind}: {}", again.stdout);
            assert_eq!(again.field("cert_id"), outcome.field("cert_id"));
            assert_eq!(emulator.certificates().len(), 1, "{kind}");
            let all = actions(&emulator);
            let newer = [action, "ListUserCertificateOrder", "GetUserCertificateDetail"];
            assert!(all.iter().all(|action| newer.contains(&action.as_str())), "{all:?}");
        }
    }
}

#[test]
fn a_name_of_another_certificate_is_a_conflict() {
    let ca = Sm2Ca::new("sm2-conflicts");
    for (name, usage) in [("sign-2", SIGNS), ("encrypt-2", ENCRYPTS)] {
        ca.key(name);
        ca.issue(name, name, "sub", SUBJECT, usage, 400);
    }
    let old = Double::of(&ca, ["sign", "encrypt"]);
    let new = Double::of(&ca, ["sign-2", "encrypt-2"]);
    let emulator = Emulator::start(&[]);
    assert_eq!(ended(&old.upload(&emulator, "gm", &[])), "created");
    assert_eq!(new.upload(&emulator, "gm", &[]).field("status"), NAME_TAKEN);
    // An encryption pair of its own does not make it another one.
    let mixed = Double::of(&ca, ["sign", "encrypt-2"]);
    assert_eq!(ended(&mixed.upload(&emulator, "gm", &[])), "reused");
    let fail = [("CAS_ON_CONFLICT", "1")];
    assert_eq!(old.upload(&emulator, "gm", &fail).field("status"), NAME_TAKEN);
    assert_eq!(emulator.certificates().len(), 1);

    let renamed = new.upload(&emulator, "gm", &[("CAS_ON_CONFLICT", "2")]);
    assert_eq!(ended(&renamed), "created");
    let sha256 = emulator.certificates()[1]["sha256"].as_str().unwrap()[..8].to_lowercase();
    assert_eq!(renamed.field("name"), format!("gm-{sha256}"));
    let id = renamed.field("cert_id");
    assert_eq!(new.upload(&emulator, "gm", &[("CAS_ON_CONFLICT", "2")]).field("cert_id"), id);

    // A certificate of another type has the name.
    let rsa = report(emulator.url(), &[], "web", &chain().chain, &chain().key).run();
    assert_eq!(rsa.field("status"), OK);
    let replaced = old.upload(&emulator, "web", &[("CAS_ON_CONFLICT", "3")]);
    assert_eq!(ended(&replaced), "replaced", "{}", replaced.stdout);
    let names: Vec<_> = emulator.certificates().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let all = actions(&emulator);
    assert!(all.contains(&"DeleteUserCertificate".to_owned()));
    assert!(!all.iter().any(|action| action.contains("Describe")), "{all:?}");
}

/// With `CAS_ON_CONFLICT_REPLACE`, one certificate is left, renewal after renewal.
#[test]
fn a_renewal_replaces_what_an_earlier_one_left() {
    let ca = Sm2Ca::new("sm2-renewals");
    let emulator = Emulator::start(&[]);
    let replace = [("CAS_ON_CONFLICT", "3")];
    let mut ends = Vec::new();
    for round in 1..=3 {
        let [sign, encrypt] = ["sign", "encrypt"].map(|name| format!("{name}-{round}"));
        for (name, usage) in [(&sign, SIGNS), (&encrypt, ENCRYPTS)] {
            ca.key(name);
            ca.issue(name, name, "sub", SUBJECT, usage, 365);
        }
        let outcome = Double::of(&ca, [&sign, &encrypt]).upload(&emulator, "gm", &replace);
        ends.push(ended(&outcome).to_owned());
        // Validity begins in a later second, as that of a renewal does.
        run(Command::new("sleep").arg("1.1"));
    }
    assert_eq!(ends, ["created", "replaced", "replaced"]);
    let stored = emulator.certificates();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0]["cert_pem"], ca.read("sign-3-sub-chain"));
}

#[test]
fn all_four_texts_are_tidied_or_sent_byte_for_byte() {
    let ca = Sm2Ca::new("sm2-sent");
    let untidy = |name: &str, text: &str| ca.write(name, &text.replace('\n', " \r\n"));
    let pair = |name: &str| {
        let certificate = ca.read(&format!("{name}.pem"));
        let key = ca.read(&format!("{name}.key"));
        [("pem", certificate), ("key", key)]
            .map(|(what, text)| untidy(&format!("{name}-untidy.{what}"), &text))
    };
    let double = Double { signing: pair("sign"), encryption: pair("encrypt") };
    let hash = |file: &str| {
        let printed = run(Command::new("sha256sum").arg(file));
        printed.split_whitespace().next().unwrap().to_owned()
    };
    for (skip, sign, encrypt) in [
        (&[][..], "sign", "encrypt"),
        (&[("CAS_SKIP_CHECKS", "1")], "sign-untidy", "encrypt-untidy"),
    ] {
        let emulator = Emulator::start(&[]);
        let outcome = double.upload(&emulator, "gm", skip);
        assert_eq!(ended(&outcome), "created", "{}", outcome.stdout);
        let stored = &emulator.certificates()[0];
        assert_eq!(stored["cert_pem"], ca.read(&format!("{sign}.pem")));
        assert_eq!(stored["encrypt_cert_pem"], ca.read(&format!("{encrypt}.pem")));
        let sent = &emulator.requests()[0]["parameters"];
        for (field, name) in [("SignPrivateKey", sign), ("EncryptPrivateKey", encrypt)] {
            let expected = hash(&ca.path(&format!("{name}.key")));
            assert_eq!(sent[field]["value"]["sha256"], expected, "{field}");
        }
    }
}

#[test]
fn version_2018_is_refused_before_anything_is_sent() {
    let ca = Sm2Ca::new("sm2-2018");
    let double = Double::of(&ca, ["sign", "encrypt"]);
    let emulator = Emulator::start(&[]);
    for skip in [&[][..], &[("CAS_SKIP_CHECKS", "1")]] {
        let settings = [&[("CAS_API", "1")], skip].concat();
        let outcome = double.upload(&emulator, "gm", &settings);
        assert_eq!(outcome.field("status"), "CAS_ERR_INVALID_ARGUMENT");
        let message = "Invalid upload of \"gm\": API version 2018-07-13 has no SM2 double \
                       certificates.";
        assert_eq!(outcome.field("message"), message);
        assert_eq!(outcome.field("attempts"), "0");
    }
    assert!(emulator.requests().is_empty());
}
