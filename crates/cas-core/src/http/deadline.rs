//! The deadline of the request that a thread is in, and how much of it was sent.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

/// The call that this thread is in. ureq hands pooled connections out without a word about the request
/// they are for, so the sockets find deadline and account here. It needs no destructor, so a thread that
/// outlives the library does no harm.
#[derive(Clone, Copy)]
pub(crate) struct RequestDeadline {
    deadline: Instant,
    /// The deadline that holds now: earlier while a connection is being made.
    limit: Instant,
    /// Bytes that the kernel took since the connection stood.
    accepted: usize,
}

thread_local! {
    static CALL: Cell<Option<RequestDeadline>> = const { Cell::new(None) };
}

impl RequestDeadline {
    /// A request begins that must be answered before `deadline`.
    pub(crate) fn begin(deadline: Instant) {
        CALL.set(Some(Self { deadline, limit: deadline, accepted: 0 }));
    }

    /// Whether the deadline of the request has passed.
    pub(crate) fn deadline_passed() -> bool {
        CALL.get().is_some_and(|call| Instant::now() >= call.deadline)
    }

    /// Whether the kernel took any byte of the request.
    pub(crate) fn any_accepted() -> bool {
        CALL.get().is_some_and(|call| call.accepted > 0)
    }

    fn update(change: impl FnOnce(&mut Self)) {
        CALL.with(|cell| {
            if let Some(mut call) = cell.get() {
                change(&mut call);
                cell.set(Some(call));
            }
        });
    }

    /// A connection is being made: it must stand within `timeout`.
    pub(crate) fn connecting(timeout: Duration) {
        Self::update(|call| call.limit = call.deadline.min(Instant::now() + timeout));
    }

    /// The connection stands; what is sent from now on is the request.
    pub(crate) fn connected() {
        Self::update(|call| {
            call.limit = call.deadline;
            call.accepted = 0;
        });
    }

    pub(crate) fn accepted(bytes: usize) {
        Self::update(|call| call.accepted += bytes);
    }

    /// Time that is left, or `TimedOut`.
    pub(crate) fn time_left() -> io::Result<Duration> {
        let limit = CALL.get().map_or_else(Instant::now, |call| call.limit);
        let left = limit.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}
