//! Names, paths and other text of the caller as messages show them.

use std::path::Path;

/// Longest part of a name or path that is shown although it could be a piece of base64: a SHA-1, in hex.
const LONGEST_PART: usize = 40;

/// A name or path as it may stand in a message: in quotes, on one line, not too long, and never a key that
/// was passed in its place by mistake.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains("-----") {
        return "(a PEM text)".to_owned();
    }
    if text.trim_start().starts_with(['{', '[']) {
        return "(a JSON text)".to_owned();
    }
    if text.starts_with("eyJ") && text.contains('.') {
        return "(a token)".to_owned();
    }
    let like_base64 = |part: &str| {
        part.len() > LONGEST_PART
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'='))
            && !part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if text.split(|c: char| c == '/' || c.is_whitespace()).any(like_base64) {
        return format!("(a text of {} bytes that may be a key)", text.len());
    }
    on_one_line(text)
}

/// What is known to be public: in quotes, on one line, not too long.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut shown: String =
        text.chars().take(300).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(300).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// [`quoted`] for a path.
pub(crate) fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_message_is_short_and_never_a_key() {
        assert_eq!(quoted("web"), "\"web\"");
        assert_eq!(quoted("a\nb"), "\"a\u{fffd}b\"");
        assert_eq!(quoted("-----BEGIN PRIVATE KEY-----\nAAAA"), "(a PEM text)");
        assert_eq!(quoted(&"a name ".repeat(200)).chars().count(), 303);
        let key = "MC4CAQAwBQYDK2VwBCIEIDz6Dm9U0Gz+f6jq3zqkq1y2u0oX1bY3ZtHqv5mW8nQ=";
        assert_eq!(quoted(key), "(a text of 64 bytes that may be a key)");
        assert_eq!(quoted("{\"access_key_secret\": \"x\"}"), "(a JSON text)");
        assert_eq!(quoted("eyJhbGciOi.eyJzdWIi.c2ln"), "(a token)");
        assert!(quoted(&format!("/etc/{key}/pem")).contains("may be a key"));
        let path = format!("/var/lib/{}/live/www.example.com/fullchain.pem", "0a".repeat(32));
        assert_eq!(quoted(&path), format!("\"{path}\""));
    }
}
