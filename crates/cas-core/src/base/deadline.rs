//! When a call must end: at a time, or as soon as another thread cancels it.
//!
//! Everything that waits takes a [`Deadline`] and asks it again after each [`TICK`]. libcas polls
//! instead of waking a waiting thread by a file descriptor: a cancellation is one atomic addition,
//! so it works in a signal handler, after a fork, and in a program that closes all descriptors.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest time that a thread waits before it checks its deadline again.
pub(crate) const TICK: Duration = Duration::from_millis(25);

/// Cancels the calls that are in progress. Calls that begin later are not affected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancellation(Arc<AtomicU32>);

impl Cancellation {
    /// Ends every deadline that exists now. Does nothing but an atomic addition.
    pub(crate) fn cancel(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// A call begins and must end by `at`.
    #[must_use]
    pub(crate) fn deadline(&self, at: Instant) -> Deadline {
        let began = self.0.load(Ordering::SeqCst);
        Deadline { at, cancellation: Some((self.clone(), began)) }
    }
}

/// When a call must end.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    /// The number of cancellations when the call began. `None`: the call cannot be cancelled.
    cancellation: Option<(Cancellation, u32)>,
}

impl Deadline {
    /// A deadline that cannot be cancelled.
    #[must_use]
    pub(crate) fn at(at: Instant) -> Self {
        Self { at, cancellation: None }
    }

    /// A deadline `left` from now that cannot be cancelled.
    #[must_use]
    pub(crate) fn after(left: Duration) -> Self {
        Self::at(Instant::now() + left)
    }

    /// A deadline that has passed.
    #[cfg(test)]
    pub(crate) fn over() -> Self {
        Self::at(Instant::now())
    }

    /// The time, for those that compute with it.
    #[must_use]
    pub(crate) fn instant(&self) -> Instant {
        self.at
    }

    /// The same deadline, or an earlier one `left` from now.
    #[must_use]
    pub(crate) fn within(&self, left: Duration) -> Self {
        Self { at: self.at.min(Instant::now() + left), cancellation: self.cancellation.clone() }
    }

    /// Half of the time that is left: after a response that does not come, there must be time to
    /// find out what happened.
    #[must_use]
    pub(crate) fn halfway(&self) -> Self {
        self.within(self.time_left() / 2)
    }

    /// The time until the deadline; zero once it has passed. Ignores cancellation.
    #[must_use]
    pub(crate) fn time_left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether the time has passed.
    #[must_use]
    pub(crate) fn has_passed(&self) -> bool {
        Instant::now() >= self.at
    }

    /// Whether the call was cancelled.
    #[must_use]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancellation
            .as_ref()
            .is_some_and(|(cancellation, began)| cancellation.0.load(Ordering::SeqCst) != *began)
    }

    /// How long a thread may wait before it asks again, at most [`TICK`]: `TimedOut` if the call
    /// must end.
    pub(crate) fn tick(&self) -> io::Result<Duration> {
        let left = self.time_left();
        if left.is_zero() || self.is_cancelled() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left.min(TICK))
    }

    /// Sleeps for `delay`. Returns false, at once, if that would outlast the deadline, or as soon
    /// as the call is cancelled.
    pub(crate) fn sleep(&self, delay: Duration) -> bool {
        let end = Instant::now() + delay;
        if end >= self.at {
            return false;
        }
        loop {
            if self.is_cancelled() {
                return false;
            }
            match end.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return true,
                left => thread::sleep(left.min(TICK)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn calls_in_progress_are_cancelled_and_later_ones_are_not() {
        let cancellation = Cancellation::default();
        let before = cancellation.deadline(Instant::now() + HOUR);
        let derived = before.halfway().within(HOUR);
        assert!(!before.is_cancelled() && before.tick().is_ok());
        cancellation.cancel();
        for deadline in [&before, &derived, &before.within(HOUR)] {
            assert!(deadline.is_cancelled() && !deadline.has_passed());
            assert_eq!(deadline.tick().unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert!(!deadline.sleep(Duration::ZERO));
        }
        let after = cancellation.deadline(Instant::now() + HOUR);
        assert!(!after.is_cancelled() && after.sleep(Duration::ZERO));
        assert!(!Deadline::after(HOUR).is_cancelled());
    }

    #[test]
    fn a_sleep_ends_when_the_call_is_cancelled() {
        let cancellation = Cancellation::default();
        let deadline = cancellation.deadline(Instant::now() + 2 * HOUR);
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| deadline.sleep(HOUR));
            cancellation.cancel();
            assert!(!sleeper.join().unwrap());
        });
    }

    #[test]
    fn derived_deadlines_are_never_later() {
        let deadline = Deadline::after(HOUR);
        let half = deadline.halfway();
        let left = half.time_left();
        assert!(left > HOUR / 3 && left <= HOUR / 2, "{left:?}");
        assert_eq!(deadline.within(2 * HOUR).instant(), deadline.instant());
        assert!(deadline.within(HOUR / 4).instant() < half.instant());
        let over = Deadline::at(Instant::now());
        assert!(over.has_passed() && over.tick().is_err());
        assert!(over.halfway().instant() <= over.instant());
    }

    #[test]
    fn a_sleep_beyond_the_deadline_is_not_begun() {
        assert!(!Deadline::after(HOUR).sleep(2 * HOUR));
        assert!(!Deadline::at(Instant::now()).sleep(Duration::ZERO));
        assert!(Deadline::after(HOUR).sleep(Duration::from_millis(1)));
        assert!(Deadline::after(HOUR).tick().unwrap() <= TICK);
    }
}
