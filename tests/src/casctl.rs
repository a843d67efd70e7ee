//! `casctl` as a process, and its results.

use serde_json::Value;

use crate::process::Outcome;
use crate::program::Program;
use crate::{Emulator, artefact};

/// `casctl` about to be run against an emulator, with the emulator's usual access key.
pub fn casctl(emulator: &Emulator, arguments: &[&str]) -> Program {
    Program::new(artefact("casctl")).env("CASCTL_ENDPOINT", emulator.url()).args(arguments)
}

impl Outcome {
    /// The objects that it printed: JSON lines on standard output.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The only object that it printed.
    #[track_caller]
    pub fn json(&self) -> Value {
        let lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines[0].clone()
    }

    /// Asserts its exit status.
    #[track_caller]
    pub fn exits_with(self, status: i32) -> Self {
        assert_eq!(self.code, Some(status), "{self:?}");
        self
    }
}
