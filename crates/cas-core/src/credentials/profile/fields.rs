//! One profile of a file of credentials, whichever its format.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use crate::base::secret::Secret;
use crate::credentials::session_credentials;
use crate::credentials::source::{KeyWithExpiry, Source};
use crate::protocol::access_key::AccessKey;
use crate::service::provider::{CredentialsError, CredentialsErrorKind};

/// Names and values, none of them empty.
pub(crate) struct Profile {
    /// For messages: the profile "web" (line 7).
    pub(crate) place: String,
    pub(crate) fields: BTreeMap<String, Secret>,
}

impl Profile {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(ToOwned::to_owned)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, CredentialsError> {
        self.get(name).ok_or_else(|| self.broken(&format!("has no {name}")))
    }

    pub(crate) fn secret(&self, name: &str) -> Option<Secret> {
        self.fields.get(name).filter(|value| !value.expose().is_empty()).cloned()
    }

    /// The long-term key of the profile, or the temporary one where `token` names a token.
    pub(crate) fn access_key(&self, token: &str) -> Result<AccessKeySource, CredentialsError> {
        let (id, secret) = (self.required("access_key_id")?, self.required("access_key_secret")?);
        let key = session_credentials::key(id.to_owned(), secret.to_owned(), self.secret(token))
            .map_err(|why| {
                self.broken(&format!("has an access key that cannot be one: {why}"))
                    .with_kind(CredentialsErrorKind::Fatal)
            })?;
        Ok(AccessKeySource(key))
    }

    /// `what` is none of `known`.
    pub(crate) fn unknown(&self, what: &str, value: &str, known: &str) -> CredentialsError {
        // Something else may stand there by mistake.
        let is_word = value.len() <= 20
            && value.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let shown = if is_word { format!(": \"{value}\"") } else { String::new() };
        self.broken(&format!("has a {what} that libcas does not know{shown}"))
            .with_hint(format!("The {what} is one of {known}, written so."))
    }

    pub(crate) fn broken(&self, why: &str) -> CredentialsError {
        CredentialsError::failed(format!("{} {why}", self.place))
    }
}

/// A key that stands in a profile.
pub(crate) struct AccessKeySource(AccessKey);

impl Source for AccessKeySource {
    fn fetch(&self, _: SystemTime, _: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        Ok(KeyWithExpiry::without_expiry(self.0.clone()))
    }
}
