//! A server that supports one version of TLS, by Python and the system's OpenSSL. It stores nothing
//! and responds to every request with a success.

use std::path::Path;

use crate::{Process, Program};

/// Prints its port, then for each request the version of TLS and the request line, or the reason
/// why there was no request.
const SERVER: &str = r#"
import socket, ssl, sys
version, chain, key, demand = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers("ALL:@SECLEVEL=0")
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
context.load_cert_chain(chain, key)
if demand == "client certificate":
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(chain)
elif demand:
    context.set_ecdh_curve(demand)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as stream:
            request = b""
            while b"\r\n\r\n" not in request:
                request += stream.recv(65536)
            head, body = request.split(b"\r\n\r\n", 1)
            length = int(head.lower().split(b"content-length:")[1].split()[0])
            while len(body) < length:
                body += stream.recv(65536)
            print(stream.version(), head.split(b"\r\n")[0].decode(), flush=True)
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"CertId\":7}")
    except OSError as error:
        print("no request:", error, flush=True)
"#;

/// A server on a free port of this machine; it ends with the test.
pub struct OneVersion {
    process: Process,
    port: u16,
}

impl OneVersion {
    /// `version` is Python's name of it, such as `TLSv1_2`.
    #[track_caller]
    pub fn start(version: &str, chain: &Path, key: &Path) -> Self {
        Self::demanding(version, chain, key, "")
    }

    /// One that demands a "client certificate", or else the group of this name.
    #[track_caller]
    pub fn demanding(version: &str, chain: &Path, key: &Path, demand: &str) -> Self {
        let program = Program::bare("python3").args(["-W", "ignore", "-c", SERVER, version]);
        let mut process = program.args([chain, key]).arg(demand).start();
        let port = process.line().expect("the server prints its port").parse().unwrap();
        Self { process, port }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The next line that it prints: a request, or why there was none.
    #[track_caller]
    pub fn arrived(&mut self) -> String {
        self.process.line().unwrap_or_default()
    }

    /// Ends it and returns what else it printed.
    pub fn stop(self) -> String {
        self.process.kill().stdout
    }
}
