//! What an upload has experienced so far: the material of its receipt or error.

use crate::base::error::{Error, ErrorKind};
use crate::protocol::failure_class::FailureClass;
use crate::service::failure::CallError;
use crate::service::version::ApiVersion;
use crate::upload::lookup::Listing;

/// The last error, the last look-up and the last response of an upload.
#[derive(Default)]
pub(super) struct History {
    /// The error of the last attempt, or of the look-up before the first.
    pub(super) error: Option<Error>,
    /// The error of the look-up after that attempt.
    pub(super) lookup_error: Option<Error>,
    /// The result of the last look-up, unless something was sent after it.
    pub(super) listing: Option<Listing>,
    /// The API version and RequestId of the response that gave the certificate's ID.
    pub(super) response: Option<(ApiVersion, Option<String>)>,
    /// Attempts that ended before libcas tried to send.
    pub(super) attempts_not_sent: u32,
}

impl History {
    /// Records a successful look-up.
    pub(super) fn add_listing(&mut self, listing: Listing) {
        self.lookup_error = None;
        self.response = Some((listing.version, listing.request_id.clone()));
        self.listing = Some(listing);
    }

    /// Records a failed look-up.
    pub(super) fn add_lookup_error(&mut self, error: Error) {
        if self.error.is_none() {
            self.error = Some(error);
        } else {
            self.lookup_error = Some(error);
        }
    }

    /// Records a failed attempt.
    pub(super) fn add_attempt(&mut self, failure: CallError) {
        self.attempts_not_sent += u32::from(!failure.tried);
        self.listing = None;
        self.lookup_error = None;
        // After throttling, that the time ran out before the next attempt says less than the
        // throttling.
        let throttled = self.error.take().filter(|last| last.kind() == ErrorKind::Throttled);
        let timed_out =
            failure.class == FailureClass::NotSent && failure.error.kind() == ErrorKind::Timeout;
        self.error = throttled.filter(|_| timed_out).or(Some(failure.error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: FailureClass, kind: ErrorKind) -> CallError {
        CallError::new(class, Error::new(kind, "sentence"))
    }

    #[test]
    fn throttling_outlives_a_timeout_before_the_next_attempt() {
        let throttled = || failure(FailureClass::Throttled(None), ErrorKind::Throttled);
        for (class, kind, shown) in [
            (FailureClass::NotSent, ErrorKind::Timeout, ErrorKind::Throttled),
            (FailureClass::NotSent, ErrorKind::Network, ErrorKind::Network),
            (FailureClass::OutcomeUnknown, ErrorKind::Timeout, ErrorKind::Timeout),
        ] {
            let mut history = History::default();
            history.add_attempt(throttled());
            history.add_attempt(failure(class, kind));
            assert_eq!(history.error.unwrap().kind(), shown, "{class:?} {kind:?}");
        }
        let mut history = History::default();
        history.add_attempt(failure(FailureClass::NotSent, ErrorKind::Network));
        history.add_attempt(failure(FailureClass::NotSent, ErrorKind::Timeout));
        assert_eq!(history.error.unwrap().kind(), ErrorKind::Timeout);
    }

    #[test]
    fn an_attempt_makes_what_was_looked_up_before_obsolete() {
        let mut history = History::default();
        history.add_lookup_error(Error::new(ErrorKind::Network, "before the first attempt"));
        assert!(history.error.is_some() && history.lookup_error.is_none());
        history.add_lookup_error(Error::new(ErrorKind::Network, "after it"));
        assert_eq!(history.lookup_error.as_ref().unwrap().message(), "after it");
        let mut not_tried = failure(FailureClass::Permanent, ErrorKind::Credentials);
        not_tried.tried = false;
        history.add_attempt(not_tried);
        assert!(history.lookup_error.is_none() && history.listing.is_none());
        assert_eq!(history.attempts_not_sent, 1);
        history.add_attempt(failure(FailureClass::Refused, ErrorKind::Service));
        assert_eq!(history.attempts_not_sent, 1);
    }
}
