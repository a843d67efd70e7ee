//! Redaction: removes from a server's text what must never be shown.
//!
//! `SignatureDoesNotMatch` echoes the whole string to sign, with certificate and key, encoded
//! twice; the error page of a proxy may echo the form. The result is safe to show and to log.

use cas_sign::{percent_decode, percent_encode};
use zeroize::Zeroizing;

use crate::base::quote::is_printable;

/// The mark in place of what was removed.
pub(crate) const REMOVED: &str = "[removed]";

/// Longest text that is shown, in characters.
const LONGEST: usize = 500;

/// How often a secret that is searched for may be encoded. The string to sign is encoded twice.
const ENCODINGS: usize = 3;

/// How often a text is decoded to find a secret in it.
const MOST_DECODINGS: usize = 16;

/// Longest run of letters and digits that may be a word, an ID or a label of a host name.
const LONGEST_WORD: usize = 36;

/// Shortest piece of a private key that is recognised as one.
const SHORTEST_KEY_PIECE: usize = 8;

/// The secrets of one request. It has no `Debug`, on purpose.
#[derive(Default)]
pub struct Secrets<'a> {
    /// The private keys, PEM.
    pub private_keys: Vec<&'a str>,
    /// The access key secret, the security token, the signature, and any other secret.
    pub others: Vec<&'a str>,
}

impl Secrets<'_> {
    /// Returns `text` on one line, without the secrets and without what looks like one, cut to 500
    /// characters.
    ///
    /// The time that it takes is bounded, however long `text` is and however often it was encoded.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        // What cannot be shown is not examined, unless a secret begins before and ends there.
        let text = cut_string_to_sign(cut(text, LONGEST + self.longest_form()));
        let text = Zeroizing::new(text);
        if text.contains("SignatureNonce") {
            // An echo of the whole request: any part of it may be secret.
            return REMOVED.to_owned();
        }
        let mut text = Zeroizing::new(cut_pem(&text));
        for secret in self.others.iter().filter(|secret| !secret.is_empty()) {
            let mut form = Zeroizing::new((*secret).to_owned());
            for _ in 0..ENCODINGS {
                text = Zeroizing::new(text.replace(form.as_str(), REMOVED));
                form = Zeroizing::new(percent_encode(&form));
            }
        }
        let room = self.private_keys.iter().map(|key| key.len() + 1).sum();
        let mut key = Zeroizing::new(String::with_capacity(room));
        for private_key in &self.private_keys {
            key.extend(private_key.split_whitespace());
            key.push(' ');
        }
        let text = Zeroizing::new(cut_secret_runs(&text, &key));
        let shown = cut(&text, LONGEST);
        if self.is_revealed_by(shown, &key) {
            return REMOVED.to_owned();
        }
        // One line, so that no server can forge log lines or terminal commands.
        let mut line: String =
            shown.chars().map(|c| if is_printable(c) { c } else { ' ' }).collect();
        if shown.len() < text.len() {
            line.push('…');
        }
        line
    }

    /// The length of the longest secret in its widest encoding, in bytes.
    fn longest_form(&self) -> usize {
        let longest = self.others.iter().chain(&self.private_keys).map(|secret| secret.len()).max();
        // Each encoding adds two bytes to a byte.
        longest.unwrap_or(0) * (1 + 2 * ENCODINGS)
    }

    /// Returns whether `text` still holds a secret, however often it was encoded. `key` is each
    /// private key without white space, and a space after it.
    fn is_revealed_by(&self, text: &str, key: &str) -> bool {
        let mut text = Zeroizing::new(text.to_owned());
        for _ in 0..MOST_DECODINGS {
            if self.others.iter().any(|secret| !secret.is_empty() && text.contains(secret))
                || text.split(|c| !is_base64(c)).any(|run| is_secret(run, key))
            {
                return true;
            }
            match percent_decode(&text) {
                Some(decoded) => text = Zeroizing::new(decoded),
                None => return false,
            }
        }
        // No text that is worth showing is encoded so often.
        true
    }
}

/// Removes secret runs, in more of `text` than can be shown but not in all of it: the search for
/// pieces of a long key takes time. What follows is dropped.
fn cut_secret_runs(text: &str, key: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    // A character has at most four bytes.
    while shown.len() <= LONGEST * 4 {
        let Some(start) = rest.find(is_base64) else {
            shown.push_str(rest);
            break;
        };
        let run = &rest[start..];
        let run = &run[..run.find(|c| !is_base64(c)).unwrap_or(run.len())];
        shown.push_str(&rest[..start]);
        shown.push_str(if is_secret(run, key) { REMOVED } else { run });
        rest = &rest[start + run.len()..];
    }
    shown
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// Whether a run of base64 characters is too long for a word, or has a piece of the private key
/// anywhere: other characters may adjoin it.
fn is_secret(run: &str, key: &str) -> bool {
    let pieces = run.as_bytes().windows(SHORTEST_KEY_PIECE);
    run.len() > LONGEST_WORD
        || pieces.into_iter().any(|piece| memchr::memmem::find(key.as_bytes(), piece).is_some())
}

/// Returns the beginning of `text`: at most `longest` characters, without the run that the cut goes
/// through, since a part of a secret may not be recognised as one.
fn cut(text: &str, longest: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(longest) else { return text };
    let is_of_run = |c: char| c.is_ascii_graphic() && c != ',';
    if text[end..].starts_with(is_of_run) {
        text[..end].trim_end_matches(is_of_run)
    } else {
        &text[..end]
    }
}

/// Cuts the gateway's message before its string to sign.
fn cut_string_to_sign(text: &str) -> String {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    for marker in ["string to sign", "stringtosign", "string-to-sign"] {
        if let Some(at) = lower.find(marker) {
            return format!("{}: {REMOVED}", &text[..at + marker.len()]);
        }
    }
    text.to_owned()
}

/// Cuts PEM blocks. Dashes are never encoded, so a block is found in any encoding.
fn cut_pem(text: &str) -> String {
    let Some(start) = text.find("-----BEGIN") else { return text.to_owned() };
    let end = text.rfind("-----END").map(|at| {
        let after = at + "-----END".len();
        text[after..].find("-----").map_or(text.len(), |dashes| after + dashes + "-----".len())
    });
    let end = end.filter(|&end| end > start).unwrap_or(text.len());
    format!("{}{REMOVED}{}", &text[..start], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
                       MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n\
                       shortEnd+/==\n\
                       -----END PRIVATE KEY-----\n";

    fn secrets() -> Secrets<'static> {
        Secrets { private_keys: vec![KEY], others: vec!["s3cr+t/", "token=="] }
    }

    #[test]
    fn an_echoed_string_to_sign_is_removed() {
        let echo = format!(
            "Specified signature is not matched. server string to sign is:POST&%2F&{}",
            percent_encode(&percent_encode(KEY))
        );
        assert_eq!(
            secrets().redact(&echo),
            "Specified signature is not matched. server string to sign: [removed]"
        );
    }

    #[test]
    fn pieces_of_every_private_key_are_removed() {
        let both = Secrets { private_keys: vec![KEY, "one\ntwoThreeFour"], others: vec![] };
        for piece in ["hkiG9w0BAQE", "onetwoThree", "ThreeFour"] {
            assert_eq!(both.redact(&format!("a {piece} b")), "a [removed] b");
        }
        // The end of one key and the beginning of the other.
        assert_eq!(both.redact("a KEY-----onetwo b"), "a KEY-----onetwo b");
    }

    #[test]
    fn secrets_are_removed_in_every_encoding() {
        let mut form = "s3cr+t/".to_owned();
        for times in 0..6 {
            let shown = secrets().redact(&format!("secret {form} here"));
            assert_eq!(shown, if times < 3 { "secret [removed] here" } else { REMOVED });
            form = percent_encode(&form);
        }
        assert_eq!(secrets().redact("got AccessKeyId=a&SignatureNonce=1&Timestamp=2"), REMOVED);
        assert_eq!(secrets().redact("tail shortEnd+/== of a key"), "tail [removed] of a key");
        assert_eq!(
            secrets().redact("glued XXshortEnd+/==YY, MIIEvQIBX"),
            "glued [removed], [removed]"
        );
        assert_eq!(secrets().redact(&format!("a {KEY} b")), "a [removed]  b");
        assert_eq!(secrets().redact("cut -----BEGIN RSA PRIVATE KEY-----\nAAAA"), "cut [removed]");
    }

    #[test]
    fn useful_messages_stay() {
        for message in [
            "名称重复，请重新输入。",
            "Specified access key is not found.",
            "Not authorized (473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E, \
             acs:ram::1234567890123456:user/deployer).",
        ] {
            assert_eq!(secrets().redact(message), message);
        }
        assert_eq!(secrets().redact("a\r\nERROR: forged \u{1b}[2J"), "a  ERROR: forged  [2J");
        let shown = secrets().redact(&"word ".repeat(1000));
        assert_eq!(shown.chars().count(), LONGEST + 1);
        assert!(shown.ends_with("word …"), "{shown}");
        let hidden = "a\u{2028}b\u{202e}c\u{200b}d\u{9b}e";
        assert_eq!(secrets().redact(hidden), "a b c d e");
    }

    #[test]
    fn a_secret_that_a_cut_goes_through_is_dropped_whole() {
        for before in 480..520 {
            for (secret, times) in [("s3cr+t/", 0), ("s3cr+t/", 3), ("shortEnd+/==", 0)] {
                let mut form = secret.to_owned();
                for _ in 0..times {
                    form = percent_encode(&form);
                }
                let shown = secrets().redact(&format!("{} {form} x", "y ".repeat(before / 2)));
                assert!(!shown.contains("s3c") && !shown.contains("shortE"), "{before} {shown}");
            }
        }
    }

    #[test]
    fn the_time_is_bounded() {
        // Each would take minutes if all of it were examined and decoded.
        for text in
            ["%25".repeat(1 << 18), "%2525".repeat(1 << 18), format!("%{}41", "25".repeat(1 << 18))]
        {
            assert_eq!(secrets().redact(&text).trim_end_matches('…'), "", "{}", &text[..10]);
        }
        let key = "0123456789abcdef+/\n".repeat(1 << 14);
        let long_key = Secrets { private_keys: vec![&key], others: Vec::new() };
        for text in ["words of text ", "abcdefgh01234567 ", "x23456789abcdex "] {
            let shown = long_key.redact(&text.repeat(1 << 16));
            assert!(shown.ends_with('…') && shown.chars().count() <= LONGEST + 1, "{shown}");
            assert_eq!(shown.contains(REMOVED), text.contains("34567"), "{shown}");
        }
        let deep = (0..20).fold("plain text".to_owned(), |text, _| percent_encode(&text));
        assert!(secrets().redact(&deep).ends_with(REMOVED));
        assert_eq!(secrets().redact(&format!("%{}20x", "25".repeat(16))), REMOVED);
    }

    proptest! {
        #[test]
        fn no_piece_of_the_key_survives(
            before in ".{0,40}",
            after in ".{0,40}",
            start in 28usize..80,
            length in 8usize..60,
            times in 0..3,
        ) {
            let piece = KEY.chars().skip(start).take(length);
            let mut piece: String = piece.filter(|c| !c.is_whitespace()).collect();
            prop_assume!(piece.len() >= SHORTEST_KEY_PIECE && !piece.contains('-'));
            let plain = piece.clone();
            for _ in 0..times {
                piece = percent_encode(&piece);
            }
            let shown = secrets().redact(&format!("{before} {piece} {after}"));
            for window in plain.as_bytes().windows(SHORTEST_KEY_PIECE) {
                let window = std::str::from_utf8(window).unwrap();
                let foreign = before.contains(window) || after.contains(window);
                prop_assert!(!shown.contains(window) || foreign, "{shown}");
            }
        }
    }
}
