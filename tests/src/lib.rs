//! What the outside tests share: the artefacts, an emulator process, C programs, certificates,
//! servers that answer as a test wants. It uses nothing of cas-core: what is tested here is what
//! users get.

pub mod cloud;
pub mod emulator;
pub mod inspection;
pub mod network;
pub mod program;
pub mod setups;
pub mod stub;
pub mod workshop;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

pub use cloud::Cloud;
pub use emulator::Emulator;
pub use program::{Outcome, Program, compile, report};
pub use stub::Stub;

/// The top of the repository.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A finished artefact, as `make build` leaves it.
pub fn artefact(name: &str) -> PathBuf {
    let path = top().join("target/release").join(name);
    assert!(path.exists(), "{} is missing: run `make build` first", path.display());
    path
}

/// A directory for what a test makes, new for each test run.
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
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed ({}):\n{text}\n{errors}", output.status);
    text
}

/// What a server of this machine answers in JSON, which must be a success. `host` is the header.
fn ask(address: &str, host: &str, method: &str, path: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

/// Whether a program can be run here.
pub fn installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdin(Stdio::null()).output().is_ok()
}
