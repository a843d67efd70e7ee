//! Log messages for the program.

use std::cell::RefCell;
use std::fmt;
use std::mem::{ManuallyDrop, take};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The level of a log message. The numbers are those of the C interface (`cas_log_level`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// A call failed.
    Error = 1,
    /// libcas recovered from a failure (retry, refreshed credentials, clock correction), or warns.
    Warn = 2,
    /// A call succeeded.
    Info = 3,
    /// Each request and response, without their contents.
    Debug = 4,
}

type LogFn = dyn Fn(Level, &str) + Send + Sync;

/// Passes log messages to the program, on the thread that made the call. Messages contain no
/// secret.
///
/// The default logger discards all messages.
#[derive(Clone, Default)]
pub struct Logger(Option<(Level, Arc<LogFn>)>);

/// A client, as the log function that it calls sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientId(u64);

thread_local! {
    /// The clients whose log functions this thread is in, outermost first. It owns no memory while
    /// it is empty, and needs no destructor: a thread may outlive the library.
    static LOGGING: RefCell<ManuallyDrop<Vec<ClientId>>> =
        const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

/// Notes that this thread is in the log function of a client, until it is dropped.
struct InLogFunction;

impl InLogFunction {
    fn of(client: ClientId) -> Self {
        LOGGING.with_borrow_mut(|logging| logging.push(client));
        Self
    }
}

impl Drop for InLogFunction {
    fn drop(&mut self) {
        LOGGING.with_borrow_mut(|logging| {
            logging.pop();
            if logging.is_empty() {
                drop(take(&mut **logging));
            }
        });
    }
}

impl ClientId {
    /// An ID that no other client of this process has.
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether this thread is in the log function that the client has called. A call of the same
    /// client would then wait for itself, for example for the access key that it is fetching.
    pub(crate) fn is_logging(self) -> bool {
        LOGGING.with_borrow(|logging| logging.contains(&self))
    }
}

impl Logger {
    /// Creates a logger that passes messages up to level `max` to `sink`, on several threads at
    /// once if the program makes calls on several threads.
    pub fn new(max: Level, sink: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Self(Some((max, Arc::new(sink))))
    }

    /// The same logger, which notes while it calls the sink that `client` does.
    #[must_use]
    pub(crate) fn of(self, client: ClientId) -> Self {
        let Some((max, sink)) = self.0 else { return self };
        Self::new(max, move |level, message| {
            let _noted = InLogFunction::of(client);
            sink(level, message);
        })
    }

    /// Logs a message, which is built only if the level is enabled.
    pub(crate) fn log(&self, level: Level, message: impl FnOnce() -> String) {
        if let Some((max, sink)) = &self.0
            && level <= *max
        {
            sink(level, &message());
        }
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Logger").field(&self.0.as_ref().map(|(max, _)| max)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn messages_above_the_level_are_not_built() {
        let messages = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&messages);
        let logger = Logger::new(Level::Warn, move |level, message| {
            sink.lock().unwrap().push((level, message.to_owned()));
        });
        logger.log(Level::Error, || "failed".to_owned());
        logger.log(Level::Warn, || "recovered".to_owned());
        logger.log(Level::Info, || panic!("built"));
        Logger::default().log(Level::Error, || panic!("built"));
        let wanted = [(Level::Error, "failed".to_owned()), (Level::Warn, "recovered".to_owned())];
        assert_eq!(*messages.lock().unwrap(), wanted);
    }

    #[test]
    fn a_client_knows_that_it_is_logging() {
        let (outer, inner) = (ClientId::new(), ClientId::new());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let note = move || note.lock().unwrap().push([outer.is_logging(), inner.is_logging()]);
        let of_inner = Logger::new(Level::Error, move |_, _| note()).of(inner);
        let of_outer = Logger::new(Level::Error, {
            let of_inner = of_inner.clone();
            move |_, _| of_inner.log(Level::Error, || "nested".to_owned())
        });
        of_outer.of(outer).log(Level::Error, || "outer".to_owned());
        of_inner.log(Level::Error, || "inner alone".to_owned());
        assert_eq!(*seen.lock().unwrap(), [[true, true], [false, true]]);
        assert!(!outer.is_logging() && !inner.is_logging());
        assert_eq!(LOGGING.with_borrow(|logging| logging.capacity()), 0);
    }
}
