//! Looks a certificate up at the service. The certificate decides, not a message or a name alone.

use std::cell::RefCell;
use std::sync::Arc;

use crate::base::deadline::Deadline;
use crate::inspect::Fingerprint;
use crate::service::account::Account;
use crate::service::certificate::Certificate;
use crate::service::failure::CallError;
use crate::service::messages::{ListFailure, unusable_list};
use crate::service::types::CertId;
use crate::service::version::ApiVersion;
use crate::upload::events::{NameOwner, NameStatus};
use crate::upload::left_overs::{self, LeftOver};

/// What to look up.
pub(crate) struct Query<'a> {
    /// The requested name.
    pub(crate) requested: &'a str,
    /// The alternate name, if the rules allow it.
    pub(crate) alternate: Option<&'a str>,
    /// Whether the certificate counts under any name.
    pub(crate) any_name: bool,
    /// The fingerprint of the certificate, if it can be read.
    pub(crate) leaf: Option<&'a Fingerprint>,
    /// The PEM, if the upload replaces what an earlier one left under an alternate name.
    pub(crate) renewal: Option<&'a str>,
    /// A domain of the certificate, to search for before the whole list is read.
    pub(crate) domain: Option<&'a str>,
    /// The version to look it up in; `None` for the current one.
    pub(crate) version: Option<ApiVersion>,
}

impl Query<'_> {
    fn asks_for(&self, name: &str) -> bool {
        name == self.requested || self.alternate == Some(name)
    }
}

/// The result of a look-up.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) names: NameStatus,
    /// The third or similar name that this certificate has.
    pub(crate) third_name: Option<String>,
    /// What earlier uploads left under alternate names; empty without [`Query::renewal`].
    pub(crate) left_overs: Vec<LeftOver>,
    /// The API version of the lists.
    pub(crate) version: ApiVersion,
    /// The RequestId of the last request.
    pub(crate) request_id: Option<String>,
}

/// How the fingerprints of a listed certificate compare with the one to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FingerprintMatch {
    /// The SHA-256 fingerprints are equal.
    Same,
    /// Only the SHA-1 fingerprints could be compared; they are equal.
    Sha1Only,
    /// The fingerprints differ.
    Different,
    /// The list has no fingerprint.
    Unclear,
}

fn compare_fingerprints(listed: &Certificate, leaf: &Fingerprint) -> FingerprintMatch {
    if !listed.sha256.is_empty() {
        if listed.sha256 == leaf.sha256 {
            FingerprintMatch::Same
        } else {
            FingerprintMatch::Different
        }
    } else if listed.sha1.is_empty() {
        FingerprintMatch::Unclear
    } else if listed.sha1 == leaf.sha1 {
        FingerprintMatch::Sha1Only
    } else {
        FingerprintMatch::Different
    }
}

impl Account {
    /// Reads the lists, and returns which certificates have the names of `query` and where the
    /// certificate itself is.
    #[cold]
    pub(crate) fn lookup(
        &self,
        query: &Query<'_>,
        deadline: &Deadline,
    ) -> Result<Listing, CallError> {
        let readings = self.readings.get(Arc::default);
        self.in_version(query.version, |version| {
            let comparison = Comparison::new(self, version, query.leaf, deadline);
            // This certificate under the requested name is final, whatever else is listed.
            let is_proof = |listed: &Certificate| {
                listed.name == query.requested
                    && matches!(comparison.owner(listed), NameOwner::Same(_))
            };
            let found = query.domain.and_then(|domain| self.search(version, domain, deadline));
            let entries = match found {
                Some(found) if found.certificates().into_iter().any(is_proof) => found,
                _ => self.read_list(&readings, version, deadline, &is_proof)?,
            };
            let listed = entries.certificates();
            let (mut names, third) = evaluate(query, &listed, &comparison);
            let has_proof = matches!(names.requested, NameOwner::Same(_));
            if let Some(failure) = comparison.passing.take().filter(|_| !has_proof) {
                return Err(failure);
            }
            if !has_proof && entries.unreadable().any(|name| query.asks_for(name)) {
                return Err(unusable_list(&self.caller.endpoint, ListFailure::Unreadable));
            }
            let third_name = third.map(|certificate| certificate.name.clone());
            let mut left = Vec::new();
            if let Some(renewal) = query.renewal.filter(|_| !has_proof) {
                let limit = deadline.halfway();
                let fetch = |id| match self.stored_certificate(version, id, &limit) {
                    // Not permitted, for example.
                    Err(failure) if !failure.class.is_passing() => Ok(String::new()),
                    other => other,
                };
                (left, names.predecessor) =
                    left_overs::find(query.requested, renewal, &listed, &fetch)?;
            }
            let request_id = entries.request_id;
            Ok(Listing { names, third_name, left_overs: left, version, request_id })
        })
    }
}

/// Returns which of the listed certificates have the names of `query`, and the one under a third or
/// a similar name that is the certificate to look up.
#[cold]
fn evaluate<'a>(
    query: &Query<'_>,
    listed: &[&'a Certificate],
    comparison: &Comparison<'_>,
) -> (NameStatus, Option<&'a Certificate>) {
    let mut names = NameStatus::FREE;
    let mut third = None;
    for &certificate in listed {
        let name = certificate.name.as_str();
        let place = if name == query.requested {
            Some(&mut names.requested)
        } else if query.alternate == Some(name) {
            Some(&mut names.alternate)
        } else if is_similar(name, query.requested) {
            Some(&mut names.similar)
        } else {
            None
        };
        if let Some(place) = place {
            // If two have the same name, this certificate counts rather than the other.
            if !matches!(place, NameOwner::Same(_)) {
                let owner = comparison.owner(certificate);
                if *place == NameOwner::Free || matches!(owner, NameOwner::Same(_)) {
                    *place = owner;
                }
            }
            if matches!(names.requested, NameOwner::Same(_)) {
                break; // final
            }
            if names.similar == NameOwner::Same(certificate.id) {
                third = third.or(Some(certificate));
            }
        }
        let is_third = name != query.requested && query.alternate != Some(name);
        let is_known = names.third_name.is_some();
        if is_third && query.any_name && !is_known && comparison.is_same(certificate) {
            names.third_name = Some(certificate.id);
            third = Some(certificate);
        }
    }
    (names, third)
}

/// Whether two names differ in nothing but case and spaces at the end.
fn is_similar(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim_end(), other.trim_end());
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

/// Compares listed certificates with the one to look up.
pub(super) struct Comparison<'a> {
    account: &'a Account,
    version: ApiVersion,
    leaf: Option<&'a Fingerprint>,
    deadline: &'a Deadline,
    /// Results that needed a request.
    owners: RefCell<Vec<(CertId, NameOwner)>>,
    /// Why one of them could not be compared for the moment.
    passing: RefCell<Option<CallError>>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(
        account: &'a Account,
        version: ApiVersion,
        leaf: Option<&'a Fingerprint>,
        deadline: &'a Deadline,
    ) -> Self {
        let (owners, passing) = (RefCell::default(), RefCell::default());
        Self { account, version, leaf, deadline, owners, passing }
    }

    /// Whether a certificate under a third name is the one to look up. Only a matching fingerprint
    /// is worth a request for the certificate itself.
    pub(super) fn is_same(&self, listed: &Certificate) -> bool {
        let matches = self.leaf.map(|leaf| compare_fingerprints(listed, leaf));
        matches!(matches, Some(FingerprintMatch::Same | FingerprintMatch::Sha1Only))
            && matches!(self.owner(listed), NameOwner::Same(_))
    }

    /// Compares a listed certificate with the one to look up. If SHA-1 alone matches, the stored
    /// certificate decides, provided that the service gives it.
    fn owner(&self, listed: &Certificate) -> NameOwner {
        let id = listed.id;
        let Some(leaf) = self.leaf else { return NameOwner::Unclear(id) };
        let fingerprints = compare_fingerprints(listed, leaf);
        match fingerprints {
            FingerprintMatch::Same => return NameOwner::Same(id),
            FingerprintMatch::Different => return NameOwner::Different(id),
            FingerprintMatch::Sha1Only | FingerprintMatch::Unclear => {}
        }
        if let Some((_, owner)) = self.owners.borrow().iter().find(|(known, _)| *known == id) {
            return *owner;
        }
        let stored = self.account.stored_certificate(self.version, id, self.deadline);
        let owner = match stored.as_deref().map(Fingerprint::of_pem) {
            Ok(Some(stored)) if stored.sha256 == leaf.sha256 => NameOwner::Same(id),
            Ok(Some(_)) => NameOwner::Different(id),
            _ if fingerprints == FingerprintMatch::Sha1Only => NameOwner::Same(id),
            _ => NameOwner::Unclear(id),
        };
        if let (NameOwner::Unclear(_), Err(failure)) = (owner, stored) {
            self.passing.replace(Some(failure).filter(|failure| failure.class.is_passing()));
        }
        self.owners.borrow_mut().push((id, owner));
        owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use serde_json::{Value, json};

    use crate::protocol::failure_class::FailureClass;
    use crate::protocol::fields::parse;
    use crate::service::account::tests::account;
    use crate::service::caller::tests::response;

    fn pem(content: &str) -> String {
        let der = BASE64_STANDARD.encode(content);
        format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
    }

    fn leaf() -> Fingerprint {
        Fingerprint::of_pem(&pem("made for this test")).unwrap()
    }

    fn id(number: i64) -> CertId {
        CertId::new(number).unwrap()
    }

    /// Looks up the name `web` in a list of `entries`; `details` are the responses that follow.
    fn lookup(entries: &[Value], details: &[Value], any_name: bool) -> (Listing, usize) {
        let list = json!({"TotalCount": entries.len(), "CertificateList": entries});
        let outcomes = std::iter::once(&list).chain(details);
        let (account, sent) =
            account(outcomes.map(|body| response(200, &body.to_string())).collect());
        let leaf = leaf();
        let query = Query {
            requested: "web",
            alternate: Some("web-1"),
            any_name,
            leaf: Some(&leaf),
            renewal: None,
            domain: None,
            version: None,
        };
        let deadline = &Deadline::after(Duration::from_secs(3600));
        let listing = account.lookup(&query, deadline).unwrap();
        let requests = sent.lock().unwrap().len();
        (listing, requests)
    }

    #[test]
    fn sha256_decides_before_sha1() {
        let Fingerprint { sha1, sha256, .. } = &leaf();
        let (other, other_sha256) = ("A".repeat(40), "A".repeat(64));
        for (sha1, sha256, expected) in [
            (sha1.as_str(), sha256.as_str(), FingerprintMatch::Same),
            ("", sha256, FingerprintMatch::Same),
            (sha1, "", FingerprintMatch::Sha1Only),
            (sha1, "AA", FingerprintMatch::Sha1Only),
            (sha1, other_sha256.as_str(), FingerprintMatch::Different),
            (other.as_str(), sha256, FingerprintMatch::Same),
            (other.as_str(), "", FingerprintMatch::Different),
            ("AA", "BB", FingerprintMatch::Unclear),
            ("", "", FingerprintMatch::Unclear),
        ] {
            let listed = parse(json!({"Id": 1, "Fingerprint": sha1, "Sha2": sha256})).unwrap();
            assert_eq!(compare_fingerprints(&listed, &leaf()), expected, "{sha1} {sha256}");
        }
    }

    #[test]
    fn the_stored_certificate_decides_if_the_list_cannot() {
        let same_sha1 = json!({"id": 5, "name": "web", "fingerprint": leaf().sha1});
        let no_sha1 = json!({"id": 5, "name": "web"});
        let this = json!({"Id": 5, "Cert": pem("made for this test")});
        let other = json!({"Id": 5, "Cert": pem("another")});
        let nothing = json!({"Id": 5});
        let another_id = json!({"Id": 6, "Cert": pem("made for this test")});
        for (entry, detail, expected) in [
            (&same_sha1, &this, NameOwner::Same(id(5))),
            (&same_sha1, &other, NameOwner::Different(id(5))),
            (&same_sha1, &nothing, NameOwner::Same(id(5))),
            (&no_sha1, &another_id, NameOwner::Unclear(id(5))),
            (&no_sha1, &this, NameOwner::Same(id(5))),
            (&no_sha1, &other, NameOwner::Different(id(5))),
            (&no_sha1, &nothing, NameOwner::Unclear(id(5))),
        ] {
            let entries = std::slice::from_ref(entry);
            let (listing, requests) = lookup(entries, std::slice::from_ref(detail), false);
            assert_eq!((listing.names.requested, requests), (expected, 2), "{entry} {detail}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_compared_for_a_moment_makes_the_look_up_fail() {
        let attempts = |status, body: &str| (0..4).map(|_| response(status, body)).collect();
        let failed: Vec<_> = attempts(503, "");
        let denied = vec![response(403, r#"{"Code":"Forbidden.RAM"}"#)];
        for (details, expected) in [(failed, None), (denied, Some(NameOwner::Unclear(id(5))))] {
            let list = json!({"TotalCount": 1, "CertificateList": [{"id": 5, "name": "web"}]});
            let mut outcomes = vec![response(200, &list.to_string())];
            outcomes.extend(details);
            let (account, _) = account(outcomes);
            let leaf = leaf();
            let query = Query {
                requested: "web",
                alternate: None,
                any_name: false,
                leaf: Some(&leaf),
                renewal: None,
                domain: None,
                version: None,
            };
            let found = account.lookup(&query, &Deadline::after(Duration::from_secs(3600)));
            match expected {
                Some(owner) => assert_eq!(found.unwrap().names.requested, owner),
                None => assert_eq!(found.unwrap_err().class, FailureClass::OutcomeUnknown),
            }
        }
    }

    #[test]
    fn the_certificate_counts_if_two_have_the_same_name() {
        let entry = |id: i64, name: &str, same: bool| {
            let sha256 = if same { leaf().sha256.clone() } else { "B".repeat(64) };
            json!({"id": id, "name": name, "fingerprint": "A".repeat(40), "Sha2": sha256})
        };
        for (entries, requested, alternate) in [
            (
                [entry(1, "web", false), entry(2, "web", false), entry(3, "web-1", true)],
                NameOwner::Different(id(1)),
                NameOwner::Same(id(3)),
            ),
            (
                [entry(1, "web", false), entry(2, "web", true), entry(3, "web-1", true)],
                NameOwner::Same(id(2)),
                NameOwner::Free,
            ),
            (
                [entry(1, "web-1", true), entry(2, "web-1", false), entry(3, "x", false)],
                NameOwner::Free,
                NameOwner::Same(id(1)),
            ),
        ] {
            let names = lookup(&entries, &[], false).0.names;
            assert_eq!((names.requested, names.alternate), (requested, alternate), "{entries:?}");
        }
    }

    #[test]
    fn the_first_third_name_counts_if_any_name_does() {
        let entries = [
            json!({"id": 1, "name": "a", "fingerprint": "A".repeat(40), "Sha2": ""}),
            json!({"id": 2, "name": "b"}),
            json!({"id": 3, "name": "c", "Sha2": leaf().sha256}),
            json!({"id": 4, "name": "d", "Sha2": leaf().sha256}),
        ];
        let (listing, requests) = lookup(&entries, &[], true);
        assert_eq!((listing.names.third_name, requests), (Some(id(3)), 1));
        assert_eq!(listing.third_name.unwrap(), "c");
        assert_eq!(lookup(&entries, &[], false).0.names.third_name, None);
        let similar = json!({"id": 5, "name": "WEB ", "Sha2": leaf().sha256});
        let listing = lookup(&[similar], &[], false).0;
        assert_eq!(
            (listing.names.similar, listing.names.third_name),
            (NameOwner::Same(id(5)), None)
        );
        assert_eq!(listing.third_name.unwrap(), "WEB ");
    }

    #[test]
    fn an_unreadable_id_under_a_name_that_is_looked_up_proves_nothing() {
        let unreadable = |name: &str| json!({"id": "x", "name": name});
        let listing = |entries: &[Value], alternate| {
            let list = json!({"TotalCount": entries.len(), "CertificateList": entries});
            let (account, _) = account(vec![response(200, &list.to_string())]);
            let leaf = Some(&leaf());
            let query = Query {
                requested: "web",
                alternate,
                any_name: false,
                leaf,
                domain: None,
                version: None,
                renewal: None,
            };
            account.lookup(&query, &Deadline::after(Duration::from_secs(3600)))
        };
        for name in ["web", "web-1"] {
            let failure = listing(&[unreadable(name)], Some("web-1")).unwrap_err();
            assert!(failure.class == FailureClass::OutcomeUnknown, "{name}");
            assert_eq!(
                failure.error.message(),
                "The list of certificates of cas.example is incomplete: missing certificate ID."
            );
        }
        for name in ["web-1", "other", ""] {
            let names = listing(&[unreadable(name)], None).unwrap().names;
            assert_eq!(names.requested, NameOwner::Free, "{name}");
        }
        let same = json!({"id": 2, "name": "web", "Sha2": leaf().sha256});
        let names = listing(&[unreadable("web"), same], None).unwrap().names;
        assert_eq!(names.requested, NameOwner::Same(id(2)));
    }

    #[test]
    fn the_search_for_a_domain_ends_the_look_up_only_with_a_proof() {
        let other = "B".repeat(64);
        let web = |sha256: &str| json!({"CertificateId": 5, "Name": "web", "Sha2": sha256});
        let same = || web(&leaf().sha256);
        let list = |entries: Vec<Value>| {
            let list = json!({"TotalCount": entries.len(), "CertificateOrderList": entries});
            response(200, &list.to_string())
        };
        let refused = || response(400, r#"{"Code":"Unheard.Of"}"#);
        let incomplete = || response(200, r#"{"TotalCount":5}"#);
        let renamed = || json!({"CertificateId": 5, "Name": "x", "Sha2": leaf().sha256});
        for (outcomes, expected) in [
            (vec![list(vec![same()])], NameOwner::Same(id(5))),
            (vec![list(vec![]), list(vec![same()])], NameOwner::Same(id(5))),
            (vec![list(vec![web(&other)]), list(vec![same()])], NameOwner::Same(id(5))),
            (vec![list(vec![renamed()]), list(vec![same()])], NameOwner::Same(id(5))),
            (vec![refused(), list(vec![same()])], NameOwner::Same(id(5))),
            (vec![incomplete(), list(vec![]), list(vec![])], NameOwner::Free),
            (vec![list(vec![web(&other)]), list(vec![]), list(vec![])], NameOwner::Free),
            (
                vec![list(vec![]), list(vec![web(&other)]), list(vec![])],
                NameOwner::Different(id(5)),
            ),
        ] {
            let requests = outcomes.len();
            let (account, sent) = account(outcomes);
            assert!(account.versions.mark_gone(ApiVersion::V2018_07_13));
            let query = Query {
                requested: "web",
                alternate: None,
                any_name: false,
                leaf: Some(&leaf()),
                renewal: None,
                domain: Some("example.com"),
                version: None,
            };
            let deadline = Deadline::after(Duration::from_secs(3600));
            let names = account.lookup(&query, &deadline).unwrap().names;
            assert_eq!(names.requested, expected);
            let sent = sent.lock().unwrap();
            assert!(sent[0].contains("&Keyword=example.com&"), "{}", sent[0]);
            assert!(sent[1..].iter().all(|form| !form.contains("Keyword")), "{sent:?}");
            assert_eq!(sent.len(), requests);
        }
    }
}
