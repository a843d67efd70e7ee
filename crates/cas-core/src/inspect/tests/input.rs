//! Layouts, formats and damage of the input.

use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Skipping the certificate would leave a gap in the chain.
#[test]
fn damaged_begin_and_end_lines_are_refused() {
    let pki = TestPki::new();
    let chain = pki.chain();
    let ends = chain.match_indices("-----END CERTIFICATE-----").map(|(at, _)| at);
    let begins = chain.match_indices("-----BEGIN CERTIFICATE-----").map(|(at, _)| at);
    for (start, length) in begins.map(|at| (at, 27)).chain(ends.map(|at| (at, 25))) {
        for at in start..start + length {
            let mut text = chain.clone();
            text.remove(at);
            assert_eq!(
                kinds(&inspected(&text, Some(&pki.key()))),
                [FindingKind::BrokenPem],
                "{at} of {start}"
            );
        }
    }
    let second = chain.rfind("-----BEGIN").unwrap();
    for cut in second + 6..chain.len() - 1 {
        let found = kinds(&inspected(&chain[..cut], None));
        assert!(found == [FindingKind::BrokenPem], "cut at {cut}: {found:?}");
    }
}

#[test]
fn surrounding_text_may_have_any_encoding() {
    let pki = TestPki::new();
    let gbk = |pem: &str| [b"friendlyName: \xd6\xa4\xca\xe9\n", pem.as_bytes()].concat();
    let inspection = inspect(&gbk(&pki.chain()), Some(&gbk(&pki.key())), NOW, &SystemRandom::new());
    assert_eq!(kinds(&inspection), [FindingKind::SurroundingText, FindingKind::SurroundingText]);
    assert_eq!(
        (inspection.certificate_pem.as_str(), inspection.key_pem()),
        (&*pki.chain(), &*pki.key())
    );
}

#[test]
fn other_formats_are_named() {
    let pki = TestPki::new();
    let (chain, key) = (pki.chain(), pki.key());
    let as_certificate = |text: &str| kinds(&inspected(text, None));
    let relabelled = |label: &str| chain.replace("CERTIFICATE", label);
    let bare = |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    for (text, kind) in [
        (String::new(), FindingKind::NoCertificate),
        ("no certificate".to_owned(), FindingKind::NoCertificate),
        (key.clone(), FindingKind::Swapped),
        (bare(&key), FindingKind::Swapped),
        (relabelled("CERTIFICATE REQUEST"), FindingKind::Csr),
        (relabelled("NEW CERTIFICATE REQUEST"), FindingKind::Csr),
        (relabelled("PUBLIC KEY"), FindingKind::PublicKey),
        (relabelled("RSA PUBLIC KEY"), FindingKind::PublicKey),
        (relabelled("PKCS7"), FindingKind::Pkcs7),
        (relabelled("X509 CRL"), FindingKind::OtherPem),
        (chain.replace("-----END", "----END"), FindingKind::BrokenPem),
        (chain.replace("MII", "?II"), FindingKind::BrokenPem),
        (chain.replacen("MII", "MIJ", 1), FindingKind::BrokenCertificate),
        ("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJjREND".to_owned(), FindingKind::Base64OfPem),
    ] {
        assert_eq!(as_certificate(&text), [kind], "{text}");
    }
    for (bytes, kind) in [
        (&b"\x30\x82\x01\x0a\xff"[..], FindingKind::Der),
        (b"\x30\x06\x02\x01\x00\xff", FindingKind::Der),
        (b"\x30\x04\x02\x02\x01\x00", FindingKind::Der),
        (b"\x30\x82\x01\x0a\x02\x01\x03", FindingKind::Pkcs12),
        (b"\x30\x80\x02\x01\x03", FindingKind::Pkcs12),
        (b"\x30\x82\x01\x0a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", FindingKind::Pkcs7),
        (b"\xff\xfe-\0-\0", FindingKind::NotText),
        (b"-\0-\0", FindingKind::NotText),
        (b"caf\xe9", FindingKind::NotText),
    ] {
        assert_eq!(kinds(&inspect(bytes, None, NOW, &SystemRandom::new())), [kind], "{bytes:?}");
        let inspection = inspect(chain.as_bytes(), Some(bytes), NOW, &SystemRandom::new());
        assert_eq!(kinds(&inspection), [kind], "{bytes:?}");
    }
    let as_key = |text: &str| kinds(&inspected(&chain, Some(text)));
    let relabelled = |label: &str| key.replace("PRIVATE KEY", label);
    for (text, kind) in [
        (String::new(), FindingKind::NoKey),
        (chain.clone(), FindingKind::NoKey),
        (relabelled("ENCRYPTED PRIVATE KEY"), FindingKind::KeyEncrypted),
        (
            relabelled("RSA PRIVATE KEY").replacen(
                "-----\n",
                "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n",
                1,
            ),
            FindingKind::KeyEncrypted,
        ),
        (relabelled("OPENSSH PRIVATE KEY"), FindingKind::OpensshKey),
        (relabelled("PUBLIC KEY"), FindingKind::PublicKey),
        (relabelled("PKCS7"), FindingKind::NoKey),
        (relabelled("X509 CRL"), FindingKind::NoKey),
        (relabelled("CERTIFICATE REQUEST"), FindingKind::Csr),
        (key.replacen("MIG", "MIH", 1), FindingKind::BrokenKey),
        (key.replacen("MIG", "M?G", 1), FindingKind::BrokenPem),
        (key.replacen("-----BEGIN", "----BEGIN", 1), FindingKind::BrokenPem),
    ] {
        assert_eq!(as_key(&text), [kind], "{text}");
    }
}

#[test]
fn other_blocks_are_removed_and_named() {
    let pki = TestPki::new();
    let blocks = |labels: &[&str]| -> String {
        let block =
            |label: &&str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        labels.iter().map(block).collect()
    };
    let findings = |certificate: &str, key: &str| -> Vec<String> {
        let inspection = inspected(certificate, Some(key));
        assert_eq!(inspection.certificate_pem, pki.chain());
        assert_eq!(inspection.key_pem(), pki.key());
        inspection.findings.iter().map(ToString::to_string).collect()
    };
    let others = blocks(&["A KEY", "B KEY", "B KEY", "C KEY", "D KEY", "E KEY", "F KEY"]);
    assert_eq!(
        findings(&(others + &pki.chain()), &pki.key()),
        ["other-blocks: removed from the certificate text: A KEY, B KEY, C KEY, D KEY, E KEY"]
    );
    // An additional key is noted even if libcas cannot read it.
    assert_eq!(
        findings(&pki.chain(), &(pki.key() + &blocks(&["ENCRYPTED PRIVATE KEY"]))),
        ["other-blocks: removed from the key text: additional private keys"]
    );
}

#[test]
fn one_wrong_label_among_several_is_noted() {
    let pki = TestPki::new();
    let wrong = pki.key().replace("PRIVATE KEY", "EC PRIVATE KEY");
    for keys in [wrong.clone() + &pki.key(), pki.key() + &wrong] {
        let inspection = inspected(&pki.chain(), Some(&keys));
        assert_eq!(kinds(&inspection), [FindingKind::OtherBlocks, FindingKind::Label]);
        assert_eq!(inspection.key_pem(), pki.key());
    }
}

#[test]
fn sixteen_keys_are_read() {
    let (pki, other) = (TestPki::new(), TestPki::new());
    let text = |others: usize| other.key().repeat(others) + &pki.key();
    let inspection = inspected(&pki.chain(), Some(&text(15)));
    assert_eq!(kinds(&inspection), [FindingKind::OtherBlocks]);
    assert_eq!(inspection.key_pem(), pki.key());
    let inspection = inspected(&pki.chain(), Some(&text(16)));
    assert_eq!(kinds(&inspection), [FindingKind::KeyMismatch, FindingKind::OtherBlocks]);
    assert_eq!(inspection.key_pem(), other.key());
}

/// A change of layout, and the finding about it.
type Layout = (fn(&str) -> String, FindingKind);
const LAYOUTS: [Layout; 11] = [
    (|pem| pem.replace('\n', "\r\n"), FindingKind::LineEnds),
    (|pem| pem.replace('\n', "\r"), FindingKind::LineEnds),
    (|pem| format!("\u{feff}{pem}"), FindingKind::ByteOrderMark),
    (|pem| pem.replace('\n', "\\n"), FindingKind::Escapes),
    (|pem| pem.replace('\n', "\\r\\n").replace('/', "\\/"), FindingKind::Escapes),
    (
        |pem| pem.replace("-----BEGIN", "Bag Attributes\n    friendlyName: x\n-----BEGIN"),
        FindingKind::SurroundingText,
    ),
    (|pem| pem.replace('\n', " \n"), FindingKind::Layout),
    (|pem| pem.replace('\n', "\n\n"), FindingKind::Layout),
    (|pem| pem.replace('\n', " "), FindingKind::Layout),
    (|pem| pem.trim_end().to_owned(), FindingKind::Layout),
    (
        |pem| {
            // The base64 on one line.
            let lines: Vec<&str> = pem.lines().collect();
            let mut text = String::new();
            for (at, line) in lines.iter().enumerate() {
                let next = lines.get(at + 1).is_some_and(|next| !next.starts_with('-'));
                let goes_on = next && !line.starts_with('-');
                text += line;
                text += if goes_on { "" } else { "\n" };
            }
            text
        },
        FindingKind::Layout,
    ),
];

#[test]
fn every_layout_is_tidied_and_noted() {
    let pki = TestPki::new();
    for (number, (lay_out, kind)) in LAYOUTS.iter().enumerate() {
        let inspection = inspected(&lay_out(&pki.chain()), Some(&lay_out(&pki.key())));
        assert_eq!(inspection.certificate_pem, pki.chain(), "layout {number}");
        assert_eq!(inspection.key_pem(), pki.key(), "layout {number}");
        let found = kinds(&inspection);
        assert_eq!(
            found.iter().filter(|found| *found == kind).count(),
            2,
            "layout {number}: {found:?}"
        );
        assert!(inspection.refused().next().is_none());
    }
}

#[test]
fn one_file_may_hold_certificate_and_key() {
    let pki = TestPki::new();
    let file = format!("{}{}", pki.key(), pki.chain());
    let inspection = inspected(&file, Some(&file));
    assert_eq!(kinds(&inspection), [FindingKind::KeyBesideCertificate, FindingKind::OtherBlocks]);
    assert_eq!(inspection.certificate_pem, pki.chain());
    assert_eq!(inspection.key_pem(), pki.key());
}

#[test]
fn old_wrong_and_missing_labels_are_replaced() {
    let pki = TestPki::new();
    let old = pki.chain().replace("CERTIFICATE", "X509 CERTIFICATE");
    let wrong = pki.key().replace("PRIVATE KEY", "EC PRIVATE KEY");
    let inspection = inspected(&old, Some(&wrong));
    assert_eq!(kinds(&inspection), [FindingKind::Label, FindingKind::Label]);
    assert_eq!(inspection.certificate_pem, pki.chain());
    assert_eq!(inspection.key_pem(), pki.key());
    let bare = |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let inspection = inspected(&bare(&lf(&pki.leaf)), Some(&bare(&pki.key())));
    assert_eq!(
        kinds(&inspection),
        [FindingKind::ChainIncomplete, FindingKind::BareBase64, FindingKind::BareBase64]
    );
    assert_eq!(inspection.certificate_pem, lf(&pki.leaf));
    assert_eq!(inspection.key_pem(), pki.key());
}

/// Whether a finding quotes a part of the key.
fn quotes_key(inspection: &Inspection, key: &str) -> bool {
    let findings: Vec<String> = inspection.findings.iter().map(ToString::to_string).collect();
    let findings = findings.join("\n");
    let base64: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    base64.as_bytes().windows(8).any(|piece| findings.contains(std::str::from_utf8(piece).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Any order in any combination of layouts gives the same tidy chain, which stays unchanged.
    #[test]
    fn tidying_is_idempotent(
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
        layouts in vec(0..LAYOUTS.len(), 0..4),
    ) {
        static PKI: OnceLock<TestPki> = OnceLock::new();
        let pki = PKI.get_or_init(TestPki::new);
        let parts = [&pki.leaf, &pki.lower, &pki.upper, &pki.root];
        let mut text: String = order.iter().map(|part| lf(parts[*part])).collect();
        let mut key = pki.key();
        for layout in layouts {
            text = LAYOUTS[layout].0(&text);
            key = LAYOUTS[layout].0(&key);
        }
        let once = inspected(&text, Some(&key));
        prop_assert!(once.refused().next().is_none(), "{:?}", once);
        prop_assert_eq!(&once.certificate_pem, &pki.chain());
        prop_assert_eq!(once.key_pem(), pki.key());
        let twice = inspected(&once.certificate_pem, Some(once.key_pem()));
        prop_assert_eq!(&twice.findings, &Vec::new());
        prop_assert_eq!(&twice.certificate_pem, &once.certificate_pem);
    }

    /// Damaged input never makes a finding quote the key.
    #[test]
    fn damage_is_reported_without_quoting_the_key(
        changes in vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..6),
        damage_key in any::<bool>(),
    ) {
        static PKI: OnceLock<TestPki> = OnceLock::new();
        let pki = PKI.get_or_init(TestPki::new);
        let (mut chain, mut key) = (pki.chain().into_bytes(), pki.key().into_bytes());
        for (place, byte, change) in changes {
            let text = if damage_key { &mut key } else { &mut chain };
            let at = place.index(text.len());
            match change {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => text.truncate(at.max(1)),
            }
        }
        let inspection = inspect(&chain, Some(&key), NOW, &SystemRandom::new());
        prop_assert!(!quotes_key(&inspection, &pki.key()), "{:?}", inspection);
        // Input without findings is sent unchanged.
        if inspection.findings.is_empty() {
            prop_assert_eq!(inspection.certificate_pem.as_bytes(), &chain[..]);
            prop_assert_eq!(inspection.key_pem().as_bytes(), &key[..]);
        }
    }

    #[test]
    fn arbitrary_input_is_refused(
        certificate in vec(any::<u8>(), 0..400),
        pieces in vec(0..10_usize, 0..12),
    ) {
        const PIECES: [&str; 10] = [
            "-----BEGIN ",
            "-----END ",
            "CERTIFICATE",
            "PRIVATE KEY",
            "-----",
            "\n",
            "MIIB",
            "\\n",
            ": ",
            "=",
        ];
        let key: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        let (random, key) = (&certificate[..], key.as_bytes());
        for (certificate, key) in [(random, key), (key, random)] {
            let inspection = inspect(certificate, Some(key), NOW, &SystemRandom::new());
            prop_assert!(inspection.refused().next().is_some());
        }
    }
}
