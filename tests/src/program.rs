//! Programs under test: compiled as users compile them, and run in an environment of their own.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::process::{Outcome, Process};
use crate::{artefact, chain, run, scratch, top};

/// Programs that this test run has compiled: another test may be running them already.
static COMPILED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Options that turn every warning into an error.
pub const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// Compiles a C program of the repository against `cas.h` and `libcas.so`.
pub fn compile(source: &str, flags: &[&str]) -> PathBuf {
    let library = artefact("libcas.so");
    compile_against(source, library.parent().unwrap(), flags)
}

/// Compiles it against the library of another directory.
pub fn compile_against(source: &str, library: &Path, flags: &[&str]) -> PathBuf {
    let library_path = format!("-L{}", library.display());
    let run_path = format!("-Wl,-rpath,{}", library.display());
    let link = ["-Iinclude", &library_path, "-lcas", "-pthread", &run_path];
    build(source, &[&link, flags].concat())
}

/// Compiles it against `cas.h` and a `libcas.a`.
pub fn compile_static(source: &str, archive: &Path) -> PathBuf {
    build(source, &["-Iinclude", archive.to_str().unwrap(), "-lm", "-ldl", "-lpthread"])
}

/// Compiles a program that does not use libcas, with libraries of its own.
pub fn compile_without_libcas(source: &str, libraries: &[&str]) -> PathBuf {
    build(source, libraries)
}

/// Compiles a program that loads the library by dlopen: it is not linked with it.
pub fn compile_plugin_host(source: &str) -> PathBuf {
    build(source, &["-Iinclude", "-pthread", "-ldl"])
}

/// Compiles a C source to a library that is preloaded into programs.
pub fn compile_preload(source: &str) -> PathBuf {
    // glibc declares connect with a transparent union, which ISO C does not have.
    build(source, &["-shared", "-fPIC", "-ldl", "-Wno-pedantic"])
}

/// Compiles a source once for each set of flags.
fn build(source: &str, flags: &[&str]) -> PathBuf {
    let file = Path::new(source).file_stem().unwrap().to_str().unwrap();
    let flags_in_name: String =
        flags.join(" ").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let digest = flags_in_name
        .bytes()
        .fold(5381_u64, |hash, byte| hash.wrapping_mul(33).wrapping_add(u64::from(byte)));
    let program = scratch("programs").join(format!("{file}-{digest:x}"));
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if !compiled.contains(&program) {
        let mut gcc = Command::new("gcc");
        gcc.current_dir(top())
            .args(["-std=gnu99", "-g"])
            .args(STRICT)
            .arg(source)
            .arg("-o")
            .arg(&program)
            .args(flags);
        run(&mut gcc);
        compiled.insert(program.clone());
    }
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
    let program = Program::new(compile("tests/fixtures/c/report.c", &[]));
    program.env("CAS_ENDPOINT", endpoint).envs(settings).arg(name).arg(cert).arg(key)
}

/// A program that prints one line for each input line, preceded by log messages.
pub struct Session(Process);

impl Session {
    /// The response to a line, and the log messages before it.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> (String, Vec<String>) {
        assert!(self.0.write(&format!("{line}\n")), "it has ended before {line}");
        let mut log = Vec::new();
        loop {
            let response = self.0.line().unwrap_or_else(|| panic!("no response to {line}"));
            match response.strip_prefix("log=") {
                Some(message) => log.push(message.to_owned()),
                None => return (response, log),
            }
        }
    }

    /// Ends it and returns its outcome.
    #[track_caller]
    pub fn end(self) -> Outcome {
        self.0.finish()
    }
}

impl Program {
    /// A program with no variable but the search path and the emulator's usual access key; it finds
    /// no other one, and does not ask the metadata service for one.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        Self::bare(path)
            .env("HOME", "/nonexistent")
            .env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
            .with_test_key()
    }

    /// A program with no variable but the search path.
    pub fn bare(path: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(path);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        Self(command)
    }

    /// Gives it the emulator's usual access key.
    pub fn with_test_key(self) -> Self {
        self.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
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

    /// Adds the files of the chain that is made for each test program: certificates, then key.
    pub fn with_chain(self) -> Self {
        self.arg(&chain().chain).arg(&chain().key)
    }

    /// Sets its working directory.
    pub fn current_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.0.current_dir(path);
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Sets variables.
    pub fn envs(mut self, settings: &[(&str, impl AsRef<OsStr>)]) -> Self {
        self.0.envs(settings.iter().map(|(name, value)| (name, value)));
        self
    }

    /// Removes a variable.
    pub fn without(mut self, name: &str) -> Self {
        self.0.env_remove(name);
        self
    }

    /// Starts it.
    #[track_caller]
    pub fn start(mut self) -> Process {
        Process::start(&mut self.0)
    }

    /// Starts it as a session.
    #[track_caller]
    pub fn session(self) -> Session {
        Session(self.start())
    }

    /// Runs it to its end; calls `step` before each line that it reads from standard input.
    #[track_caller]
    pub fn run_in_steps(self, steps: usize, mut step: impl FnMut()) -> Outcome {
        let mut process = self.start();
        for _ in 0..steps {
            step();
            assert!(process.write("\n"), "it ended early");
        }
        process.finish()
    }

    /// Runs it to its end, with `input` as its standard input.
    #[track_caller]
    pub fn run_with(self, input: &str) -> Outcome {
        let mut process = self.start();
        process.feed(input);
        process.finish()
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.start().finish()
    }

    /// Runs it to its end, which must be a success, and returns what it printed.
    #[track_caller]
    pub fn succeed(self) -> String {
        let outcome = self.run();
        assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
        outcome.stdout
    }
}
