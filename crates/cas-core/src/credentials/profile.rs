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

    pub(super) fn broken(&self, why: &str) -> Unavailable {
        Unavailable::broken(format!("{} {why}", self.place))
    }
}
