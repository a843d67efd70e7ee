//! Environment variables, as they were when the client was made.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::base::secret::Secret;

/// A copy of what concerns libcas. The environment is not read again later: other threads of a C program may be changing
/// it then.
#[derive(Default)]
pub(crate) struct EnvSnapshot(HashMap<String, Secret>);

impl EnvSnapshot {
    /// This process's.
    #[must_use]
    pub(crate) fn of_process() -> Self {
        let text = |value: OsString| value.to_string_lossy().into_owned();
        let ours = std::env::vars_os()
            .map(|(name, value)| (text(name), value))
            .filter(|(name, _)| is_read(name));
        Self(ours.map(|(name, value)| (name, Secret::new(text(value)))).collect())
    }

    /// The value of a variable that is set to more than white space.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose).filter(|value| !value.trim().is_empty())
    }

    /// Whether a switch is on.
    #[must_use]
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }

    /// Where the user's files are.
    #[must_use]
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from).or_else(std::env::home_dir)
    }
}

/// Whether some part of libcas reads a variable: those of access keys, of proxies, and two more.
fn is_read(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    name.starts_with("ALIBABA_CLOUD_")
        || upper.ends_with("_PROXY")
        || matches!(name, "HOME" | "REQUEST_METHOD")
}

impl<'a> FromIterator<(&'a str, &'a str)> for EnvSnapshot {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(variables: I) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), Secret::new(value.to_owned()));
        Self(variables.into_iter().map(owned).collect())
    }
}

impl fmt::Debug for EnvSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_not_set() {
        let variables =
            EnvSnapshot::from_iter([("A", "x"), ("B", ""), ("C", " "), ("D", "True"), ("E", "1")]);
        assert_eq!(["A", "B", "C"].map(|name| variables.get(name)), [Some("x"), None, None]);
        assert!(variables.is_true("D") && !variables.is_true("E"));
        assert!(!format!("{variables:?}").contains('x'));
    }
}
