//! The names that an upload may use, and the fingerprint that the alternate one is made from.

use std::cell::OnceCell;

use crate::inspect::Fingerprint;
use crate::upload::events::Name;

/// The names of an upload. The certificate is read only if something depends on it: a plain upload
/// does not.
pub(super) struct Names<'a> {
    requested: &'a str,
    certificate: &'a str,
    alternate: OnceCell<Option<AlternateName>>,
}

/// The leaf of the certificate, and the name made from it.
struct AlternateName {
    leaf: Fingerprint,
    name: String,
}

impl<'a> Names<'a> {
    /// `certificate` is PEM.
    pub(super) fn new(requested: &'a str, certificate: &'a str) -> Self {
        Self { requested, certificate, alternate: OnceCell::new() }
    }

    /// Returns the name to send. Without a readable certificate, there is only the requested one.
    pub(super) fn get(&self, name: Name) -> &str {
        match name {
            Name::Requested => self.requested,
            Name::Alternate => self.alternate().unwrap_or(self.requested),
        }
    }

    /// Returns the alternate name, if the certificate can be read.
    pub(super) fn alternate(&self) -> Option<&str> {
        self.read().map(|alternate| alternate.name.as_str())
    }

    /// Returns the fingerprint of the leaf, if the certificate can be read.
    pub(super) fn leaf(&self) -> Option<&Fingerprint> {
        self.read().map(|alternate| &alternate.leaf)
    }

    fn read(&self) -> Option<&AlternateName> {
        let read = || {
            let leaf = Fingerprint::of_pem(self.certificate)?;
            let name = format!("{}-{}", self.requested, leaf.short());
            Some(AlternateName { leaf, name })
        };
        self.alternate.get_or_init(read).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    #[test]
    fn the_alternate_name_is_made_from_the_leaf() {
        let der = BASE64_STANDARD.encode(b"made for this test");
        let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
        let names = Names::new("web", &pem);
        assert_eq!(names.get(Name::Requested), "web");
        let alternate = format!("web-{}", names.leaf().unwrap().short());
        assert_eq!(names.get(Name::Alternate), alternate);
        assert_eq!(names.alternate(), Some(alternate.as_str()));
    }

    #[test]
    fn an_unreadable_certificate_has_the_requested_name_only() {
        let names = Names::new("web", "not PEM");
        assert_eq!(names.get(Name::Alternate), "web");
        assert!(names.alternate().is_none() && names.leaf().is_none());
    }
}
