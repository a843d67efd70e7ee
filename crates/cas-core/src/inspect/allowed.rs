//! The findings that a program allows by name.

use crate::base::error::{Error, ErrorKind};
use crate::base::quote::quoted;
use crate::inspect::findings::{Allowing, FindingKind};

/// Refused findings that do not prevent an upload: a bit for each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AllowedFindings(u128);

impl AllowedFindings {
    pub(crate) fn add(&mut self, kind: FindingKind) {
        self.0 |= 1 << kind as u32;
    }

    pub(crate) fn contains(self, kind: FindingKind) -> bool {
        self.0 & 1 << kind as u32 != 0
    }
}

/// The finding with this identifier, which must be one that can be allowed or needs no allowing.
pub(crate) fn allowable(id: &str) -> Result<FindingKind, Error> {
    let known = FindingKind::ALL.iter().find(|kind| kind.id() == id);
    let (reason, nearest) = match known {
        Some(kind) if matches!(kind.allowing(), Allowing::Never(_)) => ("it cannot be allowed", ""),
        Some(kind) => return Ok(*kind),
        None => ("libcas has no finding of this name", nearest(id).unwrap_or_default()),
    };
    let message = format!("Invalid finding {}: {reason}.", quoted(id));
    let mut hint = String::new();
    if !nearest.is_empty() {
        hint = format!("Did you mean \"{nearest}\"? ");
    }
    hint.push_str("docs/findings.md says which findings can be allowed, and why others cannot.");
    Err(Error::new(ErrorKind::InvalidArgument, message).with_hint(hint))
}

/// The sentence of a hint that says how to send what has these findings; a space precedes it.
pub(super) fn how_to_allow(kinds: impl Iterator<Item = FindingKind>) -> String {
    let mut sentence = String::from(" To upload it nevertheless: cas_request_allow_finding with");
    let mut named = AllowedFindings::default();
    for kind in kinds {
        if !named.contains(kind) {
            named.add(kind);
            for part in [" \"", kind.id(), "\","] {
                sentence.push_str(part);
            }
        }
    }
    sentence.pop();
    sentence.push('.');
    sentence
}

/// The identifier that differs from `id` in the fewest letters, if they are few.
fn nearest(id: &str) -> Option<&'static str> {
    const MAX_DIFFERENCE: usize = 3;
    const MAX_LENGTH: usize = 40;
    if id.len() > MAX_LENGTH {
        return None;
    }
    let ids = FindingKind::ALL.iter().map(|kind| kind.id());
    let (distance, nearest) = ids.map(|known| (distance(id, known), known)).min()?;
    (distance <= MAX_DIFFERENCE).then_some(nearest)
}

/// The letters to insert, to delete or to replace: the Levenshtein distance.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        for (one, other, wanted) in [
            ("", "", 0),
            ("a", "", 1),
            ("expire", "expired", 1),
            ("csr", "scr", 2),
            ("ab", "cd", 2),
        ] {
            assert_eq!(distance(one, other), wanted, "{one} {other}");
            assert_eq!(distance(other, one), wanted, "{one} {other}");
        }
    }

    #[test]
    fn unknown_findings_are_refused_with_the_nearest_name() {
        let hint = |id: &str| allowable(id).unwrap_err().hint().unwrap().to_owned();
        assert!(hint("ca_as_leaf").starts_with("Did you mean \"ca-as-leaf\"? docs/findings.md "));
        assert!(hint("EXPIRED").starts_with("docs/findings.md "));
        assert!(hint(&"x".repeat(1 << 20)).starts_with("docs/findings.md "));
        let key = allowable("-----BEGIN PRIVATE KEY-----hidden").unwrap_err();
        assert!(!key.message().contains("hidden"), "{key}");
    }

    #[test]
    fn each_finding_can_be_allowed_or_not() {
        for kind in FindingKind::ALL {
            let is_refused = matches!(kind.allowing(), Allowing::Never(_));
            assert_eq!(allowable(kind.id()).ok(), (!is_refused).then_some(*kind));
            let mut allowed = AllowedFindings::default();
            allowed.add(*kind);
            assert!(FindingKind::ALL.iter().all(|it| allowed.contains(*it) == (it == kind)));
        }
        let error = allowable("swapped").unwrap_err();
        assert_eq!(error.message(), "Invalid finding \"swapped\": it cannot be allowed.");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn a_hint_names_each_finding_once() {
        let kinds = [FindingKind::Expired, FindingKind::CaAsLeaf, FindingKind::Expired];
        assert_eq!(
            how_to_allow(kinds.into_iter()),
            " To upload it nevertheless: cas_request_allow_finding with \"expired\", \
             \"ca-as-leaf\"."
        );
    }
}
