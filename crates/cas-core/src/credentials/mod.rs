//! Access keys and where they come from.

mod environment;

use std::sync::Arc;

pub use environment::Environment;

use crate::secret::Secret;

/// What a request is signed with.
#[derive(Clone, Debug)]
pub struct AccessKey {
    id: String,
    secret: Secret,
    security_token: Option<Secret>,
}

impl AccessKey {
    /// A long-term key, or a temporary one where there is a security token (STS).
    #[must_use]
    pub fn new(id: String, secret: Secret, security_token: Option<Secret>) -> Self {
        Self { id, secret, security_token }
    }

    /// The id, which is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret, for signing only.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.secret.expose()
    }

    /// The token of a temporary key.
    #[must_use]
    pub fn security_token(&self) -> Option<&str> {
        self.security_token.as_ref().map(Secret::expose)
    }
}

/// Why `id` and `secret` cannot be an access key, as a sentence without them. A line break at the end, from
/// a file that was read whole, would otherwise come back as a wrong signature.
pub(crate) fn check_access_key(id: &str, secret: &str) -> Result<(), String> {
    if id.is_empty() || secret.is_empty() {
        return Err("The access key id or its secret is empty.".to_owned());
    }
    for (what, text) in [("id", id), ("secret", secret)] {
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            return Err(format!(
                "The access key {what} holds white space, a line break or bytes that are no text."
            ));
        }
    }
    Ok(())
}

/// A source of access keys. `Err` says in one clause, without a secret, why it does not serve.
pub trait Provider: Send + Sync {
    /// The key to sign the next attempt with.
    fn access_key(&self) -> Result<Arc<AccessKey>, String>;
}

/// The key that the program itself gave.
pub struct Given(Arc<AccessKey>);

impl Given {
    /// Always answers `access_key`.
    #[must_use]
    pub fn new(access_key: AccessKey) -> Self {
        Self(Arc::new(access_key))
    }
}

impl Provider for Given {
    fn access_key(&self) -> Result<Arc<AccessKey>, String> {
        Ok(Arc::clone(&self.0))
    }
}
