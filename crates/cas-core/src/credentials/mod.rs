//! Access keys and where they come from: one file for each source, and the order in which they are asked.
//! docs/credentials.md says the same for users.

mod assume_role;
mod cache;
mod chain;
mod context;
mod ecs_ram_role;
mod environment;
mod oidc;
mod profile;
mod session_credentials;
mod uri;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

pub use cache::Refreshing;
pub use context::Surroundings;

use crate::base::error::quoted;
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
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err(format!("The {what} holds white space, a line break or bytes that are no text."));
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

/// Why there is no access key. Holds no secret.
#[derive(Clone, Debug)]
pub struct Unavailable {
    /// What is missing or went wrong, as a clause.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether nobody set this source up, which is no mistake.
    pub absent: bool,
    /// Whether no other source is to be asked: here is an access key, which only libcas refuses.
    pub decisive: bool,
    /// Whether asking again later may help.
    pub retryable: bool,
}

impl Unavailable {
    fn absent(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: None, absent: true, decisive: false, retryable: false }
    }

    fn broken(why: impl Into<String>) -> Self {
        Self { absent: false, ..Self::absent(why) }
    }

    fn decisive(mut self) -> Self {
        self.decisive = true;
        self
    }

    fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }
}

/// Gives the access keys to sign with.
pub trait Provider: Send + Sync {
    /// The key to sign the next attempt with. `now` is the time by which expiry is judged; what must be fetched is fetched
    /// before `deadline`.
    fn access_key(&self, now: SystemTime, deadline: Instant) -> Result<Arc<AccessKey>, Unavailable>;

    /// Where the key comes from, for messages.
    fn origin(&self) -> String;

    /// The service says that `refused` is not good, or no longer: whether there is another one now.
    fn renew(&self, refused: &AccessKey, now: SystemTime, deadline: Instant) -> bool;
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
    fn access_key(&self, _: SystemTime, _: Instant) -> Result<Arc<AccessKey>, Unavailable> {
        Ok(Arc::clone(&self.0))
    }

    fn origin(&self) -> String {
        "the program".to_owned()
    }

    fn renew(&self, _: &AccessKey, _: SystemTime, _: Instant) -> bool {
        false
    }
}

/// A place where access keys come from. It keeps nothing: [`Refreshing`] does.
trait Source: Send + Sync {
    /// Looks the key up, or fetches it before `deadline`.
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<Fetched, Unavailable>;
}

/// A source that is asked by itself, and has a name in messages.
trait Named: Source {
    /// What it is.
    fn name(&self) -> String;
}

/// A key as a source gave it.
#[derive(Clone)]
struct Fetched {
    key: AccessKey,
    /// `None`: not known to expire.
    expires: Option<SystemTime>,
}

impl Fetched {
    fn lasting(key: AccessKey) -> Self {
        Self { key, expires: None }
    }
}
