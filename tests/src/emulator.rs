//! `cas-emulator` as a process, and its control interface.

use std::process::Command;

use serde_json::Value;

use crate::process::Process;
use crate::{artefact, ask};

/// A running emulator; it ends with the test.
pub struct Emulator {
    process: Process,
    url: String,
}

impl Emulator {
    /// Starts one on a free port.
    #[track_caller]
    pub fn start(options: &[&str]) -> Self {
        Self::start_in(Command::new(artefact("cas-emulator")), options)
    }

    /// Starts one that serves TLS with these files.
    #[track_caller]
    pub fn start_tls(chain: &str, key: &str, options: &[&str]) -> Self {
        Self::start(&[&["--tls-cert", chain, "--tls-key", key], options].concat())
    }

    /// Starts one by another command, such as one with another environment.
    #[track_caller]
    pub fn start_in(mut command: Command, options: &[&str]) -> Self {
        let mut process = Process::start(command.args(["--listen", "127.0.0.1:0"]).args(options));
        let line = process.line().unwrap_or_default();
        let url = line.strip_prefix("cas-emulator listening on ").map(ToOwned::to_owned);
        let url = url.unwrap_or_else(|| panic!("{line}"));
        Self { process, url }
    }

    /// Where it listens, such as `http://127.0.0.1:40835`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The last requests of the API, oldest first. Only over HTTP.
    pub fn requests(&self) -> Vec<Value> {
        self.control("GET", "/_emulator/requests").as_array().unwrap().clone()
    }

    /// The stored certificates. Only over HTTP.
    pub fn certificates(&self) -> Vec<Value> {
        self.control("GET", "/_emulator/certificates").as_array().unwrap().clone()
    }

    /// Adds a fault, or an array of them. Only over HTTP.
    pub fn fault(&self, json: &str) {
        self.control_with("POST", "/_emulator/faults", json);
    }

    /// The faults that were added, each with how often it is left. Only over HTTP.
    pub fn faults(&self) -> Vec<Value> {
        self.control("GET", "/_emulator/faults").as_array().unwrap().clone()
    }

    /// Removes all faults. Only over HTTP.
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

    /// Stops it and returns all that it printed, standard output and error.
    pub fn stop(self) -> String {
        let outcome = self.process.kill();
        outcome.stdout + &outcome.stderr
    }
}
