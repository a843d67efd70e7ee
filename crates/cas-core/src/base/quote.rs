//! Quotes names, paths and other text of the program in messages.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Longest part of a name or path that libcas quotes although it may be base64: a SHA-1 in
/// hexadecimal.
const MAX_PART: usize = 40;
/// Longest quotation, in characters.
const MAX_CHARS: usize = 300;

/// Whether a character may be shown on a line of text as it is. Others forge lines, hide text or
/// change the direction in which it is read: control characters, the separators of lines and
/// paragraphs, and the invisible characters of Unicode that format text.
pub(crate) fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Quotes a name or path on one line of limited length. Replaces text that may be a key passed by
/// mistake with a description.
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
    let is_like_base64 = |part: &str| {
        part.len() > MAX_PART
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'='))
            && !part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if text.split(|c: char| c == '/' || c.is_whitespace()).any(is_like_base64) {
        return format!("(a text of {} bytes that may be a key)", text.len());
    }
    quoted_public(text)
}

/// Quotes text that is known to be public, on one line of limited length.
pub(crate) fn quoted_public(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_CHARS)
        .map(|c| if is_printable(c) { c } else { '\u{fffd}' })
        .collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// Quotes a path on one line of limited length. Replaces a key that was passed by mistake with a
/// description. If the path is not UTF-8, its bytes beyond ASCII are shown like `\xff`.
#[must_use]
pub fn quoted_path(path: &Path) -> String {
    if let Some(text) = path.to_str() {
        return quoted(text);
    }
    let mut shown = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii() {
            shown.push(char::from(byte));
        } else {
            let _ = write!(shown, "\\x{byte:02x}"); // writing to a String cannot fail
        }
    }
    quoted(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_never_a_key() {
        assert_eq!(quoted("web"), "\"web\"");
        assert_eq!(quoted("a\nb"), "\"a\u{fffd}b\"");
        for hidden in [
            '\u{1b}',
            '\u{85}',
            '\u{34f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{200b}',
            '\u{3164}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(quoted(&format!("a{hidden}b")), "\"a\u{fffd}b\"", "{hidden:?}");
        }
        assert_eq!(quoted("名称 é"), "\"名称 é\"");
        assert_eq!(quoted("-----BEGIN PRIVATE KEY-----\nAAAA"), "(a PEM text)");
        assert_eq!(quoted(&"a name ".repeat(200)).chars().count(), 303);
        let key = "MC4CAQAwBQYDK2VwBCIEIDz6Dm9U0Gz+f6jq3zqkq1y2u0oX1bY3ZtHqv5mW8nQ=";
        assert_eq!(quoted(key), "(a text of 64 bytes that may be a key)");
        assert_eq!(quoted("{\"access_key_secret\": \"x\"}"), "(a JSON text)");
        assert_eq!(quoted("eyJhbGciOi.eyJzdWIi.c2ln"), "(a token)");
        assert!(quoted(&format!("/etc/{key}/pem")).contains("may be a key"));
        assert_eq!(quoted(&"x".repeat(40)), format!("\"{}\"", "x".repeat(40)));
        assert_eq!(quoted(&"x".repeat(41)), "(a text of 41 bytes that may be a key)");
        assert_eq!(quoted_public(key), format!("\"{key}\""));
        let path = format!("/var/lib/{}/live/www.example.com/fullchain.pem", "0f".repeat(32));
        assert_eq!(quoted(&path), format!("\"{path}\""));
        let gbk = std::ffi::OsStr::from_bytes(b"/etc/\xd6\xa4\xca\xe9/a.pem");
        assert_eq!(quoted_path(Path::new(gbk)), r#""/etc/\xd6\xa4\xca\xe9/a.pem""#);
    }
}
