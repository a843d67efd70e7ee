//! Inspections of certificates that the tests make: leaf, chain and private key.

mod input;
mod issuers;

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::certificate::IssuerLink;
use super::*;
use crate::base::error::ErrorKind;

/// A time within the validity of the certificates pki here.
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
struct TestPki {
    leaf: String,
    lower: String,
    upper: String,
    root: String,
    key: String,
}

impl TestPki {
    fn new() -> Self {
        Self::with_leaf(&params("a.example"), &KeyPair::generate().unwrap())
    }

    fn with_leaf(leaf: &CertificateParams, key: &KeyPair) -> Self {
        let new_key = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(authority("root"), new_key()).unwrap();
        let upper = CertifiedIssuer::signed_by(authority("upper"), new_key(), &root).unwrap();
        let lower = CertifiedIssuer::signed_by(authority("lower"), new_key(), &upper).unwrap();
        Self {
            leaf: leaf.signed_by(key, &lower).unwrap().pem(),
            lower: lower.pem(),
            upper: upper.pem(),
            root: root.pem(),
            key: key.serialize_pem(),
        }
    }

    /// The chain that an upload has to send.
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
fn clean_pair_has_no_findings_and_is_unchanged() {
    for key in [
        KeyPair::generate().unwrap(),
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(),
        KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(),
    ] {
        let pki = TestPki::with_leaf(&params("a.example"), &key);
        let inspection = inspected(&pki.chain(), Some(&pki.key()));
        assert_eq!(inspection.findings, []);
        assert_eq!(inspection.certificate_pem, pki.chain());
        assert_eq!(inspection.key_pem(), pki.key());
        let facts = inspection.facts.unwrap();
        assert_eq!((facts.common_name.as_str(), facts.issuer.as_str()), ("a.example", "CN=lower"));
        assert_eq!(facts.sans, ["a.example"]);
        assert_eq!(facts.not_after.to_string(), "2040-01-01T00:00:00Z");
        let links: Vec<_> = inspection.chain.iter().map(|link| link.issuer_link).collect();
        assert_eq!(links, [Some(IssuerLink::Signature), Some(IssuerLink::Signature), None]);
    }
}

#[test]
fn leaf_is_checked() {
    let key = KeyPair::generate().unwrap();
    let findings = |change: fn(&mut CertificateParams), now: UnixTime| {
        let mut params = params("a.example");
        change(&mut params);
        let pki = TestPki::with_leaf(&params, &key);
        kinds(&inspect(
            pki.chain().as_bytes(),
            Some(pki.key().as_bytes()),
            now,
            &SystemRandom::new(),
        ))
    };
    let end = 2_208_988_800; // 2040-01-01
    let unchanged = |_: &mut CertificateParams| {};
    assert_eq!(findings(unchanged, UnixTime(end - 7 * DAY)), []);
    assert_eq!(findings(unchanged, UnixTime(end - 7 * DAY + 1)), [FindingKind::ExpiresSoon]);
    assert_eq!(findings(unchanged, UnixTime(end)), [FindingKind::ExpiresSoon]);
    let later = findings(unchanged, UnixTime(end + 1));
    assert_eq!(
        later,
        [FindingKind::Expired, FindingKind::IssuerExpired, FindingKind::IssuerExpired]
    );
    assert_eq!(findings(unchanged, UnixTime(1_577_836_799)), [FindingKind::NotYetValid]);
    assert_eq!(findings(|params| params.subject_alt_names.clear(), NOW), [FindingKind::NoSan]);
    let a_ca =
        |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(findings(a_ca, NOW), [FindingKind::CaAsLeaf]);
}

#[test]
fn extensions_of_the_leaf_are_checked() {
    let private = [1, 3, 6, 1, 4, 1, 99999, 1];
    let poison = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 3];
    let new = |oid: &[u64], value: &[u8]| CustomExtension::from_oid_content(oid, value.to_vec());
    let critical = |oid: &[u64]| {
        let mut extension = new(oid, &[5, 0]);
        extension.set_criticality(true);
        extension
    };
    let clients = [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
    for (extensions, wanted) in [
        (vec![new(&[2, 5, 29, 15], &[3, 2, 0, 0])], FindingKind::BrokenCertificate),
        (vec![new(&[2, 5, 29, 14], &[5, 0])], FindingKind::BrokenCertificate),
        (vec![new(&[2, 5, 29, 17], &[0x30, 0])], FindingKind::BrokenCertificate),
        (vec![new(&[2, 5, 29, 37], &clients)], FindingKind::NotForServers),
        (vec![new(&[2, 5, 29, 15], &[3, 2, 2, 4])], FindingKind::NotForServers),
        (vec![new(&private, &[]), new(&private, &[])], FindingKind::BrokenExtension),
        (vec![critical(&private)], FindingKind::UnknownCritical),
        (vec![critical(&[2, 5, 29, 14])], FindingKind::BrokenCertificate),
        (vec![critical(&poison)], FindingKind::Precertificate),
        (vec![new(&poison, &[5, 0])], FindingKind::Precertificate),
    ] {
        let mut leaf = params("a.example");
        leaf.custom_extensions = extensions;
        let pki = TestPki::with_leaf(&leaf, &KeyPair::generate().unwrap());
        let found = inspected(&pki.chain(), None).findings;
        assert!(found.iter().any(|finding| finding.kind == wanted), "{wanted:?}: {found:?}");
        let refused = wanted.severity() == Severity::Refused;
        assert!(refused || found.len() == 1, "{wanted:?}: {found:?}");
    }
}

#[test]
fn short_lived_certificate_expires_soon_in_the_last_third_of_its_validity() {
    let start = 1_577_836_800; // 2020-01-01
    for (days, soon) in [(6, 2), (15, 5), (21, 7), (22, 7), (90, 7)] {
        let mut leaf = params("a.example");
        leaf.not_after = leaf.not_before + Duration::from_secs(days * 24 * 60 * 60);
        let pki = TestPki::with_leaf(&leaf, &KeyPair::generate().unwrap());
        let end = start + days.cast_signed() * DAY;
        let found = |now| {
            inspect(pki.chain().as_bytes(), None, UnixTime(now), &SystemRandom::new()).findings
        };
        assert_eq!(found(start), [], "{days}");
        assert_eq!(found(end - soon * DAY), [], "{days}");
        let last = found(end - soon * DAY + 1);
        let limit = if soon < 7 { "a third of its validity" } else { "7 days" };
        assert_eq!(
            last.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!(
                "expires-soon: the certificate expires at {}, in less than {limit}",
                UnixTime(end)
            )]
        );
    }
}

#[test]
fn self_signed_ca_is_taken_with_its_own_key() {
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = params("a.example");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let self_signed = lf(&ca.self_signed(&key).unwrap().pem());
    let found = |pem: &str, key: Option<&KeyPair>| {
        kinds(&inspected(pem, key.map(|key| lf(&key.serialize_pem())).as_deref()))
    };
    assert_eq!(found(&self_signed, Some(&key)), [FindingKind::SelfSignedCa]);
    assert_eq!(found(&self_signed, None), [FindingKind::CaAsLeaf]);
    assert_eq!(
        found(&self_signed, Some(&other)),
        [FindingKind::CaAsLeaf, FindingKind::KeyMismatch]
    );
    // Another CA issued it, be it one of the same name.
    for name in ["root", "a.example"] {
        let upper = CertifiedIssuer::self_signed(authority(name), &other).unwrap();
        let issued = lf(&ca.signed_by(&key, &upper).unwrap().pem());
        assert!(found(&issued, Some(&key)).contains(&FindingKind::CaAsLeaf), "{name}");
    }
}

#[test]
fn gaps_and_extra_certificates_are_reported() {
    let pki = TestPki::new();
    let key = pki.key();
    let found = |pem: &str| kinds(&inspected(&lf(pem), Some(&key)));
    let TestPki { leaf, lower, upper, root, .. } = &pki;
    assert_eq!(found(leaf), [FindingKind::ChainIncomplete]);
    assert_eq!(found(&format!("{leaf}{lower}{upper}{root}")), [FindingKind::RootLeftOut]);
    assert_eq!(found(&format!("{leaf}{lower}{lower}")), [FindingKind::Duplicate]);
    assert_eq!(found(&format!("{lower}{leaf}")), [FindingKind::Reordered]);
    assert_eq!(found(&format!("{leaf}{upper}{lower}")), [FindingKind::Reordered]);
    // A gap: the certificate above it is unrelated.
    assert_eq!(
        found(&format!("{leaf}{upper}")),
        [FindingKind::ChainUnrelated, FindingKind::ChainIncomplete]
    );
    let other = TestPki::new();
    // Beside a chain, another CA is left out, and another server certificate is refused.
    for beside in [&other.lower, &other.root, &other.upper] {
        let inspection = inspected(&lf(&format!("{leaf}{lower}{upper}{beside}")), Some(&key));
        assert_eq!(kinds(&inspection), [FindingKind::UnrelatedLeftOut]);
        assert_eq!(inspection.certificate_pem, pki.chain());
    }
    assert_eq!(found(&format!("{leaf}{lower}{}", other.leaf)), [FindingKind::ChainUnrelated]);
    // Passed for the issuer that is missing: an intermediate is, a root is not needed.
    assert_eq!(found(&format!("{leaf}{lower}{}", other.upper)), [FindingKind::ChainUnrelated]);
    assert_eq!(
        found(&format!("{leaf}{lower}{upper}{}", other.root)),
        [FindingKind::UnrelatedLeftOut]
    );
    assert_eq!(
        found(&format!("{leaf}{}", other.root)),
        [FindingKind::ChainUnrelated, FindingKind::ChainIncomplete]
    );
    // A CA with the issuer's name but another key.
    let inspection = inspected(&lf(&format!("{leaf}{}", other.lower)), Some(&key));
    assert_eq!(kinds(&inspection), [FindingKind::ChainUnrelated]);
    assert!(inspection.findings[0].to_string().contains("has an issuer's name but not its key"));
    assert_eq!(
        found(&format!("{lower}{upper}"))[..2],
        [FindingKind::CaAsLeaf, FindingKind::KeyMismatch]
    );
    assert_eq!(found(&leaf.repeat(17)), [FindingKind::TooManyCertificates]);
    let mut many_names = params("a.example");
    many_names.subject_alt_names =
        vec![rcgen::SanType::DnsName("x".repeat(60).try_into().unwrap()); 1700];
    let many_names = TestPki::with_leaf(&many_names, &KeyPair::generate().unwrap());
    assert_eq!(kinds(&inspected(&many_names.chain(), None)), [FindingKind::TooLarge]);
}

#[test]
fn lone_self_signed_certificate_is_kept() {
    let key = KeyPair::generate().unwrap();
    let pem = lf(&params("a.example").self_signed(&key).unwrap().pem());
    let inspection = inspected(&pem, Some(&lf(&key.serialize_pem())));
    assert_eq!(inspection.findings, []);
    assert_eq!(inspection.certificate_pem, pem);
    assert_eq!(inspection.chain[0].issuer_link, Some(IssuerLink::Signature));
}

#[test]
fn self_signature_that_does_not_verify_is_reported() {
    let key = KeyPair::generate().unwrap();
    let mut leaf = params("a.example");
    let found = |certificate: &rcgen::Certificate| {
        let mut der = certificate.der().to_vec();
        *der.last_mut().unwrap() ^= 1;
        kinds(&inspect_der(&der))
    };
    assert_eq!(found(&leaf.self_signed(&key).unwrap()), [FindingKind::BadSelfSignature]);
    // A CA of the same name signed it.
    let ca = CertifiedIssuer::self_signed(authority("a.example"), KeyPair::generate().unwrap());
    let ca = ca.unwrap();
    leaf.use_authority_key_identifier_extension = false;
    let issued = leaf.signed_by(&key, &ca).unwrap();
    assert_eq!(kinds(&inspected(&lf(&issued.pem()), None)), [FindingKind::BadSelfSignature]);
    let both = lf(&(issued.pem() + &ca.pem()));
    assert_eq!(kinds(&inspected(&both, None)), [FindingKind::RootLeftOut]);
    // Key identifiers tell them apart.
    leaf.use_authority_key_identifier_extension = true;
    leaf.is_ca = IsCa::ExplicitNoCa;
    let issued = leaf.signed_by(&key, &ca).unwrap();
    assert_eq!(kinds(&inspected(&lf(&issued.pem()), None)), [FindingKind::ChainIncomplete]);
}

#[test]
fn key_selects_the_leaf_and_leaf_selects_the_key() {
    let (one, two) = (TestPki::new(), TestPki::new());
    let both = format!("{}{}", one.leaf, two.leaf);
    let inspection = inspected(&both, Some(&two.key()));
    assert!(inspection.certificate_pem.starts_with(lf(&two.leaf).trim_end()));
    let keys = format!("{}{}", one.key(), two.key());
    let inspection = inspected(&two.chain(), Some(&keys));
    assert_eq!(inspection.key_pem(), two.key());
    let keys = keys + &one.key();
    assert_eq!(inspected(&two.chain(), Some(&keys)).key_pem(), two.key());
    assert_eq!(kinds(&inspection), [FindingKind::OtherBlocks]);
    let wrong = inspected(&two.chain(), Some(&one.key()));
    assert_eq!(kinds(&wrong), [FindingKind::KeyMismatch]);
    assert!(
        wrong.findings[0].to_string().contains("both are EC-P256 keys, but different ones"),
        "{:?}",
        wrong.findings
    );
    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
    let wrong = inspected(&two.chain(), Some(&ed25519));
    assert!(
        wrong.findings[0]
            .to_string()
            .contains("the private key is Ed25519, the certificate's key is EC-P256")
    );
}

#[test]
fn findings_are_sorted_by_severity() {
    let pki = TestPki::new();
    let now = UnixTime(3_000_000_000);
    let text = lf(&format!("{}{}", pki.lower, pki.leaf));
    let inspection = inspect(text.as_bytes(), None, now, &SystemRandom::new());
    assert_eq!(
        kinds(&inspection),
        [FindingKind::Expired, FindingKind::IssuerExpired, FindingKind::Reordered]
    );
}

#[test]
fn chain_entries_name_subject_issuer_and_expiry() {
    let pki = TestPki::new();
    let inspection = inspected(&pki.chain(), None);
    let entries: Vec<_> = inspection
        .chain
        .iter()
        .map(|entry| (entry.subject.as_str(), entry.issuer.as_str(), entry.not_after))
        .collect();
    let end = UnixTime(2_208_988_800);
    assert_eq!(
        entries,
        [
            ("\"a.example\"", "\"lower\"", end),
            ("\"lower\"", "\"upper\"", end),
            ("\"upper\"", "\"root\"", end)
        ]
    );
}

#[test]
fn der_is_inspected_like_pem() {
    let key = KeyPair::generate().unwrap();
    let certificate = authority("ca").self_signed(&key).unwrap();
    let inspection = inspect_der(certificate.der());
    assert_eq!(inspection.certificate_pem, lf(&certificate.pem()));
    assert!(inspection.facts.unwrap().is_ca);
    assert_eq!(inspection.chain[0].issuer_link, Some(IssuerLink::Signature));
    let broken = inspect_der(b"\x30\x03\x02\x01\x00");
    assert_eq!(kinds(&broken), [FindingKind::BrokenCertificate]);
    assert!(broken.facts.is_none() && broken.chain.is_empty());
}

#[test]
fn facts_name_serial_and_all_names() {
    let mut leaf = params("a.example");
    leaf.serial_number = Some(vec![0x0a, 0xbc].into());
    for address in ["192.0.2.1", "2001:db8::1"] {
        leaf.subject_alt_names.push(rcgen::SanType::IpAddress(address.parse().unwrap()));
    }
    let name = rcgen::DnType::CustomDnType(vec![2, 5, 4, 3]);
    leaf.distinguished_name.push(name, "b.example");
    let pki = TestPki::with_leaf(&leaf, &KeyPair::generate().unwrap());
    let facts = inspected(&pki.chain(), None).facts.unwrap();
    assert_eq!(facts.serial, "0ABC");
    assert_eq!(facts.sans, ["a.example", "192.0.2.1", "2001:db8::1"]);
    assert_eq!(facts.common_name, "b.example");
    assert_eq!((facts.key_type.as_str(), facts.is_ca), ("EC-P256", false));
}

/// Without a key that decides.
#[test]
fn server_certificate_is_preferred_as_leaf() {
    let mut server = params("a.example");
    server.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let server = lf(&server.self_signed(&KeyPair::generate().unwrap()).unwrap().pem());
    let ca = lf(&authority("ca").self_signed(&KeyPair::generate().unwrap()).unwrap().pem());
    for both in [format!("{server}{ca}"), format!("{ca}{server}")] {
        assert_eq!(inspected(&both, None).certificate_pem, server);
    }
}

#[test]
fn key_of_another_certificate_is_named() {
    let key = KeyPair::generate().unwrap();
    let issuer = CertifiedIssuer::self_signed(authority("ca"), &key).unwrap();
    let leaf = params("a.example").signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let text = lf(&(leaf.pem() + &issuer.pem()));
    let inspection = inspected(&text, Some(&lf(&key.serialize_pem())));
    assert_eq!(
        inspection.findings[0].sentence(),
        "the private key does not belong to the certificate: it is the key of \"ca\""
    );
}

#[test]
fn key_with_wrong_public_part_is_damaged() {
    let key = KeyPair::generate().unwrap();
    let pki = TestPki::with_leaf(&params("a.example"), &key);
    let mut der = key.serialize_der();
    *der.last_mut().unwrap() ^= 1;
    let mut pem = String::new();
    pem::write("PRIVATE KEY", &der, &mut pem);
    let inspection = inspected(&pki.chain(), Some(&pem));
    assert_eq!(
        inspection.findings[0].to_string(),
        "broken-key: the private key at line 1 is damaged: its components are inconsistent"
    );
}

#[test]
fn refusal_lists_all_findings_and_advice() {
    let pki = TestPki::new();
    let later = UnixTime(3_000_000_000);
    let other = KeyPair::generate().unwrap().serialize_pem();
    let inspection =
        inspect(pki.chain().as_bytes(), Some(other.as_bytes()), later, &SystemRandom::new());
    let error = inspection.refusal("web", AllowedFindings::default()).unwrap();
    assert_eq!(error.kind(), ErrorKind::Certificate);
    assert!(error.message().starts_with("Upload of \"web\" refused before sending: "), "{error}");
    assert!(error.message().ends_with('.'), "{error}");
    for part in
        ["\"web\"", "expired: the certificate expired at 2040-01-01T00:00:00Z", "key-mismatch: "]
    {
        assert!(error.message().contains(part), "{error}");
    }
    assert!(error.hint().unwrap().contains("Renew"));
    let other = TestPki::new();
    let unrelated = inspected(&(pki.chain() + &other.chain()), Some(&pki.key()));
    let [left_out, refused] = [FindingKind::UnrelatedLeftOut, FindingKind::ChainUnrelated];
    assert_eq!(kinds(&unrelated), [refused, left_out, left_out]);
    let error = unrelated.refusal("-----", AllowedFindings::default()).unwrap();
    let allow = "To upload it nevertheless: cas_request_allow_finding with \"chain-unrelated\".";
    let hint = format!("{} {allow}", FindingKind::ChainUnrelated.advice());
    assert_eq!(error.hint(), Some(hint.as_str()));
    assert!(error.message().contains("(a PEM text)"), "{error}");
    assert!(
        inspected(&pki.chain(), Some(&pki.key()))
            .refusal("web", AllowedFindings::default())
            .is_none()
    );
}

#[test]
fn allowed_findings_do_not_refuse_an_upload() {
    let (pki, other) = (TestPki::new(), TestPki::new());
    let text = lf(&format!("{}{}{}{}", other.upper, pki.leaf, other.leaf, pki.lower));
    let mut inspection =
        inspect(text.as_bytes(), Some(pki.key().as_bytes()), NOW, &SystemRandom::new());
    let mut allowed = AllowedFindings::default();
    allowed.add(FindingKind::Expired);
    assert!(inspection.refusal("web", allowed).is_some());
    allowed.add(FindingKind::ChainUnrelated);
    assert!(inspection.refusal("web", allowed).is_none());
    assert!(inspection.refused().any(|finding| finding.kind == FindingKind::ChainUnrelated));
    // The chain, then the others in the order given.
    inspection.append_unrelated();
    let sent = lf(&format!("{}{}{}{}", pki.leaf, pki.lower, other.upper, other.leaf));
    assert_eq!(inspection.certificate_pem, sent);
    // What cannot be allowed is reported alone, without advice to allow the rest.
    let keyless = inspected(&text, Some(""));
    let error = keyless.refusal("web", allowed).unwrap();
    assert_eq!(
        error.message(),
        "Upload of \"web\" refused before sending: no-key: the key text contains no PEM private \
         key."
    );
    assert!(!error.hint().unwrap().contains("allow_finding"), "{error}");
}

#[test]
fn certificates_that_are_commented_out_are_left_out() {
    let (pki, old) = (TestPki::new(), TestPki::new());
    let (chain, old, leaf) = (lf(&pki.leaf) + &lf(&pki.lower), lf(&old.leaf), lf(&pki.leaf));
    for mark in ["# ", "#", "; ", "  # "] {
        let commented = format!("{mark}{}\n", old.trim_end().replace('\n', &format!("\n{mark}")));
        for text in [format!("{commented}{chain}"), format!("{chain}{commented}")] {
            let inspection = inspected(&text, Some(&pki.key()));
            let notes = [FindingKind::Layout, FindingKind::SurroundingText];
            assert_eq!(kinds(&inspection), notes, "{text}");
            assert_eq!(inspection.certificate_pem, chain);
        }
        // Nothing else is there, or a part of it is missing.
        let damaged = leaf.replacen("\nMII", &format!("\n{mark}MII"), 1);
        for text in [commented, damaged] {
            assert!(kinds(&inspected(&text, None)).contains(&FindingKind::BrokenPem), "{text}");
        }
    }
}
