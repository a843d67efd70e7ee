//! Access keys: what a request is signed with, and how an ID is checked and displayed.
//!
//! Uses `base` only.

use cas_sign::AccessKeyRef;

use crate::base::quote::quoted;
use crate::base::secret::Secret;

/// An access key, long-term or temporary. `Debug` prints no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessKey {
    id: String,
    secret: Secret,
    security_token: Option<Secret>,
}

impl AccessKey {
    /// Creates a long-term key, or a temporary one (STS) if there is a security token.
    #[must_use]
    pub(crate) fn new(id: String, secret: Secret, security_token: Option<Secret>) -> Self {
        Self { id, secret, security_token }
    }

    /// Returns the access key ID, which is not a secret.
    #[must_use]
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the access key secret, for signing only.
    #[must_use]
    pub(crate) fn secret(&self) -> &str {
        self.secret.expose()
    }

    /// Returns the security token of a temporary key.
    #[must_use]
    pub(crate) fn security_token(&self) -> Option<&str> {
        self.security_token.as_ref().map(Secret::expose)
    }

    /// Borrows the parts to sign with.
    #[must_use]
    pub(crate) fn borrowed(&self) -> AccessKeyRef<'_> {
        AccessKeyRef { id: self.id(), secret: self.secret(), security_token: self.security_token() }
    }
}

/// Checks that `id` and `secret` can be an access key. The error is a sentence that holds neither.
///
/// A line break at the end, from a file that was read whole, would otherwise surface as a wrong
/// signature.
pub(crate) fn check_access_key(id: &str, secret: &str) -> Result<(), String> {
    if id.is_empty() || secret.is_empty() {
        return Err("The access key ID or the access key secret is empty.".to_owned());
    }
    check_text("access key ID", id)?;
    check_text("access key secret", secret)
}

/// Checks that `token` can be a security token. The error is a sentence that does not hold it.
pub(crate) fn check_security_token(token: &str) -> Result<(), String> {
    if token.is_empty() {
        return Err("The security token is empty.".to_owned());
    }
    check_text("security token", token)
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    let invalid = |c: char| c.is_whitespace() || c.is_control() || c == char::REPLACEMENT_CHARACTER;
    if text.contains(invalid) {
        return Err(format!(
            "The {what} contains white space, a line break or bytes that are not UTF-8."
        ));
    }
    Ok(())
}

/// Quotes an access key ID for a message. Only the beginning is shown of what does not look like an
/// ID: it may be the secret, set in the place of the ID by mistake.
pub(crate) fn display_id(id: &str) -> String {
    let known = ["LTAI", "STS.", "TMP."].iter().any(|prefix| id.starts_with(prefix));
    if known || id.len() < 20 {
        return quoted(id);
    }
    let beginning: String = id.chars().take(4).collect();
    format!(
        "{}, which does not look like an access key ID (are ID and secret swapped?)",
        quoted(&format!("{beginning}…"))
    )
}

/// An access key ID without its middle, such as `LTAI****abcd`, for output that people share. Of
/// what does not look like an ID, only the beginning: it may be the secret.
pub(crate) fn masked_id(id: &str) -> String {
    let is_known = ["LTAI", "STS.", "TMP."].iter().any(|prefix| id.starts_with(prefix));
    let is_plain = id.bytes().all(|b| b.is_ascii_graphic());
    match id.len() {
        0..12 if is_plain => id.to_owned(),
        length if is_known && is_plain => format!("{}****{}", &id[..4], &id[length - 4..]),
        _ => {
            format!("{}****", id.chars().take(4).filter(char::is_ascii_graphic).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_id_is_masked() {
        for (id, shown) in [
            ("testid", "testid"),
            ("LTAI0123456789abcdef", "LTAI****cdef"),
            ("STS.0123456789abcdef", "STS.****cdef"),
            ("0123456789abcdefghijklmnopqrst", "0123****"),
            ("LTAI\u{1b}[31m0123456789", "LTAI****"),
            ("\u{1b}[2J", "[2J****"),
        ] {
            assert_eq!(masked_id(id), shown);
        }
    }

    #[test]
    fn invalid_keys_are_refused_without_quoting_them() {
        for (id, secret, part) in [
            ("", "s", "empty"),
            ("i", "", "empty"),
            ("hid den", "s", "access key ID contains"),
            ("i", "hidden\n", "access key secret contains"),
            ("i", "hidden\u{fffd}", "access key secret contains"),
        ] {
            let sentence = check_access_key(id, secret).unwrap_err();
            assert!(sentence.contains(part) && !sentence.contains("hid"), "{sentence}");
        }
        assert_eq!(check_access_key("i", "s"), Ok(()));
        assert!(check_security_token("").is_err() && check_security_token("t\t").is_err());
        assert_eq!(check_security_token("t"), Ok(()));
    }

    #[test]
    fn an_id_that_may_be_the_secret_is_not_shown() {
        assert_eq!(display_id("testid"), "\"testid\"");
        assert_eq!(display_id("LTAI0123456789abcdef"), "\"LTAI0123456789abcdef\"");
        assert_eq!(display_id("STS.0123456789abcdef"), "\"STS.0123456789abcdef\"");
        let shown = display_id("0123456789abcdefghijklmnopqrst");
        assert!(shown.contains("\"0123…\"") && shown.contains("swapped"), "{shown}");
        assert!(!shown.contains('4'), "{shown}");
    }
}
