//! Certificates that earlier uploads stored under alternate names, NAME-<8 hex>, and that still
//! exist: which of them a renewal under NAME replaces. No I/O: the caller fetches certificates.

use crate::inspect::{Fingerprint, is_renewal};
use crate::service::certificate::Certificate;
use crate::service::types::CertId;

/// Most certificates that are fetched. If there are more, no single one can be the predecessor.
const MAX_FETCHED: usize = 4;

/// A certificate that an earlier upload left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOver {
    pub(crate) id: CertId,
    pub(crate) name: String,
}

/// Returns the certificates that earlier uploads under `requested` left, and the one of them that
/// `renewal`, the PEM to upload, replaces.
///
/// `fetch` returns the PEM of a stored certificate; empty if the service does not give it.
///
/// # Errors
/// The first error of `fetch`.
pub(crate) fn find<E>(
    requested: &str,
    renewal: &str,
    listed: &[&Certificate],
    fetch: &dyn Fn(CertId) -> Result<String, E>,
) -> Result<(Vec<LeftOver>, Option<CertId>), E> {
    let mut candidates: Vec<_> = listed
        .iter()
        .filter_map(|listed| Some((*listed, digits(&listed.name, requested)?)))
        .filter(|(listed, digits)| {
            let mut known = listed.sha256.chars().take(8).map(|c| c.to_ascii_lowercase());
            listed.sha256.is_empty() || digits.chars().all(|digit| known.next() == Some(digit))
        })
        .map(|(listed, digits)| (listed, digits, String::new()))
        .collect();
    if candidates.len() <= MAX_FETCHED {
        for (listed, _, pem) in &mut candidates {
            *pem = fetch(listed.id)?;
        }
        // In 2018-07-13, the list does not have the fingerprint that makes the name.
        candidates.retain(|(_, digits, pem)| {
            let stored = Fingerprint::of_pem(pem);
            stored.is_none_or(|stored| stored.short() == *digits)
        });
    }
    let predecessor = match &candidates[..] {
        [(listed, _, pem)] if is_renewal(pem, renewal) => Some(listed.id),
        _ => None,
    };
    let left = candidates
        .into_iter()
        .map(|(listed, ..)| LeftOver { id: listed.id, name: listed.name.clone() });
    Ok((left.collect(), predecessor))
}

/// The digits of an alternate name made from `requested`.
fn digits<'a>(name: &'a str, requested: &str) -> Option<&'a str> {
    let digits = name.strip_prefix(requested)?.strip_prefix('-')?;
    let is_hex = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (digits.len() == 8 && is_hex).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use serde_json::json;

    use crate::protocol::fields::parse;

    /// A certificate for these names that is valid from that year on.
    fn certificate(
        names: &[&str],
        year: i32,
        algorithm: &'static rcgen::SignatureAlgorithm,
    ) -> String {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(year, 1, 1);
        params.not_after = date_time_ymd(year + 1, 1, 1);
        params.self_signed(&KeyPair::generate_for(algorithm).unwrap()).unwrap().pem()
    }

    const P256: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;

    fn old(names: &[&str]) -> String {
        certificate(names, 2025, P256)
    }

    /// An entry of a list. 2020-04-07 lists the SHA-256.
    fn entry(id: i64, name: &str, sha256: &str) -> Certificate {
        parse(json!({"Id": id, "Name": name, "Sha2": sha256})).unwrap()
    }

    fn alternate(pem: &str) -> String {
        format!("web-{}", Fingerprint::of_pem(pem).unwrap().short())
    }

    /// What is left of these certificates, the predecessor, and how many were fetched.
    fn found(
        renewal: &str,
        stored: &[(&str, &str)],
        lists_sha256: bool,
    ) -> (usize, Option<i64>, u32) {
        let sha256 = |pem| Fingerprint::of_pem(pem).filter(|_| lists_sha256);
        let entries: Vec<_> = (1..)
            .zip(stored)
            .map(|(id, (name, pem))| {
                entry(id, name, &sha256(pem).map_or(String::new(), |f| f.sha256))
            })
            .collect();
        let fetched = Cell::new(0);
        let fetch = |id: CertId| {
            fetched.set(fetched.get() + 1);
            let pem = stored[usize::try_from(id.get()).unwrap() - 1].1;
            Ok::<_, ()>(if pem == "withheld" { String::new() } else { pem.to_owned() })
        };
        let (left, predecessor) =
            find("web", renewal, &entries.iter().collect::<Vec<_>>(), &fetch).unwrap();
        (left.len(), predecessor.map(CertId::get), fetched.get())
    }

    #[test]
    fn a_single_left_over_is_the_predecessor_of_its_renewal() {
        let renewal = certificate(&["b.example", "a.example"], 2026, P256);
        let old = old(&["a.example", "B.example"]);
        for lists_sha256 in [true, false] {
            let alone = [("web", renewal.as_str()), (&alternate(&old), &old)];
            assert_eq!(found(&renewal, &alone, lists_sha256), (1, Some(2), 1));
            let dated = [("web-20260102", old.as_str()), (&alternate(&old), &old)];
            let fetched = if lists_sha256 { 1 } else { 2 };
            assert_eq!(found(&renewal, &dated, lists_sha256), (1, Some(2), fetched));
        }
    }

    #[test]
    fn anything_else_stays() {
        let renewal = certificate(&["a.example"], 2026, P256);
        let old = old(&["a.example"]);
        for other in [
            certificate(&["a.example", "b.example"], 2025, P256),
            certificate(&["b.example"], 2025, P256),
            certificate(&["a.example"], 2025, &rcgen::PKCS_ED25519),
            certificate(&["a.example"], 2026, P256),
            certificate(&["a.example"], 2027, P256),
        ] {
            assert_eq!(found(&renewal, &[(&alternate(&other), &other)], true), (1, None, 1));
            let two = [(alternate(&old), old.as_str()), (alternate(&other), &other)];
            let two = two.each_ref().map(|(name, pem)| (name.as_str(), *pem));
            assert_eq!(found(&renewal, &two, false), (2, None, 2));
        }
        assert_eq!(found(&renewal, &[("web-0a1b2c3d", "withheld")], false), (1, None, 1));
        for name in ["web-0A1B2C3D", "web-0a1b2c3", "web-0a1b2c3d4", "web0a1b2c3d", "api-0a1b2c3d"]
        {
            assert_eq!(found(&renewal, &[(name, &old)], false), (0, None, 0), "{name}");
        }
        let many = [("web-0a1b2c3d", old.as_str()); MAX_FETCHED + 1];
        assert_eq!(found(&renewal, &many, false), (MAX_FETCHED + 1, None, 0));
    }

    #[test]
    fn a_certificate_that_cannot_be_fetched_for_the_moment_fails_the_search() {
        let listed = entry(1, "web-0a1b2c3d", "");
        assert_eq!(find("web", "not PEM", &[&listed], &|_| Err("later")), Err("later"));
    }
}
