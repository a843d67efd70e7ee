//! One profile of a file of credentials, whichever its format.

use std::collections::BTreeMap;

use super::Unavailable;
use crate::secret::Secret;

/// Names and values, none of them empty.
pub(super) struct Profile {
    /// For messages: the profile "web" (line 7).
    pub(super) place: String,
    pub(super) fields: BTreeMap<String, Secret>,
}

impl Profile {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(ToOwned::to_owned)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Unavailable> {
        self.get(name).ok_or_else(|| self.broken(&format!("has no {name}")))
    }

    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.fields.get(name).filter(|value| !value.expose().is_empty()).cloned()
    }

    /// `what` is none of `known`.
    pub(super) fn unknown(&self, what: &str, value: &str, known: &str) -> Unavailable {
        // Something else may stand there by mistake.
        let is_word =
            value.len() <= 20 && value.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let shown = if is_word { format!(": \"{value}\"") } else { String::new() };
        self.broken(&format!("has a {what} that libcas does not know{shown}"))
            .with_hint(format!("The {what} is one of {known}, written so."))
    }

    pub(super) fn broken(&self, why: &str) -> Unavailable {
        Unavailable::broken(format!("{} {why}", self.place))
    }
}
