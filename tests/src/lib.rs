//! The harness of the acceptance tests: the artefacts of `make build`, an emulator process, C
//! programs, certificates, and servers whose responses a test chooses.
//!
//! It uses none of the crates under test: the tests use the artefacts that users get.

pub mod casctl;
pub mod emulator;
pub mod fake_cloud;
pub mod inspection;
pub mod limits;
pub mod memory;
pub mod network;
pub mod openssl_server;
pub mod process;
pub mod program;
pub mod setups;
pub mod sm2_ca;
pub mod stub;
pub mod test_ca;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

pub use casctl::casctl;
pub use emulator::Emulator;
pub use fake_cloud::{FakeCloud, Official};
pub use process::{Outcome, Process};
pub use program::{Program, Session, compile, report};
pub use stub::Stub;

/// The top of the repository.
pub fn top() -> PathBuf {
    limits::arm();
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A finished artefact, as `make build` leaves it.
pub fn artefact(name: &str) -> PathBuf {
    let path = top().join("target/release").join(name);
    assert!(path.exists(), "{} is missing: run `make build` first", path.display());
    path
}

/// The Python interpreter of the environment with the official SDKs.
pub fn sdk_python() -> PathBuf {
    let python = top().join("target/venv/bin/python3");
    assert!(python.exists(), "run `make test`: it installs the official SDKs into target/venv");
    python
}

/// The official package for Node.js and what it needs.
pub fn node_modules() -> PathBuf {
    let modules = top().join("target/node/node_modules");
    assert!(modules.exists(), "run `make test`: it installs the official package into target/node");
    modules
}

/// A directory for the files of a test, new for each test run.
pub fn scratch(name: &str) -> PathBuf {
    let path = top().join("target/acceptance").join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A chain of three certificates (RSA-2048) and the leaf's key.
pub struct Chain {
    /// Leaf and intermediate.
    pub chain: PathBuf,
    /// The leaf's key.
    pub key: PathBuf,
    /// The root alone.
    pub root: PathBuf,
}

impl Chain {
    /// The names of the files of chain and key.
    pub fn files(&self) -> [&str; 2] {
        [&self.chain, &self.key].map(|path| path.to_str().unwrap())
    }
}

/// A chain for 127.0.0.1 and demo.example, made once for each test program.
pub fn chain() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| make_chain("chain"))
}

/// Another chain, of other keys, for the same names.
pub fn other_chain() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| make_chain("other-chain"))
}

fn make_chain(directory: &str) -> Chain {
    let directory = scratch(directory);
    run(Command::new(top().join("examples/make-chain.sh")).arg(&directory).arg("demo.example"));
    Chain {
        chain: directory.join("chain.pem"),
        key: directory.join("leaf.key"),
        root: directory.join("root.pem"),
    }
}

/// Runs a command that must succeed and returns what it printed.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let what = format!("{command:?}");
    let outcome = Process::start(command).finish();
    let Outcome { code, stdout, stderr } = outcome;
    assert_eq!(code, Some(0), "{what} failed:\n{stdout}\n{stderr}");
    stdout
}

/// The JSON in the response of a local server, which must be a success. `host` is the header.
fn ask(address: &str, host: &str, method: &str, path: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(limits::WAIT)).unwrap();
    stream.set_write_timeout(Some(limits::WAIT)).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{response}");
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { unchunked(body) } else { body.to_owned() };
    serde_json::from_str(&body).unwrap()
}

/// A body without the lines that divide it into chunks.
fn unchunked(body: &str) -> String {
    let (mut body, mut text) = (body.as_bytes(), Vec::new());
    while let Some(end) = body.windows(2).position(|pair| pair == b"\r\n") {
        let length = std::str::from_utf8(&body[..end]).unwrap();
        let start = end + 2;
        let end = start + usize::from_str_radix(length, 16).unwrap();
        text.extend_from_slice(&body[start..end]);
        body = body[end..].strip_prefix(b"\r\n").unwrap_or_default();
    }
    String::from_utf8(text).unwrap()
}

/// Whether a program is installed.
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
