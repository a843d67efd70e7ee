//! Questions to services of the system that only the C library can ask, without a deadline: for the
//! addresses of a host, and for a home directory. Each is asked on a thread of its own, which may
//! hang for as long as the service does.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use cas_sys::{BlockedSignals, CLocale};
use once_cell::race::OnceBox;

use crate::base::deadline::Deadline;
use crate::base::exhaustion::Exhaustion;
use crate::base::per_process::PerProcess;

/// The stack of a thread: the default of std, which reads `RUST_MIN_STACK` where none is given.
const STACK_BYTES: usize = 2 << 20;

/// All calls that wait for the same answer share the error.
pub(crate) type LookupResult<T> = Result<T, Arc<io::Error>>;

/// Asks the service. The text says for what.
pub(crate) type Ask<T> = fn(&str) -> io::Result<T>;

/// A look-up on a thread of its own.
struct Lookup<T> {
    subject: String,
    result: OnceLock<LookupResult<T>>,
}

/// The look-ups of one kind in a process. A child of fork has none of the threads and starts with
/// an empty one.
pub(crate) struct Lookups<T> {
    /// How many may run at once.
    most: usize,
    running: Mutex<Vec<Arc<Lookup<T>>>>,
    ended: Condvar,
}

/// Where the look-ups of the process are kept.
pub(crate) type OfProcess<T> = OnceBox<PerProcess<Arc<Lookups<T>>>>;

/// The look-ups that run, locked.
type Running<'a, T> = MutexGuard<'a, Vec<Arc<Lookup<T>>>>;

impl<T: Clone + Send + Sync + 'static> Lookups<T> {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, running: Mutex::default(), ended: Condvar::new() })
    }

    /// The look-ups of this process, of which at most `most` run at once.
    pub(crate) fn of_process(place: &OfProcess<T>, most: usize) -> Arc<Self> {
        // Neither of them waits: another thread of a parent may have been here during the fork.
        let make = || Self::new(most);
        place.get_or_init(|| Box::new(PerProcess::new(make()))).get(make)
    }

    fn lock(&self) -> Running<'_, T> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the look-up of `subject` that is running, or runs one. `TimedOut` at `limit`;
    /// `ResourceBusy` if too many others ran until then.
    pub(crate) fn look_up(
        self: &Arc<Self>,
        subject: &str,
        limit: &Deadline,
        ask: Ask<T>,
    ) -> LookupResult<T> {
        let mut running = self.lock();
        let lookup = loop {
            if let Some(lookup) = running.iter().find(|lookup| lookup.subject == subject) {
                break Arc::clone(lookup);
            }
            if running.len() < self.most {
                let (subject, result) = (subject.to_owned(), OnceLock::new());
                let lookup = Arc::new(Lookup { subject, result });
                self.start(&lookup, ask)?;
                running.push(Arc::clone(&lookup));
                break lookup;
            }
            running = self.wait(running, limit, io::ErrorKind::ResourceBusy)?;
        };
        loop {
            if let Some(result) = lookup.result.get() {
                return result.clone();
            }
            running = self.wait(running, limit, io::ErrorKind::TimedOut)?;
        }
    }

    /// Waits for the end of any look-up, and no longer than until the limit has to be checked.
    fn wait<'a>(
        &self,
        running: Running<'a, T>,
        limit: &Deadline,
        otherwise: io::ErrorKind,
    ) -> Result<Running<'a, T>, Arc<io::Error>> {
        let tick = limit.tick().map_err(|_| Arc::new(otherwise.into()))?;
        let (running, _) =
            self.ended.wait_timeout(running, tick).unwrap_or_else(PoisonError::into_inner);
        Ok(running)
    }

    fn start(self: &Arc<Self>, lookup: &Arc<Lookup<T>>, ask: Ask<T>) -> io::Result<()> {
        let (lookups, lookup) = (Arc::clone(self), Arc::clone(lookup));
        // The thread inherits the mask: signal handlers of the host program must not run on it.
        let _blocked = BlockedSignals::new();
        let builder = thread::Builder::new().name("cas-resolve".to_owned()).stack_size(STACK_BYTES);
        builder
            .spawn(move || lookups.run(&lookup, ask))
            .map(drop)
            .map_err(|error| Exhaustion::of_start(&error).map_or(error, Into::into))
    }

    fn run(&self, lookup: &Arc<Lookup<T>>, ask: Ask<T>) {
        // The thread begins in the locale of the host program.
        let _c = CLocale::new();
        let result = ask(&lookup.subject).map_err(Arc::new);
        // A call that begins after this look-up has ended starts a new one.
        let mut running = self.lock();
        let _ = lookup.result.set(result); // set only here
        running.retain(|other| !Arc::ptr_eq(other, lookup));
        drop(running);
        self.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);
    const MOST: usize = 16;

    fn look_up(
        lookups: &Arc<Lookups<u32>>,
        subject: &str,
        limit: Duration,
        ask: Ask<u32>,
    ) -> LookupResult<u32> {
        lookups.look_up(subject, &Deadline::after(limit), ask)
    }

    fn kind(result: LookupResult<u32>) -> io::ErrorKind {
        result.unwrap_err().kind()
    }

    #[test]
    fn hanging_lookups_are_limited_and_shared() {
        /// Held while the service hangs.
        static HANGING: Mutex<()> = Mutex::new(());
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        #[allow(clippy::unnecessary_wraps)] // the type of `Ask`
        fn hang(_: &str) -> io::Result<u32> {
            STARTED.fetch_add(1, Ordering::SeqCst);
            drop(HANGING.lock());
            Ok(7)
        }
        let lookups = Lookups::new(MOST);
        let soon = Duration::from_millis(1);
        let hanging = HANGING.lock().unwrap();
        for _ in 0..3 {
            for number in 0..MOST {
                let result = look_up(&lookups, &format!("host-{number}"), soon, hang);
                assert_eq!(kind(result), io::ErrorKind::TimedOut);
            }
            let one_more = look_up(&lookups, "one-more", soon, hang);
            assert_eq!(kind(one_more), io::ErrorKind::ResourceBusy);
        }
        assert_eq!(lookups.lock().len(), MOST);
        // Two calls wait for the same answer, and a third for a thread.
        thread::scope(|scope| {
            let waiting: Vec<_> = ["host-0", "host-0", "one-more"]
                .into_iter()
                .map(|subject| scope.spawn(|| look_up(&lookups, subject, MINUTE, hang)))
                .collect();
            // The list, the thread and both calls have the look-up of the first host.
            let patience = Deadline::after(MINUTE);
            while Arc::strong_count(&lookups.lock()[0]) < 4 {
                assert!(patience.sleep(Duration::from_millis(1)), "no call waits");
            }
            drop(hanging);
            for thread in waiting {
                assert_eq!(thread.join().unwrap().unwrap(), 7);
            }
        });
        assert_eq!(STARTED.load(Ordering::SeqCst), MOST + 1);
    }

    #[test]
    fn an_error_is_passed_on_and_the_next_call_asks_again() {
        let lookups = Lookups::new(1);
        for expected in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied] {
            let failed = match expected {
                io::ErrorKind::NotFound => {
                    look_up(&lookups, "none", MINUTE, |_| Err(io::ErrorKind::NotFound.into()))
                }
                _ => look_up(&lookups, "none", MINUTE, |_| {
                    Err(io::ErrorKind::PermissionDenied.into())
                }),
            };
            assert_eq!(kind(failed), expected);
        }
        assert!(lookups.lock().is_empty());
    }

    /// The signals that the calling thread blocks: bit 0 is signal 1.
    fn blocked_signals() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    }

    #[test]
    fn the_thread_blocks_the_signals_of_the_host_program() {
        static MASK: OnceLock<u64> = OnceLock::new();
        let before = blocked_signals();
        let found = look_up(&Lookups::new(1), "host", MINUTE, |_| {
            MASK.set(blocked_signals()).unwrap();
            Ok(7)
        });
        assert!(found.is_ok());
        let blocked = *MASK.get().unwrap();
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGUSR1, libc::SIGTERM, libc::SIGCHLD] {
            assert_ne!(blocked & 1 << (signal - 1), 0, "signal {signal}");
        }
        assert_eq!(blocked & 1 << (libc::SIGSEGV - 1), 0);
        assert_eq!(blocked_signals(), before);
    }
}
