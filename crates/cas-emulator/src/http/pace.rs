//! How long a client may take to send a request or to receive a response.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long a connection may be idle. A little longer than responses announce, so that a client
/// never sends a request on a connection that is being closed.
const IDLE: Duration = Duration::from_secs(super::response::KEEP_ALIVE_SECONDS + 5);
/// How long a transfer may take, whatever its length.
const GRACE: Duration = Duration::from_secs(10);
/// How long a transfer may take that is written or read while it is processed: others may have to
/// wait for its end.
const STREAM: Duration = Duration::from_secs(60);
/// The least rate of a longer transfer, in bytes per second.
const LEAST_RATE: u32 = 64 * 1024;

/// The deadline of what a connection does now. It belongs to the thread of the connection.
pub(super) struct Pace {
    started: Cell<Instant>,
    allowed: Cell<Duration>,
    /// More is never allowed.
    most: Cell<Duration>,
}

impl Pace {
    /// Of a new connection, which is idle.
    pub(super) fn new() -> Self {
        let (started, allowed) = (Cell::new(Instant::now()), Cell::new(IDLE));
        Self { started, allowed, most: Cell::new(Duration::MAX) }
    }

    /// The connection is idle from now on.
    pub(super) fn idle(&self) {
        self.started.set(Instant::now());
        self.allowed.set(IDLE);
        self.most.set(Duration::MAX);
    }

    /// A transfer begins.
    pub(super) fn start(&self) {
        self.started.set(Instant::now());
        self.allowed.set(GRACE);
        self.most.set(Duration::MAX);
    }

    /// A transfer begins that is written or read while it is processed.
    pub(super) fn start_stream(&self) {
        self.start();
        self.most.set(STREAM);
    }

    /// `bytes` were transferred, which allows more time at the least rate.
    pub(super) fn advance(&self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.allowed.set(self.allowed.get() + Duration::from_secs(1) * bytes / LEAST_RATE);
    }

    /// The time that is left at `now`; `None` if it is over.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let spent = now.saturating_duration_since(self.started.get());
        self.allowed.get().min(self.most.get()).checked_sub(spent).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_that_keeps_the_least_rate_goes_on() {
        let pace = Pace::new();
        pace.start();
        let start = pace.started.get();
        let second = Duration::from_secs(1);
        for elapsed in 1..100 {
            assert!(pace.left(start + second * elapsed).is_some(), "after {elapsed} s");
            pace.advance(64 * 1024);
        }
        // One that sends a byte a second does not.
        pace.start();
        let start = pace.started.get();
        for _ in 0..11 {
            pace.advance(1);
        }
        assert!(pace.left(start + second * 10).is_some());
        assert_eq!(pace.left(start + second * 11), None);
    }

    #[test]
    fn a_stream_ends_after_a_minute_however_fast_it_is() {
        let pace = Pace::new();
        pace.start_stream();
        pace.advance(1 << 30);
        let start = pace.started.get();
        assert!(pace.left(start + Duration::from_secs(59)).is_some());
        assert_eq!(pace.left(start + Duration::from_secs(60)), None);
        pace.start();
        pace.advance(1 << 30);
        assert!(pace.left(pace.started.get() + Duration::from_secs(60)).is_some());
    }

    #[test]
    fn an_idle_connection_may_stay_for_half_a_minute() {
        let pace = Pace::new();
        pace.start();
        pace.advance(1 << 30);
        pace.idle();
        assert!(pace.left(pace.started.get() + Duration::from_secs(29)).is_some());
        assert_eq!(pace.left(pace.started.get() + Duration::from_secs(30)), None);
    }
}
