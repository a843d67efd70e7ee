//! Log messages for the program.

use std::fmt;
use std::sync::Arc;

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

impl Logger {
    /// Creates a logger that passes messages up to level `max` to `sink`, on several threads at
    /// once if the program makes calls on several threads.
    pub fn new(max: Level, sink: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Self(Some((max, Arc::new(sink))))
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
}
