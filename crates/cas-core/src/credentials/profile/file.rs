//! A file with profiles, and the profile to use.

use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::credentials::context::ProviderContext;
use crate::service::provider::CredentialsError;

/// A profile file. It is read for each key.
pub(crate) struct ProfileFile {
    pub(crate) context: Arc<ProviderContext>,
    pub(crate) path: PathBuf,
    /// The profile that the program or the environment names. `None`: the default of the file.
    pub(crate) profile: Option<String>,
    /// The environment variable that names the file, if one does.
    pub(crate) variable: Option<&'static str>,
}

impl ProfileFile {
    pub(crate) fn read(&self, deadline: &Deadline) -> Result<Zeroizing<String>, CredentialsError> {
        self.context.secret_file(&self.path, self.variable, deadline)
    }
}
