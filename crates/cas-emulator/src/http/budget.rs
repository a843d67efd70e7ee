//! The memory of long requests: those that do not fit wait for others to be answered.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A number of bytes that requests share.
pub(super) struct Budget {
    /// `None` once the server stops.
    left: Mutex<Option<usize>>,
    returned: Condvar,
}

/// Bytes of a budget, which return to it on drop.
pub(super) struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left: Mutex::new(Some(bytes)), returned: Condvar::new() }
    }

    /// Takes `bytes`, which must not be more than the whole budget. Waits until others return
    /// them: `None` if that takes longer than `timeout`, or if the server stops.
    ///
    /// A waiting thread must hold no other permit, or two could wait for each other.
    pub(super) fn take(self: &Arc<Self>, bytes: usize, timeout: Duration) -> Option<Permit> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let is_short = |left: &mut Option<usize>| left.is_some_and(|left| left < bytes);
        let waited = self.returned.wait_timeout_while(left, timeout, is_short);
        let (mut left, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *left = Some((*left)?.checked_sub(bytes)?);
        Some(Permit { budget: Arc::clone(self), bytes })
    }

    /// Ends all waits, and permits nothing more.
    pub(super) fn close(&self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.returned.notify_all();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut left = self.budget.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.map(|left| left + self.bytes);
        drop(left);
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_waits_until_it_does() {
        let budget = Arc::new(Budget::new(10));
        let first = budget.take(6, Duration::ZERO).unwrap();
        assert!(budget.take(5, Duration::from_millis(1)).is_none());
        let _second = budget.take(4, Duration::ZERO).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.take(6, Duration::from_secs(60)).is_some());
            drop(first);
            assert!(waiting.join().unwrap());
            let waiting = scope.spawn(|| budget.take(7, Duration::from_secs(60)).is_some());
            budget.close();
            assert!(!waiting.join().unwrap());
        });
    }
}
