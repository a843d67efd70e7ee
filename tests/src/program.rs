//! C programs, compiled as users compile them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{artefact, run, scratch, top};

/// Programs that this test run has compiled: another test may be running them already.
static COMPILED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Compiles a C program of the repository against `cas.h` and `libcas.so`.
pub fn compile(source: &str, flags: &[&str]) -> PathBuf {
    let library = artefact("libcas.so");
    compile_against(source, library.parent().unwrap(), flags)
}

/// The same, against the library of another directory.
pub fn compile_against(source: &str, library: &Path, flags: &[&str]) -> PathBuf {
    let name: String = [&[source], flags]
        .concat()
        .join(" ")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let program = scratch("programs").join(name);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if compiled.contains(&program) {
        return program;
    }
    run(Command::new("gcc")
        .current_dir(top())
        .args([
            "-std=gnu99",
            "-g",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-Iinclude",
            source,
            "-o",
        ])
        .arg(&program)
        .arg(format!("-L{}", library.display()))
        .args(["-lcas", "-pthread"])
        .arg(format!("-Wl,-rpath,{}", library.display()))
        .args(flags));
    compiled.insert(program.clone());
    program
}

/// A program about to be run, in an environment of its own.
pub struct Program(Command);

/// `tests/fixtures/c/report.c` about to upload a certificate as `name`, with more settings.
pub fn report(
    endpoint: &str,
    settings: &[(&str, &str)],
    name: &str,
    cert: impl AsRef<OsStr>,
    key: impl AsRef<OsStr>,
) -> Program {
    let program =
        Program::new(compile("tests/fixtures/c/report.c", &[])).env("CAS_ENDPOINT", endpoint);
    let program = settings.iter().fold(program, |program, (name, value)| program.env(name, value));
    program.arg(name).arg(cert).arg(key)
}

/// A program that answers each line with one, and log messages before it.
pub struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Talk {
    /// The answer to a line, and what was logged before it.
    pub fn ask(&mut self, line: &str) -> (String, Vec<String>) {
        writeln!(self.stdin.as_ref().unwrap(), "{line}").unwrap();
        let mut log = Vec::new();
        loop {
            let mut answer = String::new();
            assert!(self.stdout.read_line(&mut answer).unwrap() > 0, "no answer to {line}");
            match answer.trim_end().strip_prefix("log=") {
                Some(message) => log.push(message.to_owned()),
                None => return (answer.trim_end().to_owned(), log),
            }
        }
    }
}

impl Talk {
    /// Its exit status, after the last line; `None` where a signal ended it.
    pub fn end(mut self) -> Option<i32> {
        drop(self.stdin.take());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// What a program did.
pub struct Outcome {
    /// Exit status; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
}

impl Program {
    /// A program with no variable but the search path and the emulator's usual access key; it finds
    /// no other one, and asks nobody outside for one.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        let bare = Self::bare(path).env("HOME", "/nonexistent");
        bare.env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
    }

    /// A program with no variable but the search path.
    pub fn bare(path: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(path);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        Self(command)
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(arguments);
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Takes a variable away.
    pub fn without(mut self, name: &str) -> Self {
        self.0.env_remove(name);
        self
    }

    /// Runs it to its end, and before each line that it reads from standard input does `step`.
    pub fn run_in_steps(mut self, steps: usize, mut step: impl FnMut()) -> Outcome {
        let mut child = self
            .0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for _ in 0..steps {
            step();
            stdin.write_all(b"\n").unwrap();
        }
        Outcome::of(&child.wait_with_output().unwrap())
    }

    /// Starts it for a conversation.
    pub fn talk(mut self) -> Talk {
        let mut child = self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Talk { child, stdin, stdout }
    }

    /// Runs it to its end, with `input` as its standard input.
    pub fn run_with(mut self, input: &str) -> Outcome {
        let mut child = self
            .0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input.as_bytes()));
            Outcome::of(&child.wait_with_output().unwrap())
        })
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Outcome {
        Outcome::of(&self.0.output().unwrap())
    }

    /// Runs it to its end, which must be a success, and returns what it printed.
    pub fn succeed(self) -> String {
        let outcome = self.run();
        assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
        outcome.stdout
    }
}

impl Outcome {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fields of a report that have to be as given.
    #[track_caller]
    pub fn assert_fields(&self, fields: &[(&str, &str)]) {
        for (field, value) in fields {
            assert_eq!(self.field(field), *value, "{field} in:\n{}", self.stdout);
        }
    }

    /// The value of `field` in a report (see tests/fixtures/c/report.c).
    pub fn field(&self, field: &str) -> &str {
        self.stdout
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix('='))
            .unwrap_or_else(|| panic!("no {field} in:\n{}\n{}", self.stdout, self.stderr))
    }
}
