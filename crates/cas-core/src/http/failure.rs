//! Why a request got no response, and how far it got.

use std::{fmt, io};

use crate::base::exhaustion::Exhaustion;
use crate::http::deadline::RequestDeadline;

/// How far a request got before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendProgress {
    /// No byte of it was sent: the service did not apply it.
    NotSent,
    /// At least a part was sent and no response arrived: the service may have applied it.
    Sent,
    /// A response started that is incomplete or not HTTP: the service may have applied it.
    ResponseStarted,
}

/// Why there is no response. Holds no secret.
#[derive(Debug)]
pub struct TransportError {
    /// How far the request got.
    pub progress: SendProgress,
    /// Whether the deadline of the request has passed.
    pub deadline_passed: bool,
    /// What failed, as a clause: "failed to connect to 10.0.0.1:443: Connection refused".
    pub message: String,
    /// How to fix it, in sentences.
    pub hint: Option<String>,
    /// Whether a retry is certain to fail too.
    pub permanent: bool,
    /// Whether a resource of the system is used up: neither the server nor the network failed.
    pub(crate) exhaustion: Option<Exhaustion>,
    /// HTTP status of a response that started.
    pub http_status: Option<u16>,
    /// Request ID of a response that started.
    pub request_id: Option<String>,
}

impl TransportError {
    pub(crate) fn new(progress: SendProgress, message: impl Into<String>) -> Self {
        Self::of(progress, message.into())
    }

    #[cold]
    fn of(progress: SendProgress, message: String) -> Self {
        Self {
            progress,
            deadline_passed: RequestDeadline::passed(),
            message,
            hint: None,
            permanent: false,
            exhaustion: None,
            http_status: None,
            request_id: None,
        }
    }

    pub(crate) fn not_sent(message: impl Into<String>) -> Self {
        Self::new(SendProgress::NotSent, message)
    }

    pub(crate) fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// Adds what to do about `cause`: `otherwise`, unless a resource of the system is used up.
    pub(crate) fn with_hint_for(mut self, cause: &io::Error, otherwise: impl Into<String>) -> Self {
        self.exhaustion = Exhaustion::of(cause);
        match self.exhaustion {
            Some(exhaustion) => self.with_hint(exhaustion.hint()),
            None => self.with_hint(otherwise),
        }
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
    fn from(error: TransportError) -> Self {
        Self::Other(Box::new(error))
    }
}
