//! Why a request got no answer, and how far it got.

use std::fmt;

use crate::http::deadline::Call;

/// How far a request got before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No byte of it left: it was certainly not applied.
    Nowhere,
    /// It was sent, at least in part, and no answer came: it may have been applied.
    Sent,
    /// An answer began that is not whole or not HTTP: it may have been applied.
    Answered,
}

/// Why there is no answer. Holds no secret.
#[derive(Debug)]
pub struct Failure {
    /// How far the request got.
    pub reach: Reach,
    /// Whether the call's deadline passed.
    pub deadline_passed: bool,
    /// What happened, as a clause: "no connection to 10.0.0.1:443: Connection refused".
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether trying again in a moment cannot help.
    pub permanent: bool,
    /// HTTP status of an answer that began.
    pub http_status: Option<u16>,
    /// Request id of an answer that began.
    pub request_id: Option<String>,
}

impl Failure {
    pub(crate) fn new(reach: Reach, what: impl Into<String>) -> Self {
        Self {
            reach,
            deadline_passed: Call::deadline_passed(),
            what: what.into(),
            hint: None,
            permanent: false,
            http_status: None,
            request_id: None,
        }
    }

    pub(crate) fn nowhere(what: impl Into<String>) -> Self {
        Self::new(Reach::Nowhere, what)
    }

    pub(crate) fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for ureq::Error {
    fn from(failure: Failure) -> Self {
        Self::Other(Box::new(failure))
    }
}
