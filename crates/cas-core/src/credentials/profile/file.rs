//! A file with profiles, and the profile to use.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::env::Variable;
use crate::base::quote::quoted_path;
use crate::credentials::context::ProviderContext;
use crate::service::provider::CredentialsError;

/// Where a profile file is.
pub(crate) enum Location {
    /// At the path in this environment variable.
    Named(PathBuf, Variable),
    /// At this path below the home directory.
    InHome(&'static str),
}

/// A profile file. It is read for each key.
pub(crate) struct ProfileFile {
    pub(crate) context: Arc<ProviderContext>,
    pub(crate) location: Location,
    /// The profile that the program or the environment names. `None`: the default of the file.
    pub(crate) profile: Option<String>,
}

impl ProfileFile {
    pub(crate) fn path(&self, deadline: &Deadline) -> Result<Cow<'_, Path>, CredentialsError> {
        Ok(match &self.location {
            Location::Named(path, _) => Cow::Borrowed(path),
            Location::InHome(path) => Cow::Owned(self.context.home(deadline)?.join(path)),
        })
    }

    pub(crate) fn read(&self, deadline: &Deadline) -> Result<Zeroizing<String>, CredentialsError> {
        let variable = match self.location {
            Location::Named(_, variable) => Some(variable),
            Location::InHome(_) => None,
        };
        self.context.secret_file(&self.path(deadline)?, variable, deadline)
    }

    /// Its path, quoted for messages.
    pub(crate) fn name(&self) -> String {
        match &self.location {
            Location::Named(path, _) => quoted_path(path),
            Location::InHome(path) => {
                let home = self.context.known_home().unwrap_or(Path::new("~"));
                quoted_path(&home.join(path))
            }
        }
    }
}
