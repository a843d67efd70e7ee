//! Explains the error `SignatureDoesNotMatch`: compares the service's string to sign, which the
//! response echoes, with the request as it was sent.
//!
//! Pure. Uses `protocol` for error codes and `cas-sign` for canonicalisation. Nothing of the result
//! holds a key, secret, token or signature: only values that are known to be public are shown.

mod acs3;
mod answer;
mod curl;
mod explanation;
mod forms;
mod hmac_sha1;
mod messages;
mod request;
mod values;

pub use explanation::{Change, Difference, Habit, Part, SignatureExplanation, Verdict};

use crate::protocol::Signature;
use crate::protocol::access_key::masked_id;
use answer::Answer;

/// Longest text that is examined, in bytes.
pub const MAX_EXPLAINED_BYTES: usize = 8 << 20;

/// Explains a response with `SignatureDoesNotMatch`.
///
/// `answer` is the response, JSON or XML, alone or within the text of a log. `request` is the
/// request as it was sent: a curl command, an HTTP request with its headers, a URL, or a form.
/// Only the first [`MAX_EXPLAINED_BYTES`] of each are examined.
#[must_use]
pub fn explain_signature(answer: &str, request: Option<&str>) -> SignatureExplanation {
    let mut explanation = compare(bounded(answer), request.map(bounded));
    let (message, hint) = messages::sentences(&explanation);
    (explanation.message, explanation.hint) = (message, hint);
    explanation
}

fn compare(answer: &str, request: Option<&str>) -> SignatureExplanation {
    let string_to_sign = match Answer::read(answer) {
        Answer::Mismatch(string_to_sign) => string_to_sign,
        Answer::WithoutString => return SignatureExplanation::new(Verdict::NoStringToSign),
        Answer::Other(code) => {
            return SignatureExplanation {
                code,
                ..SignatureExplanation::new(Verdict::NotAMismatch)
            };
        }
    };
    let is_acs3 = answer::is_acs3(&string_to_sign);
    let signature = Some(if is_acs3 { Signature::Acs3 } else { Signature::HmacSha1 });
    let of = |verdict| SignatureExplanation { signature, ..SignatureExplanation::new(verdict) };
    let Some(request) = request.filter(|request| !request.trim().is_empty()) else {
        return of(Verdict::NoRequest);
    };
    let Some(request) = forms::read(request) else {
        return of(Verdict::UnreadableRequest);
    };
    let compared = if is_acs3 {
        acs3::compare(&request, &string_to_sign)
    } else {
        hmac_sha1::compare(&request, &string_to_sign)
    };
    let Some(compared) = compared else { return of(Verdict::UnreadableRequest) };
    let verdict = match &compared.differences[..] {
        _ if compared.is_other_request => Verdict::OtherRequest,
        [] if compared.is_equal => Verdict::Unchanged,
        _ => Verdict::Changed,
    };
    let habits = if verdict == Verdict::Unchanged { compared.habits } else { Vec::new() };
    SignatureExplanation {
        differences: compared.differences,
        habits,
        access_key_id: compared.access_key_id.map(|id| masked_id(&id)),
        is_cut: compared.is_cut,
        ..of(verdict)
    }
}

fn bounded(text: &str) -> &str {
    let end = text.len().min(MAX_EXPLAINED_BYTES);
    let end = (0..=end).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests;
