//! Compares a request with a string to sign of signature version 1: the method and every parameter.

use std::collections::BTreeMap;

use cas_sign::{Params, hmac_sha1, percent_decode};
use zeroize::Zeroizing;

use crate::signature_mismatch::explanation::{Compared, Habit, Part};
use crate::signature_mismatch::request::SentRequest;
use crate::signature_mismatch::values::{difference, name};

/// Parameters that each attempt has anew: if they differ, the response belongs to another one.
const OF_ATTEMPT: [&str; 2] = ["SignatureNonce", "Timestamp"];

/// What is not escaped, beside letters and digits (docs/service.md, Signature version 1).
const MARKS: &str = "-_.~";

/// `None` if the request has no signature of this version.
pub(super) fn compare(request: &SentRequest, theirs: &str) -> Option<Compared> {
    let mut sent: BTreeMap<String, Zeroizing<String>> = BTreeMap::new();
    // A parameter of the form replaces one of the query (docs/service.md, Signature version 1).
    for (name, value) in request.query_pairs().chain(request.form_pairs()) {
        sent.insert(decoded(name).to_string(), decoded(value));
    }
    sent.remove("Signature")?;
    let mut params = Params::new();
    for (name, value) in &sent {
        params.set(name.as_str(), value.as_str());
    }
    let ours = hmac_sha1::string_to_sign(&request.method, &params);
    let mut compared = Compared {
        access_key_id: sent.get("AccessKeyId").map(|id| id.to_string()),
        is_equal: *ours == theirs,
        ..Compared::default()
    };
    // A log or the service may have cut it off.
    let is_beginning = theirs.len() < ours.len() && ours.starts_with(theirs);
    if compared.is_equal || is_beginning {
        compared.is_cut = is_beginning;
        compared.is_equal = true;
        compared.habits = habits(request, &sent);
        return Some(compared);
    }
    let (method, arrived) = parse(theirs);
    compared.differences.extend(difference(Part::Method, Some(&request.method), Some(method)));
    let names: Vec<&String> = sent.keys().chain(arrived.keys()).collect();
    let (mut names, last) = (names, arrived.keys().next_back());
    names.sort_unstable();
    names.dedup();
    for key in names {
        let (ours, theirs) = (sent.get(key), arrived.get(key));
        // What follows the end of a string that is cut off is not known.
        let is_after_end = theirs.is_none() && last.is_some_and(|last| key > last);
        if is_after_end && !compared.differences.is_empty() {
            compared.is_cut = true;
            continue;
        }
        let ours = ours.map(|value| value.as_str());
        let found =
            difference(Part::Parameter(name(key)), ours, theirs.map(|value| value.as_str()));
        if found.is_some() && theirs.is_some() && OF_ATTEMPT.contains(&key.as_str()) {
            compared.is_other_request = ours.is_some();
        }
        compared.differences.extend(found);
    }
    Some(compared)
}

/// The method and the parameters of a string to sign.
fn parse(string_to_sign: &str) -> (&str, BTreeMap<String, Zeroizing<String>>) {
    let mut parts = string_to_sign.splitn(3, '&');
    let (method, _, query) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let once = |text: &str| Zeroizing::new(percent_decode(text).unwrap_or_else(|| text.to_owned()));
    let query = once(query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let pairs = pairs.map(|(name, value)| (once(name).to_string(), once(value)));
    (method.unwrap_or_default(), pairs.collect())
}

/// A name or value as a server decodes it.
fn decoded(text: &str) -> Zeroizing<String> {
    let text = Zeroizing::new(text.replace('+', " "));
    Zeroizing::new(percent_decode(&text).unwrap_or_else(|| text.to_string()))
}

/// How the client writes the request. A client that signs what it sends makes the same mistakes
/// there, and the service does not.
fn habits(request: &SentRequest, sent: &BTreeMap<String, Zeroizing<String>>) -> Vec<Habit> {
    let mut found = Vec::new();
    let mut note = |habit| {
        if !found.contains(&habit) {
            found.push(habit);
        }
    };
    for (name, value) in request.query_pairs().chain(request.form_pairs()) {
        for text in [name, value] {
            habits_of_text(text, &mut note);
        }
    }
    let is_utc = |time: &str| {
        time.len() == "YYYY-MM-DDThh:mm:ssZ".len() && time.ends_with('Z') && time.contains('T')
    };
    if sent.get("Timestamp").is_some_and(|time| !is_utc(time)) {
        note(Habit::TimeFormat);
    }
    found
}

fn habits_of_text(text: &str, note: &mut impl FnMut(Habit)) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let escape = rest.strip_prefix('%').and_then(|rest| rest.get(..2));
        let escape = escape.and_then(|digits| Some((digits, u8::from_str_radix(digits, 16).ok()?)));
        if let Some((digits, byte)) = escape {
            if digits.bytes().any(|b| b.is_ascii_lowercase()) {
                note(Habit::SmallHex);
            }
            match char::from(byte) {
                c if c.is_ascii_alphanumeric() => note(Habit::Escaped('A')),
                c if MARKS.contains(c) => note(Habit::Escaped(c)),
                _ => {}
            }
            rest = &rest[3..];
            continue;
        }
        match c {
            '+' => note(Habit::PlusInText),
            c if c.is_ascii_alphanumeric() || MARKS.contains(c) => {}
            c if c.is_ascii_graphic() => note(Habit::Unescaped(c)),
            _ => {}
        }
        rest = &rest[c.len_utf8()..];
    }
}
