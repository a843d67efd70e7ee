//! Waiting that a stop cuts short.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What delayed calls wait on.
#[derive(Default)]
pub(crate) struct Pause {
    ended: Mutex<bool>,
    bell: Condvar,
}

impl Pause {
    /// Waits for `time`, or until the [`end`](Self::end).
    pub(crate) fn wait(&self, time: Duration) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(ended, time, |ended| !*ended);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends all waiting, now and later.
    pub(crate) fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }
}
