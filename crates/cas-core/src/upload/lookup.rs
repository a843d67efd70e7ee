//! Looks for a certificate at the service. What decides is the certificate: not a message, nor a name alone.

use std::time::Instant;

use crate::inspect::Leaf;
use crate::service::account::Account;
use crate::service::certificate::Certificate;
use crate::service::failure::Failed;
use crate::service::version::ApiVersion;
use crate::upload::machine::{Holder, Sight};

/// What to look for.
pub(crate) struct Sought<'a> {
    /// The name that was asked for.
    pub(crate) wanted: &'a str,
    /// The name made from it, where it may be used.
    pub(crate) other: Option<&'a str>,
    /// Whether the certificate counts under any name.
    pub(crate) any_name: bool,
    /// The certificate, where it can be read.
    pub(crate) leaf: Option<&'a Leaf>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) sight: Sight,
    /// The certificate that `sight.elsewhere` means.
    pub(crate) elsewhere: Option<Certificate>,
    /// The version of the API that answered.
    pub(crate) version: ApiVersion,
    /// The id of the last request.
    pub(crate) request_id: Option<String>,
}

/// Whether a listed certificate is the one that is sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    /// SHA-256 says so.
    Same,
    /// SHA-1 says so.
    Alike,
    Different,
    /// The list holds no fingerprint.
    Unclear,
}

fn likeness(listed: &Certificate, leaf: &Leaf) -> Likeness {
    if listed.sha256 == leaf.sha256 {
        Likeness::Same
    } else if listed.sha1.is_empty() {
        Likeness::Unclear
    } else if listed.sha1 == leaf.sha1 {
        Likeness::Alike
    } else {
        Likeness::Different
    }
}

impl Account {
    /// Looks through the lists for whoever has the names, and for the certificate itself.
    pub(crate) fn look_up(&self, sought: &Sought<'_>, deadline: Instant) -> Result<Found, Failed> {
        self.in_current_version(|version| {
            let mut sight = Sight { wanted: Holder::Nobody, other: Holder::Nobody, elsewhere: None };
            let mut elsewhere = None;
            let request_id = self.each_certificate(version, deadline, |listed| {
                let place = if listed.name == sought.wanted {
                    Some(&mut sight.wanted)
                } else if sought.other == Some(&listed.name) {
                    Some(&mut sight.other)
                } else {
                    None
                };
                if let Some(place) = place {
                    // Where two have one name, this certificate counts rather than the other.
                    if !matches!(place, Holder::Same(_)) {
                        let holder = self.compare(version, &listed, sought.leaf, deadline);
                        if *place == Holder::Nobody || matches!(holder, Holder::Same(_)) {
                            *place = holder;
                        }
                    }
                } else if sought.any_name
                    && elsewhere.is_none()
                    && sought.leaf.is_some_and(|leaf| {
                        matches!(likeness(&listed, leaf), Likeness::Same | Likeness::Alike)
                    })
                    && matches!(self.compare(version, &listed, sought.leaf, deadline), Holder::Same(_))
                {
                    sight.elsewhere = Some(listed.id);
                    elsewhere = Some(listed);
                }
                // Nothing can change the answer any more.
                matches!(sight.wanted, Holder::Same(_))
            })?;
            Ok(Found { sight, elsewhere, version, request_id })
        })
    }

    /// Who a listed certificate is. Where SHA-1 alone says that it is the one, the certificate itself is asked
    /// for, and decides where the service gives it.
    fn compare(
        &self,
        version: ApiVersion,
        listed: &Certificate,
        leaf: Option<&Leaf>,
        deadline: Instant,
    ) -> Holder {
        let id = listed.id;
        let Some(leaf) = leaf else { return Holder::Unclear(id) };
        let likeness = likeness(listed, leaf);
        match likeness {
            Likeness::Same => return Holder::Same(id),
            Likeness::Different => return Holder::Different(id),
            Likeness::Alike | Likeness::Unclear => {}
        }
        match self.stored(version, id, deadline) {
            Some(stored) if stored.sha256 == leaf.sha256 => Holder::Same(id),
            Some(_) => Holder::Different(id),
            None if likeness == Likeness::Alike => Holder::Same(id),
            None => Holder::Unclear(id),
        }
    }
}
