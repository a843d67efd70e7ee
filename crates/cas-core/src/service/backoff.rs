//! When to send again, and after how long. Pure.

use std::time::Duration;

/// Longest pause before the second attempt; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(200);

/// Longest pause of all.
const LONGEST: Duration = Duration::from_secs(10);

/// The pause after attempt number `attempt` (from 1): anything from nothing to a bound that doubles
/// (exponential backoff with full jitter), so that clients that failed together do not return together.
#[must_use]
pub(crate) fn delay(attempt: u32, random: u64) -> Duration {
    let bound = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST);
    let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random % (micros + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bound_doubles_up_to_the_longest() {
        let bounds = [(1, 200), (2, 400), (3, 800), (6, 6_400), (7, 10_000), (u32::MAX, 10_000)];
        for (attempt, bound) in bounds {
            let micros = bound * 1_000;
            assert_eq!(delay(attempt, micros), Duration::from_millis(bound));
            assert_eq!(delay(attempt, micros + 1), Duration::ZERO);
        }
    }

    proptest! {
        #[test]
        fn no_pause_is_longer_than_its_bound(attempt: u32, random: u64) {
            prop_assert!(delay(attempt, random) <= LONGEST);
        }
    }
}
