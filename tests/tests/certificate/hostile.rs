//! A megabyte of text that was made to be hard to read: the time of `cas_inspect` grows with the
//! size of its input, not with the square of it, and its memory is proportional to its input.
//!
//! Time is processor time, compared between a whole text and a quarter of it: neither the speed of
//! the machine nor what else it does matters.

use std::fs;
use std::iter::repeat_n;

use acceptance::{Outcome, Program, compile, scratch};

const SIZE: usize = 1 << 20;
/// How much longer a text may take than a quarter of it. In proportion it is 4 times, with the
/// square 16 times.
const GROWTH: u64 = 10;
/// The same for the certificates that may all have signed each other, whose number is limited.
const GROWTH_OF_CLIQUE: u64 = 30;
/// Shorter times, in milliseconds, say nothing.
const SHORT: u64 = 50;
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

/// A name of `parts` equal parts.
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

/// A certificate with an invalid signature.
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

/// `text` repeated to a size.
fn fill(text: &str, size: usize) -> String {
    text.repeat(size / text.len())
}

/// Hostile certificates.
fn certificates(size: usize) -> Vec<(&'static str, String)> {
    let (plain, key) = (name(1), rsa_key(256));
    let of = |name: &[u8], key: &[u8], extensions: &[u8]| {
        pem("CERTIFICATE", &certificate(1, name, key, extensions))
    };
    let names = |room: usize| extension(0x11, &der(0x30, &[0x82, 0].repeat(room / 2)));
    let full = |text: &str| fill(text, size);
    // Certificates beyond the limit of TLS are refused unread: the worst case is just below it.
    let (room, der_room) = (size * 100_000 / SIZE, size * 7 / 10);
    let nested = (0..size * 18_000 / SIZE).fold(Vec::new(), |inside, _| der(0x30, &inside));
    let clique = u8::try_from(16 * size / SIZE).unwrap();
    // Each may have signed each other: the same names, and the largest keys that libcas verifies
    // with.
    let clique = (0..clique)
        .map(|serial| pem("CERTIFICATE", &certificate(serial, &plain, &rsa_key(1024), &[])));
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

/// Texts with much to unwrap and nothing in it.
fn wrapped(size: usize) -> Vec<(&'static str, String)> {
    let full = |text: &str| fill(text, size);
    let begun = |text: &str| format!("-----BEGIN CERTIFICATE-----\n{}", full(text));
    let quoted = |text: &str| format!("> -----BEGIN CERTIFICATE-----\n{}", full(text));
    vec![
        ("tags", full("<")),
        ("open tags", full("<a ")),
        ("closed tags", full("<a>-----BEGIN A-----")),
        ("character references", full("&#43;")),
        ("ampersands", full("&")),
        ("percent signs", full("%")),
        ("percent-encoding", full("-----BEGIN%20A-----%0A")),
        ("form encoding", full("-----BEGIN+A-----%0A")),
        ("soft line ends", begun("=\n")),
        ("quoted-printable", begun("=3D")),
        ("backticks", begun("`")),
        ("PowerShell escapes", begun("`n")),
        ("backslashes and spaces", full("\\ ")),
        ("backslashes and line ends", full("\\\n")),
        ("em dashes", full("\u{2014}")),
        ("typographic markers", full("\u{2014}BEGIN A\u{2014}")),
        ("open typographic markers", full("\u{2014}BEGIN A")),
        ("a long label", format!("\u{2014}BEGIN {}", full("A "))),
        ("quoted lines", quoted("> MIIB\n")),
        ("quoted begin lines", full("> -----BEGIN CERTIFICATE-----\n")),
        ("numbered begin lines", full("1:-----BEGIN CERTIFICATE-----\n")),
        ("digits", format!("{}-----BEGIN CERTIFICATE-----\n", full("1"))),
        ("ends of lines", format!("-----BEGIN A-----$\n{}", full("MIIB$\n"))),
        ("literals", full("\"-----BEGIN CERTIFICATE-----\"\n")),
        ("quotes", format!("\"-----BEGIN CERTIFICATE-----{}", full("\""))),
        ("complete literals", full("\"-----BEGIN A-----\"\"-----END A-----\"")),
        ("removed lines", begun("-a\n")),
        ("base64 of PEM", full("LS0tLS1CRUdJTi ")),
        ("line ends only", full("\n")),
        ("PKCS#7", pem("CERTIFICATE", &sequence(&[&der(0x30, &vec![5; size / 2]), &der(3, &[0])]))),
    ]
}

/// Hostile keys.
fn keys(size: usize) -> Vec<(&'static str, String)> {
    let ec = sequence(&[
        &der(2, &[1]),
        &der(4, &[7; 32]),
        &der(0xa0, &oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])),
    ]);
    let number = |length: usize| der(2, &[&[0][..], &vec![0xc5; length]].concat());
    let rsa: Vec<Vec<u8>> = repeat_n(number(size / 13), 8).collect();
    let rsa = sequence(&[&der(2, &[0]), &rsa.concat()]);
    vec![
        ("many keys", fill(&pem("EC PRIVATE KEY", &ec), size)),
        ("large numbers", pem("RSA PRIVATE KEY", &rsa)),
        ("empty keys", fill("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", size)),
        ("one letter", pem("PRIVATE KEY", &vec![0; size * 7 / 10])),
    ]
}

#[test]
fn hostile_input_takes_time_and_memory_in_proportion_to_its_size() {
    let directory = scratch("hostile");
    let inspect = compile("tests/fixtures/c/inspect.c", &[]);
    let file = |name: &str, text: &str| {
        let path = directory.join(name.replace(' ', "-"));
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // A process for each input, as the peak memory is that of the process.
    let run = |line: &str| Program::new(&inspect).run_with(line);
    let plain = pem("CERTIFICATE", &certificate(1, &name(1), &rsa_key(256), &[]));
    let plain = file("plain", &plain);
    let least = run(&plain);
    assert!(!least.field("sha256").is_empty(), "{}", least.stdout);
    let base: u64 = least.field("peak_kb").parse().unwrap();

    let lines = |size: usize| -> Vec<(&'static str, String)> {
        let in_place_of_certificates = certificates(size).into_iter().chain(wrapped(size));
        let in_place_of_keys = keys(size).into_iter().chain(wrapped(size));
        in_place_of_certificates
            .map(|(name, text)| (name, file(&format!("{name} {size}"), &text)))
            .chain(in_place_of_keys.map(|(name, text)| {
                (name, format!("{plain}\t{}", file(&format!("key {name} {size}"), &text)))
            }))
            .collect()
    };
    for ((name, whole), (_, quarter)) in lines(SIZE).iter().zip(&lines(SIZE / 4)) {
        let [whole, quarter] = [whole, quarter].map(|line| {
            let outcome = run(line);
            assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{name}");
            outcome
        });
        let number = |outcome: &Outcome, field| outcome.field(field).parse::<u64>().unwrap();
        let [time, time_of_quarter] = [&whole, &quarter].map(|outcome| number(outcome, "cpu_ms"));
        let memory = number(&whole, "peak_kb").saturating_sub(base);
        println!("{name}: {time} ms, a quarter {time_of_quarter} ms, {memory} KiB");
        let growth = if *name == "clique" { GROWTH_OF_CLIQUE } else { GROWTH };
        let most = SHORT.max(time_of_quarter * growth);
        assert!(time <= most, "{name}: {time} ms, a quarter of it {time_of_quarter} ms");
        assert!(memory < MOST_MEMORY, "{name} took {memory} KiB");
    }
}
