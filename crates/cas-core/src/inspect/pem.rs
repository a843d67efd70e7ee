//! Reads PEM in any layout, and writes tidy PEM: LF, 64 columns, no text outside the blocks.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;
use zeroize::Zeroizing;

use crate::inspect::escapes;
use crate::inspect::findings::{Finding, FindingKind};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// Longest label, in bytes.
const MAX_LABEL: usize = 64;
/// Base64 digits of a line, and the bytes that they encode.
const COLUMNS: usize = 64;
const LINE_BYTES: usize = COLUMNS / 4 * 3;

/// Ignores padding and unused bits, as OpenSSL does.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Invalid PEM: the line, counted from 1, and the reason. Never quotes the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PemError {
    line: usize,
    reason: Cow<'static, str>,
}

impl PemError {
    pub(super) fn finding(&self, source: &str) -> Finding {
        let detail = format!("line {} of the {source} {}", self.line, self.reason);
        Finding::new(FindingKind::BrokenPem, detail)
    }
}

/// A BEGIN line, an END line, and what is between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PemBlock<'a> {
    pub(super) label: &'a str,
    /// Line of the BEGIN marker, counted from 1.
    pub(super) line: usize,
    body: &'a str,
    /// Whether the BEGIN and END lines have five dashes on the side of the body.
    has_exact_dashes: bool,
}

/// What a text contains outside its blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TextOutside {
    /// Text, such as "Bag Attributes".
    pub(super) has_text: bool,
    /// White space other than one line end after each block.
    pub(super) has_extra_space: bool,
}

/// All blocks of `text`, in order.
pub(super) fn blocks(text: &str) -> Result<(Vec<PemBlock<'_>>, TextOutside), PemError> {
    let mut blocks = Vec::new();
    let mut outside = TextOutside::default();
    let mut lines = LineCounter { text, at: 0, line: 1 };
    let mut end = 0;
    while let Some(begin) = find(text, end, BEGIN) {
        outside.add(&text[end..begin], end == 0);
        reject_damaged_markers(text, end..begin)?;
        let line = lines.line_of(begin);
        let error = |reason: Cow<'static, str>| PemError { line, reason };
        let from = begin + BEGIN.len();
        let label =
            label(text, from).ok_or_else(|| error("has an incomplete BEGIN line".into()))?;
        // More than five dashes are accepted.
        let dashes = from + label.len();
        let body = skip_dashes(text, dashes);
        let close = find(text, body, DASHES);
        let closing = close.map(|close| skip_dashes(text, close) - DASHES.len());
        let rest = closing.and_then(|closing| text[closing..].strip_prefix(END));
        let is_complete = rest
            .and_then(|rest| rest.strip_prefix(label))
            .is_some_and(|rest| rest.starts_with(DASHES));
        match (close, closing) {
            (Some(close), Some(closing)) if is_complete => {
                let has_exact_dashes = body == dashes + DASHES.len() && close == closing;
                let body = &text[body..close];
                blocks.push(PemBlock { label, line, body, has_exact_dashes });
                end = closing + END.len() + label.len() + DASHES.len();
            }
            // The BEGIN line of a signed mail has no END line.
            _ if !is_key_or_certificate_label(label) => {
                outside.has_text = true;
                end = from;
            }
            (Some(close), _) if rest.is_some() => {
                let reason = format!("does not match BEGIN {label} in line {line}");
                return Err(PemError { line: lines.line_of(close), reason: reason.into() });
            }
            (Some(_), _) => {
                let reason = format!("begins a {label} block whose END line is missing or damaged");
                return Err(error(reason.into()));
            }
            (None, _) => {
                return Err(error(format!("begins a {label} block without an END line").into()));
            }
        }
    }
    outside.add(&text[end..], end == 0);
    reject_damaged_markers(text, end..text.len())?;
    if blocks.is_empty()
        && let Some(at) =
            find(text, 0, "BEGIN CERTIFICATE").or_else(|| find(text, 0, "PRIVATE KEY"))
    {
        let reason = "needs five dashes before BEGIN and after the label".into();
        return Err(PemError { line: 1 + count_line_ends(&text[..at]), reason });
    }
    Ok((blocks, outside))
}

/// Fails if the text outside the blocks contains a part of a BEGIN or END line. Otherwise libcas
/// would skip a certificate whose BEGIN line lost a character, and send the chain without it.
fn reject_damaged_markers(text: &str, outside: Range<usize>) -> Result<(), PemError> {
    const PARTS: [&str; 4] = ["-----END ", "CERTIFICATE-----", "KEY-----", "-----BEGI"];
    const TRUNCATED: [&str; 3] = ["-----B", "-----BE", "-----BEG"];
    let start = outside.start;
    let outside = &text[outside];
    let part = PARTS.iter().filter_map(|part| find(outside, 0, part)).min();
    let is_truncated = || TRUNCATED.iter().any(|marker| outside.ends_with(marker));
    match part.or_else(|| is_truncated().then_some(outside.len())) {
        Some(at) => {
            let line = 1 + count_line_ends(&text[..start + at]);
            Err(PemError { line, reason: "has a damaged BEGIN or END line".into() })
        }
        None => Ok(()),
    }
}

/// Whether a block with this label may contain a certificate or a key.
fn is_key_or_certificate_label(label: &str) -> bool {
    ["CERTIFICATE", "REQUEST", "KEY", "PARAMETERS", "PKCS"].iter().any(|part| label.contains(part))
}

/// The index after the dashes that begin at `from`.
fn skip_dashes(text: &str, from: usize) -> usize {
    from + text[from..].bytes().take_while(|b| *b == b'-').count()
}

// Not inlined: each call would get a copy of the whole search.
#[inline(never)]
pub(super) fn find(text: &str, from: usize, needle: &str) -> Option<usize> {
    memmem::find(&text.as_bytes()[from..], needle.as_bytes()).map(|at| from + at)
}

/// The label of a BEGIN line, which begins at `from`.
fn label(text: &str, from: usize) -> Option<&str> {
    let length = find(text, from, DASHES)? - from;
    let label = &text[from..from + length];
    let is_allowed =
        |b: u8| matches!(b, b' ' | b'#' | b'.') || b.is_ascii_uppercase() || b.is_ascii_digit();
    (0 < length && length <= MAX_LABEL && label.bytes().all(is_allowed)).then_some(label)
}

/// Counts lines incrementally, so that the whole text is read once.
struct LineCounter<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl LineCounter<'_> {
    /// The line of the byte at `at`, which must not decrease from call to call.
    fn line_of(&mut self, at: usize) -> usize {
        self.line += count_line_ends(&self.text[self.at..at]);
        self.at = at;
        self.line
    }
}

/// Counts LF, CRLF, and CR alone, which old Macs wrote.
#[inline(never)]
fn count_line_ends(text: &str) -> usize {
    let bytes = text.as_bytes();
    if memchr::memchr(b'\r', bytes).is_none() {
        return memchr::memchr_iter(b'\n', bytes).count();
    }
    bytes.iter().enumerate().filter(|(at, b)| ends_line(**b, bytes.get(at + 1))).count()
}

fn ends_line(byte: u8, next: Option<&u8>) -> bool {
    byte == b'\n' || byte == b'\r' && next != Some(&b'\n')
}

impl TextOutside {
    /// Adds the text between two blocks, or before the `first` one.
    fn add(&mut self, text: &str, first: bool) {
        if !text.chars().all(is_space) {
            self.has_text = true;
        } else if text.trim_end_matches('\r') != if first { "" } else { "\n" } && text != "\r\n" {
            self.has_extra_space = true;
        }
    }
}

/// Whether `c` is white space or an invisible character that copying from a web page leaves.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}')
}

impl PemBlock<'_> {
    /// Whether the label or, in the formats before PKCS#8, a header says that it is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.label == "ENCRYPTED PRIVATE KEY" || self.body.contains("ENCRYPTED")
    }

    /// Whether [`write()`] would write it like this, except for CR.
    pub(super) fn is_tidy(&self) -> bool {
        let mut bytes = Zeroizing::new([0; LINE_BYTES]);
        self.decode_tidy(|line| STANDARD.decode_slice(line, &mut *bytes).ok())
    }

    /// Decodes the base64. Skips RFC 1421 headers.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, PemError> {
        let mut bytes = Zeroizing::new(vec![0; self.body.len() / 4 * 3 + LINE_BYTES]);
        let mut length = 0;
        let is_tidy = self.decode_tidy(|line| {
            let decoded = STANDARD.decode_slice(line, &mut bytes[length..]).ok()?;
            length += decoded;
            Some(decoded)
        });
        if is_tidy && length > 0 {
            bytes.truncate(length);
            return Ok(bytes);
        }
        let (headers, base64) = self.body.split_at(headers_length(self.body));
        decode(base64, self.line + count_line_ends(headers))
    }

    /// Passes each line to `decode`, which returns how many bytes it holds. Returns false for any
    /// layout but lines of 64 digits and a last one that may be shorter.
    fn decode_tidy(&self, mut decode: impl FnMut(&[u8]) -> Option<usize>) -> bool {
        let body = self.body.as_bytes();
        let body = body.strip_prefix(b"\r").unwrap_or(body).strip_prefix(b"\n");
        let Some(mut rest) = body.filter(|_| self.has_exact_dashes) else { return false };
        let mut is_full = true;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            let decoded = if (1..=COLUMNS).contains(&line.len()) { decode(line) } else { None };
            // Only the last line is not full.
            match decoded {
                Some(decoded) if is_full => is_full = decoded == LINE_BYTES,
                _ => return false,
            }
            rest = &rest[end + 1..];
        }
        rest.is_empty()
    }
}

/// The first certificate in a text, whatever its layout: DER. `None` if the PEM is invalid.
pub(super) fn first_certificate(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let unescaped = escapes::unescape(text, escapes::BACKSLASH);
    let text = unescaped.as_deref().map_or(text, String::as_str);
    let (blocks, _) = blocks(text).ok()?;
    blocks.iter().find(|block| block.label == "CERTIFICATE")?.decode().ok()
}

fn is_base64_digit(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
}

/// The length of the headers: lines with a colon and their continuation lines.
fn headers_length(body: &str) -> usize {
    let mut length = 0;
    for line in body.split_inclusive('\n') {
        let continues = length > 0 && line.starts_with([' ', '\t']);
        if !line.trim().is_empty() && !line.contains(':') && !continues {
            break;
        }
        length += line.len();
    }
    // Blank lines alone are not headers.
    if body[..length].contains(':') { length } else { 0 }
}

/// Decodes base64 with white space anywhere. `line` is the line of its first character.
fn decode(text: &str, line: usize) -> Result<Zeroizing<Vec<u8>>, PemError> {
    let mut base64 = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut is_padded = false;
    for (at, c) in text.char_indices() {
        let error = |reason: &'static str| PemError {
            line: line + count_line_ends(&text[..at]),
            reason: reason.into(),
        };
        match c {
            '=' => is_padded = true,
            c if is_space(c) => {}
            c if u8::try_from(c).is_ok_and(is_base64_digit) => {
                if is_padded {
                    return Err(error("continues after the base64 padding"));
                }
                base64.push(c as u8);
            }
            _ => return Err(error("has a character that is not base64")),
        }
    }
    let last_line = || line + count_line_ends(text.trim_end());
    if base64.is_empty() {
        return Err(PemError { line, reason: "begins an empty block".into() });
    }
    let mut bytes = Zeroizing::new(vec![0; base64.len() / 4 * 3 + 3]);
    match LENIENT.decode_slice(&*base64, &mut bytes) {
        Ok(length) => {
            bytes.truncate(length);
            Ok(bytes)
        }
        Err(_) => Err(PemError { line: last_line(), reason: "has truncated base64".into() }),
    }
}

/// Decodes a text that is base64 only: some programs pass keys without BEGIN and END lines.
pub(crate) fn decode_bare(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const MIN_LENGTH: usize = 40;
    let text = text.trim_matches(|c: char| is_space(c) || c == '"' || c == '\'');
    let is_base64 = text.len() >= MIN_LENGTH
        && text.chars().all(|c| is_space(c) || u8::try_from(c).is_ok_and(is_base64_digit));
    if is_base64 { decode(text, 1).ok() } else { None }
}

/// Appends `der` to `pem` as a tidy block.
pub(crate) fn write(label: &str, der: &[u8], pem: &mut String) {
    let markers = 2 * (label.len() + DASHES.len() + 1) + BEGIN.len() + END.len();
    let base64 = der.len().div_ceil(3) * 4;
    // Reserved at once: reallocation would leave a copy of a key in memory.
    pem.reserve_exact(markers + base64 + base64.div_ceil(COLUMNS));
    for part in [BEGIN, label, DASHES, "\n"] {
        pem.push_str(part);
    }
    let mut line = Zeroizing::new([0; COLUMNS]);
    for bytes in der.chunks(LINE_BYTES) {
        let length = STANDARD.encode_slice(bytes, &mut *line).unwrap_or(0);
        pem.push_str(str::from_utf8(&line[..length]).unwrap_or_default());
        pem.push('\n');
    }
    for part in [END, label, DASHES, "\n"] {
        pem.push_str(part);
    }
}

#[cfg(test)]
mod tests;
