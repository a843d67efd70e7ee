//! The rate limiter: how fast the threads of a client upload together. Lock-free, no I/O.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::service::version::ApiVersion;

/// How long the documented rate applies after the service throttled a call.
const SLOW_FOR: Duration = Duration::from_secs(60);

/// How fast a client uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateLimit {
    /// Uploads per second; 0 for as many as the service accepts.
    PerSecond(u32),
    /// The documented rate of the API version in use.
    Documented,
}

/// Gives each upload its turn. Two atomics instead of a lock: `fork` may interrupt a thread
/// anywhere.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    start: Instant,
    /// Uploads per second that the program allows; 0 for no limit.
    limit: u32,
    /// The next free turn, in microseconds after `start`.
    next: AtomicU64,
    /// Until when the documented rate applies, in microseconds after `start`; 0 for never.
    slow_until: AtomicU64,
}

impl RateLimiter {
    /// At most `limit` uploads per second; 0 for as many as the service accepts.
    #[must_use]
    pub(crate) fn new(limit: u32, start: Instant) -> Self {
        Self { start, limit, next: AtomicU64::new(0), slow_until: AtomicU64::new(0) }
    }

    /// A rate limiter as a program configures it.
    #[must_use]
    pub(crate) fn of(limit: RateLimit, start: Instant) -> Self {
        match limit {
            RateLimit::PerSecond(limit) => Self::new(limit, start),
            RateLimit::Documented => {
                Self { slow_until: AtomicU64::new(u64::MAX), ..Self::new(0, start) }
            }
        }
    }

    /// Takes the next turn and returns how long to wait for it. Returns `None` if it comes after
    /// `deadline`; the turn is then left to other threads.
    pub(crate) fn acquire(
        &self,
        version: ApiVersion,
        now: Instant,
        deadline: Instant,
    ) -> Option<Duration> {
        let now = self.micros(now);
        let Some(between) = self.between(version, now) else { return Some(Duration::ZERO) };
        let deadline = self.micros(deadline);
        let taken = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
            let turn = next.max(now);
            (turn <= deadline).then_some(turn + between)
        });
        let turn = taken.ok()?.max(now);
        Some(Duration::from_micros(turn - now))
    }

    /// Gives back a turn that was taken and is not used: a queue that is cancelled must not delay
    /// the uploads that come after it.
    pub(crate) fn give_back(&self, version: ApiVersion, now: Instant) {
        if let Some(between) = self.between(version, self.micros(now)) {
            let earlier = |next: u64| Some(next.saturating_sub(between));
            let _ = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earlier);
        }
    }

    /// The time between two turns in microseconds; `None` if there is no limit.
    fn between(&self, version: ApiVersion, now: u64) -> Option<u64> {
        let limit = match self.limit {
            0 if now < self.slow_until.load(Ordering::Relaxed) => documented(version),
            0 => return None,
            limit => limit,
        };
        Some(1_000_000 / u64::from(limit))
    }

    /// Records that the service throttled a call: the documented rate applies for a minute.
    pub(crate) fn slow_down(&self, now: Instant) {
        self.slow_until.fetch_max(self.micros(now + SLOW_FOR), Ordering::Relaxed);
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX / 2)
    }
}

/// Calls per second and account (docs/service.md, Throttling and rates).
fn documented(version: ApiVersion) -> u32 {
    match version {
        ApiVersion::V2018_07_13 => 10,
        ApiVersion::V2020_04_07 => 100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ApiVersion::{V2018_07_13, V2020_04_07};

    fn millis(rate_limiter: &RateLimiter, version: ApiVersion, now: Instant) -> u128 {
        rate_limiter.acquire(version, now, now + Duration::from_secs(3600)).unwrap().as_millis()
    }

    #[test]
    fn a_limit_spreads_uploads_evenly() {
        let start = Instant::now();
        let rate_limiter = RateLimiter::new(4, start);
        assert_eq!([0, 0, 0].map(|_| millis(&rate_limiter, V2018_07_13, start)), [0, 250, 500]);
        let later = start + Duration::from_secs(10);
        assert_eq!([0, 0].map(|_| millis(&rate_limiter, V2018_07_13, later)), [0, 250]);
    }

    #[test]
    fn the_documented_rate_applies_for_a_minute_after_throttling() {
        let start = Instant::now();
        let rate_limiter = RateLimiter::new(0, start);
        assert_eq!([0, 0].map(|_| millis(&rate_limiter, V2018_07_13, start)), [0, 0]);
        rate_limiter.slow_down(start);
        assert_eq!([0, 0, 0].map(|_| millis(&rate_limiter, V2018_07_13, start)), [0, 100, 200]);
        let later = start + Duration::from_secs(59);
        assert_eq!([0, 0, 0].map(|_| millis(&rate_limiter, V2020_04_07, later)), [0, 10, 20]);
        let over = start + Duration::from_secs(60);
        assert_eq!([0, 0].map(|_| millis(&rate_limiter, V2018_07_13, over)), [0, 0]);
        // The limit that the program set applies in any case.
        let rate_limiter = RateLimiter::new(2, start);
        rate_limiter.slow_down(start);
        assert_eq!([0, 0].map(|_| millis(&rate_limiter, V2018_07_13, start)), [0, 500]);
    }

    #[test]
    fn the_documented_rate_may_apply_always() {
        let start = Instant::now();
        let rate_limiter = RateLimiter::of(RateLimit::Documented, start);
        assert_eq!([0, 0, 0].map(|_| millis(&rate_limiter, V2018_07_13, start)), [0, 100, 200]);
        rate_limiter.slow_down(start);
        let later = start + Duration::from_secs(3600);
        assert_eq!([0, 0, 0].map(|_| millis(&rate_limiter, V2020_04_07, later)), [0, 10, 20]);
    }

    #[test]
    fn a_turn_after_the_deadline_is_left_to_others() {
        let start = Instant::now();
        let rate_limiter = RateLimiter::new(1, start);
        let deadline = start + Duration::from_millis(500);
        assert_eq!(rate_limiter.acquire(V2018_07_13, start, deadline), Some(Duration::ZERO));
        assert_eq!(rate_limiter.acquire(V2018_07_13, start, deadline), None);
        assert_eq!(millis(&rate_limiter, V2018_07_13, start), 1_000);
    }

    #[test]
    fn turns_that_are_given_back_are_taken_again() {
        let start = Instant::now();
        let rate_limiter = RateLimiter::new(1, start);
        let turns = [0; 4].map(|_| millis(&rate_limiter, V2018_07_13, start));
        assert_eq!(turns, [0, 1_000, 2_000, 3_000]);
        for _ in 0..3 {
            rate_limiter.give_back(V2018_07_13, start);
        }
        assert_eq!(millis(&rate_limiter, V2018_07_13, start), 1_000);
        let unlimited = RateLimiter::new(0, start);
        unlimited.give_back(V2018_07_13, start);
        assert_eq!(millis(&unlimited, V2018_07_13, start), 0);
    }

    #[test]
    fn threads_share_the_turns() {
        let start = Instant::now();
        let rate_limiter = RateLimiter::new(1_000, start);
        let mut turns: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        (0..100)
                            .map(|_| millis(&rate_limiter, V2018_07_13, start))
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        turns.sort_unstable();
        assert_eq!(turns, (0..800).collect::<Vec<_>>());
    }
}
