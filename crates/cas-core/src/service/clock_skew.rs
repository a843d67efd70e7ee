//! The difference between the service's clock and this machine's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use crate::base::time::YEAR_9999;

/// How far the service's clock is from this machine's, as far as is known; shared by a client's threads.
#[derive(Debug, Default)]
pub(crate) struct ClockSkew(AtomicI64);

/// The skew that one request was sent with, in seconds; positive where the service is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(i64);

impl ClockSkew {
    /// What is known now.
    #[must_use]
    pub(crate) fn current(&self) -> Seconds {
        Seconds(self.0.load(Ordering::Relaxed))
    }

    /// A request sent with `used` at `now` was refused for its time, by somebody whose clock says `theirs`.
    /// Returns whether another skew is known now, so that it makes sense to ask again.
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
        // Dates have whole seconds. A difference of one is none.
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
    /// The service's time when this machine's clock says `now`.
    #[must_use]
    pub(crate) fn apply(self, now: SystemTime) -> SystemTime {
        let distance = Duration::from_secs(self.0.unsigned_abs());
        let moved = if self.0 < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        // A time that can be written in four digits, whatever a server said.
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
    fn a_skew_is_learned_either_way_and_corrected_again() {
        let skew = ClockSkew::default();
        let now = at(1_000_000);
        assert_eq!(skew.current().apply(now), now);
        for theirs in [at(1_003_600), at(996_400), at(1_000_000)] {
            let used = skew.current();
            assert!(skew.update(used, now, Some(theirs)));
            assert_eq!(skew.current().apply(now), theirs);
            // What was just learned is no news.
            assert!(!skew.update(skew.current(), now, Some(theirs)));
        }
        assert!(!skew.update(skew.current(), now, None));
    }

    #[test]
    fn a_thread_that_comes_late_uses_what_another_one_learned() {
        let skew = ClockSkew::default();
        let (now, used) = (at(1_000_000), skew.current());
        assert!(skew.update(used, now, Some(at(1_003_600))));
        assert!(skew.update(used, now, Some(at(1_003_605))));
        assert!(skew.update(used, now, None));
        assert_eq!(skew.current().apply(now), at(1_003_600));
    }

    #[test]
    fn a_date_out_of_this_world_does_no_harm() {
        let skew = ClockSkew::default();
        for theirs in [at(0), at(253_402_300_799), at(u64::from(u32::MAX) * 1_000)] {
            skew.update(skew.current(), at(1_800_000_000), Some(theirs));
            for now in [at(0), at(1_800_000_000), at(253_402_300_799)] {
                assert_eq!(timestamp(skew.current().apply(now)).len(), 20);
            }
        }
    }
}
