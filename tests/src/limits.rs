//! Time limits, so that a test that hangs fails. They are generous: they do not measure speed, and
//! a busy machine does not reach them.
//!
//! Every wait of the harness ends after [`WAIT`]. A watchdog ends the test program if a test still
//! runs [`TEST`] after its first use of the harness, and prints the name of the test.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, exit};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, current};
use std::time::{Duration, Instant};

/// The longest wait for a response, a line of output or the end of a process.
pub const WAIT: Duration = Duration::from_secs(300);
/// The longest time for a test.
pub const TEST: Duration = Duration::from_secs(900);
/// Replaces [`TEST`], in milliseconds: for the test of the watchdog.
pub const TEST_LIMIT_MS: &str = "ACCEPTANCE_TEST_LIMIT_MS";

/// The running tests, and when each of them started.
static RUNNING: Mutex<BTreeMap<String, Instant>> = Mutex::new(BTreeMap::new());
/// Child processes that have not been waited for.
static CHILDREN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

thread_local! {
    static ARMED: RefCell<Option<Armed>> = const { RefCell::new(None) };
}

/// Disarms the watchdog when the thread of a test ends.
struct Armed(String);

impl Drop for Armed {
    fn drop(&mut self) {
        lock(&RUNNING).remove(&self.0);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Arms the watchdog for the test of this thread; threads that a test starts have no name.
pub(crate) fn arm() {
    static WATCHDOG: Once = Once::new();
    WATCHDOG.call_once(|| drop(thread::spawn(watch)));
    let Some(name) = current().name().map(ToOwned::to_owned) else { return };
    ARMED.with_borrow_mut(|armed| {
        // With --test-threads=1 all tests run on one thread: each use of the harness starts again.
        if armed.is_none() || name == "main" {
            lock(&RUNNING).insert(name.clone(), Instant::now());
            armed.get_or_insert(Armed(name));
        }
    });
}

fn watch() {
    let limit = std::env::var(TEST_LIMIT_MS).map(|ms| Duration::from_millis(ms.parse().unwrap()));
    let limit = limit.unwrap_or(TEST);
    loop {
        thread::sleep((limit / 10).min(Duration::from_secs(1)));
        let hanging: Vec<_> = lock(&RUNNING)
            .iter()
            .filter(|(_, since)| since.elapsed() > limit)
            .map(|(name, _)| name.clone())
            .collect();
        if !hanging.is_empty() {
            // Not through eprintln!, whose output would be captured with that of the test.
            let names = hanging.join(", ");
            let _ = writeln!(std::io::stderr(), "\nFAILED, as it ran for {limit:?}: {names}");
            let children: Vec<_> = lock(&CHILDREN).iter().map(ToString::to_string).collect();
            let _ = Command::new("kill").arg("-9").args(children).output();
            exit(101);
        }
    }
}

/// Notes a child process, which is ended together with a test program that hangs.
pub(crate) fn add_child(id: u32) {
    lock(&CHILDREN).insert(id);
}

/// Forgets a child process that has been waited for.
pub(crate) fn remove_child(id: u32) {
    lock(&CHILDREN).remove(&id);
}
