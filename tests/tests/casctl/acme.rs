//! Real renewal clients: certbot and lego get certificates from an ACME server of this machine, and
//! call `casctl hook`.

use std::fs;
use std::path::{Path, PathBuf};

use acceptance::{Emulator, Process, Program, artefact, chain, installed, top};
use serde_json::json;

use super::lineages;

/// Pebble, the ACME server that Let's Encrypt tests with. It believes every domain.
struct AcmeServer {
    _process: Process,
    directory: String,
}

impl AcmeServer {
    /// `None` where Pebble is not installed: not every distribution has it.
    fn start(files: &Path) -> Option<Self> {
        if !installed("pebble") {
            println!("NOT RUN: pebble is not installed");
            return None;
        }
        let ports = [free_port(), free_port(), free_port(), free_port()];
        let [acme, management, http, tls] = ports;
        let [certificate, key] = chain().files();
        let config = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{acme}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": http,
            "tlsPort": tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        let path = files.join("pebble.json");
        fs::write(&path, config.to_string()).unwrap();
        let mut process = Program::bare("pebble")
            .args(["-config", path.to_str().unwrap()])
            .env("PEBBLE_VA_ALWAYS_VALID", "1")
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .start();
        while !process.line().expect("pebble has ended").contains("ACME directory available") {}
        Some(Self { _process: process, directory: format!("https://127.0.0.1:{acme}/dir") })
    }
}

/// A client that finds casctl on its search path, and the emulator's access key.
fn client(program: impl AsRef<std::ffi::OsStr>, emulator: &Emulator) -> Program {
    let casctl = artefact("casctl");
    let path = format!(
        "{}:{}",
        casctl.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    Program::new(program)
        .env("PATH", path)
        .env("CASCTL_ENDPOINT", emulator.url())
        .env("LEGO_CA_CERTIFICATES", &chain().root)
        .env("REQUESTS_CA_BUNDLE", &chain().root)
}

/// The SHA-256 fingerprints of what is stored, the oldest first.
fn stored(emulator: &Emulator) -> Vec<String> {
    let certificates = emulator.certificates();
    certificates.iter().map(|one| one["sha256"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn certbot_uploads_each_renewal() {
    let files = lineages::directory("certbot-client");
    let Some(server) = AcmeServer::start(&files) else { return };
    let emulator = Emulator::start(&[]);
    let certbot = |arguments: &[&str]| {
        let directory = |name: &str| files.join(name).to_str().unwrap().to_owned();
        client(top().join("target/venv/bin/certbot"), &emulator)
            .args(arguments)
            .args(["--non-interactive", "--config-dir", &directory("config")])
            .args(["--work-dir", &directory("work"), "--logs-dir", &directory("logs")])
            .run()
            .exits_with(0)
    };
    let port = free_port().to_string();
    certbot(&[
        "certonly",
        "--standalone",
        "--http-01-address",
        "127.0.0.1",
        "--http-01-port",
        &port,
        "--server",
        &server.directory,
        "--agree-tos",
        "--register-unsafely-without-email",
        "--domain",
        "certbot.example",
        "--deploy-hook",
        "casctl hook certbot",
    ]);
    assert_eq!(stored(&emulator).len(), 1, "the hook of the first certificate");
    let renewed = certbot(&["renew", "--force-renewal", "--no-random-sleep-on-renew"]);
    assert!(renewed.stdout.contains("casctl: Uploaded as "), "{renewed:?}");
    let live = files.join("config/live");
    check_latest(&emulator, &live.join("certbot.example/fullchain.pem"), 2);
    // And all of them at once.
    let bulk = acceptance::casctl(&emulator, &["upload", "--from", live.to_str().unwrap()]);
    bulk.run().exits_with(0);
    assert_eq!(stored(&emulator).len(), 2);
}

#[test]
fn lego_uploads_each_renewal() {
    let files = lineages::directory("lego-client");
    if !installed("lego") {
        println!("NOT RUN: lego is not installed");
        return;
    }
    let Some(server) = AcmeServer::start(&files) else { return };
    let emulator = Emulator::start(&[]);
    let address = format!("127.0.0.1:{}", free_port());
    let lego = |arguments: &[&str]| {
        client("lego", &emulator)
            .args(["--server", &server.directory, "--accept-tos", "--path"])
            .arg(files.join("lego"))
            .args(["--email", "ops@lego.example", "--domains", "lego.example"])
            .args(["--http", "--http.port", &address])
            .args(arguments)
            .run()
            .exits_with(0)
    };
    lego(&["run", "--run-hook", "casctl hook lego"]);
    assert_eq!(stored(&emulator).len(), 1, "the hook of the first certificate");
    lego(&["renew", "--days", "36500", "--no-random-sleep", "--renew-hook", "casctl hook lego"]);
    let certificates: PathBuf = files.join("lego/certificates");
    check_latest(&emulator, &certificates.join("lego.example.crt"), 2);
    let from = ["upload", "--from", certificates.to_str().unwrap()];
    acceptance::casctl(&emulator, &from).run().exits_with(0);
    assert_eq!(stored(&emulator).len(), 2);
}

/// Checks that `count` certificates are stored, the last of which is in `file`.
#[track_caller]
fn check_latest(emulator: &Emulator, file: &Path, count: usize) {
    let check = ["check", "--output", "json", "--cert", file.to_str().unwrap()];
    let seen = acceptance::casctl(emulator, &check).run().json();
    let stored = stored(emulator);
    assert_eq!(stored.len(), count);
    assert_eq!(stored.last().unwrap(), seen["fingerprint_sha256"].as_str().unwrap());
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
