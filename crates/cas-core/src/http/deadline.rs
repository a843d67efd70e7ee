//! The deadline of the request that a thread is sending, and how much of the request it has sent.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

/// The request that the current thread is sending.
///
/// ureq hands out pooled connections without saying which request they are for, so the sockets find
/// the deadline here and count here what they send. The type needs no destructor: a thread may
/// outlive the library.
#[derive(Clone, Copy)]
pub(crate) struct RequestDeadline {
    deadline: Instant,
    /// The deadline that applies now: while a connection is being made, it may be an earlier one.
    limit: Instant,
    /// Bytes that the kernel has accepted since the connection was established.
    sent: usize,
}

thread_local! {
    static CURRENT: Cell<Option<RequestDeadline>> = const { Cell::new(None) };
}

impl RequestDeadline {
    /// Starts a request that must be complete before `deadline`.
    pub(crate) fn begin(deadline: Instant) {
        CURRENT.set(Some(Self { deadline, limit: deadline, sent: 0 }));
    }

    /// Whether the deadline of the request has passed.
    pub(crate) fn passed() -> bool {
        CURRENT.get().is_some_and(|request| Instant::now() >= request.deadline)
    }

    /// Whether the kernel has accepted any byte of the request.
    pub(crate) fn any_sent() -> bool {
        CURRENT.get().is_some_and(|request| request.sent > 0)
    }

    /// A connection is being made and must be established within `timeout`.
    pub(crate) fn connecting(timeout: Duration) {
        Self::update(|request| request.limit = request.deadline.min(Instant::now() + timeout));
    }

    /// The connection is established: every byte sent from now on belongs to the request.
    pub(crate) fn connected() {
        Self::update(|request| {
            request.limit = request.deadline;
            request.sent = 0;
        });
    }

    /// The kernel has accepted `bytes` more bytes.
    pub(crate) fn sent(bytes: usize) {
        Self::update(|request| request.sent += bytes);
    }

    /// The time that is left, or `TimedOut`.
    pub(crate) fn time_left() -> io::Result<Duration> {
        let limit = CURRENT.get().map_or_else(Instant::now, |request| request.limit);
        let left = limit.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    fn update(change: impl FnOnce(&mut Self)) {
        if let Some(mut request) = CURRENT.get() {
            change(&mut request);
            CURRENT.set(Some(request));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn connect_timeout_applies_until_the_connection_is_established() {
        RequestDeadline::begin(Instant::now() + HOUR);
        RequestDeadline::connecting(MINUTE);
        assert!(RequestDeadline::time_left().unwrap() <= MINUTE);
        RequestDeadline::connected();
        assert!(RequestDeadline::time_left().unwrap() > MINUTE);
        RequestDeadline::connecting(2 * HOUR);
        assert!(RequestDeadline::time_left().unwrap() <= HOUR);
        RequestDeadline::connecting(Duration::ZERO);
        assert_eq!(RequestDeadline::time_left().unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(!RequestDeadline::passed());
        RequestDeadline::begin(Instant::now());
        assert!(RequestDeadline::passed());
    }

    #[test]
    fn bytes_sent_to_establish_the_connection_do_not_count() {
        RequestDeadline::begin(Instant::now() + HOUR);
        RequestDeadline::sent(100);
        RequestDeadline::connected();
        assert!(!RequestDeadline::any_sent());
        RequestDeadline::sent(1);
        assert!(RequestDeadline::any_sent());
        RequestDeadline::begin(Instant::now() + HOUR);
        assert!(!RequestDeadline::any_sent());
    }

    #[test]
    fn without_a_request_there_is_no_time() {
        CURRENT.set(None);
        assert!(RequestDeadline::time_left().is_err() && !RequestDeadline::any_sent());
    }
}
