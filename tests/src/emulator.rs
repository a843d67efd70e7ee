//! The finished `cas-emulator`, as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{artefact, ask};

/// A running emulator; it ends with the test.
pub struct Emulator {
    process: Child,
    url: String,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Emulator {
    /// Starts one on a free port.
    pub fn start(options: &[&str]) -> Self {
        Self::start_in(Command::new(artefact("cas-emulator")), options)
    }

    /// The same, in an environment of its own.
    pub fn start_in(mut command: Command, options: &[&str]) -> Self {
        let mut process = command
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("cas-emulator listening on ")
            .unwrap_or_else(|| panic!("{line}"));
        Self { process, url: url.to_owned(), stdout }
    }

    /// Where it listens, such as `http://127.0.0.1:40835`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The last requests of the API, oldest first. Only over HTTP.
    pub fn requests(&self) -> Vec<Value> {
        self.control("GET", "/_emulator/requests").as_array().unwrap().clone()
    }

    /// What is stored. Only over HTTP.
    pub fn certificates(&self) -> Vec<Value> {
        self.control("GET", "/_emulator/certificates").as_array().unwrap().clone()
    }

    /// Adds a fault, or an array of them. Only over HTTP.
    pub fn fault(&self, json: &str) {
        self.control_with("POST", "/_emulator/faults", json);
    }

    /// The faults that were added, each with what is left of it. Only over HTTP.
    pub fn faults(&self) -> Vec<Value> {
        self.control("GET", "/_emulator/faults").as_array().unwrap().clone()
    }

    /// Forgets all faults. Only over HTTP.
    pub fn clear_faults(&self) {
        self.control("DELETE", "/_emulator/faults");
    }

    /// A call of the control interface.
    pub fn control(&self, method: &str, path: &str) -> Value {
        self.control_with(method, path, "")
    }

    /// A call of the control interface with a body.
    pub fn control_with(&self, method: &str, path: &str, body: &str) -> Value {
        let address = self.url.strip_prefix("http://").unwrap();
        ask(address, address, method, path, body)
    }

    /// Stops it and returns all it printed, standard output and error.
    pub fn stop(mut self) -> String {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        self.process.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
        printed
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
