//! A certificate and its files, whichever client keeps them.

use std::fs;
use std::path::{Path, PathBuf};

/// A certificate that is renewed in place: its files, and what a manifest says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lineage {
    /// What it is called in messages and reports.
    pub label: String,
    /// The chain, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
    /// Its name at the service; `None` for the one that the certificate suggests.
    pub name: Option<String>,
    /// The rule for a name that is taken, as `--on-conflict` takes it.
    pub on_conflict: Option<String>,
    /// The language of the service's messages, as `--lang` takes it.
    pub lang: Option<String>,
    /// The hosts that serve it, each with a port if it is not 443; empty for the names in the
    /// certificate.
    pub domains: Vec<String>,
    /// Whether it is to be deployed to the cloud resources of its domains.
    pub deploy: bool,
}

/// The directories in a directory, and their names.
pub(super) fn directories(path: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push((name_of(&path), path));
        }
    }
    Ok(found)
}

/// The last part of a path.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
