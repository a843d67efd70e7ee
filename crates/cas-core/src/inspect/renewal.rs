//! Whether a certificate takes the place of another.

use crate::inspect::certificate::ParsedCertificate;
use crate::inspect::pem;

/// Whether the first certificate in the PEM `new` renews the one in `old`: it is for the same names
/// with the same type of key, and its validity begins later. False if either cannot be read.
pub(crate) fn is_renewal(old: &str, new: &str) -> bool {
    let (Some(old), Some(new)) = (pem::first_certificate(old), pem::first_certificate(new)) else {
        return false;
    };
    match (ParsedCertificate::parse(&old), ParsedCertificate::parse(&new)) {
        (Ok(old), Ok(new)) => {
            old.key.name() == new.key.name()
                && old.not_before() < new.not_before()
                && have_same_names(&old, &new)
        }
        _ => false,
    }
}

/// Whether two certificates have the same subject alternative names, or none and the same common
/// name.
fn have_same_names(one: &ParsedCertificate<'_>, other: &ParsedCertificate<'_>) -> bool {
    let (Some(ones), Some(others)) = (one.encoded_sans(), other.encoded_sans()) else {
        return false;
    };
    let contains =
        |all: &[Vec<u8>], some: &[Vec<u8>]| some.iter().all(|name| all.iter().any(|n| n == name));
    if ones.is_empty() && others.is_empty() {
        let name = one.common_name();
        return !name.is_empty() && name.eq_ignore_ascii_case(&other.common_name());
    }
    contains(&ones, &others) && contains(&others, &ones)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType, SignatureAlgorithm, date_time_ymd};

    /// A certificate with this common name and these SANs, valid from that year on.
    fn certificate(
        common_name: &str,
        sans: &[SanType],
        year: i32,
        algorithm: &'static SignatureAlgorithm,
    ) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        if !common_name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, common_name);
        }
        params.subject_alt_names = sans.to_vec();
        params.not_before = date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate_for(algorithm).unwrap()).unwrap().pem()
    }

    const P256: &SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn uri(name: &str) -> SanType {
        SanType::URI(name.try_into().unwrap())
    }

    fn other(text: &str) -> SanType {
        SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], text.to_owned().into()))
    }

    #[test]
    fn a_renewal_has_the_same_names_and_type_of_key_and_begins_later() {
        let ip = SanType::IpAddress([192, 0, 2, 1].into());
        let sans = [dns("b.example"), dns("*.a.example"), ip.clone(), uri("spiffe://t/A")];
        let new = certificate("", &sans, 2026, P256);
        let reordered = [uri("spiffe://t/A"), ip, dns("*.A.example"), dns("B.example")];
        assert!(is_renewal(&certificate("x", &reordered, 2025, P256), &new));
        for (sans, year, algorithm) in [
            (&sans[..], 2026, P256),
            (&sans, 2027, P256),
            (&sans, 2025, &rcgen::PKCS_ED25519),
            (&sans, 2025, &rcgen::PKCS_ECDSA_P384_SHA384),
            (&sans[1..], 2025, P256),
            (&[], 2025, P256),
        ] {
            assert!(!is_renewal(&certificate("", sans, year, algorithm), &new), "{year}");
        }
        assert!(!is_renewal("not PEM", &new) && !is_renewal(&new, "not PEM"));
    }

    #[test]
    fn the_type_of_a_name_and_the_case_of_what_is_no_domain_count() {
        for (one, two, same) in [
            (dns("a.example"), dns("A.example"), true),
            (dns("a.example"), uri("a.example"), false),
            (dns("192.0.2.1"), SanType::IpAddress([192, 0, 2, 1].into()), false),
            (uri("spiffe://t/A"), uri("spiffe://t/a"), false),
            (other("alice"), other("alice"), true),
            (other("alice"), other("bobby"), false),
        ] {
            let (old, new) = (certificate("x", &[one], 2025, P256), [two]);
            assert_eq!(is_renewal(&old, &certificate("x", &new, 2026, P256)), same, "{new:?}");
        }
    }

    #[test]
    fn the_common_name_counts_only_without_other_names() {
        let named = |name, sans: &[SanType], year| certificate(name, sans, year, P256);
        let new = named("a.example", &[], 2026);
        assert!(is_renewal(&named("A.example", &[], 2025), &new));
        assert!(!is_renewal(&named("b.example", &[], 2025), &new));
        assert!(!is_renewal(&named("a.example", &[dns("a.example")], 2025), &new));
        assert!(!is_renewal(&named("", &[], 2025), &named("", &[], 2026)));
    }
}
