//! TLS connections.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use once_cell::race::OnceBox;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::sign::SigningKey;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport, TransportAdapter,
};

use crate::base::deadline::Deadline;
use crate::http::buffers::WireBuffers;
use crate::http::deadline::RequestDeadline;
use crate::http::endpoint::without_brackets;
use crate::http::failure::TransportError;
use crate::http::roots::LoadedRoots;
use crate::http::settings::Settings;
use crate::http::tls::messages::{
    handshake_error, invalid_server_name, roots_not_loaded, setup_failed,
};
use crate::http::tls::verifier::DiagnosingVerifier;

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

/// TLS 1.2 and 1.3 with ring's algorithms.
pub(super) fn config(roots: &LoadedRoots) -> Result<ClientConfig, rustls::Error> {
    let provider =
        CryptoProvider { key_provider: &NoClientKeys, ..rustls::crypto::ring::default_provider() };
    let provider = Arc::new(provider);
    let verifier = WebPkiServerVerifier::builder_with_provider(
        Arc::clone(&roots.store),
        Arc::clone(&provider),
    )
    .build()
    .map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        // "Dangerous" because a verifier could accept anything. This one only adds a diagnosis to
        // the errors of rustls's own.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(DiagnosingVerifier(verifier)))
        .with_no_client_auth())
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
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        session
            .complete_io(&mut socket)
            .map_err(|error| handshake_error(server, bare, &error, roots))?;
        RequestDeadline::connected();
        let stream = StreamOwned::new(session, socket);
        Ok(Some(Either::B(Tls { stream, buffers: WireBuffers::new() })))
    }
}

/// A TLS connection.
pub(crate) struct Tls {
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    buffers: WireBuffers,
}

impl Tls {
    fn flush(&mut self) -> io::Result<()> {
        let Self { stream, buffers } = self;
        buffers.send_pending(|bytes| stream.write_all(bytes))
    }
}

impl Transport for Tls {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        if self.buffers.collect(amount) {
            self.flush()?;
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        self.flush()?;
        let received = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(received);
        Ok(received > 0)
    }

    /// Whether the connection can carry another request. What is left of a response, or came after
    /// it, would be taken for the response to the next request.
    fn is_open(&mut self) -> bool {
        let decrypted = self.stream.conn.process_new_packets();
        let all_read = decrypted.is_ok_and(|state| state.plaintext_bytes_to_read() == 0);
        let socket = self.stream.sock.get_mut();
        all_read && socket.buffers().input().is_empty() && socket.is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(self.stream.sock.get_ref()).finish()
    }
}
