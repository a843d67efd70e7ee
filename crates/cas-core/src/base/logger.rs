//! What a client tells the program's own log.

use std::fmt;
use std::sync::Arc;

/// How much a message matters; the numbers are those of the C interface (`cas_log_level`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// A call failed.
    Error = 1,
    /// Something went wrong and was mended.
    Warn = 2,
    /// A call succeeded.
    Info = 3,
    /// Each request and answer, without their contents.
    Debug = 4,
}

type Sink = dyn Fn(Level, &str) + Send + Sync;

/// Hands messages to the program, on the thread that made the call. Messages hold no secret.
#[derive(Clone, Default)]
pub struct Logger(Option<(Level, Arc<Sink>)>);

impl Logger {
    /// Messages up to `max` go to `sink`.
    pub fn new(max: Level, sink: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Self(Some((max, Arc::new(sink))))
    }

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
