//! TLS connections.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use once_cell::race::OnceBox;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, SignatureScheme, StreamOwned};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport, TransportAdapter,
};

use crate::base::deadline::Deadline;
use crate::http::buffers::WireBuffers;
use crate::http::deadline::RequestDeadline;
use crate::http::endpoint::without_brackets;
use crate::http::failure::TransportError;
use crate::http::messages::unasked;
use crate::http::proxy::not_tls;
use crate::http::roots::LoadedRoots;
use crate::http::settings::Settings;
use crate::http::tls::messages::{
    certificate_refused, certificate_required, client_certificate_required, handshake_error,
    invalid_server_name, is_not_tls, roots_not_loaded, setup_failed,
};
use crate::http::tls::verifier::DiagnosingVerifier;

/// How long a server that asks for a client certificate may think before the request is sent.
const VERDICT_TIME: Duration = Duration::from_secs(1);

/// Loads no key: libcas never uses a TLS client certificate. With rustls's own provider, all of
/// ring's signing would be part of the library.
#[derive(Debug)]
struct NoClientKeys;

impl KeyProvider for NoClientKeys {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("no client certificates".to_owned()))
    }
}

/// Notes that a server asks for a client certificate, and has none.
#[derive(Debug)]
struct NoClientCertificate;

impl ResolvesClientCert for NoClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        RequestDeadline::ask_for_certificate();
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Wraps connections in TLS. It belongs to one agent and so to one process: a child of fork does
/// not wait for a thread of its parent that is loading the roots.
pub(crate) struct TlsConnector {
    settings: Arc<Settings>,
    /// Made for the first TLS connection, because loading the system's store takes long.
    config: OnceBox<TlsConfig>,
    /// Whether a thread is loading the roots, and what wakes those that wait for it.
    loading: Mutex<bool>,
    loaded: Condvar,
}

/// What all connections share. The roots are kept for error messages.
type TlsConfig = (Arc<ClientConfig>, LoadedRoots);

/// Ends the loading when it is dropped, also after a failure.
struct Loading<'a>(&'a TlsConnector);

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        *self.0.lock() = false;
        self.0.loaded.notify_all();
    }
}

impl TlsConnector {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let (config, loading, loaded) = (OnceBox::new(), Mutex::new(false), Condvar::new());
        Self { settings, config, loading, loaded }
    }

    /// Loads the roots, or waits for the thread that does, but no longer than until `limit`.
    fn config(&self, limit: &Deadline) -> Result<&TlsConfig, TransportError> {
        let mut loading = self.lock();
        loop {
            if let Some(config) = self.config.get() {
                return Ok(config);
            }
            if !*loading {
                *loading = true;
                drop(loading);
                let _loading = Loading(self);
                let roots = self.settings.root_store.load(limit)?;
                let config = config(&roots).map_err(|error| setup_failed(&error))?;
                return Ok(self.config.get_or_init(|| Box::new((Arc::new(config), roots))));
            }
            let tick = limit.tick().map_err(|_| roots_not_loaded())?;
            (loading, _) =
                self.loaded.wait_timeout(loading, tick).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// ring's algorithms.
pub(super) fn provider() -> Arc<CryptoProvider> {
    let provider = rustls::crypto::ring::default_provider();
    Arc::new(CryptoProvider { key_provider: &NoClientKeys, ..provider })
}

/// TLS 1.2 and 1.3 with ring's algorithms.
pub(super) fn config(roots: &LoadedRoots) -> Result<ClientConfig, rustls::Error> {
    config_with(roots, |verifier| verifier)
}

/// The same, with what is made of the verifier.
pub(super) fn config_with(
    roots: &LoadedRoots,
    wrap: impl FnOnce(Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    let provider = provider();
    let verifier = WebPkiServerVerifier::builder_with_provider(
        Arc::clone(&roots.store),
        Arc::clone(&provider),
    )
    .build()
    .map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        // "Dangerous" because a verifier could accept anything. This one passes on what rustls's
        // own decides, adds a diagnosis, and hides intermediates that may not sign.
        .dangerous()
        .with_custom_certificate_verifier(wrap(Arc::new(DiagnosingVerifier(verifier))))
        .with_client_cert_resolver(Arc::new(NoClientCertificate)))
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsConnector").field(&self.settings.root_store).finish()
    }
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, Tls>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() {
            RequestDeadline::connected();
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let bare = without_brackets(host);
        let server = details.uri.authority().map_or(host, |authority| authority.as_str());
        let (config, roots) = self.config(&RequestDeadline::limit()?)?;
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| invalid_server_name(host))?;
        let mut session = ClientConnection::new(Arc::clone(config), name)
            .map_err(|error| setup_failed(&error))?;
        let socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        let mut socket = RecordStream { socket, records: Records::default() };
        session
            .complete_io(&mut socket)
            .and_then(|_| hear_verdict(&mut session, &mut socket))
            .map_err(|error| match self.settings.route(details.uri) {
                Ok((_, Some(proxy))) if is_not_tls(&error) => not_tls(&proxy, server),
                _ => handshake_error(server, bare, &error, roots),
            })?;
        RequestDeadline::connected();
        let stream = StreamOwned::new(session, socket);
        let server = server.to_owned();
        let asked_for_certificate = RequestDeadline::asked_for_certificate();
        let buffers = WireBuffers::new(true);
        let mut tls = Tls { stream, buffers, server, asked_for_certificate };
        if !tls.is_silent() {
            return Err(unasked().into());
        }
        Ok(Some(Either::B(tls)))
    }
}

/// In TLS 1.3 the handshake of the client ends before the server has seen that it sends no client
/// certificate. A server that asks for one is heard before the request is sent, so that a refusal
/// leaves nothing in doubt. One that does not insist sends session tickets, or nothing.
pub(super) fn hear_verdict(
    session: &mut ClientConnection,
    socket: &mut impl Read,
) -> io::Result<()> {
    let is_tls13 = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    if !is_tls13 || !RequestDeadline::asked_for_certificate() {
        return Ok(());
    }
    RequestDeadline::connecting(VERDICT_TIME.min(RequestDeadline::limit()?.time_left() / 4));
    match session.read_tls(socket) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => match session.process_new_packets() {
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        },
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(()),
        Err(error) => Err(error),
    }
}

/// The bytes below TLS.
struct RecordStream {
    socket: TransportAdapter,
    records: Records,
}

/// Whether what was read ends with a whole record. rustls does not tell, and keeps the beginning of
/// the next one.
#[derive(Default)]
struct Records {
    /// How much of the header of a record was read, in bytes.
    header: usize,
    /// What is left of the record.
    length: usize,
}

/// Type, version and length (RFC 8446, section 5.1).
const RECORD_HEADER_BYTES: usize = 5;

impl Records {
    fn are_whole(&self) -> bool {
        self.header == 0
    }

    fn add(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.header < RECORD_HEADER_BYTES {
                self.header += 1;
                // The last two bytes of the header.
                self.length = ((self.length << 8) | usize::from(first)) & 0xffff;
                bytes = rest;
            } else {
                let part = self.length.min(bytes.len());
                self.length -= part;
                bytes = &bytes[part..];
            }
            if self.header == RECORD_HEADER_BYTES && self.length == 0 {
                self.header = 0;
            }
        }
    }
}

impl Read for RecordStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.socket.read(buffer)?;
        self.records.add(&buffer[..read]);
        Ok(read)
    }
}

impl Write for RecordStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A TLS connection.
pub(crate) struct Tls {
    stream: StreamOwned<ClientConnection, RecordStream>,
    buffers: WireBuffers,
    /// For messages.
    server: String,
    /// Whether the server has asked for a client certificate and not responded yet.
    asked_for_certificate: bool,
}

impl Tls {
    /// The error of a connection that was made. A server may still refuse the client.
    fn failed(&self, error: io::Error) -> ureq::Error {
        let refused = self.asked_for_certificate && certificate_refused(&error);
        if refused || certificate_required(&error) {
            return client_certificate_required(&self.server).into();
        }
        error.into()
    }

    /// Whether all that was decrypted was read, and more may follow.
    fn is_silent(&mut self) -> bool {
        self.stream
            .conn
            .process_new_packets()
            .is_ok_and(|state| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Self { stream, buffers, .. } = self;
        buffers.send_pending(|bytes| stream.write_all(bytes))
    }
}

impl Transport for Tls {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        if self.buffers.collect(amount) {
            self.flush().map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        self.flush().map_err(|error| self.failed(error))?;
        loop {
            let received = self.stream.read(self.buffers.input_append_buf());
            let received = received.map_err(|error| self.failed(error))?;
            self.asked_for_certificate &= received == 0;
            if self.buffers.received(received) {
                return Ok(received > 0);
            }
        }
    }

    /// Whether the connection can carry another request. What is left of a response, or came after
    /// it, would be taken for the response to the next request.
    fn is_open(&mut self) -> bool {
        let all_read = self.is_silent() && self.stream.sock.records.are_whole();
        let socket = self.stream.sock.socket.get_mut();
        all_read && socket.buffers().input().is_empty() && socket.is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(self.stream.sock.socket.get_ref()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_a_record_is_noticed() {
        let records = [&[23, 3, 3, 0, 0][..], &[23, 3, 3, 1, 2], &[7; 258], &[21, 3, 3, 0, 1, 0]];
        let (bytes, whole) = (records.concat(), [0, 5, 5 + 5 + 258, 5 + 5 + 258 + 6]);
        for end in 0..=bytes.len() {
            for split in 0..=end {
                let mut records = Records::default();
                records.add(&bytes[..split]);
                records.add(&bytes[split..end]);
                assert_eq!(records.are_whole(), whole.contains(&end), "{split} {end}");
            }
        }
    }
}
