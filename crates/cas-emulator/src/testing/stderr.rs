//! Lines for stderr, which a thread of its own writes.
//!
//! A program that starts the emulator with a pipe and does not read it would otherwise stop every
//! call once the pipe is full.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How many lines wait to be written. Beyond that, lines are left out.
const MAX_WAITING: usize = 1_000;
/// How long stopping waits for the lines that are left.
const GRACE: Duration = Duration::from_secs(1);

/// Writes lines without waiting for who reads them. Dropping it writes those that wait.
pub(crate) struct Stderr {
    /// `None` while it is dropped.
    lines: Option<SyncSender<String>>,
    left_out: Arc<AtomicU64>,
    ended: Mutex<Receiver<()>>,
}

impl Stderr {
    /// Writes to stderr.
    pub(crate) fn new() -> Self {
        Self::over(io::stderr())
    }

    fn over(mut output: impl Write + Send + 'static) -> Self {
        let (lines, waiting) = mpsc::sync_channel::<String>(MAX_WAITING);
        let (end, ended) = mpsc::channel();
        let left_out = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&left_out);
        // Writing fails if stderr is closed.
        let write = move || {
            let report = |output: &mut dyn Write| {
                let count = count.swap(0, Ordering::Relaxed);
                if count > 0 {
                    let reason = "because this output was not read";
                    let _ = writeln!(output, "cas-emulator: {count} lines left out {reason}");
                }
            };
            for line in waiting {
                let _ = writeln!(output, "{line}");
                report(&mut output);
            }
            report(&mut output);
            drop(end);
        };
        // Without the thread, for which memory may be short, all lines are left out.
        let _ = thread::Builder::new().name("cas-emulator stderr".to_owned()).spawn(write);
        Self { lines: Some(lines), left_out, ended: Mutex::new(ended) }
    }

    /// Writes a line soon, without a line end in `line`.
    pub(crate) fn write(&self, line: String) {
        let sent = self.lines.as_ref().map(|lines| lines.try_send(line));
        if !matches!(sent, Some(Ok(()))) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Stderr {
    fn drop(&mut self) {
        self.lines = None;
        // Always an error: the thread has ended, or the reader is too slow.
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(GRACE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    #[test]
    fn lines_without_a_reader_are_left_out_and_counted() {
        let (output, written) = io::pipe().map(|(read, write)| (write, read)).unwrap();
        let stderr = Stderr::over(output);
        let line = "x".repeat(100);
        for _ in 0..10_000 {
            stderr.write(line.clone());
        }
        let mut lines = BufReader::new(written).lines().map(Result::unwrap);
        assert_eq!(lines.next().unwrap(), line);
        let reading = thread::spawn(move || lines.collect::<Vec<_>>());
        drop(stderr);
        let lines = reading.join().unwrap();
        let written = lines.iter().filter(|written| **written == line).count() + 1;
        let said = lines.iter().filter_map(|line| line.strip_prefix("cas-emulator: "));
        let left_out = said.map(|rest| rest.split(' ').next().unwrap().parse::<usize>().unwrap());
        assert_eq!(written + left_out.sum::<usize>(), 10_000);
        assert!((MAX_WAITING..5_000).contains(&written), "{written}");
    }
}
