//! A megabyte of text that was made to be hard to read: `cas_inspect` ends soon, and needs memory
//! in proportion. The limits are those of a user who waits, and generous: what is looked for is
//! work or memory that grows with the square of the input.

use std::fs;
use std::iter::repeat_n;

use acceptance::{Program, compile, scratch};

const SIZE: usize = 1 << 20;
/// Processor time, in milliseconds.
const MOST_TIME: u64 = 1000;
/// Memory of the whole process above that of one which reads a small text, in KiB: six times the
/// input.
const MOST_MEMORY: u64 = 6 * 1024;

/// An ASN.1 value in DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut value = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => value.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let bytes = &bytes[bytes.iter().position(|b| *b != 0).unwrap()..];
            value.push(0x80 | u8::try_from(bytes.len()).unwrap());
            value.extend(bytes);
        }
    }
    value.extend(content);
    value
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

fn oid(body: &[u8]) -> Vec<u8> {
    der(6, body)
}

/// A name of so many equal parts.
fn name(parts: usize) -> Vec<u8> {
    let attribute = sequence(&[&oid(&[0x55, 4, 3]), &der(0x0c, b"a")]);
    der(0x30, &der(0x31, &attribute).repeat(parts))
}

fn rsa_key(modulus: usize) -> Vec<u8> {
    let number = der(2, &[&[0][..], &vec![0xc5; modulus]].concat());
    let bits = sequence(&[&number, &der(2, &[1, 0, 1])]);
    let algorithm = sequence(&[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), &[5, 0]]);
    sequence(&[&algorithm, &der(3, &[&[0][..], &bits].concat())])
}

/// A certificate that nobody signed.
fn certificate(serial: u8, name: &[u8], key: &[u8], extensions: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), &[5, 0]]);
    let validity = sequence(&[&der(0x17, b"200101000000Z"), &der(0x17, b"400101000000Z")]);
    let version = der(0xa0, &der(2, &[2]));
    let extensions = der(0xa3, &der(0x30, extensions));
    let serial = der(2, &[serial]);
    let signed =
        sequence(&[&version, &serial, &algorithm, name, &validity, name, key, &extensions]);
    sequence(&[&signed, &algorithm, &der(3, &[&[0][..], &[0x33; 1024]].concat())])
}

fn extension(last: u8, value: &[u8]) -> Vec<u8> {
    sequence(&[&oid(&[0x55, 0x1d, last]), &der(4, value)])
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn pem(label: &str, der: &[u8]) -> String {
    let mut base64 = String::new();
    for three in der.chunks(3) {
        let bits = three.iter().fold(0, |bits: u32, b| bits << 8 | u32::from(*b))
            << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            base64.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
        }
        if base64.len() % 65 == 64 {
            base64.push('\n');
        }
    }
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

/// So much of `text` as makes the whole size.
fn full(text: &str) -> String {
    text.repeat(SIZE / text.len())
}

/// Texts in place of a certificate.
fn certificates() -> Vec<(&'static str, String)> {
    let (plain, key) = (name(1), rsa_key(256));
    let of = |name: &[u8], key: &[u8], extensions: &[u8]| {
        pem("CERTIFICATE", &certificate(1, name, key, extensions))
    };
    let names = |room: usize| extension(0x11, &der(0x30, &[0x82, 0].repeat(room / 2)));
    // What is larger than TLS takes is refused unread, so the worst is what is just below that.
    let (room, der_room) = (100_000, SIZE * 7 / 10);
    let nested = (0..18_000).fold(Vec::new(), |inside, _| der(0x30, &inside));
    // Each may have signed each: the same names, and keys as large as signatures can be verified
    // with.
    let clique =
        (0..16).map(|serial| pem("CERTIFICATE", &certificate(serial, &plain, &rsa_key(1024), &[])));
    vec![
        ("begin lines", full("-----BEGIN CERTIFICATE-----\n")),
        ("end lines", full("-----END CERTIFICATE-----\n")),
        ("dashes", full("-")),
        ("empty blocks", full("-----BEGIN A-----\n-----END A-----\n")),
        ("empty certificates", full("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")),
        ("one letter", pem("CERTIFICATE", &vec![0; der_room])),
        ("line ends", format!("-----BEGIN CERTIFICATE-----{}", full("\r"))),
        (
            "headers",
            format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----", full("a: b\n")),
        ),
        ("backslashes", full("\\")),
        ("escapes", full("\\n")),
        ("bare base64", full("MIIB")),
        ("nested", pem("CERTIFICATE", &nested)),
        ("names of the leaf", of(&plain, &key, &names(room))),
        ("parts of a name", of(&name(room / 26), &key, &[])),
        ("extensions", of(&plain, &key, &extension(0x11, &[]).repeat(room / 9))),
        ("modulus", of(&plain, &rsa_key(room), &[])),
        ("too many names", of(&plain, &key, &names(der_room))),
        ("too large a name", of(&name(der_room / 26), &key, &[])),
        ("too large a modulus", of(&plain, &rsa_key(der_room), &[])),
        ("small certificates", full(&of(&plain, &key, &[]))),
        ("clique", clique.collect()),
    ]
}

/// Texts in place of a key.
fn keys() -> Vec<(&'static str, String)> {
    let ec = sequence(&[
        &der(2, &[1]),
        &der(4, &[7; 32]),
        &der(0xa0, &oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])),
    ]);
    let number = |length: usize| der(2, &[&[0][..], &vec![0xc5; length]].concat());
    let rsa: Vec<Vec<u8>> = repeat_n(number(SIZE / 13), 8).collect();
    let rsa = sequence(&[&der(2, &[0]), &rsa.concat()]);
    vec![
        ("many keys", full(&pem("EC PRIVATE KEY", &ec))),
        ("large numbers", pem("RSA PRIVATE KEY", &rsa)),
        ("empty keys", full("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")),
        ("one letter", pem("PRIVATE KEY", &vec![0; SIZE * 7 / 10])),
    ]
}

#[test]
fn a_hostile_megabyte_is_read_soon_and_in_little_memory() {
    let directory = scratch("hostile");
    let inspect = compile("tests/fixtures/c/inspect.c", &[]);
    let file = |name: &str, text: &str| {
        let path = directory.join(name.replace(' ', "-"));
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // A process for each: the most memory that it ever held is that of its one input.
    let run = |line: &str| Program::new(&inspect).run_with(line);
    let plain = pem("CERTIFICATE", &certificate(1, &name(1), &rsa_key(256), &[]));
    let plain = file("plain", &plain);
    let least = run(&plain);
    assert!(!least.field("sha256").is_empty(), "{}", least.stdout);
    let base: u64 = least.field("peak_kb").parse().unwrap();

    let mut lines = Vec::new();
    for (name, text) in certificates() {
        lines.push((name, file(name, &text)));
    }
    for (name, text) in keys() {
        lines.push((name, format!("{plain}\t{}", file(&format!("key {name}"), &text))));
    }
    for (name, line) in lines {
        let outcome = run(&line);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{name}");
        let number = |field: &str| outcome.field(field).parse::<u64>().unwrap();
        let (time, memory) = (number("cpu_ms"), number("peak_kb").saturating_sub(base));
        println!("{name}: {time} ms, {memory} KiB");
        assert!(time < MOST_TIME, "{name} took {time} ms");
        assert!(memory < MOST_MEMORY, "{name} took {memory} KiB");
    }
}
