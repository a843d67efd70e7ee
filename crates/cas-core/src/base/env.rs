//! A snapshot of environment variables.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::base::secret::Secret;

/// The environment variables that libcas reads, copied when the client is created. libcas does not
/// read the environment later: another thread of a C program may be changing it.
#[derive(Default)]
pub(crate) struct EnvSnapshot(HashMap<String, Secret>);

impl EnvSnapshot {
    /// Copies the variables of this process.
    #[must_use]
    pub(crate) fn capture() -> Self {
        let text = |value: OsString| value.to_string_lossy().into_owned();
        let variables = std::env::vars_os()
            .map(|(name, value)| (text(name), value))
            .filter(|(name, _)| is_read(name));
        Self(variables.map(|(name, value)| (name, Secret::new(text(value)))).collect())
    }

    /// The value of a variable; `None` if it is not set, empty or blank.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose).filter(|value| !value.trim().is_empty())
    }

    /// Whether a variable is "true", in any case.
    #[must_use]
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }

    /// The user's home directory: `HOME`, or the user database's entry.
    #[must_use]
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from).or_else(std::env::home_dir)
    }
}

/// Whether libcas reads a variable.
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
        f.write_str("EnvSnapshot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_variables_are_not_set() {
        let variables =
            EnvSnapshot::from_iter([("A", "x"), ("B", ""), ("C", " "), ("D", "True"), ("E", "1")]);
        assert_eq!(["A", "B", "C"].map(|name| variables.get(name)), [Some("x"), None, None]);
        assert!(variables.is_true("D") && !variables.is_true("E"));
        assert!(!format!("{variables:?}").contains('x'));
    }

    #[test]
    fn only_variables_of_libcas_are_copied() {
        for name in ["ALIBABA_CLOUD_ECS_METADATA", "https_proxy", "NO_PROXY", "HOME"] {
            assert!(is_read(name), "{name}");
        }
        for name in ["PATH", "alibaba_cloud_x", "home", "PROXY", "AWS_SECRET_ACCESS_KEY"] {
            assert!(!is_read(name), "{name}");
        }
    }
}
