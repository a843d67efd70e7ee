//! Delays between attempts: exponential backoff with full jitter. No I/O.

use std::time::Duration;

/// Longest delay before the second attempt; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(200);

/// Longest delay of all.
const MAX: Duration = Duration::from_secs(10);

/// Returns the delay after attempt number `attempt`, from 1: between zero and a bound that doubles,
/// so that clients that fail together do not retry together. `random` is uniform.
#[must_use]
pub(crate) fn delay(attempt: u32, random: u64) -> Duration {
    let bound = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(MAX);
    let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random % (micros + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bound_doubles_up_to_the_maximum() {
        let bounds = [(1, 200), (2, 400), (3, 800), (6, 6_400), (7, 10_000), (u32::MAX, 10_000)];
        for (attempt, bound) in bounds {
            let micros = bound * 1_000;
            assert_eq!(delay(attempt, micros), Duration::from_millis(bound));
            assert_eq!(delay(attempt, micros + 1), Duration::ZERO);
        }
    }

    proptest! {
        #[test]
        fn no_delay_exceeds_the_maximum(attempt: u32, random: u64) {
            prop_assert!(delay(attempt, random) <= MAX);
        }
    }
}
