//! Child processes: their output is read while they run, every wait has a limit, and none of them
//! outlives its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::limits::{self, WAIT};

/// The lines of an output, as they come.
type Lines = Mutex<Receiver<String>>;

/// A running process with pipes for standard input, output and error.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines,
    errors: Lines,
    what: String,
    is_reaped: bool,
}

/// The outcome of a process.
#[derive(Debug)]
pub struct Outcome {
    /// Exit status; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Reads lines on a thread of their own, so that no process waits for a reader.
fn lines(pipe: impl Read + Send + 'static) -> Lines {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            match pipe.read_until(b'\n', &mut line) {
                Ok(1..) if sender.send(String::from_utf8_lossy(&line).into_owned()).is_ok() => {}
                _ => return,
            }
        }
    });
    Mutex::new(receiver)
}

impl Process {
    /// Starts a command.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        limits::arm();
        let what = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{what} cannot be started: {error}"));
        limits::add_child(child.id());
        let input = child.stdin.take();
        let output = lines(child.stdout.take().unwrap());
        let errors = lines(child.stderr.take().unwrap());
        Self { child, input, output, errors, what, is_reaped: false }
    }

    /// Its process identifier.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input; `false` if it no longer reads.
    pub fn write(&mut self, text: &str) -> bool {
        self.input.as_mut().is_some_and(|input| input.write_all(text.as_bytes()).is_ok())
    }

    /// Closes its standard input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Writes to its standard input on another thread, and closes it.
    pub fn feed(&mut self, text: &str) {
        let (input, text) = (self.input.take(), text.to_owned());
        thread::spawn(move || input.map(|mut input| input.write_all(text.as_bytes())));
    }

    /// The next line of its standard output; `None` at the end.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        match self.output.lock().unwrap().recv_timeout(WAIT) {
            Ok(line) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line within {WAIT:?}: {}", self.what),
        }
    }

    /// Waits for its end; standard input is closed.
    #[track_caller]
    pub fn finish(self) -> Outcome {
        self.finish_within(WAIT)
    }

    /// Waits for its end, with another limit.
    #[track_caller]
    pub fn finish_within(mut self, limit: Duration) -> Outcome {
        self.input = None;
        let deadline = Instant::now() + limit;
        let rest = |lines: &Lines| -> String {
            let (mut text, lines) = (String::new(), lines.lock().unwrap());
            let remaining = || deadline.saturating_duration_since(Instant::now());
            while let Ok(line) = lines.recv_timeout(remaining()) {
                text += &line;
            }
            text
        };
        let (stdout, stderr) = (rest(&self.output), rest(&self.errors));
        match self.wait_until(deadline) {
            Some(status) => Outcome { code: status.code(), stdout, stderr },
            None => panic!("still running after {limit:?}: {}\n{stdout}\n{stderr}", self.what),
        }
    }

    /// Ends it by SIGKILL.
    #[track_caller]
    pub fn kill(mut self) -> Outcome {
        let _ = self.child.kill();
        self.finish_within(WAIT)
    }

    /// Ends it by SIGTERM, so that it can tidy up.
    pub fn terminate(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).output();
        self.wait_until(Instant::now() + WAIT);
    }

    /// Its status; `None` if it had to be killed.
    fn wait_until(&mut self, deadline: Instant) -> Option<ExitStatus> {
        let mut pause = Duration::from_micros(100);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break Some(status);
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                self.child.wait().unwrap();
                break None;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        };
        self.reaped();
        status
    }

    fn reaped(&mut self) {
        self.is_reaped = true;
        limits::remove_child(self.child.id());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_reaped {
            let _ = self.child.kill();
            let _ = self.child.wait();
            self.reaped();
        }
        if thread::panicking() {
            let said: String = self.errors.lock().unwrap().try_iter().collect();
            if !said.is_empty() {
                eprintln!("standard error of {}:\n{said}", self.what);
            }
        }
    }
}

impl Outcome {
    /// Checks that fields of a report have these values.
    #[track_caller]
    pub fn assert_fields(&self, fields: &[(&str, &str)]) {
        for (field, value) in fields {
            assert_eq!(self.field(field), *value, "{field} in:\n{}", self.stdout);
        }
    }

    /// Checks that a field of a report contains all of these parts.
    #[track_caller]
    pub fn assert_says(&self, field: &str, parts: &[&str]) {
        for part in parts {
            let text = self.field(field);
            assert!(text.contains(part), "{field} without {part:?} in:\n{}", self.stdout);
        }
    }

    /// The value of `field` in a report (see `tests/fixtures/c/report.c`).
    #[track_caller]
    pub fn field(&self, field: &str) -> &str {
        let prefix = |line| str::strip_prefix(line, field)?.strip_prefix('=');
        let value = self.stdout.lines().find_map(prefix);
        value.unwrap_or_else(|| panic!("no {field} in:\n{}\n{}", self.stdout, self.stderr))
    }
}
