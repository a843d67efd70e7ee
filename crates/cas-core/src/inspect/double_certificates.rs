//! SM2 double certificates: whether a signing pair and an encryption pair belong together.
//!
//! In TLCP (GB/T 38636, GM/T 0024) a server has a certificate for signatures and another one for
//! encryption, whose key the CA makes and keeps a copy of.

use ring::rand::SecureRandom;
use x509_parser::extensions::KeyUsage;

use crate::inspect::certificate::ParsedCertificate;
use crate::inspect::findings::{Finding, FindingKind};
use crate::inspect::input;
use crate::inspect::input::DerBlock;
use crate::inspect::inspection::Inspection;
use crate::inspect::key_match;
use crate::inspect::public_key::Algorithm;
use crate::inspect::signature::Validity;

/// The warning about an SM2 certificate that is uploaded without an encryption certificate.
pub(crate) fn single_sm2(inspection: &Inspection) -> Option<Finding> {
    let facts = inspection.facts.as_ref()?;
    let is_sm2 = facts.key_type == Algorithm::Sm2.name();
    is_sm2.then(|| Finding::new(FindingKind::Sm2Single, ""))
}

/// Checks the inspections of a signing and an encryption pair against each other, and moves the
/// findings of both to the first. `signing_text` is the certificate text of the signing pair.
pub(super) fn check(
    [signing, encryption]: &mut [Inspection; 2],
    signing_text: &[u8],
    random: &dyn SecureRandom,
) {
    let ders = [&*signing, &*encryption].map(|pair| certificates(pair.certificate_pem.as_bytes()));
    let [signing_leaf, encryption_leaf] = ders.each_ref().map(|ders| leaf(ders));
    if let (Some(signing_leaf), Some(encryption_leaf)) = (signing_leaf, encryption_leaf) {
        let leaves = [&signing_leaf, &encryption_leaf];
        compare(leaves, signing);
        name_exchanged_keys([signing, encryption], leaves, random);
        let passed = certificates(signing_text);
        let mut passed = passed.iter().filter_map(|der| ParsedCertificate::parse(&der.bytes).ok());
        let has_issuer = passed.any(|issuer| {
            issuer.may_have_issued(&encryption_leaf)
                && issuer.verify_signature(&encryption_leaf) == Validity::Valid
        });
        encryption.findings.retain(|finding| applies_to_encryption(finding.kind, has_issuer));
    }
    let of_encryption = encryption.findings.drain(..).map(Finding::of_encryption);
    signing.findings.extend(of_encryption);
    signing.sort_findings();
}

fn certificates(text: &[u8]) -> Vec<DerBlock> {
    input::certificates(text, &mut Vec::new())
}

fn leaf(ders: &[DerBlock]) -> Option<ParsedCertificate<'_>> {
    ParsedCertificate::parse(&ders.first()?.bytes).ok()
}

/// Whether a finding about any pair matters for an encryption pair. Servers send it with the chain
/// of the signing certificate, and clients compare the host name with the signing certificate.
fn applies_to_encryption(kind: FindingKind, has_issuer: bool) -> bool {
    match kind {
        FindingKind::NoSan | FindingKind::NotForServers => false,
        FindingKind::ChainIncomplete => !has_issuer,
        _ => true,
    }
}

/// Compares the signing certificate with the encryption certificate.
fn compare(leaves: [&ParsedCertificate<'_>; 2], inspection: &mut Inspection) {
    let [signing, encryption] = leaves;
    for (leaf, name) in leaves.into_iter().zip(NAMES) {
        if leaf.key.algorithm != Algorithm::Sm2 {
            let detail = format!("{name} has a key of type {}", leaf.key.name());
            inspection.add(FindingKind::Sm2OtherType, detail);
        }
    }
    if leaves.iter().any(|leaf| leaf.key.algorithm != Algorithm::Sm2) {
        return;
    }
    if signing.der == encryption.der {
        inspection.add(FindingKind::Sm2SameCertificate, "");
        return;
    }
    if signing.key == encryption.key {
        inspection.add(FindingKind::Sm2SameKey, "");
    }
    if !signing.has_subject_of(encryption) {
        let [one, other] = leaves.map(ParsedCertificate::quoted_subject);
        let detail = format!("{one}, the encryption certificate for {other}");
        inspection.add(FindingKind::Sm2SubjectsDiffer, detail);
    }
    let [of_signing, of_encryption] = leaves.map(Uses::of);
    if of_signing.is_only_for_encryption() && of_encryption.is_only_for_signatures() {
        inspection.add(FindingKind::Sm2Swapped, "");
        return;
    }
    if !of_signing.signs {
        let detail = "signing certificate does not allow signatures";
        inspection.add(FindingKind::Sm2KeyUsage, detail);
    }
    if !of_encryption.encrypts {
        let detail = "encryption certificate does not allow encryption";
        inspection.add(FindingKind::Sm2KeyUsage, detail);
    }
}

/// What the two certificates are called in messages.
const NAMES: [&str; 2] = ["the signing certificate", "the encryption certificate"];

/// What the key usage of a certificate allows. Without a key usage, everything.
#[derive(Clone, Copy)]
struct Uses {
    signs: bool,
    encrypts: bool,
}

impl Uses {
    fn of(certificate: &ParsedCertificate<'_>) -> Self {
        let usage = certificate.key_usage();
        let any = |allowed: fn(&KeyUsage) -> bool| usage.as_ref().is_none_or(allowed);
        Self {
            signs: any(|usage| usage.digital_signature() || usage.non_repudiation()),
            encrypts: any(|usage| {
                usage.key_encipherment() || usage.data_encipherment() || usage.key_agreement()
            }),
        }
    }

    fn is_only_for_signatures(self) -> bool {
        self.signs && !self.encrypts
    }

    fn is_only_for_encryption(self) -> bool {
        self.encrypts && !self.signs
    }
}

/// Says of a key that does not belong to its certificate if it belongs to the other one.
fn name_exchanged_keys(
    pairs: [&mut Inspection; 2],
    [signing, encryption]: [&ParsedCertificate<'_>; 2],
    random: &dyn SecureRandom,
) {
    let others = [(encryption, NAMES[1]), (signing, NAMES[0])];
    for (pair, (other, name)) in pairs.into_iter().zip(others) {
        let keys = input::keys(pair.key_pem().as_bytes(), &mut Vec::new());
        let is_mismatch = |finding: &&mut Finding| finding.kind == FindingKind::KeyMismatch;
        let Some(mismatch) = pair.findings.iter_mut().find(is_mismatch) else { continue };
        if keys
            .iter()
            .any(|key| key_match::compare(&key.label, &key.bytes, &other.key, random).is_match())
        {
            *mismatch = Finding::new(FindingKind::KeyMismatch, format!("it is the key of {name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::UnixTime;
    use crate::inspect::inspect_double;
    use ring::rand::SystemRandom;

    /// A certificate and its key. Keys of P-256 are proven as those of SM2 are.
    fn pair() -> [String; 2] {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        [params.self_signed(&key).unwrap().pem(), key.serialize_pem()]
    }

    fn found(signing: [&str; 2], encryption: [&str; 2]) -> Vec<String> {
        let [signing, encryption] = [signing, encryption].map(|pair| pair.map(str::as_bytes));
        let [first, second] =
            inspect_double(signing, encryption, UnixTime(1_800_000_000), &SystemRandom::new());
        assert_eq!(second.findings, []);
        let of_keys = first.refused().filter(|found| found.kind != FindingKind::Sm2OtherType);
        of_keys.map(ToString::to_string).collect()
    }

    #[test]
    fn exchanged_keys_are_named() {
        let ([sign, sign_key], [encrypt, encrypt_key]) = (pair(), pair());
        let [_, other_key] = pair();
        assert!(found([&sign, &sign_key], [&encrypt, &encrypt_key]).is_empty());
        let mismatch = "the private key does not belong to the certificate: it is the key of the";
        assert_eq!(
            found([&sign, &encrypt_key], [&encrypt, &sign_key]),
            [
                format!("key-mismatch: {mismatch} encryption certificate"),
                format!("key-mismatch: encryption certificate: {mismatch} signing certificate"),
            ]
        );
        let foreign = found([&sign, &sign_key], [&encrypt, &other_key]);
        assert!(foreign[0].ends_with("both are EC-P256 keys, but different ones"), "{foreign:?}");
    }
}
