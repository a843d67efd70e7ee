//! Certificates made for the purpose, in every order and every layout.

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};

use super::certificate::IssuerLink;
use super::*;

/// Some time when the certificates made here are valid.
const NOW: UnixTime = UnixTime(1_800_000_000);
const DAY: i64 = 24 * 60 * 60;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// A leaf, two intermediates and their root.
struct Made {
    leaf: String,
    lower: String,
    upper: String,
    root: String,
    key: String,
}

fn made() -> Made {
    made_with(&params("a.example"), &KeyPair::generate().unwrap())
}

fn made_with(leaf: &CertificateParams, key: &KeyPair) -> Made {
    let new_key = || KeyPair::generate().unwrap();
    let root = CertifiedIssuer::self_signed(authority("root"), new_key()).unwrap();
    let upper = CertifiedIssuer::signed_by(authority("upper"), new_key(), &root).unwrap();
    let lower = CertifiedIssuer::signed_by(authority("lower"), new_key(), &upper).unwrap();
    Made {
        leaf: leaf.signed_by(key, &lower).unwrap().pem(),
        lower: lower.pem(),
        upper: upper.pem(),
        root: root.pem(),
        key: key.serialize_pem(),
    }
}

impl Made {
    fn chain(&self) -> String {
        lf(&format!("{}{}{}", self.leaf, self.lower, self.upper))
    }

    fn key(&self) -> String {
        lf(&self.key)
    }
}

/// rcgen writes CRLF.
fn lf(pem: &str) -> String {
    pem.replace("\r\n", "\n")
}

fn inspected(certificate: &str, key: Option<&str>) -> Inspection {
    inspect(certificate.as_bytes(), key.map(str::as_bytes), NOW, &SystemRandom::new())
}

fn kinds(inspection: &Inspection) -> Vec<FindingKind> {
    inspection.findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn a_clean_pair_has_no_findings_and_goes_as_it_is() {
    for key in [
        KeyPair::generate().unwrap(),
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(),
        KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(),
    ] {
        let made = made_with(&params("a.example"), &key);
        let inspection = inspected(&made.chain(), Some(&made.key()));
        assert_eq!(inspection.findings, []);
        assert_eq!(inspection.certificate_pem, made.chain());
        assert_eq!(inspection.key_pem(), made.key());
        let facts = inspection.facts.unwrap();
        assert_eq!((facts.common_name.as_str(), facts.issuer.as_str()), ("a.example", "CN=lower"));
        assert_eq!(facts.sans, ["a.example"]);
        assert_eq!(facts.not_after.to_string(), "2040-01-01T00:00:00Z");
        let bonds: Vec<_> = inspection.chain.iter().map(|link| link.bond).collect();
        assert_eq!(bonds, [Some(IssuerLink::Signature), Some(IssuerLink::Signature), None]);
    }
}

#[test]
fn the_leaf_is_judged() {
    let key = KeyPair::generate().unwrap();
    let judged = |change: fn(&mut CertificateParams), now: UnixTime| {
        let mut params = params("a.example");
        change(&mut params);
        let made = made_with(&params, &key);
        kinds(&inspect(
            made.chain().as_bytes(),
            Some(made.key().as_bytes()),
            now,
            &SystemRandom::new(),
        ))
    };
    let end = 2_208_988_800; // 2040-01-01
    let unchanged = |_: &mut CertificateParams| {};
    assert_eq!(judged(unchanged, UnixTime(end - 7 * DAY)), []);
    assert_eq!(judged(unchanged, UnixTime(end - 7 * DAY + 1)), [FindingKind::ExpiresSoon]);
    assert_eq!(judged(unchanged, UnixTime(end)), [FindingKind::ExpiresSoon]);
    let later = judged(unchanged, UnixTime(end + 1));
    assert_eq!(
        later,
        [FindingKind::Expired, FindingKind::IssuerExpired, FindingKind::IssuerExpired]
    );
    assert_eq!(judged(unchanged, UnixTime(1_577_836_799)), [FindingKind::NotYetValid]);
    assert_eq!(judged(|params| params.subject_alt_names.clear(), NOW), [FindingKind::NoSan]);
    let a_ca =
        |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(judged(a_ca, NOW), [FindingKind::CaAsLeaf]);
}

#[test]
fn a_chain_is_completed_by_nobody_and_cleared_of_what_is_too_much() {
    let made = made();
    let key = made.key();
    let found = |pem: &str| kinds(&inspected(&lf(pem), Some(&key)));
    let Made { leaf, lower, upper, root, .. } = &made;
    assert_eq!(found(leaf), [FindingKind::ChainIncomplete]);
    assert_eq!(found(&format!("{leaf}{lower}{upper}{root}")), [FindingKind::RootLeftOut]);
    assert_eq!(found(&format!("{leaf}{lower}{lower}")), [FindingKind::Duplicate]);
    assert_eq!(found(&format!("{lower}{leaf}")), [FindingKind::Reordered]);
    assert_eq!(found(&format!("{leaf}{upper}{lower}")), [FindingKind::Reordered]);
    // A gap: what stands above it belongs to nothing.
    assert_eq!(
        found(&format!("{leaf}{upper}")),
        [FindingKind::ChainUnrelated, FindingKind::ChainIncomplete]
    );
    let other = self::made();
    assert_eq!(found(&format!("{leaf}{lower}{}", other.lower)), [FindingKind::ChainUnrelated]);
    // A CA of the same name that did not sign.
    let inspection = inspected(&lf(&format!("{leaf}{}", other.lower)), Some(&key));
    assert_eq!(kinds(&inspection), [FindingKind::ChainUnrelated]);
    assert!(inspection.findings[0].to_string().contains("by its name but not by its signature"));
    assert_eq!(
        found(&format!("{lower}{upper}"))[..2],
        [FindingKind::CaAsLeaf, FindingKind::KeyMismatch]
    );
    assert_eq!(found(&leaf.repeat(17)), [FindingKind::TooMany]);
    let mut many_names = params("a.example");
    many_names.subject_alt_names =
        vec![rcgen::SanType::DnsName("x".repeat(60).try_into().unwrap()); 1700];
    let many_names = made_with(&many_names, &KeyPair::generate().unwrap());
    assert_eq!(kinds(&inspected(&many_names.chain(), None)), [FindingKind::TooLarge]);
}

#[test]
fn the_signature_decides_where_names_and_missing_identifiers_do_not() {
    let mut leaf = params("a.example");
    leaf.use_authority_key_identifier_extension = false;
    let (made, other) = (made_with(&leaf, &KeyPair::generate().unwrap()), made());
    let right = inspected(&lf(&format!("{}{}", made.leaf, made.lower)), None);
    assert_eq!((kinds(&right), right.chain[0].bond), (vec![], Some(IssuerLink::Signature)));
    let wrong = inspected(&lf(&format!("{}{}", made.leaf, other.lower)), None);
    assert_eq!(kinds(&wrong), [FindingKind::ChainUnrelated]);
}

#[test]
fn a_name_is_the_same_in_another_string_type() {
    let (ca, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut issuer = authority("ca");
    let certificate = issuer.self_signed(&ca).unwrap();
    issuer.distinguished_name = rcgen::DistinguishedName::new();
    let printable = rcgen::DnValue::PrintableString("ca".try_into().unwrap());
    issuer.distinguished_name.push(rcgen::DnType::CommonName, printable);
    let mut leaf = params("a.example");
    leaf.use_authority_key_identifier_extension = false;
    let leaf = leaf.signed_by(&key, &rcgen::Issuer::from_params(&issuer, &ca)).unwrap();
    assert_eq!(
        kinds(&inspected(&lf(&(leaf.pem() + &certificate.pem())), None)),
        [FindingKind::RootLeftOut]
    );
}

/// What clients take for no chain is none, whatever the keys are.
#[test]
fn an_issuer_of_another_name_or_one_that_is_no_ca_is_none() {
    let (ca, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let issuer = CertifiedIssuer::self_signed(authority("ca"), &ca).unwrap();
    let leaf = params("a.example").signed_by(&key, &issuer).unwrap().pem();
    let renamed = authority("another").self_signed(&ca).unwrap().pem();
    let no_ca = params("ca").self_signed(&ca).unwrap().pem();
    for (other, wanted) in [
        (&renamed, &[FindingKind::ChainUnrelated, FindingKind::ChainIncomplete][..]),
        (&no_ca, &[FindingKind::ChainUnrelated]),
    ] {
        let found =
            kinds(&inspected(&lf(&format!("{leaf}{other}")), Some(&lf(&key.serialize_pem()))));
        assert_eq!(found, wanted);
    }
    // Of two hosts' self-signed certificates with one key, none is the other's root; the valid one is the leaf.
    let mut old = params("a.example");
    old.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let (old, new) = (
        old.self_signed(&key).unwrap().pem(),
        params("a.example").self_signed(&key).unwrap().pem(),
    );
    for both in [format!("{old}{new}"), format!("{new}{old}")] {
        let inspection = inspected(&lf(&both), Some(&lf(&key.serialize_pem())));
        assert_eq!(kinds(&inspection), [FindingKind::ChainUnrelated]);
        assert_eq!(inspection.certificate_pem, lf(&new));
    }
}

/// A certificate that is passed over would leave a hole in the chain.
#[test]
fn a_begin_or_end_line_that_lost_a_letter_is_found() {
    let made = made();
    let chain = made.chain();
    let ends = chain.match_indices("-----END CERTIFICATE-----").map(|(at, _)| at);
    let begins = chain.match_indices("-----BEGIN CERTIFICATE-----").map(|(at, _)| at);
    for (start, length) in begins.map(|at| (at, 27)).chain(ends.map(|at| (at, 25))) {
        for at in start..start + length {
            let mut text = chain.clone();
            text.remove(at);
            assert_eq!(
                kinds(&inspected(&text, Some(&made.key()))),
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
fn words_in_any_encoding_may_stand_around_a_pem() {
    let made = made();
    let gbk = |pem: &str| [b"friendlyName: \xd6\xa4\xca\xe9\n", pem.as_bytes()].concat();
    let inspection =
        inspect(&gbk(&made.chain()), Some(&gbk(&made.key())), NOW, &SystemRandom::new());
    assert_eq!(kinds(&inspection), [FindingKind::Words, FindingKind::Words]);
    assert_eq!(
        (inspection.certificate_pem.as_str(), inspection.key_pem()),
        (&*made.chain(), &*made.key())
    );
}

#[test]
fn a_lone_self_signed_certificate_stays() {
    let key = KeyPair::generate().unwrap();
    let pem = lf(&params("a.example").self_signed(&key).unwrap().pem());
    let inspection = inspected(&pem, Some(&lf(&key.serialize_pem())));
    assert_eq!(inspection.findings, []);
    assert_eq!(inspection.certificate_pem, pem);
    assert_eq!(inspection.chain[0].bond, Some(IssuerLink::Signature));
}

#[test]
fn the_key_decides_among_several_leaves_and_is_chosen_among_several_keys() {
    let (one, two) = (made(), made());
    let both = format!("{}{}", one.leaf, two.leaf);
    let inspection = inspected(&both, Some(&two.key()));
    assert!(inspection.certificate_pem.starts_with(lf(&two.leaf).trim_end()));
    let keys = format!("{}{}", one.key(), two.key());
    let inspection = inspected(&two.chain(), Some(&keys));
    assert_eq!(inspection.key_pem(), two.key());
    assert_eq!(kinds(&inspection), [FindingKind::OtherBlocks]);
    let wrong = inspected(&two.chain(), Some(&one.key()));
    assert_eq!(kinds(&wrong), [FindingKind::KeyMismatch]);
    assert!(wrong.findings[0].to_string().contains("not the same key"), "{:?}", wrong.findings);
    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
    let wrong = inspected(&two.chain(), Some(&ed25519));
    assert!(
        wrong.findings[0].to_string().contains("the key is Ed25519, the certificate's EC-P256")
    );
}

#[test]
fn what_is_no_certificate_or_key_is_named() {
    let made = made();
    let (chain, key) = (made.chain(), made.key());
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
        (&b"\x30\x82\x01\x0a\xff"[..], FindingKind::DerBlock),
        (b"\x30\x06\x02\x01\x00\xff", FindingKind::DerBlock),
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
        (relabelled("CERTIFICATE REQUEST"), FindingKind::Csr),
        (key.replacen("MIG", "MIH", 1), FindingKind::BrokenKey),
        (key.replacen("MIG", "M?G", 1), FindingKind::BrokenPem),
        (key.replacen("-----BEGIN", "----BEGIN", 1), FindingKind::BrokenPem),
    ] {
        assert_eq!(as_key(&text), [kind], "{text}");
    }
}

/// Whatever is refused is one error, with all that is wrong and what to do first.
#[test]
fn a_refusal_says_all_of_it() {
    let made = made();
    let later = UnixTime(3_000_000_000);
    let other = KeyPair::generate().unwrap().serialize_pem();
    let inspection =
        inspect(made.chain().as_bytes(), Some(other.as_bytes()), later, &SystemRandom::new());
    let error = inspection.refusal("web").unwrap();
    assert_eq!(error.kind(), ErrorKind::Certificate);
    for part in ["\"web\"", "expired: not valid after 2040-01-01T00:00:00Z", "key-mismatch: "] {
        assert!(error.message().contains(part), "{error}");
    }
    assert!(error.hint().unwrap().contains("Renew"));
    assert!(inspected(&made.chain(), Some(&made.key())).refusal("web").is_none());
}

/// A text laid out as people have it, and what is noted of it.
type Layout = (fn(&str) -> String, FindingKind);
const LAYOUTS: [Layout; 11] = [
    (|pem| pem.replace('\n', "\r\n"), FindingKind::LineEnds),
    (|pem| pem.replace('\n', "\r"), FindingKind::LineEnds),
    (|pem| format!("\u{feff}{pem}"), FindingKind::ByteOrderMark),
    (|pem| pem.replace('\n', "\\n"), FindingKind::Escapes),
    (|pem| pem.replace('\n', "\\r\\n").replace('/', "\\/"), FindingKind::Escapes),
    (
        |pem| pem.replace("-----BEGIN", "Bag Attributes\n    friendlyName: x\n-----BEGIN"),
        FindingKind::Words,
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
    let made = made();
    for (number, (lay_out, kind)) in LAYOUTS.iter().enumerate() {
        let inspection = inspected(&lay_out(&made.chain()), Some(&lay_out(&made.key())));
        assert_eq!(inspection.certificate_pem, made.chain(), "layout {number}");
        assert_eq!(inspection.key_pem(), made.key(), "layout {number}");
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
fn certificate_and_key_in_one_file_serve_as_both() {
    let made = made();
    let file = format!("{}{}", made.key(), made.chain());
    let inspection = inspected(&file, Some(&file));
    assert_eq!(kinds(&inspection), [FindingKind::KeyBesideCertificate, FindingKind::OtherBlocks]);
    assert_eq!(inspection.certificate_pem, made.chain());
    assert_eq!(inspection.key_pem(), made.key());
}

#[test]
fn labels_of_old_and_missing_ones_are_replaced() {
    let made = made();
    let old = made.chain().replace("CERTIFICATE", "X509 CERTIFICATE");
    let wrong = made.key().replace("PRIVATE KEY", "EC PRIVATE KEY");
    let inspection = inspected(&old, Some(&wrong));
    assert_eq!(kinds(&inspection), [FindingKind::Label, FindingKind::Label]);
    assert_eq!(inspection.certificate_pem, made.chain());
    assert_eq!(inspection.key_pem(), made.key());
    let bare = |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let inspection = inspected(&bare(&lf(&made.leaf)), Some(&bare(&made.key())));
    assert_eq!(
        kinds(&inspection),
        [FindingKind::ChainIncomplete, FindingKind::BareBase64, FindingKind::BareBase64]
    );
    assert_eq!(inspection.certificate_pem, lf(&made.leaf));
    assert_eq!(inspection.key_pem(), made.key());
}

/// Whether a finding quotes a piece of the key.
fn quotes_key(inspection: &Inspection, key: &str) -> bool {
    let said: Vec<String> = inspection.findings.iter().map(ToString::to_string).collect();
    let said = said.join("\n");
    let base64: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    base64.as_bytes().windows(8).any(|piece| said.contains(std::str::from_utf8(piece).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order, any layouts on top of each other: the same tidy chain, and tidying it changes nothing.
    #[test]
    fn tidying_is_idempotent(
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
        layouts in proptest::collection::vec(0..LAYOUTS.len(), 0..4),
    ) {
        static MADE: std::sync::OnceLock<Made> = std::sync::OnceLock::new();
        let made = MADE.get_or_init(made);
        let parts = [&made.leaf, &made.lower, &made.upper, &made.root];
        let mut text: String = order.iter().map(|part| lf(parts[*part])).collect();
        let mut key = made.key();
        for layout in layouts {
            text = LAYOUTS[layout].0(&text);
            key = LAYOUTS[layout].0(&key);
        }
        let once = inspected(&text, Some(&key));
        prop_assert!(once.refused().next().is_none(), "{:?}", once);
        prop_assert_eq!(&once.certificate_pem, &made.chain());
        prop_assert_eq!(once.key_pem(), made.key());
        let twice = inspected(&once.certificate_pem, Some(once.key_pem()));
        prop_assert_eq!(&twice.findings, &Vec::new());
        prop_assert_eq!(&twice.certificate_pem, &once.certificate_pem);
    }

    /// Damage of any kind ends in findings, and these quote no key.
    #[test]
    fn damage_is_found_and_no_key_quoted(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
        of_key in any::<bool>(),
    ) {
        static MADE: std::sync::OnceLock<Made> = std::sync::OnceLock::new();
        let made = MADE.get_or_init(made);
        let (mut chain, mut key) = (made.chain().into_bytes(), made.key().into_bytes());
        for (place, byte, what) in cuts {
            let text = if of_key { &mut key } else { &mut chain };
            let at = place.index(text.len());
            match what {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => text.truncate(at.max(1)),
            }
        }
        let inspection = inspect(&chain, Some(&key), NOW, &SystemRandom::new());
        prop_assert!(!quotes_key(&inspection, &made.key()), "{:?}", inspection);
        // What has no findings is sent as it was given.
        if inspection.findings.is_empty() {
            prop_assert_eq!(inspection.certificate_pem.as_bytes(), &chain[..]);
            prop_assert_eq!(inspection.key_pem().as_bytes(), &key[..]);
        }
    }

    /// Any text at all.
    #[test]
    fn anything_can_be_inspected(
        certificate in proptest::collection::vec(any::<u8>(), 0..400),
        pieces in proptest::collection::vec(0..10_usize, 0..12),
    ) {
        const PIECES: [&str; 10] = [
            "-----BEGIN ", "-----END ", "CERTIFICATE", "PRIVATE KEY", "-----", "\n", "MIIB", "\\n", ": ", "=",
        ];
        let key: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        for (certificate, key) in [(&certificate[..], key.as_bytes()), (key.as_bytes(), &certificate[..])] {
            let inspection = inspect(certificate, Some(key), NOW, &SystemRandom::new());
            prop_assert!(inspection.refused().next().is_some());
        }
    }
}
