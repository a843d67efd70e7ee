//! Recognises SM2 private keys in an envelope: CAs deliver the key of an encryption certificate
//! encrypted for the key of the signing certificate.

use x509_parser::asn1_rs::{Any, FromDer, Tag};

/// The beginning of OIDs of algorithms for encryption, 1.2.156.10197.1, such as SM4.
const GM_ALGORITHMS: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1];

/// OIDs of messages: enveloped, and signed and enveloped, in GM/T 0010 and in PKCS#7.
const MESSAGES: [&[u8]; 4] = [
    &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 6, 1, 4, 2, 3],
    &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 6, 1, 4, 2, 4],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 4],
];

/// Whether this is an `SM2EnvelopedKey` (GM/T 0009: algorithm, encrypted key of the envelope,
/// public key, encrypted private key), or a message that may contain one.
pub(super) fn is_enveloped(der: &[u8]) -> bool {
    let Ok((_, outer)) = Any::from_der(der) else { return false };
    if outer.tag() != Tag::Sequence {
        return false;
    }
    let Ok((rest, first)) = Any::from_der(outer.data) else { return false };
    match first.tag() {
        Tag::Oid => MESSAGES.contains(&first.data),
        Tag::Sequence => {
            let is_gm = Any::from_der(first.data)
                .is_ok_and(|(_, oid)| oid.tag() == Tag::Oid && oid.data.starts_with(GM_ALGORITHMS));
            let next = |der| Any::from_der(der).map(|(rest, any)| (rest, any.tag()));
            is_gm
                && matches!(next(rest), Ok((rest, Tag::Sequence))
                    if matches!(next(rest), Ok((_, Tag::BitString))))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DER with a tag. Short enough for a length of one byte.
    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        [&[tag, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    }

    #[test]
    fn enveloped_keys_are_told_from_other_keys() {
        let sm4 = der(6, &[GM_ALGORITHMS, &[104]]);
        let algorithm = der(0x30, &[&sm4, &[5, 0]]);
        let cipher =
            der(0x30, &[&[2, 1, 7], &[2, 1, 7], &der(4, &[&[7; 32]]), &der(4, &[&[7; 16]])]);
        let bits = der(3, &[&[0, 4, 7, 7]]);
        assert!(is_enveloped(&der(0x30, &[&algorithm, &cipher, &bits, &bits])));
        for oid in MESSAGES {
            assert!(is_enveloped(&der(0x30, &[&der(6, &[oid]), &der(0xa0, &[&[5, 0]])])));
        }
        let signed = der(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]]);
        let ec = der(6, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]]);
        for other in [
            der(0x30, &[&signed, &der(0xa0, &[&[5, 0]])]),
            der(0x30, &[&der(0x30, &[&ec, &sm4]), &bits]),
            der(0x30, &[&[2, 1, 0], &der(0x30, &[&ec, &sm4]), &der(4, &[&[7; 32]])]),
            der(0x30, &[&algorithm, &bits]),
            der(0x30, &[&algorithm, &cipher]),
            der(0x30, &[&algorithm]),
            der(0x31, &[&algorithm, &cipher, &bits]),
            vec![0x30, 9, 0x30],
            vec![0x30, 0],
            Vec::new(),
        ] {
            assert!(!is_enveloped(&other), "{other:?}");
        }
    }
}
