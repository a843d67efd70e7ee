//! Connections with or without TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::pace::Pace;

/// The socket of a connection. Reads and writes fail when the time of its pace is over.
pub(super) struct Socket {
    tcp: Arc<TcpStream>,
    pace: Rc<Pace>,
}

impl Socket {
    pub(super) fn new(tcp: Arc<TcpStream>, pace: Rc<Pace>) -> Self {
        Self { tcp, pace }
    }

    fn time_left(&self) -> io::Result<Duration> {
        self.pace.left(Instant::now()).ok_or(io::ErrorKind::TimedOut.into())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(self.time_left()?))?;
        let count = (&*self.tcp).read(buffer)?;
        self.pace.advance(count);
        Ok(count)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(self.time_left()?))?;
        let count = (&*self.tcp).write(bytes)?;
        self.pace.advance(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection, with or without TLS.
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ServerConnection, Socket>>),
}

impl Stream {
    /// Wraps `socket` in TLS if `tls` is set. The handshake takes place during the first read.
    pub(super) fn new(
        socket: Socket,
        tls: Option<&Arc<ServerConfig>>,
    ) -> Result<Self, rustls::Error> {
        Ok(match tls {
            None => Self::Plain(socket),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config))?;
                Self::Tls(Box::new(StreamOwned::new(connection, socket)))
            }
        })
    }

    /// Sends a TLS client `close_notify`, so that it can tell a complete response from a cut one.
    pub(super) fn finish(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.flush(); // fails if the client has closed the connection
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A TLS configuration with a certificate chain and its private key, both PEM. An error is a
/// sentence for the user.
pub(crate) fn server_config(cert_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, String> {
    let chain = CertificateDer::pem_slice_iter(cert_pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| format!("invalid TLS certificate: {error}"))?;
    // Without the cause, which could quote the key.
    let key = PrivateKeyDer::from_pem_slice(key_pem)
        .map_err(|_| "invalid TLS key: it must be a private key in PEM")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| format!("the TLS certificate and key cannot be used: {error}"))?;
    Ok(Arc::new(config))
}
