//! SM2 certificates: chains, keys, and what is found in double certificates.

use std::process::Command;

use acceptance::inspection::{Inspection, inspect, pair};
use acceptance::program::report;
use acceptance::sm2_ca::{ENCRYPTS, SIGNS, SUBJECT, Sm2Ca};
use acceptance::{Emulator, Outcome, chain, run};

/// The identifiers without the note that the key was not compared.
fn ids(inspection: &Inspection) -> Vec<&str> {
    inspection.ids().into_iter().filter(|id| *id != "key-not-verified").collect()
}

fn inspected(certificate: &str, key: Option<&str>) -> Inspection {
    inspect(&[pair(certificate.as_ref(), key.map(AsRef::as_ref))]).remove(0)
}

#[test]
fn chains_are_verified_by_their_signatures() {
    let ca = Sm2Ca::new("sm2-chains");
    let key = ca.path("sign.key");
    for (names, expected) in [
        (&["sign", "sub"][..], &[][..]),
        (&["sign", "sub", "root"], &["root-left-out"]),
        (&["root", "sub", "sign"], &["reordered", "root-left-out"]),
        (&["sign"], &["chain-incomplete"]),
    ] {
        let inspection = inspected(&ca.chain(names), Some(&key));
        assert_eq!(ids(&inspection), expected, "{names:?}: {:?}", inspection.findings);
        assert_eq!(inspection.fields["key_type"], "SM2");
    }
    // Another sub-CA of the same name and key identifier, but with another key.
    ca.key("other");
    let subject = "/C=CN/CN=SM2 test CA";
    let ski = run(Command::new("openssl")
        .args(["x509", "-in", "sub.pem", "-noout", "-ext", "subjectKeyIdentifier"])
        .current_dir(&ca.0));
    let ski = ski.lines().nth(1).unwrap().trim();
    let extensions = format!("basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier={ski}\n");
    ca.issue("other", "other", "root", subject, &extensions, 3650);
    let inspection = inspected(&ca.chain(&["sign", "other"]), Some(&key));
    assert_eq!(inspection.fields["chain_len"], "1", "{:?}", inspection.findings);
    assert!(!ids(&inspection).is_empty());
}

#[test]
fn keys_are_read_in_every_encoding() {
    let ca = Sm2Ca::new("sm2-keys");
    let chain = ca.chain(&["sign", "sub"]);
    let pkcs8 = ca.read("sign.key");
    let arguments = ["ec", "-in", "sign.key"];
    let sec1 = run(Command::new("openssl").args(arguments).current_dir(&ca.0));
    let parameters =
        run(Command::new("openssl").args(["ecparam", "-name", "SM2"]).current_dir(&ca.0));
    let body: String = pkcs8.lines().filter(|line| !line.starts_with('-')).collect();
    for (name, text, expected) in [
        ("pkcs8", pkcs8.clone(), &[][..]),
        ("sec1", sec1.clone(), &[]),
        ("sec1-sm2", sec1.replace("EC PRIVATE KEY", "SM2 PRIVATE KEY"), &[]),
        ("sec1-ec", sec1.replace("SM2 PRIVATE KEY", "EC PRIVATE KEY"), &[]),
        ("parameters", format!("{parameters}{sec1}"), &["other-blocks"]),
        ("bare", body, &["bare-base64"]),
    ] {
        let key = ca.write(&format!("{name}.secret"), &text);
        let inspection = inspected(&chain, Some(&key));
        assert_eq!(ids(&inspection), expected, "{name}: {:?}", inspection.findings);
    }
}

/// An envelope as GM/T 0009 describes it, made by openssl; what it holds cannot be opened.
fn envelope(ca: &Sm2Ca) -> Vec<u8> {
    let config = "asn1=SEQUENCE:key\n[key]\na=SEQUENCE:algorithm\nb=SEQUENCE:cipher\n\
                  c=FORMAT:HEX,BITSTRING:0407070707\nd=FORMAT:HEX,BITSTRING:0707070707070707\n\
                  [algorithm]\na=OID:1.2.156.10197.1.104\nb=NULL\n\
                  [cipher]\na=INTEGER:0x77777777\nb=INTEGER:0x66666666\n\
                  c=FORMAT:HEX,OCTETSTRING:5555555555555555\nd=FORMAT:HEX,OCTETSTRING:44444444\n";
    ca.write("envelope.cnf", config);
    let arguments = ["asn1parse", "-genconf", "envelope.cnf", "-noout", "-out", "envelope.der"];
    run(Command::new("openssl").args(arguments).current_dir(&ca.0));
    std::fs::read(ca.0.join("envelope.der")).unwrap()
}

#[test]
fn a_key_in_an_envelope_is_named() {
    let ca = Sm2Ca::new("sm2-envelopes");
    let chain = ca.chain(&["encrypt", "sub"]);
    envelope(&ca);
    let base64 = run(Command::new("base64").args(["-w", "64", "envelope.der"]).current_dir(&ca.0));
    let pem = |label: &str| format!("-----BEGIN {label}-----\n{base64}-----END {label}-----\n");
    for (name, text, line) in [
        ("label", pem("SM2 ENVELOPED KEY"), 1),
        ("text", format!("key:\n{}", pem("SM2 ENVELOPED KEY")), 2),
        ("pkcs8", pem("PRIVATE KEY"), 1),
        ("sec1", pem("EC PRIVATE KEY"), 1),
        ("pkcs7", pem("PKCS7"), 1),
        ("bare", base64.clone(), 1),
    ] {
        let key = ca.write(&format!("{name}.envelope"), &text);
        let inspection = inspected(&chain, Some(&key));
        let found = inspection.findings.iter().find(|(_, id, _)| id == "sm2-enveloped-key");
        let sentence = &found.unwrap_or_else(|| panic!("{name}: {:?}", inspection.findings)).2;
        assert!(sentence.contains(&format!("private key at line {line} is in an envelope")));
    }
    let inspection = inspected(&chain, Some(&ca.path("envelope.der")));
    assert_eq!(inspection.refused(), ["sm2-enveloped-key"], "{:?}", inspection.findings);
    // Beside the opened key, the envelope is one more block.
    let both = format!("{}{}", pem("SM2 ENVELOPED KEY"), ca.read("encrypt.key"));
    let inspection = inspected(&chain, Some(&ca.write("both.key", &both)));
    assert_eq!(ids(&inspection), ["other-blocks"]);
}

/// Uploads double certificates with warnings in the log.
fn upload(emulator: &Emulator, signing: [&str; 2], encryption: [&str; 2]) -> Outcome {
    let [cert, key] = encryption;
    let settings =
        [("CAS_LOG", "3"), ("CAS_SM2_ENCRYPTION_CERT", cert), ("CAS_SM2_ENCRYPTION_KEY", key)];
    report(emulator.url(), &settings, "gm", signing[0], signing[1]).run()
}

#[test]
fn what_is_wrong_with_double_certificates_is_named() {
    let ca = Sm2Ca::new("sm2-double");
    ca.issue("expired", "encrypt", "sub", SUBJECT, ENCRYPTS, -1);
    let authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
    ca.issue("old-sub", "sub", "root", "/C=CN/CN=SM2 test CA", authority, -1);
    ca.chain(&["encrypt", "old-sub"]);
    ca.issue("both-sign", "encrypt", "sub", SUBJECT, SIGNS, 365);
    ca.issue("both-encrypt", "sign", "sub", SUBJECT, ENCRYPTS, 365);
    ca.issue("same-key", "sign", "sub", SUBJECT, ENCRYPTS, 365);
    ca.issue("other-subject", "encrypt", "sub", "/C=CN/O=Other/CN=other.example", ENCRYPTS, 365);
    ca.issue("no-usage", "encrypt", "sub", SUBJECT, "basicConstraints=CA:FALSE\n", 365);
    let no_san = "basicConstraints=critical,CA:TRUE\n";
    ca.issue("ca", "encrypt", "sub", SUBJECT, no_san, 365);
    let [sign, encrypt] = ["sign", "encrypt"].map(|name| ca.chain(&[name, "sub"]));
    let [sign_key, encrypt_key] = ["sign.key", "encrypt.key"].map(|name| ca.path(name));
    let alone = |name: &str| ca.path(&format!("{name}.pem"));
    let signing = [sign.as_str(), &sign_key];
    let [rsa_cert, rsa_key] = chain().files();
    envelope(&ca);
    let base64 = run(Command::new("base64").args(["-w", "64", "envelope.der"]).current_dir(&ca.0));
    let envelope =
        format!("-----BEGIN SM2 ENVELOPED KEY-----\n{base64}-----END SM2 ENVELOPED KEY-----\n");
    let envelope = ca.write("encrypt.envelope", &envelope);
    let [expired, no_key] = [alone("expired"), ca.write("empty.key", "text\n")];
    let both_encrypt = ca.chain(&["both-encrypt", "sub"]);
    let ca_cert = alone("ca");
    let emulator = Emulator::start(&[]);
    for (signing, encryption, parts) in [
        (signing, [expired.as_str(), &encrypt_key], &["expired: encryption certificate: "][..]),
        (signing, [&encrypt, &no_key], &["no-key: encryption certificate: "]),
        (signing, [&no_key, &encrypt_key], &["no-certificate: encryption certificate: "]),
        (signing, [&encrypt_key, &encrypt], &["swapped: encryption certificate: "]),
        (signing, [&encrypt, &envelope], &["sm2-enveloped-key: encryption certificate: "]),
        (signing, [&ca_cert, &encrypt_key], &["ca-as-leaf: encryption certificate: "]),
        (signing, [&encrypt, rsa_key], &["key-mismatch: encryption certificate: "]),
        (
            signing,
            [rsa_cert, rsa_key],
            &["sm2-other-type: ", "the encryption certificate has a key of type RSA-2048"],
        ),
        (
            [rsa_cert, rsa_key],
            [&encrypt, &encrypt_key],
            &["sm2-other-type: ", "the signing certificate has a key of type RSA-2048"],
        ),
        (signing, [&sign, &sign_key], &["sm2-same-certificate: "]),
        ([&encrypt, &encrypt_key], [&sign, &sign_key], &["sm2-swapped: "]),
    ] {
        let outcome = upload(&emulator, signing, encryption);
        assert_eq!(outcome.field("status"), "CAS_ERR_CERTIFICATE", "{parts:?}");
        let message = outcome.field("message");
        assert!(message.starts_with("Upload of \"gm\" refused before sending: "), "{message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{parts:?}: {message}");
        assert!(!outcome.field("hint").is_empty());
    }
    assert!(emulator.requests().is_empty());

    for (signing, encryption, warning) in [
        (
            signing,
            ["encrypt-old-sub-chain", "encrypt.key"],
            "issuer-expired: encryption certificate: the chain's certificate of \"SM2 test CA\"",
        ),
        (
            signing,
            ["both-sign.pem", "encrypt.key"],
            "sm2-key-usage: the key usage of the encryption certificate does not allow encryption",
        ),
        (
            [&both_encrypt, &sign_key],
            ["encrypt.pem", "encrypt.key"],
            "sm2-key-usage: the key usage of the signing certificate does not allow signatures",
        ),
        (signing, ["same-key.pem", "sign.key"], "sm2-same-key: "),
        (
            signing,
            ["other-subject.pem", "encrypt.key"],
            "sm2-subjects-differ: the signing certificate is for \"gm.example\", the encryption \
             certificate for \"other.example\"",
        ),
        // Without key usage it may do everything, and its issuer is in the other chain.
        (signing, ["no-usage.pem", "encrypt.key"], ""),
        (signing, ["encrypt.pem", "encrypt.key"], ""),
    ] {
        let emulator = Emulator::start(&[]);
        let [certificate, key] = encryption.map(|name| ca.path(name));
        let outcome = upload(&emulator, signing, [&certificate, &key]);
        assert_eq!(outcome.field("status"), "CAS_OK", "{encryption:?}: {}", outcome.stdout);
        let warnings: Vec<_> = outcome
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix("log=2 Checking \"gm\": "))
            .collect();
        let is_expected = |line: &&str| !warning.is_empty() && line.contains(warning);
        assert!(warnings.iter().all(is_expected), "{encryption:?}: {warnings:?}");
        assert_eq!(warnings.is_empty(), warning.is_empty(), "{encryption:?}: {warnings:?}");
    }
}

#[test]
fn exchanged_keys_are_named() {
    let ca = Sm2Ca::new("sm2-exchanged");
    let [sign, encrypt] = ["sign", "encrypt"].map(|name| ca.chain(&[name, "sub"]));
    let [sign_key, encrypt_key] = ["sign.key", "encrypt.key"].map(|name| ca.path(name));
    let emulator = Emulator::start(&[]);
    let outcome = upload(&emulator, [&sign, &encrypt_key], [&encrypt, &sign_key]);
    let message = outcome.field("message");
    if outcome.field("status") == "CAS_ERR_SERVICE" {
        // Where libcas does not compare SM2 keys, the service does.
        assert_eq!(outcome.field("service_code"), "CertKeyNotMatch");
        return;
    }
    for part in [
        "key-mismatch: the private key does not belong to the certificate: it is the key of the \
         encryption certificate",
        "key-mismatch: encryption certificate: the private key does not belong to the certificate: \
         it is the key of the signing certificate",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_single_sm2_certificate_is_uploaded_with_a_warning() {
    let ca = Sm2Ca::new("sm2-single");
    let emulator = Emulator::start(&[]);
    let log = [("CAS_LOG", "3")];
    let chain = ca.chain(&["sign", "sub"]);
    let outcome = report(emulator.url(), &log, "gm", chain, ca.path("sign.key")).run();
    assert_eq!(outcome.field("status"), "CAS_OK");
    assert!(outcome.stdout.contains("sm2-single: "), "{}", outcome.stdout);
    assert_eq!(emulator.certificates()[0]["encrypt_cert_pem"], "");
}
