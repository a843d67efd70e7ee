//! At most so many calls of an operation in any second.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::operations::errors::ApiError;
use crate::operations::table::Operation;

const SECOND: Duration = Duration::from_secs(1);

/// When calls were let in, by version and action.
type Recent = HashMap<(&'static str, &'static str), VecDeque<Instant>>;

/// The calls of the last second.
pub(crate) struct Throttle {
    limit: Option<usize>,
    recent: Mutex<Recent>,
}

impl Throttle {
    /// Lets in `limit` calls a second, or all.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self { limit, recent: Mutex::default() }
    }

    /// Lets a call in at `now`. One that is refused does not count.
    pub(crate) fn admit(&self, operation: &Operation, now: Instant) -> Result<(), ApiError> {
        let Some(limit) = self.limit else { return Ok(()) };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = recent.entry((operation.version, operation.action)).or_default();
        while calls.front().is_some_and(|first| now.saturating_duration_since(*first) >= SECOND) {
            calls.pop_front();
        }
        if calls.len() < limit {
            calls.push_back(now);
            return Ok(());
        }
        let gone = calls.front().map_or(SECOND, |first| now.saturating_duration_since(*first));
        Err(ApiError::throttled(SECOND.saturating_sub(gone)))
    }

    /// Forgets all calls.
    pub(crate) fn clear(&self) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::table::OPERATIONS;

    #[test]
    fn a_second_has_room_for_so_many_calls_of_each_operation() {
        let throttle = Throttle::new(Some(2));
        let start = Instant::now();
        let at = |operation: usize, milliseconds: u64| {
            let admitted =
                throttle.admit(&OPERATIONS[operation], start + Duration::from_millis(milliseconds));
            admitted.err().map(|error| error.retry_after.unwrap().as_millis())
        };
        assert_eq!([at(0, 0), at(0, 300)], [None, None]);
        assert_eq!([at(0, 300), at(0, 999)], [Some(700), Some(1)]);
        assert_eq!(at(1, 999), None);
        // The first has left the window, the second has not.
        assert_eq!([at(0, 1000), at(0, 1100), at(0, 1300)], [None, Some(200), None]);
        throttle.clear();
        assert_eq!(at(0, 1300), None);
    }
}
