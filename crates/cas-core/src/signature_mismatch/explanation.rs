//! What an explanation consists of.

use crate::protocol::Signature;

/// What the comparison shows.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request arrived unchanged: the access key secret is wrong, or the client signs wrongly.
    Unchanged,
    /// The request was changed on the way; the differences say how, as far as that is known.
    Changed,
    /// The response belongs to another request, or to another attempt of it.
    OtherRequest,
    /// The text is not such a response.
    NotAMismatch,
    /// The response does not have the service's string to sign.
    NoStringToSign,
    /// There is no request to compare with.
    NoRequest,
    /// The request cannot be read, or is not signed.
    UnreadableRequest,
}

impl Verdict {
    /// The name of the verdict for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::OtherRequest => "other-request",
            Self::NotAMismatch => "not-a-mismatch",
            Self::NoStringToSign => "no-string-to-sign",
            Self::NoRequest => "no-request",
            Self::UnreadableRequest => "unreadable-request",
        }
    }
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The HTTP method.
    Method,
    /// The path of the URL.
    Path,
    /// The whole query.
    Query,
    /// The body.
    Body,
    /// A parameter of the query or the form.
    Parameter(String),
    /// A header, by its name in small letters.
    Header(String),
}

/// How a part of the request differs.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It did not arrive.
    Lost,
    /// It arrived, but was not sent.
    Added,
    /// A `+` became a space.
    PlusToSpace,
    /// A space became a `+`.
    SpaceToPlus,
    /// It was percent-encoded once more.
    EncodedAgain,
    /// It was percent-decoded once more.
    DecodedAgain,
    /// Line breaks were changed or removed.
    LineBreaks,
    /// White space at its beginning or end was removed.
    Trimmed,
    /// Its end is missing.
    CutOff,
    /// Something was appended.
    Extended,
    /// Capital and small letters were changed.
    LetterCase,
    /// Its characters were converted to another encoding.
    CharacterSet,
    /// It was escaped as in HTML.
    HtmlEscaped,
    /// It is another value.
    OtherValue,
}

impl Change {
    /// The name of the change for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Added => "added",
            Self::PlusToSpace => "plus-to-space",
            Self::SpaceToPlus => "space-to-plus",
            Self::EncodedAgain => "encoded-again",
            Self::DecodedAgain => "decoded-again",
            Self::LineBreaks => "line-breaks",
            Self::Trimmed => "trimmed",
            Self::CutOff => "cut-off",
            Self::Extended => "extended",
            Self::LetterCase => "letter-case",
            Self::CharacterSet => "character-set",
            Self::HtmlEscaped => "html-escaped",
            Self::OtherValue => "other-value",
        }
    }
}

/// A part of the request that did not arrive as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub part: Part,
    /// How it differs.
    pub change: Change,
    /// The character at which the difference begins, counted from 1, if both values are known.
    pub position: Option<usize>,
    /// The value that was sent, quoted, or its length if it may be secret.
    pub sent: Option<String>,
    /// The value that arrived, likewise.
    pub arrived: Option<String>,
}

/// How the client writes a request that it may have signed in the same wrong way.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// It writes a space, or a `+`, as `+`.
    PlusInText,
    /// It escapes with small letters, such as `%2f`.
    SmallHex,
    /// It does not escape a character that the signature requires to be escaped.
    Unescaped(char),
    /// It escapes a character that the signature requires to be left as it is.
    Escaped(char),
    /// The time of the request is not UTC in the form `YYYY-MM-DDThh:mm:ssZ`.
    TimeFormat,
}

/// The explanation of a `SignatureDoesNotMatch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureExplanation {
    /// What the comparison shows.
    pub verdict: Verdict,
    /// How the request is signed, if that is known.
    pub signature: Option<Signature>,
    /// What did not arrive as it was sent.
    pub differences: Vec<Difference>,
    /// How the client writes its request. Only if it arrived unchanged.
    pub habits: Vec<Habit>,
    /// The access key ID of the request, without its middle.
    pub access_key_id: Option<String>,
    /// The error code of the response, if it is another one.
    pub code: Option<String>,
    /// Whether the response has only the beginning of the service's string to sign.
    pub is_cut: bool,
    /// What is known, in English sentences.
    pub message: String,
    /// What to do, in imperative sentences.
    pub hint: String,
}

impl SignatureExplanation {
    pub(super) fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            signature: None,
            differences: Vec::new(),
            habits: Vec::new(),
            access_key_id: None,
            code: None,
            is_cut: false,
            message: String::new(),
            hint: String::new(),
        }
    }
}

/// What the comparison of a request with a string to sign finds.
#[derive(Default)]
pub(super) struct Compared {
    /// Whether the strings are equal, as far as the response has the service's.
    pub(super) is_equal: bool,
    pub(super) is_cut: bool,
    /// Whether the response belongs to another request.
    pub(super) is_other_request: bool,
    pub(super) differences: Vec<Difference>,
    pub(super) habits: Vec<Habit>,
    pub(super) access_key_id: Option<String>,
}
