//! Looks a certificate up at the service. The certificate decides, not a message or a name alone.

use std::time::Instant;

use crate::inspect::Fingerprint;
use crate::service::account::Account;
use crate::service::certificate::Certificate;
use crate::service::failure::CallError;
use crate::service::version::ApiVersion;
use crate::upload::events::{NameOwner, NameStatus};

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
}

/// The result of a look-up.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) names: NameStatus,
    /// The certificate behind `names.third_name`.
    pub(crate) third_name: Option<Certificate>,
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
    if listed.sha256 == leaf.sha256 {
        FingerprintMatch::Same
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
    pub(crate) fn lookup(
        &self,
        query: &Query<'_>,
        deadline: Instant,
    ) -> Result<Listing, CallError> {
        self.in_current_version(|version| {
            let mut names = NameStatus {
                requested: NameOwner::Free,
                alternate: NameOwner::Free,
                third_name: None,
            };
            let mut third_name = None;
            let request_id = self.each_certificate(version, deadline, |listed| {
                let place = if listed.name == query.requested {
                    Some(&mut names.requested)
                } else if query.alternate == Some(&listed.name) {
                    Some(&mut names.alternate)
                } else {
                    None
                };
                if let Some(place) = place {
                    // If two have the same name, this certificate counts rather than the other.
                    if !matches!(place, NameOwner::Same(_)) {
                        let owner = self.compare(version, &listed, query.leaf, deadline);
                        if *place == NameOwner::Free || matches!(owner, NameOwner::Same(_)) {
                            *place = owner;
                        }
                    }
                } else if query.any_name
                    && third_name.is_none()
                    && self.is_same(version, &listed, query.leaf, deadline)
                {
                    names.third_name = Some(listed.id);
                    third_name = Some(listed);
                }
                // Nothing changes the result any more.
                matches!(names.requested, NameOwner::Same(_))
            })?;
            Ok(Listing { names, third_name, version, request_id })
        })
    }

    /// Whether a certificate under a third name is the one to look up. Only a matching fingerprint
    /// is worth a request for the certificate itself.
    fn is_same(
        &self,
        version: ApiVersion,
        listed: &Certificate,
        leaf: Option<&Fingerprint>,
        deadline: Instant,
    ) -> bool {
        let matches = leaf.map(|leaf| compare_fingerprints(listed, leaf));
        matches!(matches, Some(FingerprintMatch::Same | FingerprintMatch::Sha1Only))
            && matches!(self.compare(version, listed, leaf, deadline), NameOwner::Same(_))
    }

    /// Compares a listed certificate with the one to look up. If SHA-1 alone matches, the stored
    /// certificate decides, provided that the service gives it.
    fn compare(
        &self,
        version: ApiVersion,
        listed: &Certificate,
        leaf: Option<&Fingerprint>,
        deadline: Instant,
    ) -> NameOwner {
        let id = listed.id;
        let Some(leaf) = leaf else { return NameOwner::Unclear(id) };
        let fingerprints = compare_fingerprints(listed, leaf);
        match fingerprints {
            FingerprintMatch::Same => return NameOwner::Same(id),
            FingerprintMatch::Different => return NameOwner::Different(id),
            FingerprintMatch::Sha1Only | FingerprintMatch::Unclear => {}
        }
        match self.stored_fingerprint(version, id, deadline) {
            Some(stored) if stored.sha256 == leaf.sha256 => NameOwner::Same(id),
            Some(_) => NameOwner::Different(id),
            None if fingerprints == FingerprintMatch::Sha1Only => NameOwner::Same(id),
            None => NameOwner::Unclear(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::fields::parse;
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use serde_json::json;

    #[test]
    fn sha256_decides_before_sha1() {
        let der = BASE64_STANDARD.encode(b"made for this test");
        let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
        let leaf = Fingerprint::of_pem(&pem).unwrap();
        let Fingerprint { sha1, sha256, .. } = &leaf;
        let other = "AA";
        for (sha1, sha256, expected) in [
            (sha1.as_str(), sha256.as_str(), FingerprintMatch::Same),
            ("", sha256, FingerprintMatch::Same),
            (sha1, "", FingerprintMatch::Sha1Only),
            (sha1, other, FingerprintMatch::Sha1Only),
            (other, "", FingerprintMatch::Different),
            ("", "", FingerprintMatch::Unclear),
        ] {
            let listed = parse(json!({"Id": 1, "Fingerprint": sha1, "Sha2": sha256})).unwrap();
            assert_eq!(compare_fingerprints(&listed, &leaf), expected, "{sha1} {sha256}");
        }
    }
}
