use super::*;
use x509_parser::certificate::X509Certificate;

use crate::inspect::certificate::ParsedCertificate;
use crate::inspect::input;
use crate::inspect::signature::Validity;

/// The certificates of `certificates.pem`, in DER.
fn certificates() -> Vec<Vec<u8>> {
    let pem = include_bytes!("certificates.pem");
    input::certificates(pem, &mut Vec::new()).iter().map(|block| block.bytes.to_vec()).collect()
}

fn verify(issuer: &[u8], subject: &[u8]) -> Validity {
    let [issuer, subject] = [issuer, subject].map(|der| ParsedCertificate::parse(der).unwrap());
    issuer.verify_signature(&subject)
}

#[test]
fn signatures_with_a_usual_identity_are_verified() {
    let [root, leaf, without_identity, other_identity] = &certificates()[..] else { panic!() };
    assert_eq!(verify(root, root), Validity::Valid);
    assert_eq!(verify(root, leaf), Validity::Valid);
    assert_eq!(verify(root, without_identity), Validity::Valid);
    assert_eq!(verify(root, other_identity), Validity::Invalid);
    assert_eq!(verify(leaf, leaf), Validity::Invalid);
}

#[test]
fn every_damaged_byte_of_what_is_signed_is_noticed() {
    let [root, leaf, ..] = &certificates()[..] else { panic!() };
    let issuer = ParsedCertificate::parse(root).unwrap();
    let signed = X509Certificate::from_der(leaf).unwrap().1.tbs_certificate.as_ref().len();
    let mut refused = 0;
    // What is signed, after the header of the whole, and the numbers of the signature.
    for at in (4..4 + signed).chain(leaf.len() - 64..leaf.len()) {
        let mut damaged = leaf.clone();
        damaged[at] ^= 1;
        if let Ok(damaged) = ParsedCertificate::parse(&damaged) {
            assert_ne!(issuer.verify_signature(&damaged), Validity::Valid, "byte {at}");
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn malformed_signatures_are_none() {
    let der = |parts: &[&[u8]]| {
        let content = parts.concat();
        [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    };
    let one: &[u8] = &[2, 1, 1];
    assert!(read(&der(&[one, one])).is_some());
    let padded: &[u8] = &[&[2, 33, 0][..], &[0x80; 32]].concat();
    assert!(read(&der(&[padded, one])).is_some());
    let too_long: &[u8] = &[&[2, 33][..], &[0x7f; 33]].concat();
    let too_large: &[u8] = &[&[2, 33, 0][..], &[0xff; 32]].concat();
    let not_der: &[u8] = &[2, 9, 1];
    for other in [&[2, 1, 0][..], &[2, 1, 0xff], too_long, too_large, &[4, 1, 1], not_der, &[]] {
        assert!(read(&der(&[one, other])).is_none(), "{other:?}");
        assert!(read(&der(&[other, one])).is_none(), "{other:?}");
    }
    assert!(read(&der(&[one, one, one])).is_none());
    assert!(read(one).is_none() && read(&[]).is_none());
}
