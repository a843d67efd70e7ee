//! Decodes text that a mail program, a web page or a URL encoded.
//!
//! The characters that these encodings use do not occur in PEM. Each function returns `None` for a
//! text that is not encoded; its copy is never reallocated, and wiped when dropped.

use memchr::memchr;
use zeroize::Zeroizing;

use crate::inspect::pem::find;

/// A decoded text.
type Decoded = Option<Zeroizing<String>>;

/// Decodes `%0A`, and "+" for a space if the BEGIN lines have it.
pub(super) fn percent(text: &str) -> Decoded {
    memchr(b'%', text.as_bytes())?;
    let is_form = find(text, 0, "BEGIN+").is_some();
    replace(text, &|rest| match rest.as_bytes() {
        [b'%', ..] => hex(rest.get(1..3)?).map(|character| (character, 3)),
        [b'+', ..] if is_form => Some((' ', 1)),
        _ => None,
    })
}

/// Decodes character references such as `&#43;`, and removes tags such as `<br>`.
pub(super) fn html(text: &str) -> Decoded {
    const NAMED: [(&str, char); 9] = [
        ("nbsp", ' '),
        ("NewLine", '\n'),
        ("plus", '+'),
        ("sol", '/'),
        ("equals", '='),
        ("hyphen", '-'),
        ("quot", '"'),
        ("gt", '>'),
        ("amp", '&'),
    ];
    /// Longer tags are not removed.
    const MAX_TAG: usize = 256;
    memchr::memchr2(b'&', b'<', text.as_bytes())?;
    replace(text, &|rest| match rest.as_bytes() {
        [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'/', ..] => {
            let end = memchr(b'>', &rest.as_bytes()[..rest.len().min(MAX_TAG)])?;
            Some((' ', end + 1))
        }
        [b'&', b'#', ..] => {
            let end = memchr(b';', &rest.as_bytes()[..rest.len().min(10)])?;
            let code = &rest[2..end];
            let code = match code.strip_prefix(['x', 'X']) {
                Some(code) => u8::from_str_radix(code, 16),
                None => code.parse(),
            };
            Some((char::from(code.ok().filter(u8::is_ascii)?), end + 1))
        }
        [b'&', ..] => NAMED.iter().find_map(|(name, character)| {
            let is_named = rest[1..].strip_prefix(name)?.starts_with(';');
            is_named.then_some((*character, name.len() + 2))
        }),
        _ => None,
    })
}

/// Decodes quoted-printable: `=3D`, and "=" at the end of a line that goes on in the next one.
pub(super) fn quoted_printable(text: &str) -> Decoded {
    /// The usual lengths of lines that go on in the next one.
    const FULL: std::ops::RangeInclusive<usize> = 72..=76;
    let is_encoded = ["=3D", "=0A", "=0D", "=20"].iter().any(|code| find(text, 0, code).is_some());
    // Base64 ends with "=" before an END line.
    let goes_on = |(line, next): (&str, &str)| {
        line.ends_with('=') && FULL.contains(&line.len()) && find(next, 0, "-----END ").is_none()
    };
    if !is_encoded && !text.lines().zip(text.lines().skip(1)).any(goes_on) {
        return None;
    }
    let mut decoded = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        decoded.push_str(before);
        let line_end = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n'));
        rest = if let Some(next_line) = line_end {
            next_line
        } else if let Some(character) = after.get(..2).and_then(hex) {
            decoded.push(character);
            &after[2..]
        } else {
            decoded.push('=');
            after
        };
    }
    decoded.push_str(rest);
    Some(decoded)
}

/// The ASCII character with a code of two hexadecimal digits.
fn hex(digits: &str) -> Option<char> {
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let code = u8::from_str_radix(digits, 16).ok()?;
    (is_hex && code.is_ascii()).then_some(char::from(code))
}

/// Replaces what `decode` recognises at the beginning of a rest: the character that it stands for,
/// and its length. `decode` is called before each byte that is neither a letter nor a digit.
fn replace(text: &str, decode: &dyn Fn(&str) -> Option<(char, usize)>) -> Decoded {
    let mut decoded = Zeroizing::new(String::with_capacity(text.len()));
    let mut is_changed = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (character, length) = match decode(rest) {
            Some(replaced) if !c.is_ascii_alphanumeric() => {
                is_changed = true;
                replaced
            }
            _ => (c, c.len_utf8()),
        };
        decoded.push(character);
        rest = &rest[length..];
    }
    is_changed.then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_decoded() {
        for (text, wanted) in [
            ("a+b", None),
            ("100 %, %", None),
            ("%zz%8", None),
            ("%E4%BD%A0", None),
            ("-----BEGIN%20A-----%0Aa%2Bb+c%2f%3D", Some("-----BEGIN A-----\na+b+c/=")),
            ("-----BEGIN+A-----%0D%0Aa%2Bb", Some("-----BEGIN A-----\r\na+b")),
        ] {
            assert_eq!(percent(text).as_ref().map(|text| text.as_str()), wanted, "{text}");
        }
    }

    #[test]
    fn html_is_decoded() {
        for (text, wanted) in [
            ("a", None),
            ("a < b & c", None),
            ("&#;&#x;&#x80;&#1234567890;&plus", None),
            ("&#43;&#x2B;&#X2f;&equals;&plus;&sol;&amp;#43;", Some("++/=+/&#43;")),
            ("a<br>b<br/>c</p ><span class='x'>d&nbsp;e", Some("a b c  d e")),
        ] {
            assert_eq!(html(text).as_ref().map(|text| text.as_str()), wanted, "{text}");
        }
        let long = format!("<a{}>", " ".repeat(300));
        assert!(html(&long).is_none());
    }

    #[test]
    fn quoted_printable_is_decoded() {
        for (text, wanted) in [
            ("AA==\n-----END A-----\n", None),
            ("AA=", None),
            ("AA=3D=\n=3D\n-----END A-----", Some("AA==\n-----END A-----")),
            ("AB=\nCD=\r\nEF", None),
            ("AB=\nCD=\r\nEF=20", Some("ABCDEF ")),
            ("AB=0D=0ACD=20=ZZ=E4=", Some("AB\r\nCD =ZZ=E4=")),
        ] {
            assert_eq!(quoted_printable(text).as_ref().map(|text| text.as_str()), wanted, "{text}");
        }
        let full = "A".repeat(75);
        assert_eq!(*quoted_printable(&format!("{full}=\r\nB=\n")).unwrap(), format!("{full}B"));
        assert!(quoted_printable(&format!("{full}=\n> -----END A-----\n")).is_none());
    }
}
