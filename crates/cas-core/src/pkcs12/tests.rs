use base64::Engine as _;

use super::*;
use crate::base::error::ErrorKind;

/// The password of most files. How each was made: tests/fixtures/data/pkcs12/README.md.
const PASSWORD: Option<&str> = Some("test-only");

macro_rules! file {
    ($name:literal) => {
        &include_bytes!(concat!("../../../../tests/fixtures/data/pkcs12/", $name))[..]
    };
}

fn read_text(data: &[u8], password: Option<&str>) -> Result<[String; 2], Error> {
    let Identity { certificates, keys } = read("It", data, password)?;
    Ok([certificates, keys].map(|pem| String::from_utf8(pem.to_vec()).unwrap()))
}

fn message(data: &[u8], password: Option<&str>) -> String {
    let error = read_text(data, password).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Certificate);
    assert!(error.hint().is_some_and(|hint| hint.ends_with('.')));
    error.message().to_owned()
}

#[test]
fn files_of_all_programs_hold_the_same() {
    let [certificates, key] = read_text(file!("keytool.p12"), PASSWORD).unwrap();
    assert_eq!(certificates.matches("BEGIN CERTIFICATE").count(), 3);
    assert_eq!(key.matches("BEGIN PRIVATE KEY").count(), 1);
    for (name, data, password) in [
        ("keytool-legacy", file!("keytool-legacy.p12"), "test-only"),
        ("keytool-trusted", file!("keytool-trusted.p12"), "test-only"),
        ("nss", file!("nss.p12"), "test-only"),
        ("nss-chinese", file!("nss-chinese.p12"), "密码"),
        ("gnutls", file!("gnutls.p12"), "test-only"),
        ("gnutls-null", file!("gnutls-null.p12"), ""),
        ("bouncy-castle", file!("bouncy-castle.p12"), "test-only"),
        ("bouncy-castle-empty", file!("bouncy-castle-empty.p12"), ""),
        ("bouncy-castle-chinese", file!("bouncy-castle-chinese.p12"), "密码"),
    ] {
        let read =
            read_text(data, Some(password)).unwrap_or_else(|error| panic!("{name}: {error}"));
        // The order of the others is the program's, and GnuTLS was given no root.
        let blocks: Vec<&str> = read[0].split_inclusive("-----END CERTIFICATE-----\n").collect();
        assert!(blocks.len() >= 2 && certificates.starts_with(blocks[0]), "{name}: {}", read[0]);
        assert!(blocks.iter().all(|block| certificates.contains(block)), "{name}: {}", read[0]);
        assert_eq!(read[1], key, "{name}");
    }
}

#[test]
fn what_cannot_be_used_is_said() {
    let good = file!("keytool.p12");
    for (data, password, wanted) in [
        (good, None, "It has a password, and none was given."),
        (good, Some("wrong"), "It was not exported with the password that was given."),
        (&good[..good.len() - 1], PASSWORD, "It is damaged or incomplete: it has invalid ASN.1."),
        (&good[..40], PASSWORD, "It is damaged or incomplete: it has invalid ASN.1."),
        (b"", PASSWORD, "It is not PKCS#12."),
        (b"hello", PASSWORD, "It is not PKCS#12."),
        (b"x\n-----BEGIN CERTIFICATE-----\n", PASSWORD, "It is PEM, not PKCS#12."),
        (b"\x30\x82\x01\x00\x30\x82\x00\x80", PASSWORD, "It is DER, but not PKCS#12."),
        (
            file!("keystore.jks"),
            PASSWORD,
            "It is a Java keystore of the type JKS or JCEKS, not PKCS#12.",
        ),
        (file!("keytool-no-key.p12"), PASSWORD, "It contains no private key."),
        (
            file!("keytool-two.p12"),
            PASSWORD,
            "It contains several certificates with a private key: \"web\", \"old\".",
        ),
    ] {
        assert_eq!(message(data, password), wanted);
    }
    let base64 = base64::engine::general_purpose::STANDARD.encode(good);
    assert_eq!(message(base64.as_bytes(), PASSWORD), "It is PKCS#12 that was encoded in base64.");
    // What follows the file is not a part of it.
    read_text(&[good, b"\r\n\0"].concat(), PASSWORD).unwrap();
}

/// Every damaged byte of a file is found, or has no effect; it never leads to a panic or to another
/// certificate or key.
#[test]
fn damage_is_found() {
    let good = file!("small.p12");
    let whole = read_text(good, PASSWORD).unwrap();
    let mut found = Vec::new();
    for at in 0..good.len() {
        let flips: &[u8] = if at % 16 == 0 { &[0x01, 0x80, 0x20, 0xff] } else { &[0x01, 0x80] };
        for flip in flips {
            let mut damaged = good.to_vec();
            damaged[at] ^= flip;
            match read_text(&damaged, PASSWORD) {
                Ok(read) => assert_eq!(read, whole, "byte {at}"),
                Err(error) => found.push(error.message().to_owned()),
            }
        }
        // Neither does a file that ends early.
        assert!(read_text(&good[..at], PASSWORD).is_err(), "{at} bytes");
    }
    assert!(found.len() > 2 * good.len() - 100, "{}", found.len());
    // Most bytes are of the encrypted parts: what is decrypted still shows that the password is
    // right.
    let altered = "It is damaged: the password is right, but its MAC does not match its content.";
    let count = found.iter().filter(|message| *message == altered).count();
    assert!(count > good.len(), "{count} of {}", found.len());
}

#[test]
fn hostile_structure_costs_little() {
    let deep = [&b"\x30\x80\x02\x01\x03"[..], &b"\x30\x80".repeat(1 << 19)].concat();
    let flat = [
        &b"\x30\x80\x02\x01\x03\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"[..],
        b"\xa0\x80\x24\x80",
        &b"\x24\x80\x04\x00\0\0".repeat(1 << 18),
    ]
    .concat();
    let long = b"\x30\x84\xff\xff\xff\xff\x02\x01\x03\x30\x80".to_vec();
    let open = b"\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff\x02\x01\x03".to_vec();
    for data in [deep, flat, long] {
        assert!(message(&data, PASSWORD).contains("damaged or incomplete"));
    }
    assert_eq!(message(&open, PASSWORD), "It is not PKCS#12.");
}
