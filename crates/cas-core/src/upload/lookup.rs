//! Looks for a certificate at the service. What decides is the certificate: not a message, nor a name alone.

use std::time::Instant;

use crate::inspect::Fingerprint;
use crate::service::account::Account;
use crate::service::certificate::Certificate;
use crate::service::failure::CallError;
use crate::service::version::ApiVersion;
use crate::upload::events::{NameOwner, NameStatus};

/// What to look for.
pub(crate) struct Query<'a> {
    /// The name that was asked for.
    pub(crate) wanted: &'a str,
    /// The name made from it, where it may be used.
    pub(crate) other: Option<&'a str>,
    /// Whether the certificate counts under any name.
    pub(crate) any_name: bool,
    /// The certificate, where it can be read.
    pub(crate) leaf: Option<&'a Fingerprint>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) names: NameStatus,
    /// The certificate that `names.elsewhere` means.
    pub(crate) elsewhere: Option<Certificate>,
    /// The version of the API that answered.
    pub(crate) version: ApiVersion,
    /// The id of the last request.
    pub(crate) request_id: Option<String>,
}

/// Whether a listed certificate is the one that is sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FingerprintMatch {
    /// SHA-256 says so.
    Same,
    /// SHA-1 says so.
    Sha1Only,
    Different,
    /// The list holds no fingerprint.
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
    /// Looks through the lists for whoever has the names, and for the certificate itself.
    pub(crate) fn lookup(
        &self,
        query: &Query<'_>,
        deadline: Instant,
    ) -> Result<Listing, CallError> {
        self.in_current_version(|version| {
            let mut names =
                NameStatus { wanted: NameOwner::Free, other: NameOwner::Free, elsewhere: None };
            let mut elsewhere = None;
            let request_id = self.each_certificate(version, deadline, |listed| {
                let place = if listed.name == query.wanted {
                    Some(&mut names.wanted)
                } else if query.other == Some(&listed.name) {
                    Some(&mut names.other)
                } else {
                    None
                };
                if let Some(place) = place {
                    // Where two have one name, this certificate counts rather than the other.
                    if !matches!(place, NameOwner::Same(_)) {
                        let holder = self.compare(version, &listed, query.leaf, deadline);
                        if *place == NameOwner::Free || matches!(holder, NameOwner::Same(_)) {
                            *place = holder;
                        }
                    }
                } else if query.any_name
                    && elsewhere.is_none()
                    && query.leaf.is_some_and(|leaf| {
                        matches!(
                            compare_fingerprints(&listed, leaf),
                            FingerprintMatch::Same | FingerprintMatch::Sha1Only
                        )
                    })
                    && matches!(
                        self.compare(version, &listed, query.leaf, deadline),
                        NameOwner::Same(_)
                    )
                {
                    names.elsewhere = Some(listed.id);
                    elsewhere = Some(listed);
                }
                // Nothing can change the answer any more.
                matches!(names.wanted, NameOwner::Same(_))
            })?;
            Ok(Listing { names, elsewhere, version, request_id })
        })
    }

    /// Who a listed certificate is. Where SHA-1 alone says that it is the one, the certificate itself is asked
    /// for, and decides where the service gives it.
    fn compare(
        &self,
        version: ApiVersion,
        listed: &Certificate,
        leaf: Option<&Fingerprint>,
        deadline: Instant,
    ) -> NameOwner {
        let id = listed.id;
        let Some(leaf) = leaf else { return NameOwner::Unclear(id) };
        let compare_fingerprints = compare_fingerprints(listed, leaf);
        match compare_fingerprints {
            FingerprintMatch::Same => return NameOwner::Same(id),
            FingerprintMatch::Different => return NameOwner::Different(id),
            FingerprintMatch::Sha1Only | FingerprintMatch::Unclear => {}
        }
        match self.stored(version, id, deadline) {
            Some(stored) if stored.sha256 == leaf.sha256 => NameOwner::Same(id),
            Some(_) => NameOwner::Different(id),
            None if compare_fingerprints == FingerprintMatch::Sha1Only => NameOwner::Same(id),
            None => NameOwner::Unclear(id),
        }
    }
}
