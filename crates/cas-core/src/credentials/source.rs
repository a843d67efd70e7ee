//! The trait of credential sources, and the keys that they return.

use std::time::{Duration, SystemTime};

use crate::base::deadline::Deadline;
use crate::base::logger::{Level, Logger};
use crate::base::secret::Secret;
use crate::protocol::access_key::{AccessKey, check_access_key, check_security_token};
use crate::service::provider::CredentialsError;

/// How long before its expiry a key is refreshed, as in the official Python and Node.js packages.
/// A key that lives less than twice this long is refreshed after half of its life.
pub(crate) const REFRESH_MARGIN: Duration = Duration::from_secs(15 * 60);

/// A place where access keys come from. It caches nothing; `cache.rs` does.
pub(crate) trait Source: Send + Sync {
    /// Reads or requests a key before `deadline`. `now` is the time for expiry and signatures.
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError>;
}

/// A source in the credential provider chain, with a name for messages.
pub(crate) trait NamedSource: Source {
    /// The name as it stands in "The access key comes from {name}."
    fn name(&self) -> String;

    /// Whether someone has configured it, as far as that is known before it is asked.
    fn is_set_up(&self) -> bool {
        true
    }
}

/// An access key as a source returned it.
#[derive(Clone)]
pub(crate) struct KeyWithExpiry {
    pub(crate) key: AccessKey,
    /// `None`: not known to expire.
    pub(crate) expires: Option<SystemTime>,
}

impl KeyWithExpiry {
    pub(crate) fn without_expiry(key: AccessKey) -> Self {
        Self { key, expires: None }
    }
}

/// Logs a refresh that failed while the current key is still valid.
pub(crate) fn log_refresh_failure(logger: &Logger, error: &CredentialsError) {
    logger.log(Level::Warn, || {
        format!(
            "Failed to refresh the access key; the current one is still valid: {}.",
            error.reason
        )
    });
}

/// Checks that these are an access key and a security token. The error is a clause without them.
pub(crate) fn checked_access_key(
    id: &str,
    secret: Secret,
    token: Option<Secret>,
) -> Result<AccessKey, String> {
    check_access_key(id, secret.expose())
        .and_then(|()| token.as_ref().map_or(Ok(()), |token| check_security_token(token.expose())))
        .map_err(|sentence| clause(&sentence))?;
    Ok(AccessKey::new(id.to_owned(), secret, token))
}

/// A sentence as a clause that can follow a colon: without the full stop, and in lower case unless
/// it begins with a name such as `AssumeRole`.
pub(crate) fn clause(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let first = sentence.split(' ').next().unwrap_or_default();
    match (sentence.get(..1), sentence.get(1..)) {
        (Some(initial), Some(rest)) if first.chars().skip(1).all(|c| c.is_ascii_lowercase()) => {
            initial.to_ascii_lowercase() + rest
        }
        _ => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_become_clauses_and_names_stay() {
        for (sentence, expected) in [
            ("The secret is empty.", "the secret is empty"),
            ("A key is wrong.", "a key is wrong"),
            ("AssumeRole of \"x\" failed.", "AssumeRole of \"x\" failed"),
            ("sts.aliyuncs.com refused.", "sts.aliyuncs.com refused"),
            ("", ""),
        ] {
            assert_eq!(clause(sentence), expected);
        }
    }

    #[test]
    fn malformed_keys_and_tokens_are_refused_without_being_shown() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let key = checked_access_key("id", secret("s"), Some(secret("t"))).unwrap();
        assert_eq!((key.id(), key.secret(), key.security_token()), ("id", "s", Some("t")));
        for (id, hidden, token) in
            [("hidden id", "s", "t"), ("id", "hidden s", "t"), ("id", "s", "hidden t")]
        {
            let reason = checked_access_key(id, secret(hidden), Some(secret(token))).unwrap_err();
            assert!(reason.starts_with("the ") && !reason.contains("hidden"), "{reason}");
        }
    }
}
