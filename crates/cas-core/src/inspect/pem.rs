//! Reads PEM as people have it, and writes it as it should be: LF, 64 columns, nothing around it.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;
use zeroize::Zeroizing;

use crate::inspect::findings::{Finding, FindingKind};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// Longest label that is taken for one.
const MAX_LABEL: usize = 64;
const COLUMNS: usize = 64;

/// Padding and unused bits are not what a certificate is about: OpenSSL ignores them too.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why a block cannot be read: its line, counted from 1, and the reason. Never a piece of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    line: usize,
    why: Cow<'static, str>,
}

impl Broken {
    pub(super) fn finding(&self, subject: &str) -> Finding {
        Finding::new(
            FindingKind::BrokenPem,
            format!("line {} of the {subject} {}", self.line, self.why),
        )
    }
}

/// What stands between a BEGIN and an END line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    pub(super) label: &'a str,
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    body: &'a str,
}

/// What a text holds besides its blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// Words, such as "Bag Attributes".
    pub(super) words: bool,
    /// White space other than one line end after each block.
    pub(super) space: bool,
}

/// `text` with the escapes that JSON, YAML and environment variables leave in it resolved; `None` where it has none.
/// The copy never grows, and is wiped.
pub(super) fn unescaped(text: &str) -> Option<Zeroizing<String>> {
    memchr::memchr(b'\\', text.as_bytes())?;
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        // What was escaped more than once has more of them.
        let escaped = after.trim_start_matches('\\');
        let character = match escaped.as_bytes().first() {
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'/') => '/',
            // As Gson writes "=".
            Some(b'u')
                if escaped.get(1..5).is_some_and(|code| code.eq_ignore_ascii_case("003d")) =>
            {
                plain.push('=');
                rest = &escaped[5..];
                continue;
            }
            _ => {
                plain.push_str(&rest[before.len()..rest.len() - escaped.len()]);
                rest = escaped;
                continue;
            }
        };
        plain.push(character);
        rest = &escaped[1..];
    }
    plain.push_str(rest);
    (*plain != text).then_some(plain)
}

/// All blocks of `text`, in order.
pub(super) fn blocks(text: &str) -> Result<(Vec<Block<'_>>, Surroundings), Broken> {
    let mut blocks = Vec::new();
    let mut around = Surroundings::default();
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut end = 0;
    while let Some(begin) = find(text, end, BEGIN) {
        around.see(&text[end..begin], end == 0);
        no_armour(text, end..begin)?;
        let line = lines.of(begin);
        let broken = |why: Cow<'static, str>| Broken { line, why };
        let from = begin + BEGIN.len();
        let label = label(text, from).ok_or_else(|| {
            broken("begins like a PEM block, but is no complete BEGIN line".into())
        })?;
        // More dashes than five are no matter.
        let body = after_dashes(text, from + label.len());
        let close = find(text, body, DASHES);
        let closing = close.map(|close| after_dashes(text, close) - DASHES.len());
        let rest = closing.and_then(|closing| text[closing..].strip_prefix(END));
        let fits = rest
            .and_then(|rest| rest.strip_prefix(label))
            .is_some_and(|rest| rest.starts_with(DASHES));
        match (close, closing) {
            (Some(close), Some(closing)) if fits => {
                blocks.push(Block { label, line, body: &text[body..close] });
                end = closing + END.len() + label.len() + DASHES.len();
            }
            // As in a signed mail, whose BEGIN has no END.
            _ if !is_ours(label) => {
                around.words = true;
                end = from;
            }
            (Some(close), _) if rest.is_some() => {
                let why = format!("is no END line for the {label} of line {line}").into();
                return Err(Broken { line: lines.of(close), why });
            }
            (Some(_), _) => {
                return Err(broken(format!("begins a {label} whose END line is missing").into()));
            }
            (None, _) => {
                return Err(broken(format!("begins a {label} that has no END line").into()));
            }
        }
    }
    around.see(&text[end..], end == 0);
    no_armour(text, end..text.len())?;
    if blocks.is_empty()
        && let Some(at) =
            find(text, 0, "BEGIN CERTIFICATE").or_else(|| find(text, 0, "PRIVATE KEY"))
    {
        let why = "has not five dashes on both sides of BEGIN and its label".into();
        return Err(Broken { line: 1 + line_ends(&text[..at]), why });
    }
    Ok((blocks, around))
}

/// Refuses what is left of a BEGIN or END line among the words around: a certificate whose BEGIN line lost a letter would
/// be passed over, and its chain sent without it.
fn no_armour(text: &str, around: Range<usize>) -> Result<(), Broken> {
    const LEFT: [&str; 4] = ["-----END ", "CERTIFICATE-----", "KEY-----", "-----BEGI"];
    let words = &text[around.clone()];
    let cut =
        |words: &str| ["-----B", "-----BE", "-----BEG"].iter().any(|start| words.ends_with(start));
    let at = LEFT.iter().filter_map(|left| find(words, 0, left)).min();
    match at.or_else(|| cut(words).then_some(words.len())) {
        Some(at) => {
            let line = 1 + line_ends(&text[..around.start + at]);
            Err(Broken { line, why: "has a piece of a BEGIN or END line, but no whole one".into() })
        }
        None => Ok(()),
    }
}

/// Whether a label is of anything that a certificate or key comes in.
fn is_ours(label: &str) -> bool {
    ["CERTIFICATE", "REQUEST", "KEY", "PARAMETERS", "PKCS"].iter().any(|part| label.contains(part))
}

fn after_dashes(text: &str, from: usize) -> usize {
    from + text[from..].bytes().take_while(|b| *b == b'-').count()
}

// Apart: each place that searches would have a copy of the whole search.
#[inline(never)]
fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    memmem::find(&text.as_bytes()[from..], what.as_bytes()).map(|at| from + at)
}

fn label(text: &str, from: usize) -> Option<&str> {
    let length = find(text, from, DASHES)? - from;
    let label = &text[from..from + length];
    let plain =
        |b: u8| matches!(b, b' ' | b'#' | b'.') || b.is_ascii_uppercase() || b.is_ascii_digit();
    (0 < length && length <= MAX_LABEL && label.bytes().all(plain)).then_some(label)
}

/// Counts lines as it goes along, so that the whole text is read once.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of a place, never before one that was asked for earlier.
    fn of(&mut self, at: usize) -> usize {
        self.line += line_ends(&self.text[self.at..at]);
        self.at = at;
        self.line
    }
}

/// LF, CRLF, or CR alone, as old Macs wrote it.
#[inline(never)]
fn line_ends(text: &str) -> usize {
    let bytes = text.as_bytes();
    if memchr::memchr(b'\r', bytes).is_none() {
        return memchr::memchr_iter(b'\n', bytes).count();
    }
    bytes.iter().enumerate().filter(|(at, b)| ends_line(**b, bytes.get(at + 1))).count()
}

fn ends_line(byte: u8, next: Option<&u8>) -> bool {
    byte == b'\n' || byte == b'\r' && next != Some(&b'\n')
}

impl Surroundings {
    fn see(&mut self, text: &str, first: bool) {
        if !text.chars().all(is_space) {
            self.words = true;
        } else if text.trim_end_matches('\r') != if first { "" } else { "\n" } && text != "\r\n" {
            self.space = true;
        }
    }
}

/// White space, and what copying from a web page leaves in its place.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}')
}

impl Block<'_> {
    /// Whether its header says that a passphrase encrypts it, as the formats before PKCS#8 do.
    pub(super) fn is_encrypted(&self) -> bool {
        self.label == "ENCRYPTED PRIVATE KEY" || self.body.contains("ENCRYPTED")
    }

    /// Whether it stands as [`write`] writes it, but for CRs.
    pub(super) fn is_tidy(&self) -> bool {
        let mut lines = self.body.strip_prefix('\r').unwrap_or(self.body).split('\n').peekable();
        if lines.next() != Some("") {
            return false;
        }
        let mut last = false;
        while let Some(line) = lines.next() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if lines.peek().is_none() {
                return line.is_empty();
            }
            if last || line.is_empty() || line.len() > COLUMNS || !line.bytes().all(is_base64) {
                return false;
            }
            last = line.len() < COLUMNS;
        }
        false
    }

    /// Its bytes. RFC 1421 headers are passed over.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, Broken> {
        decode(after_headers(self.body), self.line + line_ends(headers(self.body)))
    }
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
}

/// The part of a body that is headers: lines with a colon, and what continues them.
fn headers(body: &str) -> &str {
    let mut length = 0;
    for line in body.split_inclusive('\n') {
        let continues = length > 0 && line.starts_with([' ', '\t']);
        if !line.trim().is_empty() && !line.contains(':') && !continues {
            break;
        }
        length += line.len();
    }
    // Base64 has no colon, so there is none to find in a body without headers.
    if memchr::memchr(b':', &body.as_bytes()[..length]).is_none() { "" } else { &body[..length] }
}

fn after_headers(body: &str) -> &str {
    &body[headers(body).len()..]
}

/// Decodes base64 with white space anywhere; `line` is where it begins.
fn decode(text: &str, line: usize) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let mut base64 = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut padded = false;
    for (at, c) in text.char_indices() {
        let broken =
            |why: &'static str| Broken { line: line + line_ends(&text[..at]), why: why.into() };
        match c {
            '=' => padded = true,
            c if is_space(c) => {}
            c if u8::try_from(c).is_ok_and(is_base64) => {
                if padded {
                    return Err(broken("goes on after the end of its base64"));
                }
                base64.push(c as u8);
            }
            _ => return Err(broken("has a character that is not base64")),
        }
    }
    let last = || line + line_ends(text.trim_end());
    if base64.is_empty() {
        return Err(Broken { line, why: "begins a block that is empty".into() });
    }
    let mut bytes = Zeroizing::new(vec![0; base64.len() / 4 * 3 + 3]);
    match LENIENT.decode_slice(&*base64, &mut bytes) {
        Ok(length) => {
            bytes.truncate(length);
            Ok(bytes)
        }
        Err(_) => Err(Broken { line: last(), why: "ends in the middle of its base64".into() }),
    }
}

/// The bytes of a text that is nothing but base64, as programs hand keys around without BEGIN and END.
pub(super) fn bare(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const SHORTEST: usize = 40;
    let text = text.trim_matches(|c: char| is_space(c) || c == '"' || c == '\'');
    let base64 = text.len() >= SHORTEST
        && text.chars().all(|c| is_space(c) || u8::try_from(c).is_ok_and(is_base64));
    if base64 { decode(text, 1).ok() } else { None }
}

/// `der` as a tidy PEM block.
pub(super) fn write(label: &str, der: &[u8], pem: &mut String) {
    let armour = 2 * (label.len() + DASHES.len() + 1) + BEGIN.len() + END.len();
    let base64 = der.len().div_ceil(3) * 4;
    // Room for all of it at once: a text that grows leaves a copy behind.
    pem.reserve_exact(armour + base64 + base64.div_ceil(COLUMNS));
    for part in [BEGIN, label, DASHES, "\n"] {
        pem.push_str(part);
    }
    let mut line = Zeroizing::new([0; COLUMNS]);
    for bytes in der.chunks(COLUMNS / 4 * 3) {
        let length = LENIENT.encode_slice(bytes, &mut *line).unwrap_or(0);
        pem.extend(line[..length].iter().map(|b| char::from(*b)));
        pem.push('\n');
    }
    for part in [END, label, DASHES, "\n"] {
        pem.push_str(part);
    }
}

#[cfg(test)]
mod tests;
