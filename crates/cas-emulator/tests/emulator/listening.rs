//! Where the emulator listens: host names and Unix sockets.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use cas_emulator::{Emulator, ListenAddress};

use crate::certificates::certificate;
use crate::client::{Call, Connection};
use crate::process::{Process, rejected};

const HEALTH: &[u8] = b"GET /_emulator/health HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn localhost_is_each_loopback_address_with_one_port() {
    let process = Process::start(&["--listen", "localhost:0"]);
    assert_eq!(process.url, format!("http://localhost:{}", process.port));
    assert_ne!(process.port, 0);
    assert_eq!(Connection::open(process.port).exchange(HEALTH).status, 200);
    // This machine may have no IPv6.
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let stream = TcpStream::connect(("::1", process.port)).unwrap();
        assert_eq!(Connection::over(stream).exchange(HEALTH).status, 200);
    }
    let address = format!("localhost:{}", process.port);
    assert_eq!(rejected(&["--listen", &address, "--check-health"]).0, Some(0));
    let (status, stderr) = rejected(&["--listen", &address]);
    assert_eq!(status, Some(1));
    assert!(stderr.contains(&format!("failed to listen on {address}")), "{stderr}");
    process.signal("-TERM");
    assert_eq!(process.end().0, Some(0));
    assert_eq!(rejected(&["--listen", &address, "--check-health"]).0, Some(1));
    for wrong in ["localhost", "localhost:x", "nonexistent.invalid:0", "unix:"] {
        let (status, stderr) = rejected(&["--listen", wrong]);
        assert!(status == Some(2) || stderr.contains("failed to resolve"), "{wrong}: {stderr}");
    }
}

#[test]
fn a_unix_socket_is_for_its_user_only_and_goes_with_the_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listen = format!("unix:{}", path.display());
    let start = || {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_cas-emulator")]);
        Process::start_by(command, &["--listen", &listen])
    };
    let process = start();
    assert_eq!(process.url, listen);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let open = || Connection::over(UnixStream::connect(&path).unwrap());
    let (cert, key) = certificate();
    let mut connection = open();
    assert_eq!(connection.exchange(&Call::create("n", &cert, &key).bytes()).cert_id(), 10_000_000);
    let certificates = open().exchange(b"GET /_emulator/certificates HTTP/1.1\r\n\r\n");
    assert_eq!(certificates.json().as_array().unwrap().len(), 1);
    assert_eq!(rejected(&["--listen", &listen, "--check-health"]).0, Some(0));
    // A second one leaves the first alone.
    let (status, stderr) = rejected(&["--listen", &listen]);
    assert_eq!(status, Some(1));
    assert!(stderr.contains("another program listens on it"), "{stderr}");
    assert_eq!(connection.exchange(HEALTH).status, 200);
    // The socket of a program that was killed is replaced.
    process.kill();
    assert!(path.exists());
    assert_eq!(rejected(&["--listen", &listen, "--check-health"]).0, Some(1));
    let process = start();
    assert_eq!(open().exchange(HEALTH).status, 200);
    let silent = UnixStream::connect(&path).unwrap();
    process.signal("-TERM");
    assert_eq!(process.end().0, Some(0));
    assert!(!path.exists());
    drop(silent);
}

fn start(path: &Path) -> Result<Emulator, String> {
    Emulator::builder().unix(path).start().map_err(|error| error.to_string())
}

#[test]
fn files_of_others_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    assert!(start(&file).unwrap_err().contains("is not a socket"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
    assert!(start(folder.path()).is_err());
    assert!(start(&folder.path().join("missing/socket")).is_err());
    assert!(start(&folder.path().join("x".repeat(200))).is_err(), "too long for a socket");
    // A program that accepts no connections still listens.
    let path = folder.path().join("busy");
    let _busy = UnixListener::bind(&path).unwrap();
    assert!(start(&path).unwrap_err().contains("another program listens on it"));
    // What has taken the place of its socket stays.
    let path = folder.path().join("replaced");
    let emulator = start(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "text").unwrap();
    emulator.stop();
    assert_eq!(fs::read_to_string(&path).unwrap(), "text");
}

#[test]
fn the_library_listens_where_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let emulator = start(&path).unwrap();
    assert_eq!((emulator.url(), emulator.port()), (format!("unix:{}", path.display()), 0));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(HEALTH).unwrap();
    assert_eq!(Connection::over(stream).response().status, 200);
    emulator.stop();
    assert!(!path.exists());
    let address: ListenAddress = "localhost:0".parse().unwrap();
    let emulator = Emulator::builder().listen_on(address).start().unwrap();
    assert_eq!(emulator.url(), format!("http://localhost:{}", emulator.port()));
    assert_eq!(Connection::open(emulator.port()).exchange(HEALTH).status, 200);
}
