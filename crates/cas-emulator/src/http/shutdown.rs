//! Waits that end early when the server shuts down.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Wakes every thread that waits on it once the server shuts down.
#[derive(Default)]
pub(crate) struct ShutdownSignal {
    sent: Mutex<bool>,
    changed: Condvar,
}

impl ShutdownSignal {
    /// Waits for `timeout`, or until [`send`](Self::send) is called.
    pub(crate) fn wait(&self, timeout: Duration) {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(sent, timeout, |sent| !*sent);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends all waits, including those that start later.
    pub(crate) fn send(&self) {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}
