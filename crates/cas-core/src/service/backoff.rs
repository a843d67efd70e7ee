//! Delays between attempts: exponential backoff with full jitter.

use std::time::Duration;

use crate::base::deadline::Deadline;
use crate::base::error::Error;
use crate::base::random::random;

/// How long a state machine wants to wait before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// No wait.
    None,
    /// The delay of [`delay`] for this number of failures, from 1.
    Backoff(u32),
    /// The delay of [`throttled`] after the service throttled this number of attempts, with the
    /// delay that it requested.
    Throttled(Option<Duration>, u32),
}

/// Returns the delay before an attempt. `None` if the deadline leaves no time for the attempt.
pub(crate) fn before_attempt(wait: Wait, deadline: &Deadline) -> Result<Option<Duration>, Error> {
    Ok(match wait {
        Wait::None => Some(Duration::ZERO),
        Wait::Backoff(failures) => Some(delay(failures, random()?)),
        Wait::Throttled(requested, times) => {
            throttled(times, requested, deadline.time_left(), random()?)
        }
    })
}

/// Longest delay before the second attempt; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(200);

/// Longest delay of all.
const MAX: Duration = Duration::from_secs(10);

/// Least time that a throttled call leaves for its last attempt. An attempt without a response
/// would turn throttling into an unknown outcome.
const LAST: Duration = Duration::from_secs(1);

/// Returns the delay after attempt number `attempt`, from 1: between zero and a bound that doubles,
/// so that clients that fail together do not retry together. `random` is uniform.
#[must_use]
pub(crate) fn delay(attempt: u32, random: u64) -> Duration {
    let bound = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(MAX);
    let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random % (micros + 1))
}

/// Returns the delay after the service has throttled `times` attempts and `requested` a delay, if
/// another attempt fits in the time that is `left`. Near the deadline the delays are shorter.
#[must_use]
pub(crate) fn throttled(
    times: u32,
    requested: Option<Duration>,
    left: Duration,
    random: u64,
) -> Option<Duration> {
    let (latest, requested) = (left.checked_sub(LAST)?, requested.unwrap_or_default());
    let delay = delay(times, random).min(left / 2).max(requested).min(latest);
    (requested <= latest).then_some(delay)
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

    #[test]
    fn throttled_calls_go_on_until_the_deadline() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let longest = 10_000_000;
        assert_eq!(throttled(7, None, minute, longest), Some(10 * second));
        assert_eq!(throttled(7, None, 4 * second, longest), Some(2 * second));
        assert_eq!(throttled(7, Some(3 * second), 4 * second, longest), Some(3 * second));
        assert_eq!(throttled(1, Some(3 * second), minute, longest), Some(3 * second));
        assert_eq!(throttled(1, Some(minute), minute, 0), None);
        assert_eq!(throttled(1, None, LAST / 2, 0), None);
        // The last attempt comes as late as it can.
        assert_eq!(throttled(7, None, LAST * 3 / 2, longest), Some(LAST / 2));
        assert_eq!(throttled(7, None, LAST, longest), Some(Duration::ZERO));
    }

    proptest! {
        #[test]
        fn no_delay_exceeds_the_maximum(attempt: u32, random: u64) {
            prop_assert!(delay(attempt, random) <= MAX);
        }
    }
}
