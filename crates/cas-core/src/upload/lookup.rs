//! Looks for a certificate at the service. What decides is the certificate: not a message, nor a name alone.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::base::logger::Level;
use crate::client::Client;
use crate::inspect::Leaf;
use crate::service::caller::{Failed, incomplete};
use crate::service::operations::{ApiVersion, CertId, Certificate, PAGE_SIZE, Page};
use crate::upload::machine::{Holder, Sight};

/// More pages than any account has: an end for a server that has none.
const MAX_PAGES: usize = 10_000;

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

impl Client {
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

    /// Every certificate of the account, each once.
    pub(crate) fn list_all(&self, deadline: Instant) -> Result<Vec<Certificate>, Failed> {
        self.in_current_version(|version| {
            let mut all = Vec::new();
            self.each_certificate(version, deadline, |listed| {
                all.push(listed);
                false
            })?;
            Ok(all)
        })
    }

    /// Hands each certificate of each list to `take`, each once, until it returns true. Returns the id of the
    /// last request.
    fn each_certificate(
        &self,
        version: ApiVersion,
        deadline: Instant,
        mut take: impl FnMut(Certificate) -> bool,
    ) -> Result<Option<String>, Failed> {
        const SUBJECT: &str = "all certificates";
        let mut ids = BTreeSet::new();
        let mut request_id = None;
        for list in version.lists() {
            let mut entries = 0;
            for number in 1..=MAX_PAGES {
                let operation = version.list_page(*list, number, self.format);
                let answer = self.caller.call(&operation, SUBJECT, deadline)?;
                let page = Page::read(&answer.fields).ok_or_else(|| {
                    incomplete(&self.caller.endpoint, operation.action, SUBJECT, "a list", &answer)
                })?;
                request_id = answer.request_id;
                entries += page.entries;
                // A server that gives the same page again and again has no other.
                let again = !page.certificates.is_empty()
                    && page.certificates.iter().all(|certificate| ids.contains(&certificate.id));
                for certificate in page.certificates {
                    if ids.insert(certificate.id) && take(certificate) {
                        return Ok(request_id);
                    }
                }
                // Without a total count, the first page that is not full is the last.
                let last = page.total.map_or(page.entries < PAGE_SIZE, |total| entries >= total);
                if last || again || page.entries == 0 {
                    break;
                }
            }
        }
        Ok(request_id)
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
        match self.itself(version, id, deadline) {
            Some(itself) if itself.sha256 == leaf.sha256 => Holder::Same(id),
            Some(_) => Holder::Different(id),
            None if likeness == Likeness::Alike => Holder::Same(id),
            None => Holder::Unclear(id),
        }
    }

    /// The stored certificate, where the service shows it.
    fn itself(&self, version: ApiVersion, id: CertId, deadline: Instant) -> Option<Leaf> {
        let operation = version.detail(id, true, self.format);
        match self.caller.call(&operation, &format!("CertId {id}"), deadline) {
            Ok(answer) => Leaf::of_pem(&Certificate::read(&answer.fields)?.pem),
            Err(failed) => {
                self.caller
                    .logger
                    .log(Level::Debug, || format!("{} What the list says of it decides.", failed.error));
                None
            }
        }
    }
}
