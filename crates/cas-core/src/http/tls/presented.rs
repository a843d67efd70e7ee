//! What a server presents in a TLS handshake, whether or not it is trusted.
//!
//! The connection is closed after the handshake: no request is ever sent on it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime as PkiTime};
use rustls::{ClientConnection, DigitallySignedStruct, SignatureScheme};
use ureq::http::Uri;

use crate::http::deadline::{RequestDeadline, is_interruption};
use crate::http::endpoint::without_brackets;
use crate::http::failure::TransportError;
use crate::http::messages::connect_failed;
use crate::http::proxy::not_tls;
use crate::http::settings::Settings;
use crate::http::tcp;
use crate::http::tls::connector::config_with;
use crate::http::tls::messages::{
    handshake_error, invalid_server_name, is_not_tls, rejection, setup_failed,
};

/// What a server presented.
pub(crate) struct Presented {
    /// Its certificate, DER.
    pub(crate) leaf: Vec<u8>,
    /// Why a client would reject it, as a clause; `None` if it is valid for the name and trusted.
    pub(crate) rejection: Option<String>,
    /// The address of the server; `None` through a proxy.
    pub(crate) address: Option<IpAddr>,
}

/// Shakes hands with the server of an `https` URI, directly or through the proxy that a request
/// would go through, within the connect timeout and the deadline of the request. Of several
/// addresses, the first that accepts a connection counts.
pub(crate) fn presented(settings: &Settings, uri: &Uri) -> Result<Presented, TransportError> {
    RequestDeadline::connecting(settings.connect_timeout);
    let (target, proxy) = settings.route(uri)?;
    let host = uri.host().unwrap_or_default();
    let bare = without_brackets(host);
    let server = uri.authority().map_or(host, |authority| authority.as_str());
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| invalid_server_name(host))?;
    let roots = settings.root_store.load(&RequestDeadline::limit().map_err(|error| {
        connect_failed(target.host(), target.port_or_default(), false, &error)
    })?)?;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let config = config_with(&roots, |verifier| {
        Arc::new(RecordingVerifier { verifier, seen: Arc::clone(&seen) })
    });
    let config = Arc::new(config.map_err(|error| setup_failed(&error))?);
    let mut session = ClientConnection::new(config, name).map_err(|error| setup_failed(&error))?;
    let mut socket = DeadlineSocket(tcp::open(&target, proxy.as_ref())?);
    let address = socket.0.peer_addr().ok().filter(|_| proxy.is_none());
    let result = session.complete_io(&mut socket);
    if result.is_ok() {
        session.send_close_notify();
        // The server need not read it.
        let _ = session.write_tls(&mut socket);
    }
    let mut seen = lock(&seen);
    match result {
        // A server may refuse a client for having no certificate after it has presented its own.
        Err(error) if seen.leaf.is_empty() => Err(match &proxy {
            Some(proxy) if is_not_tls(&error) => not_tls(proxy, server),
            _ => handshake_error(server, bare, &error, &roots),
        }),
        _ => {
            let rejection = match seen.rejection.take() {
                Some(rustls::Error::InvalidCertificate(reason)) => {
                    Some(rejection(&reason, bare, &roots).0)
                }
                Some(other) => Some(other.to_string()),
                None if !seen.is_signed => Some("the handshake failed".to_owned()),
                None => None,
            };
            Ok(Presented {
                leaf: std::mem::take(&mut seen.leaf),
                rejection,
                address: address.map(|address| address.ip()),
            })
        }
    }
}

/// What a handshake has shown.
#[derive(Debug, Default)]
struct Seen {
    leaf: Vec<u8>,
    rejection: Option<rustls::Error>,
    /// Whether the server has proved that it holds the private key.
    is_signed: bool,
}

/// Records what another verifier decides, and accepts every certificate: this is not a connection
/// for requests.
#[derive(Debug)]
struct RecordingVerifier {
    verifier: Arc<dyn ServerCertVerifier>,
    seen: Arc<Mutex<Seen>>,
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RecordingVerifier {
    fn record(
        &self,
        result: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> HandshakeSignatureValid {
        let mut seen = lock(&self.seen);
        seen.is_signed = result.is_ok();
        if let Err(error) = result {
            seen.rejection.get_or_insert(error);
        }
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: PkiTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let mut seen = lock(&self.seen);
        seen.leaf = end_entity.to_vec();
        seen.rejection = result.err();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(self.record(self.verifier.verify_tls12_signature(message, cert, dss)))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(self.record(self.verifier.verify_tls13_signature(message, cert, dss)))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// A socket whose reads and writes end at the deadline of the request.
struct DeadlineSocket(TcpStream);

impl Read for DeadlineSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.0.set_read_timeout(Some(RequestDeadline::tick()?))?;
            match self.0.read(buffer) {
                Err(error) if is_interruption(&error) => {}
                result => return result,
            }
        }
    }
}

impl Write for DeadlineSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.0.set_write_timeout(Some(RequestDeadline::tick()?))?;
            match self.0.write(bytes) {
                Err(error) if is_interruption(&error) => {}
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
