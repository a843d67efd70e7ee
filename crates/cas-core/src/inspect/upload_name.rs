//! The name under which a certificate is uploaded: checks it, or makes one.

use crate::base::error::{Error, ErrorKind};
use crate::base::quote::quoted;
use crate::inspect::allowed::{AllowedFindings, how_to_allow};
use crate::inspect::certificate::Facts;
use crate::inspect::findings::{Finding, FindingKind, Severity};

/// Longest name that the service has ever documented, in bytes (docs/service.md, Names and limits).
const MAX_NAME_BYTES: usize = 128;
/// Longest name that the service's current documentation allows, in characters.
const SAFE_NAME_CHARS: usize = 63;

/// The name that a certificate suggests; see [`crate::Upload::set_suggested_name`].
#[must_use]
pub(crate) fn suggested_name(facts: &Facts) -> String {
    const DIGITS: usize = 8;
    let names = std::iter::once(&facts.common_name).chain(&facts.sans);
    let mut names = names.map(|name| name.trim()).filter(|name| !name.is_empty());
    let plain = |c: char| if c == '*' || c.is_control() { '_' } else { c };
    let subject = names.next().unwrap_or("certificate");
    let subject: String = subject.chars().take(SAFE_NAME_CHARS - DIGITS - 1).map(plain).collect();
    format!("{subject}-{}", facts.sha256[..DIGITS].to_ascii_lowercase())
}

/// Returns the finding to log about `name`, if any, or an error if `name` cannot be used. With
/// `any_length`, libcas leaves the length to the service.
pub(crate) fn check_name(
    name: &str,
    any_length: bool,
    allowed: AllowedFindings,
) -> Result<Option<Finding>, Error> {
    let Some(finding) = finding(name) else { return Ok(None) };
    let kind = match finding.kind {
        FindingKind::NameTooLong if any_length => return Ok(None),
        FindingKind::NameEmpty => ErrorKind::InvalidArgument,
        kind if kind.severity() == Severity::Refused && !allowed.contains(kind) => {
            ErrorKind::Certificate
        }
        _ => return Ok(Some(finding)),
    };
    let message = format!("Invalid certificate name: {finding}.");
    let mut hint = finding.kind.advice().to_owned();
    if finding.kind.can_be_allowed() {
        hint.push_str(&how_to_allow(std::iter::once(finding.kind)));
    }
    Err(Error::new(kind, message).with_hint(hint))
}

/// The finding about a name. Catches PEM passed as the name by mistake: names are public.
fn finding(name: &str) -> Option<Finding> {
    let chars = name.chars().count();
    if name.trim().is_empty() {
        Some(Finding::new(FindingKind::NameEmpty, ""))
    } else if name.chars().any(char::is_control) {
        Some(Finding::new(FindingKind::NameControl, quoted(name)))
    } else if name.len() > MAX_NAME_BYTES {
        let detail = format!("{} has {} bytes", quoted(name), name.len());
        Some(Finding::new(FindingKind::NameTooLong, detail))
    } else if chars > SAFE_NAME_CHARS {
        Some(Finding::new(FindingKind::LongName, chars.to_string()))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::UnixTime;

    #[test]
    fn a_certificate_suggests_a_name_of_at_most_63_characters() {
        let name_of = |common_name: &str, sans: &[&str]| {
            suggested_name(&Facts {
                common_name: common_name.to_owned(),
                sans: sans.iter().map(ToString::to_string).collect(),
                issuer: String::new(),
                serial: String::new(),
                not_before: UnixTime(0),
                not_after: UnixTime(0),
                sha1: String::new(),
                sha256: "8678B925".repeat(8),
                key_type: String::new(),
                is_ca: false,
            })
        };
        assert_eq!(name_of("www.example.com", &["a.example.com"]), "www.example.com-8678b925");
        assert_eq!(name_of("*.example.com", &[]), "_.example.com-8678b925");
        assert_eq!(name_of(" ", &["*.b.example.com"]), "_.b.example.com-8678b925");
        assert_eq!(name_of("", &[]), "certificate-8678b925");
        let long = name_of(&"例".repeat(80), &[]);
        assert_eq!(long.chars().count(), SAFE_NAME_CHARS);
        assert!(finding(&name_of(&"a".repeat(300), &[])).is_none());
    }

    #[test]
    fn names_are_limited_in_bytes_and_characters() {
        let kind = |name: &str| finding(name).map(|finding| finding.kind);
        for name in ["web, 名 (1)".to_owned(), "x".repeat(63), "名".repeat(42)] {
            assert_eq!(kind(&name), None);
        }
        for (name, wanted) in [
            (String::new(), FindingKind::NameEmpty),
            (" ".to_owned(), FindingKind::NameEmpty),
            ("a\nb".to_owned(), FindingKind::NameControl),
            ("x".repeat(64), FindingKind::LongName),
            ("x".repeat(128), FindingKind::LongName),
            ("x".repeat(129), FindingKind::NameTooLong),
            ("名".repeat(43), FindingKind::NameTooLong),
        ] {
            assert_eq!(kind(&name), Some(wanted), "{name:?}");
        }
    }

    #[test]
    fn each_name_is_accepted_warned_about_or_refused() {
        let kind = |name: &str, any_length| {
            check_name(name, any_length, AllowedFindings::default())
                .map(|warning| warning.map(|finding| finding.kind))
                .map_err(|error| error.kind())
        };
        let long = "x".repeat(64);
        let too_long = "x".repeat(129);
        for any_length in [false, true] {
            assert_eq!(kind("web", any_length), Ok(None));
            assert_eq!(kind(&long, any_length), Ok(Some(FindingKind::LongName)));
            assert_eq!(kind("", any_length), Err(ErrorKind::InvalidArgument));
            assert_eq!(kind("a\tb", any_length), Err(ErrorKind::Certificate));
        }
        assert_eq!(kind(&too_long, false), Err(ErrorKind::Certificate));
        assert_eq!(kind(&too_long, true), Ok(None));
        let mut allowed = AllowedFindings::default();
        let error = check_name(&too_long, false, allowed).unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.ends_with("cas_request_allow_finding with \"name-too-long\"."), "{hint}");
        allowed.add(FindingKind::NameTooLong);
        let logged = check_name(&too_long, false, allowed).unwrap().unwrap();
        assert_eq!(logged.kind, FindingKind::NameTooLong);
        let error = check_name("", false, allowed).unwrap_err();
        assert_eq!(
            error.message(),
            "Invalid certificate name: name-empty: the certificate name is empty."
        );
        assert_eq!(error.hint(), Some(FindingKind::NameEmpty.advice()));
    }

    #[test]
    fn key_passed_as_name_is_not_quoted() {
        let key = "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n";
        assert!(!finding(key).unwrap().to_string().contains("hidden"));
    }
}
