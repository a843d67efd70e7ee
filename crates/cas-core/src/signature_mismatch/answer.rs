//! Finds the service's string to sign in a response, or in the text of a log that has it.

use zeroize::Zeroizing;

/// What precedes the string to sign in the message of `SignatureDoesNotMatch` (docs/service.md,
/// Error codes).
const MARK: &str = "string to sign is:";

/// How string to sign of the two signatures begin.
const ACS3: &str = "ACS3-HMAC-SHA256";
const METHODS: [&str; 5] = ["POST&", "GET&", "PUT&", "DELETE&", "HEAD&"];

/// Hexadecimal digits of SHA-256.
const HASH_LEN: usize = 64;

/// What a text says.
pub(super) enum Answer {
    /// The service's string to sign, or its beginning.
    Mismatch(Zeroizing<String>),
    /// `SignatureDoesNotMatch` without a string to sign.
    WithoutString,
    /// Another error, or none.
    Other(Option<String>),
}

/// Whether a string to sign is that of signature version 3.
pub(super) fn is_acs3(string_to_sign: &str) -> bool {
    string_to_sign.starts_with(ACS3)
}

impl Answer {
    pub(super) fn read(text: &str) -> Self {
        let text = Zeroizing::new(unescaped(text));
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        // A log may have several attempts: the last one counts.
        let after = lower.rfind(MARK).map(|at| text[at + MARK.len()..].trim_start());
        let found = after.and_then(|rest| hash_based(rest).or_else(|| parameter_based(rest)));
        match found {
            Some(string_to_sign) => Self::Mismatch(string_to_sign),
            None if text.contains("SignatureDoesNotMatch") || after.is_some() => {
                Self::WithoutString
            }
            None => Self::Other(code(&text)),
        }
    }
}

/// How often a log may have escaped a response that is escaped already.
const MAX_ESCAPES: usize = 3;

/// Undoes what JSON, XML and logs do to `&` and to line breaks. A string to sign has no other
/// characters that they escape.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let after = rest[at..].trim_start_matches('\\');
        let (written, after) = match after {
            _ if after.starts_with("u0026") => ("&", &after["u0026".len()..]),
            _ if after.starts_with('n') => ("\n", &after[1..]),
            _ => ("\\", after),
        };
        plain.push_str(written);
        rest = after;
    }
    plain.push_str(rest);
    for _ in 0..MAX_ESCAPES {
        if !plain.contains("&amp;") {
            break;
        }
        plain = plain.replace("&amp;", "&");
    }
    let others = [("&#38;", "&"), ("&#x26;", "&"), ("&#10;", "\n"), ("&#xA;", "\n")];
    others.into_iter().fold(plain, |text, (escape, c)| text.replace(escape, c))
}

/// A string to sign of signature version 3: its name and a hash.
fn hash_based(text: &str) -> Option<Zeroizing<String>> {
    let hash = text.strip_prefix(ACS3)?.trim_start();
    let is_whole = hash.len() >= HASH_LEN
        && hash.bytes().take(HASH_LEN).all(|b| b.is_ascii_hexdigit())
        && !hash[HASH_LEN..].starts_with(|c: char| c.is_ascii_hexdigit());
    is_whole.then(|| Zeroizing::new(format!("{ACS3}\n{}", hash[..HASH_LEN].to_ascii_lowercase())))
}

/// A string to sign of version 1: the method, and parameters percent-encoded twice. A terminal or
/// mail may have wrapped it.
fn parameter_based(text: &str) -> Option<Zeroizing<String>> {
    METHODS.iter().find(|method| text.starts_with(**method))?;
    let is_of_string = |c: char| c.is_ascii_alphanumeric() || "&%-_.~".contains(c);
    let mut string = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    loop {
        let end = rest.find(|c| !is_of_string(c)).unwrap_or(rest.len());
        string.push_str(&rest[..end]);
        let after = &rest[end..];
        let Some(next) = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')) else {
            break;
        };
        let next = next.trim_start_matches([' ', '\t']);
        let line_end = next.find(['\r', '\n']).unwrap_or(next.len());
        let line = &next[..line_end];
        let run = line.find(|c| !is_of_string(c)).unwrap_or(line.len());
        // The rest of a wrapped string, and not the next line of a log.
        let after_run = &line[run..];
        let continues =
            run > 0 && (after_run.is_empty() || after_run.starts_with(['"', '\\', '<', '\'']));
        if !continues {
            break;
        }
        rest = next;
    }
    Some(string)
}

/// The error code of a response, if the text has one that may be shown.
fn code(text: &str) -> Option<String> {
    let after = ["\"Code\"", "\\\"Code\\\"", "<Code>", "Code:", "code:", "\"code\""]
        .iter()
        .find_map(|mark| text.find(mark).map(|at| &text[at + mark.len()..]))?;
    let start = after.trim_start_matches([' ', ':', '"', '\\', '=']);
    let is_of_code = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let code = &start[..start.find(|c| !is_of_code(c)).unwrap_or(start.len())];
    let is_code = (1..=64).contains(&code.len());
    is_code.then(|| code.to_owned())
}
