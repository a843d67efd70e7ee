//! What a certificate may be called.

use crate::base::quote::quoted;
use crate::inspect::findings::{Finding, FindingKind};

/// Longest name the service has ever documented, in bytes (FACTS.md 4.5; its newest documents say 63 characters).
const MAX_NAME_BYTES: usize = 128;
/// Longest name that the service's newest documents allow, in characters.
const SAFE_NAME: usize = 63;

/// What is to be said of a name. A key passed as the name by mistake ends here: names are public.
pub(super) fn look_at(name: &str) -> Option<Finding> {
    let length = name.chars().count();
    if name.trim().is_empty() {
        Some(Finding::new(FindingKind::NameEmpty, ""))
    } else if name.chars().any(char::is_control) {
        Some(Finding::new(FindingKind::NameControl, quoted(name)))
    } else if name.len() > MAX_NAME_BYTES {
        Some(Finding::new(
            FindingKind::NameTooLong,
            format!("{} has {} bytes", quoted(name), name.len()),
        ))
    } else if length > SAFE_NAME {
        Some(Finding::new(FindingKind::LongName, length.to_string()))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_measured() {
        let kind = |name: &str| look_at(name).map(|finding| finding.kind);
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
    fn a_key_in_place_of_a_name_is_not_quoted() {
        let key = "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n";
        assert!(!look_at(key).unwrap().to_string().contains("hidden"));
    }
}
