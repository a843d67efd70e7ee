//! The names that an upload may use, and the fingerprint that the alternate one is made from.

use std::cell::OnceCell;

use crate::inspect::{Facts, Fingerprint};
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

    /// Returns a domain of the certificate as a search finds it in any of its names.
    #[cold]
    pub(super) fn domain(&self) -> Option<String> {
        let Facts { common_name, sans, .. } = Facts::of_pem(self.certificate)?;
        let names = std::iter::once(&common_name).chain(&sans);
        let mut domains = names.map(|name| name.strip_prefix("*.").unwrap_or(name));
        domains.find(|name| is_domain(name)).map(ToOwned::to_owned)
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

/// Whether a name is a domain, rather than an IP address, a person or a company.
fn is_domain(name: &str) -> bool {
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    name.contains('.')
        && name.bytes().all(is_label)
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
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
        assert_eq!(names.domain(), None);
        assert!(names.alternate().is_none() && names.leaf().is_none());
    }

    #[test]
    fn the_common_name_or_the_first_san_that_is_a_domain_is_searched_for() {
        use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
        let key = KeyPair::generate().unwrap();
        for (common_name, sans, expected) in [
            ("www.example.com", &["example.com"][..], Some("www.example.com")),
            ("", &["192.0.2.1", "someone@example.com", "example.com"], Some("example.com")),
            ("*.example.com", &[], Some("example.com")),
            ("Example Ltd.", &["*.example.org", "example.com"], Some("example.org")),
            ("xn--fiqs8s.example", &[], Some("xn--fiqs8s.example")),
            ("localhost", &["192.0.2.1", "2001:db8::1"], None),
            ("", &[], None),
        ] {
            let sans: Vec<_> = sans.iter().map(|san| (*san).to_owned()).collect();
            let mut params = CertificateParams::new(sans).unwrap();
            params.distinguished_name = DistinguishedName::new();
            if !common_name.is_empty() {
                params.distinguished_name.push(DnType::CommonName, common_name);
            }
            let pem = params.self_signed(&key).unwrap().pem();
            assert_eq!(Names::new("web", &pem).domain().as_deref(), expected, "{common_name}");
        }
    }
}
