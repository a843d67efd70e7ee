//! Takes PEM out of what programs wrap around its lines: mail, diffs, listings, source code, web
//! pages, word processors. Used for texts that libcas fails to read as they are.
//!
//! None of this can make another certificate or key of one: all of it removes characters that PEM
//! does not have, or has not there, and what remains must be complete ASN.1.

use zeroize::Zeroizing;

use crate::inspect::encoded_text;
use crate::inspect::escapes;
use crate::inspect::findings::FindingKind;
use crate::inspect::pem::find;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// A text without what was wrapped around its lines.
pub(super) struct Unwrapped {
    pub(super) text: Zeroizing<String>,
    /// What was removed.
    pub(super) removed: Vec<Removed>,
}

/// What was wrapped around lines.
pub(super) struct Removed {
    pub(super) kind: FindingKind,
    /// What it was, for the finding.
    pub(super) what: &'static str,
    /// The first line that had it, counted from 1.
    pub(super) line: usize,
}

/// Removes something from a text. Returns what it was as well; `None` if the text does not have it.
type Step = fn(&str) -> Option<(Zeroizing<String>, &'static str)>;

/// All steps, from the outermost layer to the innermost.
const STEPS: [(FindingKind, Step); 8] = [
    (FindingKind::EncodedText, |text| Some((encoded_text::percent(text)?, "percent-encoding"))),
    // Encoded twice.
    (FindingKind::EncodedText, |text| Some((encoded_text::percent(text)?, "percent-encoding"))),
    (FindingKind::EncodedText, |text| Some((encoded_text::html(text)?, "HTML"))),
    (FindingKind::EncodedText, |text| {
        Some((encoded_text::quoted_printable(text)?, "quoted-printable"))
    }),
    (FindingKind::EncodedText, |text| {
        Some((escapes::unescape(text, escapes::BACKTICK)?, "PowerShell escapes"))
    }),
    (FindingKind::TypographicDashes, |text| Some((ascii_dashes(text)?, ""))),
    (FindingKind::TextInLines, without_affixes),
    (FindingKind::TextInLines, |text| Some((without_literals(text)?, "string literals"))),
];

/// Unwraps a text; `None` if nothing is wrapped around its lines, or if these are not PEM.
pub(super) fn unwrap(text: &str) -> Option<Unwrapped> {
    let mut unwrapped = None::<Zeroizing<String>>;
    let mut removed = Vec::new();
    for (kind, step) in STEPS {
        let current = unwrapped.as_deref().map_or(text, String::as_str);
        if let Some((next, what)) = step(current) {
            if !removed.iter().any(|other: &Removed| other.what == what) {
                removed.push(Removed { kind, what, line: line_of_difference(current, &next) });
            }
            unwrapped = Some(next);
        }
    }
    unwrapped.filter(|text| find(text, 0, BEGIN).is_some()).map(|text| Unwrapped { text, removed })
}

/// Empties the lines that are comments: what stays is what OpenSSL reads. Returns `None` if there
/// are none, or if nothing else is PEM. Only marks that no line of PEM begins with count, unlike
/// those of [`is_comment`]: base64 may begin with `//`.
pub(super) fn without_comments(text: &str) -> Option<Zeroizing<String>> {
    let is_certainly_comment = |line: &str| line.trim_start().starts_with(['#', ';']);
    if !text.lines().any(is_certainly_comment) {
        return None;
    }
    let mut kept = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.split_inclusive('\n') {
        // The numbers of the other lines stay.
        kept.push_str(if is_certainly_comment(line) { "\n" } else { line });
    }
    find(&kept, 0, BEGIN).is_some().then_some(kept)
}

/// The first line in which two texts differ.
fn line_of_difference(one: &str, other: &str) -> usize {
    let mut pairs = one.bytes().zip(other.bytes());
    1 + pairs.by_ref().take_while(|(a, b)| a == b).filter(|(a, _)| *a == b'\n').count()
}

/// Whether a word processor or an input method may have put `c` in place of a hyphen.
#[inline(never)]
fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{ad}' | '\u{2d7}' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2043}'
                | '\u{2212}'
                | '\u{2500}'
                | '\u{2501}'
                | '\u{2e3a}'
                | '\u{2e3b}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
    )
}

/// How often a text contains a word.
fn count(text: &str, word: &str) -> usize {
    let mut from = 0;
    let next = || {
        from = find(text, from, word)? + word.len();
        Some(())
    };
    std::iter::from_fn(next).count()
}

/// Replaces other dashes than ASCII's in BEGIN and END lines, and other spaces. Returns `None` if
/// there are none.
fn ascii_dashes(text: &str) -> Option<Zeroizing<String>> {
    if text.is_ascii() {
        return None;
    }
    let is_space = |c: char| c.is_whitespace() && !matches!(c, '\n' | '\r');
    let is_label = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || is_space(c);
    // A dash becomes up to five.
    let mut replaced = Zeroizing::new(String::with_capacity(
        text.len() + 8 * count(text, "BEGIN") + 8 * count(text, "END"),
    ));
    let mut is_replaced = false;
    let mut rest = text;
    while let Some(at) = rest.find(is_dash) {
        replaced.push_str(&rest[..at]);
        let from_dashes = &rest[at..];
        let word = from_dashes.trim_start_matches(is_dash);
        let dashes = &from_dashes[..from_dashes.len() - word.len()];
        let after = word.trim_start_matches(is_label);
        let label = &word[..word.len() - after.len()];
        let next = after.trim_start_matches(is_dash);
        let closing = &after[..after.len() - next.len()];
        let is_marker = (label.starts_with("BEGIN") || label.starts_with("END"))
            && label.len() < 100
            && !closing.is_empty();
        if is_marker && ![dashes, label, closing].iter().all(|part| part.is_ascii()) {
            is_replaced = true;
            replaced.push_str("-----");
            replaced.extend(label.chars().map(|c| if is_space(c) { ' ' } else { c }));
            replaced.push_str("-----");
            rest = next;
        } else {
            replaced.push_str(dashes);
            rest = word;
        }
    }
    replaced.push_str(rest);
    is_replaced.then_some(replaced)
}

/// Whether a line begins like a comment: what is in one is not meant.
pub(super) fn is_comment(line: &str) -> bool {
    ["#", "//", ";", "*", "/*", "<!--", "--", "REM "]
        .iter()
        .any(|comment| line.trim_start().starts_with(comment))
}

/// What is before the BEGIN line of a block, and before every other line of it.
enum Prefix<'a> {
    Number(Number<'a>),
    Text(&'a str),
    /// PGP puts this before lines that begin with a dash, and only before those.
    DashEscape,
}

/// A prefix with a number, which is one more in each line.
struct Number<'a> {
    /// What is before the BEGIN line.
    text: &'a str,
    /// What is before the number, such as the name of a file; spaces fill a number up.
    before: &'a str,
    next: u64,
    after: &'a str,
}

impl<'a> Number<'a> {
    fn new(text: &'a str) -> Option<Self> {
        let numbered = text.trim_end_matches(follows_number);
        let before = numbered.trim_end_matches(|c: char| c.is_ascii_digit());
        let (number, after) = number(&text[before.len()..]).filter(|(_, rest)| !rest.is_empty())?;
        Some(Self { text, before: before.trim_start(), next: number.wrapping_add(1), after })
    }

    /// The rest of the next line.
    fn strip<'b>(&mut self, line: &'b str) -> Option<&'b str> {
        let next = self.next;
        self.next = next.wrapping_add(1);
        let (_, rest) = number(line.trim_start().strip_prefix(self.before)?)
            .filter(|(number, _)| *number == next)?;
        // grep has another character in the lines that only follow a match.
        rest.strip_prefix(self.after).or_else(|| rest.strip_prefix('-')).or_else(|| {
            rest.chars().all(|c| follows_number(c) || c.is_whitespace()).then_some("\n")
        })
    }
}

/// A character that follows the number of a line.
fn follows_number(c: char) -> bool {
    matches!(c, ' ' | '\t' | ':' | '.' | ')' | '-' | '|' | '\u{2502}')
}

/// Whether a line begins with a text, but for its digits and the spaces that fill a number up.
fn is_like(line: &str, text: &str) -> bool {
    let is_filling = |b: u8| b.is_ascii_digit() || b == b' ';
    let is_same = |(a, b): (u8, u8)| a == b || is_filling(a) && is_filling(b);
    line.len() >= text.len() && line.bytes().zip(text.bytes()).all(is_same)
}

/// The number at the beginning of a text, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    text[..text.len() - rest.len()].parse().ok().map(|number| (number, rest))
}

impl<'a> Prefix<'a> {
    /// Reads the text before a BEGIN line. `None` if it says that the block is not to be used, or
    /// is not a prefix of lines.
    fn new(prefix: &'a str) -> Option<Self> {
        let shown = prefix.trim();
        if prefix == "- " {
            return Some(Self::DashEscape);
        }
        // What a diff removes, and the beginning of a string literal.
        if shown.is_empty()
            || shown == "-"
            || shown.ends_with(['"', '\'', '`', '(', '[', '=', ','])
            || is_comment(prefix)
        {
            return None;
        }
        Some(Number::new(prefix).map_or(Self::Text(prefix), Self::Number))
    }

    /// What it is, for findings.
    fn name(&self) -> &'static str {
        match self {
            Self::Number(number) if number.before.is_empty() => "line numbers",
            Self::Text(text) if text.trim_end() == "+" => "the \"+\" of a diff",
            Self::Text(text) if text.contains('>') => "the \">\" of quoted mail",
            _ => "the same text before each line",
        }
    }

    /// A later line without it. `None` if the line does not have it.
    fn strip<'b>(&mut self, line: &'b str) -> Option<&'b str> {
        let is_blank = line.trim().is_empty();
        match self {
            Self::Number(number) => {
                let text = number.text;
                let is_alone = number.before.is_empty();
                // The digits of a time do not count lines.
                number.strip(line).or_else(|| {
                    if is_alone || !is_like(line, text) { None } else { line.get(text.len()..) }
                })
            }
            // The digits of a time or a number may differ.
            Self::Text(text) if is_like(line, text) => line.get(text.len()..),
            Self::Text(text) if is_blank || line.trim_end() == text.trim_end() => Some("\n"),
            Self::Text(_) => None,
            Self::DashEscape if line.starts_with('-') => line.strip_prefix("- "),
            Self::DashEscape => Some(line),
        }
    }
}

/// Removes what is before each line of a block, and after each, if it is the same as before and
/// after the BEGIN line, or consecutive numbers. Returns what it was as well; `None` if there is
/// nothing, or if one line is without it.
fn without_affixes(text: &str) -> Option<(Zeroizing<String>, &'static str)> {
    let mut stripped = Zeroizing::new(String::with_capacity(text.len()));
    let mut what = None;
    // What is before and after the lines of the current block.
    let mut block: Option<(Option<Prefix<'_>>, &str)> = None;
    for line in text.split_inclusive('\n') {
        let begin = find(line, 0, BEGIN);
        let rest = match (&mut block, begin) {
            (None | Some((None, _)), Some(at)) => {
                let prefix = Prefix::new(&line[..at]);
                if let Some(prefix) = &prefix {
                    what.get_or_insert(prefix.name());
                }
                let marker = &line[at + BEGIN.len()..];
                let after = find(marker, 0, "-----").map_or("", |dashes| &marker[dashes..]);
                block = Some((prefix, after.trim_start_matches('-').trim()));
                let begins = if matches!(block, Some((Some(_), _))) { at } else { 0 };
                &line[begins..]
            }
            (Some((Some(prefix), _)), _) => prefix.strip(line)?,
            _ => line,
        };
        let ends = find(rest, 0, END).is_some();
        let suffix = block.as_ref().map_or("", |(_, suffix)| *suffix);
        let shown = rest.trim_end();
        match shown.strip_suffix(suffix) {
            Some(content) if is_suffix(suffix) => {
                what.get_or_insert("the same text after each line");
                stripped.push_str(content.trim_end());
                stripped.push_str(&rest[shown.len()..]);
            }
            // The last line may be without it.
            None if !ends && is_suffix(suffix) && !shown.is_empty() => return None,
            _ => stripped.push_str(rest),
        }
        if ends {
            block = None;
        }
    }
    what.map(|what| (stripped, what))
}

/// The first line of a block that is without what is before its BEGIN line, a mark or a number, and
/// the BEGIN line, counted from 1.
pub(super) fn interruption(text: &str) -> Option<(usize, usize)> {
    let mut block = None::<(usize, Prefix<'_>)>;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if let Some((begin, prefix)) = &mut block {
            let Some(rest) = prefix.strip(line) else { return Some((index + 1, *begin)) };
            if find(rest, 0, END).is_some() {
                block = None;
            }
        } else if let Some(at) = find(line, 0, BEGIN) {
            let (before, after) = line.split_at(at);
            let is_mark =
                before.trim_start().starts_with(['>', '|', '+']) || number(before).is_some();
            let prefix = Prefix::new(before).filter(|_| is_mark && after.trim_end().ends_with('-'));
            block = prefix.map(|prefix| (index + 1, prefix));
        }
    }
    None
}

/// Whether what follows a BEGIN line may follow every line: no base64, and no string literals.
fn is_suffix(text: &str) -> bool {
    const MAX: usize = 16;
    !text.is_empty()
        && text.len() <= MAX
        && !text.contains(['"', '\'', '`'])
        && !text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Joins the string literals of a program's source: removes what is between the end of one and
/// the beginning of the next, wherever a literal begins before a BEGIN line. Returns `None` if
/// there are none.
fn without_literals(text: &str) -> Option<Zeroizing<String>> {
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    let mut is_changed = false;
    let mut rest = text;
    while let Some(at) = find(rest, 0, BEGIN) {
        let (before, block) = rest.split_at(at);
        joined.push_str(before);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = &before[line_start..];
        let quote = line.rfind(['"', '\'', '`']).filter(|_| !is_comment(line));
        let end = find(block, 0, END).unwrap_or(block.len());
        let (body, after) = block.split_at(end);
        let quote = quote.map(|at| before.as_bytes()[line_start + at]);
        match quote.map(char::from).filter(|quote| body.matches(*quote).count() % 2 == 0) {
            Some(quote) if body.contains(quote) => {
                is_changed = true;
                for (part, text) in body.split(quote).enumerate() {
                    if part % 2 == 0 {
                        // Of an escaped quote.
                        joined.push_str(text.trim_end_matches('\\'));
                    } else {
                        // Lines keep their numbers.
                        joined.extend(text.chars().filter(|c| *c == '\n'));
                    }
                }
            }
            _ => joined.push_str(body),
        }
        // A block that never ends is not searched again.
        let marker = after.len().min(END.len());
        joined.push_str(&after[..marker]);
        rest = &after[marker..];
    }
    joined.push_str(rest);
    is_changed.then_some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwrapped(text: &str) -> Option<(String, Vec<(&'static str, usize)>)> {
        let Unwrapped { text, removed } = unwrap(text)?;
        Some((text.to_string(), removed.iter().map(|found| (found.what, found.line)).collect()))
    }

    /// A block of two lines, each between other text.
    fn wrapped(begin: &str, middle: &str, end: &str) -> String {
        format!("{begin}-----BEGIN A-----{middle}AAAA{middle}-----END A-----{end}")
    }

    #[test]
    fn nothing_is_removed_from_plain_text() {
        let plain = wrapped("", "\n", "\n");
        for text in ["", "a > b\n> c", "é – — ―", &plain, &format!("{plain}> a\n1\ta\n")] {
            assert!(unwrap(text).is_none(), "{text}");
        }
    }

    #[test]
    fn prefixes_and_suffixes_are_removed_from_each_line_or_from_none() {
        let plain = wrapped("", "\n", "\n");
        let removed = |text: &str| unwrapped(text).map(|(text, removed)| (text, removed[0].0));
        for (text, what) in [
            (wrapped("> ", "\n> ", "\n"), "the \">\" of quoted mail"),
            (wrapped("+", "\n+", "\n"), "the \"+\" of a diff"),
            (wrapped("9:", "\n10:", "\n").replacen("10:-", "11:-", 1), "line numbers"),
            (wrapped(" 9\t", "\n10\t", "\n").replacen("10\t-", "11\t-", 1), "line numbers"),
            (
                wrapped("a:9:", "\na:10:", "\n").replacen("a:10:-", "a:11:-", 1),
                "the same text before each line",
            ),
            (wrapped("x | ", "\nx | ", "\n"), "the same text before each line"),
            (wrapped("12:09 ", "\n12:10 ", "\n"), "the same text before each line"),
            (wrapped("", "$\n", "$\n"), "the same text after each line"),
            (wrapped("", "$\n", "\n"), "the same text after each line"),
        ] {
            assert_eq!(removed(&text), Some((plain.clone(), what)), "{text}");
        }
        for text in [
            wrapped("> ", "\n", "\n"),
            wrapped("1\t", "\n1\t", "\n"),
            wrapped("1\t", "\n3\t", "\n"),
            wrapped("18446744073709551615:", "\n1:", "\n"),
            wrapped("# ", "\n# ", "\n"),
            wrapped("-", "\n-", "\n"),
            wrapped("key: ", "\n", "\n"),
            wrapped("", "AAAA\n", "\n"),
        ] {
            assert!(unwrap(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn literals_are_joined_if_their_quotes_are_in_pairs() {
        let joined = |text: &str| unwrapped(text).map(|(text, _)| text);
        let text = wrapped("a(\"", "\" +\n b\"", "\")");
        assert_eq!(joined(&text).unwrap(), wrapped("a(\"", "\n", "\")"));
        let text = wrapped("\\\"", "\\\"\n\\\"", "\\\"");
        assert_eq!(joined(&text).unwrap(), wrapped("\\\"", "\n", "\\\""));
        for text in [
            wrapped("\"", "\n", "\""),
            wrapped("// \"", "\"\n// \"", "\""),
            wrapped("\"", "\"\n", "").replacen("\"\n-", "\n-", 1),
        ] {
            assert!(unwrap(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn dashes_are_replaced_in_markers_only_and_without_reallocation() {
        let text = wrapped("a \u{2014} b\n", "\n", "\n c \u{2013}").replace("-----", "\u{ad}");
        let replaced = ascii_dashes(&text).unwrap();
        assert_eq!(*replaced, wrapped("a \u{2014} b\n", "\n", "\n c \u{2013}"));
        assert_eq!(replaced.capacity(), text.len() + 8 * 2);
        assert!(ascii_dashes("\u{2014}BEGIN A\n").is_none());
        assert!(ascii_dashes("---BEGIN A---").is_none());
    }

    #[test]
    fn the_first_line_that_differs_is_counted() {
        for (one, other, line) in [("a\nb", "a\nc", 2), ("a", "b", 1), ("a\n\nb", "a\n\n", 3)] {
            assert_eq!(line_of_difference(one, other), line, "{one:?}");
        }
        let text = format!("a\n{}", wrapped("> ", "\n> ", "\n"));
        assert_eq!(unwrapped(&text).unwrap().1, [("the \">\" of quoted mail", 2)]);
        assert_eq!(interruption(&text), None);
        assert_eq!(interruption(&text.replacen("> AAAA", "AAAA", 1)), Some((3, 2)));
    }
}
