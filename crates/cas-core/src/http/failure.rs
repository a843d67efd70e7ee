//! Why a request got no answer, and how far it got.

use std::fmt;

use crate::http::deadline::RequestDeadline;

/// How far a request got before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendProgress {
    /// No byte of it left: it was certainly not applied.
    NotSent,
    /// It was sent, at least in part, and no answer came: it may have been applied.
    Sent,
    /// An answer began that is not whole or not HTTP: it may have been applied.
    ResponseStarted,
}

/// Why there is no answer. Holds no secret.
#[derive(Debug)]
pub struct TransportError {
    /// How far the request got.
    pub progress: SendProgress,
    /// Whether the call's deadline passed.
    pub deadline_passed: bool,
    /// What happened, as a clause: "no connection to 10.0.0.1:443: Connection refused".
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether trying again in a moment cannot help.
    pub permanent: bool,
    /// HTTP status of an answer that began.
    pub http_status: Option<u16>,
    /// Request id of an answer that began.
    pub request_id: Option<String>,
}

impl TransportError {
    pub(crate) fn new(progress: SendProgress, what: impl Into<String>) -> Self {
        Self {
            progress,
            deadline_passed: RequestDeadline::deadline_passed(),
            message: what.into(),
            hint: None,
            permanent: false,
            http_status: None,
            request_id: None,
        }
    }

    pub(crate) fn not_sent(what: impl Into<String>) -> Self {
        Self::new(SendProgress::NotSent, what)
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

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

impl From<TransportError> for ureq::Error {
    fn from(failure: TransportError) -> Self {
        Self::Other(Box::new(failure))
    }
}
