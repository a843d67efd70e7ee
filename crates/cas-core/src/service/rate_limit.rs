//! How fast a client's threads may upload together. Pure, but for the numbers that the threads share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::service::version::ApiVersion;

/// How long the documented rate is kept to after the service complained.
const CAREFUL_FOR: Duration = Duration::from_secs(60);

/// Gives each upload its turn. Two words without a lock: a thread may be interrupted anywhere, by `fork` too.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    start: Instant,
    /// Uploads a second that the program allows; 0 for no limit of its own.
    limit: u32,
    /// The next free turn, in microseconds after `start`.
    next: AtomicU64,
    /// Until when the documented rate holds, in microseconds after `start`; 0 for never.
    careful_until: AtomicU64,
}

impl RateLimiter {
    /// At most `limit` uploads a second; 0 for as many as the service takes.
    #[must_use]
    pub(crate) fn new(limit: u32, start: Instant) -> Self {
        Self { start, limit, next: AtomicU64::new(0), careful_until: AtomicU64::new(0) }
    }

    /// How long to wait before the next upload, which then has its turn; `None` where its turn would come
    /// after `deadline`, and is left to others.
    pub(crate) fn acquire(
        &self,
        version: ApiVersion,
        now: Instant,
        deadline: Instant,
    ) -> Option<Duration> {
        let now = self.micros(now);
        let limit = match self.limit {
            0 if now < self.careful_until.load(Ordering::Relaxed) => documented(version),
            0 => return Some(Duration::ZERO),
            limit => limit,
        };
        let between = 1_000_000 / u64::from(limit);
        let deadline = self.micros(deadline);
        let taken = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
            let turn = next.max(now);
            (turn <= deadline).then_some(turn + between)
        });
        let turn = taken.ok()?.max(now);
        Some(Duration::from_micros(turn - now))
    }

    /// The service said that the calls are too many.
    pub(crate) fn slow_down(&self, now: Instant) {
        self.careful_until.store(self.micros(now + CAREFUL_FOR), Ordering::Relaxed);
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX / 2)
    }
}

/// Calls a second and account, from the operations' documentation.
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
    fn the_documented_rate_holds_for_a_minute_after_a_complaint() {
        let start = Instant::now();
        let rate_limiter = RateLimiter::new(0, start);
        assert_eq!([0, 0].map(|_| millis(&rate_limiter, V2018_07_13, start)), [0, 0]);
        rate_limiter.slow_down(start);
        assert_eq!([0, 0, 0].map(|_| millis(&rate_limiter, V2018_07_13, start)), [0, 100, 200]);
        let later = start + Duration::from_secs(59);
        assert_eq!([0, 0, 0].map(|_| millis(&rate_limiter, V2020_04_07, later)), [0, 10, 20]);
        let over = start + Duration::from_secs(60);
        assert_eq!([0, 0].map(|_| millis(&rate_limiter, V2018_07_13, over)), [0, 0]);
        // What the program set stays, complaint or not.
        let rate_limiter = RateLimiter::new(2, start);
        rate_limiter.slow_down(start);
        assert_eq!([0, 0].map(|_| millis(&rate_limiter, V2018_07_13, start)), [0, 500]);
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
