//! Access keys: what a request is signed with.

use crate::base::quote::quoted;
use crate::base::secret::Secret;

/// What a request is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    check_text("access key id", id)?;
    check_text("access key secret", secret)
}

/// The same for a security token.
pub(crate) fn check_security_token(token: &str) -> Result<(), String> {
    if token.is_empty() {
        return Err("The security token is empty.".to_owned());
    }
    check_text("security token", token)
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text
        .contains(|c: char| c.is_whitespace() || c.is_control() || c == char::REPLACEMENT_CHARACTER)
    {
        return Err(format!(
            "The {what} holds white space, a line break or bytes that are no text."
        ));
    }
    Ok(())
}

/// An id as it may be shown: whole where it looks like one, for it may be the secret, in the id's place by mistake.
pub(crate) fn shown_id(id: &str) -> String {
    let known = ["LTAI", "STS.", "TMP."].iter().any(|prefix| id.starts_with(prefix));
    if known || id.len() < 20 {
        return quoted(id);
    }
    let beginning: String = id.chars().take(4).collect();
    format!(
        "{}, which begins like no access key id (are id and secret exchanged?)",
        quoted(&format!("{beginning}…"))
    )
}
