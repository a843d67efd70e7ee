//! What a seed has.

use std::path::{Path, PathBuf};

use super::certificate::SeedCertificate;
use crate::store::cloud_resources::{NewCloudResource, NewContact};

/// What was read of a file or a folder.
pub(crate) struct SeedContent {
    /// The file or folder.
    pub(super) path: PathBuf,
    pub(super) is_snapshot: bool,
    pub(super) certificates: Vec<SeedCertificate>,
    pub(crate) cloud_resources: Vec<NewCloudResource>,
    pub(crate) contacts: Vec<NewContact>,
}

impl SeedContent {
    pub(super) fn new(path: &Path, certificates: Vec<SeedCertificate>) -> Self {
        let (cloud_resources, contacts) = (Vec::new(), Vec::new());
        Self { path: path.to_owned(), is_snapshot: false, certificates, cloud_resources, contacts }
    }

    /// A snapshot, which is read when it is stored.
    pub(super) fn snapshot(path: &Path) -> Self {
        Self { is_snapshot: true, ..Self::new(path, Vec::new()) }
    }
}
