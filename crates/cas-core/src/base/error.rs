//! What a caller learns when something fails: what happened, whether it is worth trying again, what to do.

use std::fmt;

/// Why a call failed. The numbers are those of the C interface (`cas_status`) and never change meaning.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ErrorKind {
    /// The call itself is wrong: a value is missing, malformed or contradicts another one.
    InvalidArgument = 1,
    /// The certificate or key was refused locally, before any network traffic.
    Certificate = 2,
    /// No usable access key could be found or fetched.
    Credentials = 3,
    /// No connection: DNS, TCP, proxy or TLS. The request did not reach the service.
    Network = 4,
    /// The deadline passed and the request was certainly not applied.
    Timeout = 5,
    /// The service answered with an error; see its code.
    Service = 6,
    /// The service kept refusing for rate until the attempts or the deadline ran out.
    Throttled = 7,
    /// A different certificate already has this name.
    NameTaken = 8,
    /// The answer could not be understood.
    Protocol = 9,
    /// The request may have been applied, and that could not be found out.
    OutcomeUnknown = 10,
    /// A local file could not be read.
    Io = 11,
    /// A defect in this library.
    Internal = 12,
    /// No certificate has this id.
    NotFound = 13,
    /// The access key is valid but may not do this; the hint names the RAM action to grant.
    Permission = 14,
}

/// An error of any call. It never holds a key, secret, token, signature or string-to-sign.
pub struct Error(Box<Details>);

#[derive(Debug)]
struct Details {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    service_code: Option<String>,
    service_message: Option<String>,
    request_id: Option<String>,
    http_status: Option<u16>,
    attempts: u32,
    retryable: bool,
}

impl Error {
    /// An error of `kind`; `message` is one English sentence for a person.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
            hint: None,
            service_code: None,
            service_message: None,
            request_id: None,
            http_status: None,
            attempts: 0,
            retryable: matches!(
                kind,
                ErrorKind::Network
                    | ErrorKind::Timeout
                    | ErrorKind::Throttled
                    | ErrorKind::OutcomeUnknown
            ),
        }))
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the service's own code and its message, which must already be redacted.
    #[must_use]
    pub fn with_service(mut self, code: String, redacted_message: Option<String>) -> Self {
        self.0.service_code = Some(code);
        self.0.service_message = redacted_message;
        self
    }

    /// Adds what came with the HTTP answer.
    #[must_use]
    pub fn with_answer(mut self, http_status: u16, request_id: Option<String>) -> Self {
        self.0.http_status = Some(http_status);
        self.0.request_id = request_id;
        self
    }

    /// Adds how often sending was tried.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Takes over from `cause` what the service said.
    #[must_use]
    pub fn with_words_of(mut self, cause: &Self) -> Self {
        let Details { service_code, service_message, request_id, http_status, .. } = &*cause.0;
        self.0.service_code.clone_from(service_code);
        self.0.service_message.clone_from(service_message);
        self.0.request_id.clone_from(request_id);
        self.0.http_status = *http_status;
        self
    }

    /// Adds a sentence to the message.
    #[must_use]
    pub fn adding(mut self, sentence: &str) -> Self {
        self.0.message.push(' ');
        self.0.message.push_str(sentence);
        self
    }

    /// Overrides whether the same call later would be worth it.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Why the call failed.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// One English sentence for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The service's own error code.
    #[must_use]
    pub fn service_code(&self) -> Option<&str> {
        self.0.service_code.as_deref()
    }

    /// The service's own words, redacted.
    #[must_use]
    pub fn service_message(&self) -> Option<&str> {
        self.0.service_message.as_deref()
    }

    /// The id under which Alibaba Cloud's support finds the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// HTTP status of the answer; `None` where there was no answer.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// How often sending was tried; 0 when the call was refused before any network traffic.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Would the same call later be worth it?
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_failures_are_worth_another_call() {
        assert!(Error::new(ErrorKind::Network, "").is_retryable());
        assert!(!Error::new(ErrorKind::NameTaken, "").is_retryable());
        assert!(Error::new(ErrorKind::Service, "").with_retryable(true).is_retryable());
    }
}
