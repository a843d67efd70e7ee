//! Compares a value that was sent with the one that arrived, and shows both as far as they are
//! public.

use cas_sign::{percent_decode, percent_encode};
use zeroize::Zeroizing;

use crate::base::quote::quoted;
use crate::protocol::access_key::masked_id;
use crate::signature_mismatch::explanation::{Change, Difference, Part};

/// Parameters and headers whose values are public. All others may hold a secret.
const PUBLIC: [&str; 32] = [
    "accept",
    "accept-encoding",
    "action",
    "certid",
    "clienttoken",
    "content-type",
    "currentpage",
    "format",
    "host",
    "jobtype",
    "keyword",
    "lang",
    "name",
    "ordertype",
    "regionid",
    "resourcegroupid",
    "rolesessionname",
    "showsize",
    "signaturemethod",
    "signaturenonce",
    "signaturetype",
    "signatureversion",
    "sourceip",
    "status",
    "timestamp",
    "user-agent",
    "version",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
];

/// Longest value that is shown, in characters.
const MAX_SHOWN: usize = 80;

/// Longest name that is shown.
const MAX_NAME: usize = 40;

/// The difference between two values of `part`; `None` if they are equal.
pub(super) fn difference(
    part: Part,
    sent: Option<&str>,
    arrived: Option<&str>,
) -> Option<Difference> {
    let (change, position) = match (sent, arrived) {
        (None, None) => return None,
        (Some(_), None) => (Change::Lost, None),
        (None, Some(_)) => (Change::Added, None),
        (Some(sent), Some(arrived)) if sent == arrived => return None,
        (Some(sent), Some(arrived)) => {
            let equal = sent.chars().zip(arrived.chars()).take_while(|(a, b)| a == b).count();
            (change(sent, arrived), Some(equal + 1))
        }
    };
    let shown = |value: Option<&str>| value.map(|value| shown(&part, value));
    let (sent, arrived) = (shown(sent), shown(arrived));
    Some(Difference { part, change, position, sent, arrived })
}

fn change(sent: &str, arrived: &str) -> Change {
    let is = |text: &str| text == arrived;
    let decoded = |text: &str| {
        let spaces = Zeroizing::new(text.replace('+', " "));
        Zeroizing::new(percent_decode(&spaces).unwrap_or_else(|| spaces.to_string()))
    };
    let unbroken = |text: &str| Zeroizing::new(text.replace(['\r', '\n'], ""));
    if is(&Zeroizing::new(sent.replace('+', " "))) {
        Change::PlusToSpace
    } else if is(&Zeroizing::new(sent.replace(' ', "+"))) {
        Change::SpaceToPlus
    } else if is(&Zeroizing::new(percent_encode(sent))) || *decoded(arrived) == sent {
        Change::EncodedAgain
    } else if is(&decoded(sent)) {
        Change::DecodedAgain
    } else if unbroken(sent) == unbroken(arrived)
        || is(&Zeroizing::new(sent.replace("\r\n", " ").replace('\n', " ")))
        || is(&Zeroizing::new(sent.replace('\n', "\\n")))
    {
        Change::LineBreaks
    } else if is(sent.trim()) || sent == arrived.trim() {
        Change::Trimmed
    } else if sent.starts_with(arrived) {
        Change::CutOff
    } else if arrived.starts_with(sent) {
        Change::Extended
    } else if sent.to_lowercase() == arrived.to_lowercase() {
        Change::LetterCase
    } else if is(&html(sent)) {
        Change::HtmlEscaped
    } else if is_reencoded(sent, arrived) {
        Change::CharacterSet
    } else {
        Change::OtherValue
    }
}

fn html(text: &str) -> Zeroizing<String> {
    let pairs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")];
    let escape = |text: String, (from, to): (&str, &str)| text.replace(from, to);
    Zeroizing::new(pairs.into_iter().fold(text.to_owned(), escape))
}

/// Whether only what is beyond ASCII differs.
fn is_reencoded(sent: &str, arrived: &str) -> bool {
    let ascii = |text: &str| {
        let kept: String = text.chars().filter(|c| c.is_ascii() && *c != '?').collect();
        Zeroizing::new(kept)
    };
    !sent.is_ascii() && ascii(sent) == ascii(arrived)
}

/// A value, quoted, if it is public; otherwise its length.
fn shown(part: &Part, value: &str) -> String {
    let name = match part {
        Part::Method | Part::Path => return cut(value),
        Part::Query | Part::Body => return length(value),
        Part::Parameter(name) | Part::Header(name) => name.to_ascii_lowercase(),
    };
    match name.as_str() {
        "accesskeyid" | "x-acs-accesskey-id" => masked_id(value),
        name if PUBLIC.contains(&name) => cut(value),
        _ => length(value),
    }
}

fn cut(value: &str) -> String {
    // What is public is short. A long text is in the wrong place, and may be anything.
    if value.contains("-----") || value.chars().count() > MAX_SHOWN {
        return length(value);
    }
    quoted(value)
}

fn length(value: &str) -> String {
    match value.chars().count() {
        1 => "1 character".to_owned(),
        count => format!("{count} characters"),
    }
}

/// The name of a parameter or header, if it can be one. What a damaged request has in the place of
/// a name may be a part of a secret.
pub(super) fn name(text: &str) -> String {
    let is_name = (1..=MAX_NAME).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if is_name { text.to_owned() } else { "(unusual name)".to_owned() }
}
