//! A TLS client that trusts one certificate authority, and connects by itself or through a tunnel.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::{Connection, limit};

/// A configuration that trusts the authority with this certificate.
pub(crate) fn trusting(ca_pem: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A connection of TCP.
pub(crate) fn tcp(port: u16) -> TcpStream {
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_nodelay(true).unwrap();
    limit(&tcp);
    tcp
}

/// A connection of TCP that is a tunnel to `authority`.
pub(crate) fn tunnel(port: u16, authority: &str) -> TcpStream {
    through(tcp(port), authority)
}

/// Makes a connection a tunnel to `authority`.
pub(crate) fn through<S: Read + Write>(mut stream: S, authority: &str) -> S {
    write!(stream, "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n").unwrap();
    let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
    let mut response = vec![0; established.len()];
    stream.read_exact(&mut response).unwrap();
    assert_eq!(String::from_utf8_lossy(&response), String::from_utf8_lossy(established));
    stream
}

/// A finished handshake for `name`; its error as text.
pub(crate) fn handshake<S: Read + Write>(
    mut stream: S,
    name: &str,
    config: ClientConfig,
) -> Result<StreamOwned<ClientConnection, S>, String> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut stream).map_err(|error| error.to_string())?;
    }
    Ok(StreamOwned::new(tls, stream))
}

/// A connection over TLS for `name`.
pub(crate) fn connect<S: Read + Write>(
    stream: S,
    name: &str,
    ca_pem: &str,
) -> Connection<StreamOwned<ClientConnection, S>> {
    Connection::over(handshake(stream, name, trusting(ca_pem)).unwrap())
}
