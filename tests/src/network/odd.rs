//! A server whose responses hold more or less than one response.

use crate::{Process, Program, chain, top};

/// `tests/fixtures/python/odd_server.py`, which describes its modes.
pub struct Odd {
    process: Process,
    /// Where it listens.
    pub url: String,
}

impl Odd {
    /// Starts it; `version` is that of TLS, or "none".
    #[track_caller]
    pub fn start(version: &str, mode: &str, padding: &str) -> Self {
        let mut process = Program::bare("python3")
            .args(["-W", "ignore"])
            .arg(top().join("tests/fixtures/python/odd_server.py"))
            .args([&chain().chain, &chain().key])
            .args([version, mode, padding])
            .start();
        let port = process.line().expect("the server prints its port");
        let scheme = if version == "none" { "http" } else { "https" };
        Self { process, url: format!("{scheme}://127.0.0.1:{port}") }
    }

    /// It as a proxy.
    pub fn proxy(&self) -> String {
        self.url.replace("https", "http")
    }

    /// What it prints next.
    #[track_caller]
    pub fn lines(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.process.line().expect("the server has ended")).collect()
    }

    /// Lets it send a response.
    pub fn send(&mut self, what: &str) {
        assert!(self.process.write(&format!("{what}\n")), "the server has ended");
    }
}
