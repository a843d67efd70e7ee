//! The explanation in sentences.

use std::fmt;

use crate::protocol::Signature;
use crate::protocol::error_codes;
use crate::signature_mismatch::explanation::{
    Change, Difference, Habit, Part, SignatureExplanation, Verdict,
};

const COPY_BOTH: &str = "Copy the response and the request of the same attempt: each attempt has \
                         its own SignatureNonce and Timestamp.";
const FORMS: &str = "Pass the request as it was sent, with its signature: a curl command, an HTTP \
                     request with its headers, a URL, or the form.";

/// The message and the hint.
pub(super) fn sentences(explanation: &SignatureExplanation) -> (String, String) {
    match explanation.verdict {
        Verdict::Unchanged => (unchanged(explanation), hint_unchanged(explanation)),
        Verdict::Changed => (changed(explanation), hint_changed(explanation)),
        Verdict::OtherRequest => (
            "The response belongs to another request, or to another attempt of it.".to_owned(),
            COPY_BOTH.to_owned(),
        ),
        Verdict::NotAMismatch => not_a_mismatch(explanation),
        Verdict::NoStringToSign => (
            "The response does not have the service's string to sign, so nothing can be compared."
                .to_owned(),
            "Pass the whole response: its message ends with \"server string to sign is:\" and \
             that string."
                .to_owned(),
        ),
        Verdict::NoRequest => (
            "The response has the service's string to sign. What the client sent is needed as well."
                .to_owned(),
            FORMS.to_owned(),
        ),
        Verdict::UnreadableRequest => (
            match explanation.signature {
                Some(Signature::Acs3) => {
                    "The request cannot be read, or has no header Authorization with \
                     ACS3-HMAC-SHA256, SignedHeaders and Signature."
                }
                _ => "The request cannot be read, or has no parameter Signature.",
            }
            .to_owned(),
            FORMS.to_owned(),
        ),
    }
}

fn not_a_mismatch(explanation: &SignatureExplanation) -> (String, String) {
    let pass = "Pass a response with the code SignatureDoesNotMatch.";
    let Some(code) = &explanation.code else {
        let message = "The text has no response of the service with an error code.";
        return (message.to_owned(), pass.to_owned());
    };
    let meaning = error_codes::classify(code, "", 400);
    let hint = if meaning.hint.is_empty() { pass } else { meaning.hint };
    (format!("The error is {code}, not SignatureDoesNotMatch."), hint.to_owned())
}

fn unchanged(explanation: &SignatureExplanation) -> String {
    let arrived = if explanation.is_cut {
        "The response has only the beginning of the service's string to sign, which equals that of \
         the request."
    } else {
        "The request arrived unchanged: the service's string to sign equals that of the request."
    };
    let id = explanation.access_key_id.as_deref();
    let whose = id.map_or("the access key".to_owned(), |id| format!("access key ID {id}"));
    let cause = format!(
        "The access key secret is not that of {whose}, or the client computes the signature \
         wrongly."
    );
    let habits = explanation.habits.iter().map(|habit| format!("The client {habit}."));
    [arrived.to_owned(), cause].into_iter().chain(habits).collect::<Vec<_>>().join(" ")
}

fn hint_unchanged(explanation: &SignatureExplanation) -> String {
    let secret = "Check the access key secret: it must belong to this ID, be complete, and have no \
                  white space around it.";
    if explanation.habits.is_empty() {
        return secret.to_owned();
    }
    format!(
        "{secret} If another tool accepts this access key, correct the client: it must sign with \
         %20 for a space, capital hexadecimal digits, and every byte escaped but A-Z a-z 0-9 - _ . \
         ~."
    )
}

fn changed(explanation: &SignatureExplanation) -> String {
    let changed = "The request was changed on the way, or the client did not sign what it sent.";
    let unknown = explanation.differences.is_empty().then_some(
        "The string to sign is a hash, so it does not say what differs, and none of the usual \
         changes leads to it.",
    );
    let cut = explanation
        .is_cut
        .then_some("The service's string to sign is cut off, so more may differ.");
    let differences = explanation.differences.iter().map(|difference| format!("{difference}."));
    let rest = unknown.into_iter().chain(cut).map(ToOwned::to_owned);
    let all = [changed.to_owned()].into_iter().chain(differences).chain(rest);
    all.collect::<Vec<_>>().join(" ")
}

fn hint_changed(explanation: &SignatureExplanation) -> String {
    let mut hints: Vec<&str> = Vec::new();
    for difference in &explanation.differences {
        let hint = hint(difference);
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    if hints.is_empty() {
        return "Compare the signed headers, the query and the body with what a server receives, \
                and look for a proxy or gateway that rewrites requests."
            .to_owned();
    }
    hints.join(" ")
}

fn hint(difference: &Difference) -> &'static str {
    match (difference.change, &difference.part) {
        (_, Part::Method) => {
            "Look for a redirect or proxy that repeats the request with another method. Call the \
             endpoint by https directly."
        }
        (_, Part::Path) => {
            "Call the endpoint with the path /, and look for a proxy that changes it."
        }
        (_, Part::Header(name)) if name == "host" => {
            "Look for a reverse proxy that sets the header Host: it must pass on the one that was \
             signed."
        }
        (Change::Lost | Change::Added | Change::OtherValue, Part::Header(_)) => {
            "Look for a proxy that removes or sets this header, or leave it out of SignedHeaders."
        }
        (Change::PlusToSpace, _) => {
            "Send a + as %2B and a space as %20. A + in a query or form is a space."
        }
        (Change::SpaceToPlus, _) => {
            "Encode spaces as %20, and look for a proxy that encodes the request anew."
        }
        (Change::EncodedAgain, _) => {
            "Encode each value once for the request. Look for a proxy or library that encodes it \
             again."
        }
        (Change::DecodedAgain, _) => {
            "Look for a proxy or framework that decodes the request before it passes it on."
        }
        (Change::LineBreaks, _) => {
            "Sign and send the same text: line breaks must not be converted in between (CRLF, LF, \
             or none)."
        }
        (Change::Trimmed, _) => "Trim the value before it is signed, not after.",
        (Change::CutOff | Change::Lost, _) => {
            "Look for a limit on the length of URLs or bodies on the way. Send parameters in the \
             form of a POST."
        }
        (Change::Added | Change::Extended, _) => {
            "Look for a proxy or gateway that adds parameters to requests."
        }
        (Change::CharacterSet, _) => "Encode text as UTF-8 before it is signed and sent.",
        (Change::HtmlEscaped, _) => "Do not escape values for HTML.",
        (Change::LetterCase | Change::OtherValue, _) => {
            "Check that the client sends the values that it signed, and look for a proxy that \
             rewrites requests."
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("method"),
            Self::Path => f.write_str("path"),
            Self::Query => f.write_str("query"),
            Self::Body => f.write_str("body"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
            Self::Header(name) => write!(f, "header {name}"),
        }
    }
}

/// A sentence without its full stop.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.change {
            Change::Lost if self.part == Part::Query => "lost parameters",
            Change::Lost => "did not arrive",
            Change::Added => "was added",
            Change::PlusToSpace => "has spaces in the place of +",
            Change::SpaceToPlus => "has + in the place of spaces",
            Change::EncodedAgain => "was percent-encoded once more",
            Change::DecodedAgain => "was percent-decoded once more",
            Change::LineBreaks => "has other line breaks",
            Change::Trimmed => "lost or gained white space at its ends",
            Change::CutOff => "was cut off",
            Change::Extended => "was extended",
            Change::LetterCase => "has other capital letters",
            Change::CharacterSet => "was converted to another character set",
            Change::HtmlEscaped => "was escaped as in HTML",
            Change::OtherValue => "differs",
        };
        write!(f, "The {} {what}", self.part)?;
        if let Some(position) = self.position {
            write!(f, ", from character {position} on")?;
        }
        match (&self.sent, &self.arrived) {
            (Some(sent), Some(arrived)) => write!(f, " (sent {sent}, arrived {arrived})"),
            (Some(sent), None) => write!(f, " (sent {sent})"),
            (None, Some(arrived)) => write!(f, " (arrived {arrived})"),
            (None, None) => Ok(()),
        }
    }
}

/// What the client does, as a clause.
impl fmt::Display for Habit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlusInText => f.write_str(
                "writes + in the query or form, which the service reads as a space (a space is \
                 signed as %20, a + as %2B)",
            ),
            Self::SmallHex => f.write_str("escapes with small letters, such as %2f"),
            Self::Unescaped(c) => write!(f, "does not escape {c}"),
            Self::Escaped('A') => f.write_str("escapes letters or digits"),
            Self::Escaped(c) => write!(f, "escapes {c}"),
            Self::TimeFormat => {
                f.write_str("sends a Timestamp that is not UTC like 2026-01-02T03:04:05Z")
            }
        }
    }
}
