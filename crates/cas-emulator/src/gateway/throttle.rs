//! The rate limit: a number of calls of each operation in any second.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::operations::errors::ApiError;
use crate::operations::table::Operation;
use crate::store::Account;

const SECOND: Duration = Duration::from_secs(1);

/// How many calls of an operation an account may make in any second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RateLimit {
    /// Any number.
    #[default]
    None,
    /// This many of each operation.
    Of(usize),
    /// As documented for each operation.
    Documented,
}

/// When calls were admitted, by account, version and action.
type Admitted = HashMap<(Account, &'static str, &'static str), VecDeque<Instant>>;

/// Limits the rate of calls with a sliding window of one second.
pub(super) struct Throttle {
    limit: RateLimit,
    admitted: Mutex<Admitted>,
}

impl Throttle {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, admitted: Mutex::default() }
    }

    /// Admits a call of `operation` by `account` at `now`, or fails with the time after which to
    /// retry. A rejected call does not count.
    pub(super) fn admit(
        &self,
        account: Account,
        operation: &Operation,
        now: Instant,
    ) -> Result<(), ApiError> {
        let limit = match self.limit {
            RateLimit::None => return Ok(()),
            RateLimit::Of(limit) => limit,
            RateLimit::Documented => operation.documented_rate,
        };
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = admitted.entry((account, operation.version, operation.action)).or_default();
        let age = |call: &Instant| now.saturating_duration_since(*call);
        while calls.front().is_some_and(|oldest| age(oldest) >= SECOND) {
            calls.pop_front();
        }
        if calls.len() < limit {
            calls.push_back(now);
            return Ok(());
        }
        Err(ApiError::throttled(SECOND.saturating_sub(calls.front().map_or(SECOND, age))))
    }

    /// Forgets all calls.
    pub(super) fn clear(&self) {
        self.admitted.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::table::OPERATIONS;

    #[test]
    fn limits_each_operation_in_any_second() {
        let throttle = Throttle::new(RateLimit::Of(2));
        let start = Instant::now();
        let retry_after = |operation: usize, milliseconds: u64| {
            let now = start + Duration::from_millis(milliseconds);
            let rejected = throttle.admit(Account::default(), &OPERATIONS[operation], now).err();
            rejected.map(|error| error.retry_after.unwrap().as_millis())
        };
        assert_eq!([retry_after(0, 0), retry_after(0, 300)], [None, None]);
        assert_eq!([retry_after(0, 300), retry_after(0, 999)], [Some(700), Some(1)]);
        assert_eq!(retry_after(1, 999), None);
        // The first call has left the window, the second has not.
        assert_eq!(retry_after(0, 1000), None);
        assert_eq!([retry_after(0, 1100), retry_after(0, 1300)], [Some(200), None]);
        throttle.clear();
        assert_eq!(retry_after(0, 1300), None);
    }
}
