//! What a probe finds.

use crate::base::error::{Error, ErrorKind};

/// What is examined, in this order.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The look-up of the endpoint's name, or of the proxy's.
    Dns,
    /// Which proxy applies, and whether it connects.
    Proxy,
    /// The TCP connection.
    Connection,
    /// Where the trusted root certificates come from.
    Roots,
    /// The TLS handshake.
    Tls,
    /// Whether the service answers.
    Service,
    /// This machine's clock against the service's.
    Clock,
    /// Which credential source serves.
    Credentials,
    /// Whether the access key may list certificates.
    Permission,
}

impl Probe {
    /// The name of the probe for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Proxy => "proxy",
            Self::Connection => "connection",
            Self::Roots => "roots",
            Self::Tls => "tls",
            Self::Service => "service",
            Self::Clock => "clock",
            Self::Credentials => "credentials",
            Self::Permission => "permission",
        }
    }
}

/// The result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is in order.
    Ok,
    /// Uploads work, but something is not as it should be.
    Warning,
    /// Uploads fail because of this.
    Failed,
    /// It was not examined; the message says why.
    Skipped,
}

impl Status {
    /// The name of the status for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What a probe finds.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// What was examined.
    pub probe: Probe,
    /// The result.
    pub status: Status,
    /// What was found, in English sentences.
    pub message: String,
    /// What to do, in imperative sentences.
    pub hint: Option<String>,
    /// Facts for programs: name and value.
    pub details: Vec<(&'static str, String)>,
    /// The error that an upload would end with, if this failed.
    pub error: Option<Error>,
}

impl Diagnosis {
    pub(super) fn new(probe: Probe, status: Status, message: impl Into<String>) -> Self {
        let (message, details) = (message.into(), Vec::new());
        Self { probe, status, message, hint: None, details, error: None }
    }

    pub(super) fn ok(probe: Probe, message: impl Into<String>) -> Self {
        Self::new(probe, Status::Ok, message)
    }

    pub(super) fn failed(probe: Probe, error: Error) -> Self {
        let hint = error.hint().map(ToOwned::to_owned);
        let found = Self::new(probe, Status::Failed, error.message());
        Self { hint, error: Some(error), ..found }
    }

    pub(super) fn warning(probe: Probe, message: impl Into<String>, hint: &str) -> Self {
        let found = Self::new(probe, Status::Warning, message);
        Self { hint: Some(hint.to_owned()), ..found }
    }

    pub(super) fn skipped(probe: Probe, message: impl Into<String>) -> Self {
        Self::new(probe, Status::Skipped, message)
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// The kind of the error that an upload would end with, if this failed.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        self.error.as_ref().map(Error::kind)
    }
}
