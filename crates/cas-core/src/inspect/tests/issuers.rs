//! Which certificates libcas accepts as issuers.

use super::*;

#[test]
fn signature_decides_without_key_identifiers() {
    let mut leaf = params("a.example");
    leaf.use_authority_key_identifier_extension = false;
    let (pki, other) = (TestPki::with_leaf(&leaf, &KeyPair::generate().unwrap()), TestPki::new());
    let right = inspected(&lf(&format!("{}{}", pki.leaf, pki.lower)), None);
    assert_eq!((kinds(&right), right.chain[0].issuer_link), (vec![], Some(IssuerLink::Signature)));
    let wrong = inspected(&lf(&format!("{}{}", pki.leaf, other.lower)), None);
    assert_eq!(kinds(&wrong), [FindingKind::ChainUnrelated]);
}

#[test]
fn names_match_across_string_types_case_and_spaces() {
    let (ca, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut issuer = authority("my ca");
    let certificate = issuer.self_signed(&ca).unwrap();
    let mut leaf = params("a.example");
    leaf.use_authority_key_identifier_extension = false;
    for (name, wanted) in [
        ("my ca", &[FindingKind::RootLeftOut][..]),
        ("My CA", &[FindingKind::RootLeftOut]),
        ("my  ca ", &[FindingKind::RootLeftOut]),
        ("my", &[FindingKind::ChainUnrelated, FindingKind::ChainIncomplete]),
    ] {
        issuer.distinguished_name = rcgen::DistinguishedName::new();
        let name = rcgen::DnValue::PrintableString(name.try_into().unwrap());
        issuer.distinguished_name.push(rcgen::DnType::CommonName, name);
        let leaf = leaf.signed_by(&key, &rcgen::Issuer::from_params(&issuer, &ca)).unwrap();
        let inspection = inspected(&lf(&(leaf.pem() + &certificate.pem())), None);
        assert_eq!(kinds(&inspection), wanted);
    }
}

/// Clients reject such chains, even if the keys match.
#[test]
fn issuer_needs_the_name_and_the_ca_flag() {
    let (ca, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let issuer = CertifiedIssuer::self_signed(authority("ca"), &ca).unwrap();
    let leaf = params("a.example").signed_by(&key, &issuer).unwrap().pem();
    let renamed = authority("another").self_signed(&ca).unwrap().pem();
    let not_a_ca = params("ca").self_signed(&ca).unwrap().pem();
    for (other, wanted) in [
        (&renamed, &[FindingKind::ChainUnrelated, FindingKind::ChainIncomplete][..]),
        (&not_a_ca, &[FindingKind::ChainUnrelated]),
    ] {
        let found = inspected(&lf(&format!("{leaf}{other}")), Some(&lf(&key.serialize_pem())));
        assert_eq!(kinds(&found), wanted);
        assert!(!found.findings[0].to_string().contains("not its key"), "{:?}", found.findings);
    }
    // Two self-signed server certificates with one key: neither is the other's root, and the valid
    // one is the leaf.
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

/// The key usage counts only without basic constraints.
#[test]
fn issuer_without_basic_constraints_needs_the_key_usage() {
    let (ca, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    for (is_ca, usage, accepted) in [
        (IsCa::NoCa, KeyUsagePurpose::KeyCertSign, true),
        (IsCa::NoCa, KeyUsagePurpose::DigitalSignature, false),
        (IsCa::ExplicitNoCa, KeyUsagePurpose::KeyCertSign, false),
    ] {
        let mut issuer = authority("ca");
        (issuer.is_ca, issuer.key_usages) = (is_ca, vec![usage]);
        let issuer = CertifiedIssuer::self_signed(issuer, &ca).unwrap();
        let leaf = params("a.example").signed_by(&key, &issuer).unwrap().pem();
        let inspection = inspected(&lf(&(leaf + &issuer.pem())), None);
        let wanted = if accepted { FindingKind::RootLeftOut } else { FindingKind::ChainUnrelated };
        assert_eq!(kinds(&inspection), [wanted]);
    }
}

/// An algorithm that does not exist, and MD5 with RSA: OIDs in DER, as long as ECDSA with SHA-256.
const UNKNOWN: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 0x7f];
const MD5_WITH_RSA: [u8; 10] = [6, 5, 0x2b, 14, 3, 2, 25, 4, 1, 0];

/// Replaces the signature algorithm in both identifiers, or in the outer one only.
fn with_algorithm(certificate: &[u8], algorithm: [u8; 10], count: usize) -> String {
    const ECDSA_WITH_SHA256: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let mut der = certificate.to_vec();
    let found: Vec<usize> =
        (0..der.len()).filter(|at| der[*at..].starts_with(&ECDSA_WITH_SHA256)).collect();
    assert_eq!(found.len(), 2);
    for at in found.into_iter().rev().take(count) {
        der[at..at + 10].copy_from_slice(&algorithm);
    }
    let mut pem = String::new();
    pem::write("CERTIFICATE", &der, &mut pem);
    pem
}

#[test]
fn weak_signature_of_a_self_signed_leaf_does_not_matter() {
    let (ca, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let issuer = CertifiedIssuer::self_signed(authority("ca"), ca).unwrap();
    let signed = params("a.example").signed_by(&key, &issuer).unwrap();
    let inspection = inspected(&with_algorithm(signed.der(), MD5_WITH_RSA, 2), None);
    assert_eq!(kinds(&inspection), [FindingKind::ChainIncomplete, FindingKind::WeakSignature]);
    let sentence = inspection.findings[1].sentence();
    assert!(sentence.contains("\"a.example\" is signed with MD5"), "{sentence}");
    let self_signed = params("a.example").self_signed(&key).unwrap();
    let inspection = inspected(&with_algorithm(self_signed.der(), MD5_WITH_RSA, 2), None);
    assert_eq!(kinds(&inspection), []);
}

#[test]
fn names_and_key_identifiers_decide_without_a_known_signature() {
    let key = KeyPair::generate().unwrap();
    let issuer = |name: &str| {
        let key = KeyPair::generate().unwrap();
        CertifiedIssuer::self_signed(authority(name), key).unwrap()
    };
    let (ca, namesake) = (issuer("ca"), issuer("ca"));
    let leaf = params("a.example").signed_by(&key, &ca).unwrap();
    let inspection = |count: usize, issuer: &str| {
        inspected(&(with_algorithm(leaf.der(), UNKNOWN, count) + &lf(issuer)), None)
    };
    let right = inspection(2, &ca.pem());
    assert_eq!(kinds(&right), [FindingKind::RootLeftOut]);
    assert_eq!(right.chain[0].issuer_link, Some(IssuerLink::NameOnly));
    assert_eq!(kinds(&inspection(2, &namesake.pem())), [FindingKind::ChainUnrelated]);
    // The two identifiers of the algorithm differ.
    let different = inspection(1, &ca.pem());
    assert_eq!(kinds(&different), [FindingKind::BrokenCertificate]);
    assert_eq!(
        different.findings[0].sentence(),
        "the certificate at line 1 names two signature algorithms"
    );
}
