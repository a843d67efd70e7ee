//! The error of every call: what failed, whether a retry may help, and how to fix it.

use std::fmt;

use crate::base::exhaustion::Exhaustion;

/// The kind of an error. The numbers are those of the C interface (`cas_status`) and keep their
/// meaning forever.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ErrorKind {
    /// The call itself is invalid: a value is missing, malformed or contradicts another one.
    InvalidArgument = 1,
    /// libcas refused the certificate, its private key or its name before any network traffic.
    Certificate = 2,
    /// libcas found or fetched no usable access key.
    Credentials = 3,
    /// No connection: DNS, TCP, proxy or TLS failed. The request did not reach the service.
    Network = 4,
    /// The deadline passed and the request was certainly not applied.
    Timeout = 5,
    /// The service responded with an error; see its code.
    Service = 6,
    /// The service kept throttling the calls until the attempts or the deadline ran out.
    Throttled = 7,
    /// A different certificate already has this name.
    NameTaken = 8,
    /// libcas could not understand the response.
    Protocol = 9,
    /// The request may have been applied, and libcas could not determine whether it was.
    OutcomeUnknown = 10,
    /// libcas failed to read a local file.
    Io = 11,
    /// A bug in libcas.
    Internal = 12,
    /// The service has no certificate with this ID.
    NotFound = 13,
    /// The access key is valid but is not allowed to do this. The hint names the RAM action to
    /// grant.
    Permission = 14,
    /// Another thread cancelled the call, and nothing was changed at the service.
    Cancelled = 15,
}

/// The error of a call. It never contains a key, secret, token, signature or string to sign.
#[derive(Clone)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug)]
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
    /// The resource of the system that is used up, if that is the cause.
    exhaustion: Option<Exhaustion>,
}

impl Error {
    /// Creates an error. `message` is one or more English sentences. `kind` decides whether the
    /// error is retryable; [`with_retryable`](Self::with_retryable) overrides it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::of(kind, message.into())
    }

    // One copy: errors are made in hundreds of places, and none of them is in a hurry.
    #[cold]
    fn of(kind: ErrorKind, message: String) -> Self {
        Self(Box::new(Details {
            kind,
            message,
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
                    | ErrorKind::Cancelled
            ),
            exhaustion: None,
        }))
    }

    /// Sets the hint: imperative sentences on how to fix the error.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Sets the service's error code and its message, which must be redacted already.
    #[must_use]
    pub fn with_service(mut self, code: String, redacted_message: Option<String>) -> Self {
        self.0.service_code = Some(code);
        self.0.service_message = redacted_message;
        self
    }

    /// Sets the HTTP status and the RequestId of the response.
    #[must_use]
    pub fn with_response(mut self, http_status: u16, request_id: Option<String>) -> Self {
        self.0.http_status = Some(http_status);
        self.0.request_id = request_id;
        self
    }

    /// Sets the number of attempts.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Copies the service's code, message, RequestId and HTTP status from `cause`.
    #[must_use]
    pub fn with_service_details_of(mut self, cause: &Self) -> Self {
        let Details { service_code, service_message, request_id, http_status, .. } = &*cause.0;
        self.0.service_code.clone_from(service_code);
        self.0.service_message.clone_from(service_message);
        self.0.request_id.clone_from(request_id);
        self.0.http_status = *http_status;
        self
    }

    /// Puts the name of the C function that failed in front of the message.
    #[must_use]
    pub(crate) fn with_function(mut self, name: &str) -> Self {
        self.0.message = format!("{name}: {}", self.0.message);
        self
    }

    /// Appends a sentence to the message.
    #[must_use]
    pub fn with_sentence(mut self, sentence: &str) -> Self {
        self.0.message.push(' ');
        self.0.message.push_str(sentence);
        self
    }

    /// Overrides whether the error is retryable.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Records that a resource of the system is used up: sets the hint, and that the error is
    /// retryable.
    #[must_use]
    pub(crate) fn with_exhaustion(mut self, exhaustion: Exhaustion) -> Self {
        self.0.exhaustion = Some(exhaustion);
        self.with_hint(exhaustion.hint()).with_retryable(true)
    }

    /// The resource of the system that is used up, if that is the cause.
    pub(crate) fn exhaustion(&self) -> Option<Exhaustion> {
        self.0.exhaustion
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What failed and why, in English sentences.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// How to fix the error, in imperative sentences.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The service's error code.
    #[must_use]
    pub fn service_code(&self) -> Option<&str> {
        self.0.service_code.as_deref()
    }

    /// The service's message, redacted.
    #[must_use]
    pub fn service_message(&self) -> Option<&str> {
        self.0.service_message.as_deref()
    }

    /// The RequestId, which Alibaba Cloud support needs to find the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// HTTP status of the response; `None` if there was none.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// Number of attempts; 0 if libcas refused the call before any network traffic.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether the same call may succeed later.
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
    fn kind_decides_whether_an_error_is_retryable() {
        use ErrorKind as Kind;
        for kind in
            [Kind::Network, Kind::Timeout, Kind::Throttled, Kind::OutcomeUnknown, Kind::Cancelled]
        {
            assert!(Error::new(kind, "").is_retryable(), "{kind:?}");
            assert!(!Error::new(kind, "").with_retryable(false).is_retryable(), "{kind:?}");
        }
        for kind in [
            Kind::InvalidArgument,
            Kind::Certificate,
            Kind::Credentials,
            Kind::Service,
            Kind::NameTaken,
            Kind::Protocol,
            Kind::Io,
            Kind::Internal,
            Kind::NotFound,
            Kind::Permission,
        ] {
            assert!(!Error::new(kind, "").is_retryable(), "{kind:?}");
            assert!(Error::new(kind, "").with_retryable(true).is_retryable(), "{kind:?}");
        }
    }

    #[test]
    fn service_details_are_copied_and_nothing_else() {
        let cause = Error::new(ErrorKind::Service, "Cause.")
            .with_hint("Hint.")
            .with_service("Code".to_owned(), Some("Message".to_owned()))
            .with_response(503, Some("R-1".to_owned()))
            .with_attempts(3);
        let error = Error::new(ErrorKind::OutcomeUnknown, "First.")
            .with_service_details_of(&cause)
            .with_sentence("Second.");
        assert_eq!(error.to_string(), "First. Second.");
        assert_eq!(
            (error.service_code(), error.service_message()),
            (Some("Code"), Some("Message"))
        );
        assert_eq!((error.http_status(), error.request_id()), (Some(503), Some("R-1")));
        assert_eq!((error.kind(), error.hint()), (ErrorKind::OutcomeUnknown, None));
        assert_eq!((error.attempts(), cause.attempts()), (0, 3));
    }
}
