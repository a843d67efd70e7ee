//! Clock skew: the difference between the service's clock and this machine's (docs/service.md,
//! Clocks and nonces). Uses `base` only.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use crate::base::time::YEAR_9999;

/// The clock skew as far as it is known; shared by the threads of a client.
#[derive(Debug, Default)]
pub(crate) struct ClockSkew(AtomicI64);

/// A clock skew in seconds; positive if the service is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(i64);

impl ClockSkew {
    /// Returns the skew to send a request with.
    #[must_use]
    pub(crate) fn current(&self) -> Seconds {
        Seconds(self.0.load(Ordering::Relaxed))
    }

    /// Updates the skew after a request, sent with `used`, was refused for its time. `now` is this
    /// machine's time, `theirs` the `Date` of the response. Returns whether the current skew
    /// differs from `used`, so that another attempt may succeed.
    pub(crate) fn update(
        &self,
        used: Seconds,
        now: SystemTime,
        theirs: Option<SystemTime>,
    ) -> bool {
        let Some(theirs) = theirs else { return self.current() != used };
        let seconds = |distance: Duration| i64::try_from(distance.as_secs()).unwrap_or(i64::MAX);
        let new = match theirs.duration_since(now) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        };
        // `Date` has whole seconds, so a difference of one second means nothing.
        if new.abs_diff(used.0) <= 1 {
            return self.current() != used;
        }
        match self.0.compare_exchange(used.0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => true,
            Err(by_another_thread) => by_another_thread != used.0,
        }
    }
}

impl Seconds {
    /// Returns the service's time when this machine's clock says `now`.
    #[must_use]
    pub(crate) fn apply(self, now: SystemTime) -> SystemTime {
        let distance = Duration::from_secs(self.0.unsigned_abs());
        let moved = if self.0 < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        // The year has four digits in a timestamp, whatever `Date` a server sent.
        moved
            .filter(|moved| {
                moved.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|d| d < YEAR_9999)
            })
            .unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::timestamp;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_skew_is_updated_in_either_direction() {
        let skew = ClockSkew::default();
        let now = at(1_000_000);
        assert_eq!(skew.current().apply(now), now);
        for theirs in [at(1_003_600), at(996_400), at(1_000_000)] {
            let used = skew.current();
            assert!(skew.update(used, now, Some(theirs)));
            assert_eq!(skew.current().apply(now), theirs);
            // The same date again changes nothing.
            assert!(!skew.update(skew.current(), now, Some(theirs)));
        }
        assert!(!skew.update(skew.current(), now, None));
        // One second may be the rounding of `Date`; two are not.
        assert!(!skew.update(skew.current(), now, Some(at(1_000_001))));
        assert!(!skew.update(skew.current(), now, Some(at(999_999))));
        assert!(skew.update(skew.current(), now, Some(at(1_000_002))));
    }

    #[test]
    fn a_thread_uses_the_skew_that_another_one_found() {
        let skew = ClockSkew::default();
        let (now, used) = (at(1_000_000), skew.current());
        assert!(skew.update(used, now, Some(at(1_003_600))));
        assert!(skew.update(used, now, Some(at(1_003_605))));
        assert!(skew.update(used, now, None));
        assert_eq!(skew.current().apply(now), at(1_003_600));
    }

    #[test]
    fn an_absurd_date_is_ignored() {
        let skew = ClockSkew::default();
        for theirs in [at(0), at(253_402_300_799), at(u64::from(u32::MAX) * 1_000)] {
            skew.update(skew.current(), at(1_800_000_000), Some(theirs));
            for now in [at(0), at(1_800_000_000), at(253_402_300_799)] {
                assert_eq!(timestamp(skew.current().apply(now)).len(), 20);
            }
        }
    }
}
