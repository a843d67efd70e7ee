//! Replaces the escape sequences that programming languages, shells and formats such as JSON leave
//! in PEM. None of them has a meaning in PEM itself.

use zeroize::Zeroizing;

/// The escape character of most languages.
pub(super) const BACKSLASH: char = '\\';
/// The escape character of PowerShell.
pub(super) const BACKTICK: char = '`';

/// Replaces the escape sequences that begin with `escape`, also where repeated escaping left it
/// several times. Returns `None` if there are none. The copy is never reallocated, and wiped when
/// dropped.
pub(super) fn unescape(text: &str, escape: char) -> Option<Zeroizing<String>> {
    memchr::memchr(escape as u8, text.as_bytes())?;
    let mut unescaped = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        unescaped.push_str(before);
        let escaped = after.trim_start_matches(escape);
        if let Some((character, length)) = sequence(escaped) {
            unescaped.push(character);
            rest = &escaped[length..];
        } else if let Some(line_end) = continuation(escaped) {
            rest = line_end;
        } else {
            unescaped.push_str(&rest[before.len()..rest.len() - escaped.len()]);
            rest = escaped;
        }
    }
    unescaped.push_str(rest);
    (*unescaped != text).then_some(unescaped)
}

/// The character that an escape sequence stands for, and the length of the sequence without the
/// escape character.
fn sequence(text: &str) -> Option<(char, usize)> {
    let digits = |from: usize, length: usize, radix: u32| {
        let digits = text.get(from..from + length)?;
        let code = u8::from_str_radix(digits, radix).ok().filter(u8::is_ascii)?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some((char::from(code), from + length))
    };
    match text.as_bytes().first()? {
        b'n' => Some(('\n', 1)),
        b'r' => Some(('\r', 1)),
        b't' => Some(('\t', 1)),
        // Markdown, PHP, shells.
        b @ (b'/' | b'+' | b'=' | b'-') => Some((char::from(*b), 1)),
        // Gson writes "=" like this, .NET "+".
        b'u' if text[1..].starts_with("00") => digits(3, 2, 16),
        b'x' => digits(1, 2, 16),
        b'0' | b'1' => digits(0, 3, 8),
        b' ' if continuation(text).is_none() => Some((' ', 1)),
        _ => None,
    }
}

/// What remains after an escape character at the end of a line, where shells and files of
/// environment variables continue a line: the line end itself.
fn continuation(text: &str) -> Option<&str> {
    let line_end = text.trim_start_matches([' ', '\t']);
    (line_end.is_empty() || line_end.starts_with(['\n', '\r'])).then_some(line_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(text: &str, escape: char) -> Option<String> {
        unescape(text, escape).map(|text| text.to_string())
    }

    #[test]
    fn escape_sequences_are_replaced() {
        for (text, wanted) in [
            ("a\nb", None),
            (r"a\b", None),
            (r"a\u", None),
            (r"a\x2", None),
            (r"a\xé", None),
            (r"a\u00", None),
            (r"a\u00é", None),
            (r"\u4e2d\x80\200", None),
            (r"a\nb\r\n\/\\n\\\/\u003D\u002b\u002F", Some("a\nb\r\n/\n/=+/")),
            (r"\x0a\x0D\012\015\+\=\---\t.", Some("\n\r\n\r+=---\t.")),
            (r"BEGIN\ A\", Some("BEGIN A")),
            ("a\\\nb\\\r\nc\\  \nd\\\\\ne", Some("a\nb\r\nc\nd\ne")),
            (r"\x+1\u00+1\01\0 1", None),
        ] {
            assert_eq!(unescaped(text, BACKSLASH).as_deref(), wanted, "{text}");
            let text = text.replace('\\', "`");
            let wanted = wanted.map(|wanted| wanted.replace('\\', "`"));
            assert_eq!(unescaped(&text, BACKTICK), wanted, "{text}");
        }
        assert_eq!(unescaped(r"a\`nb", BACKSLASH), None);
    }
}
