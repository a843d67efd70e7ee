//! TLS by rustls, always verified: there is no switch that turns it off.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::sign::SigningKey;
use rustls::{CertificateError, ClientConfig, ClientConnection, StreamOwned};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport, TransportAdapter,
};

use super::buffers::WireBuffers;
use super::{Call, Failure, Settings};

/// libcas signs in with an access key, never with a TLS client certificate; without this, all of ring's
/// signing would be part of the library.
#[derive(Debug)]
struct NoClientKeys;

impl KeyProvider for NoClientKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("no client certificates".to_owned()))
    }
}

/// Wraps connections in TLS. It belongs to one agent and so to one process: what a thread of the parent was
/// in the middle of at `fork` is not waited for in the child.
pub(super) struct TlsConnector {
    settings: Arc<Settings>,
    /// Made when the first TLS connection is: reading a system's store takes longer than anything else.
    /// With a description of the trusted roots, for error messages.
    config: OnceCell<(Arc<ClientConfig>, String)>,
}

impl TlsConnector {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, config: OnceCell::new() }
    }

    fn config(&self) -> Result<&(Arc<ClientConfig>, String), Failure> {
        self.config.get_or_try_init(|| {
            let (store, roots) = self.settings.trust.roots()?;
            let provider =
                CryptoProvider { key_provider: &NoClientKeys, ..rustls::crypto::ring::default_provider() };
            let config = ClientConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()
                .map_err(|error| Failure::nowhere(format!("TLS could not be set up: {error}")))?
                .with_root_certificates(store)
                .with_no_client_auth();
            Ok((Arc::new(config), roots))
        })
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsConnector").field(&self.settings.trust).finish()
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
            Call::connected();
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let shown = details.uri.authority().map_or(host, |authority| authority.as_str());
        let (config, roots) = self.config()?;
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| Failure::nowhere(format!("{host} is not a name that TLS can verify")))?;
        let mut session = ClientConnection::new(Arc::clone(config), name)
            .map_err(|error| Failure::nowhere(format!("TLS could not be set up: {error}")))?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        session.complete_io(&mut socket).map_err(|error| handshake_failure(shown, &error, roots))?;
        Call::connected();
        let stream = StreamOwned::new(session, socket);
        Ok(Some(Either::B(Tls { stream, buffers: WireBuffers::new() })))
    }
}

fn handshake_failure(server: &str, error: &io::Error, roots: &str) -> Failure {
    if error.kind() == io::ErrorKind::TimedOut {
        return Failure::nowhere(format!(
            "the TLS handshake with {server} was not done within the time allowed"
        ))
        .with_hint("Check that this port speaks TLS, and the network; or allow more time to connect.");
    }
    let Some(cause) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return Failure::nowhere(format!("the TLS handshake with {server} broke off: {error}"))
            .with_hint("Check that this port speaks TLS 1.2 or newer; a port without TLS wants http://.");
    };
    let rustls::Error::InvalidCertificate(reason) = cause else {
        return Failure::nowhere(format!("the TLS handshake with {server} failed: {cause}"))
            .with_hint("Check that this port speaks TLS 1.2 or newer; a port without TLS wants http://.")
            .permanent();
    };
    let (why, hint) = match reason {
        CertificateError::UnknownIssuer => (
            format!("its issuer is not trusted (trusted: {roots})"),
            "If a private CA or an inspecting proxy signs here, name its PEM bundle with SSL_CERT_FILE or cas_config_set_ca_file.",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "it was made for another name".to_owned(),
            "Check the endpoint: the certificate must name this host.",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "it has expired".to_owned(),
            "Check this machine's clock; otherwise the server's certificate must be renewed.",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("it is not valid yet".to_owned(), "Check this machine's clock.")
        }
        // rustls has no public name for this one.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            "it is a certificate authority's own".to_owned(),
            "The server needs a certificate of its own (basicConstraints CA:FALSE), signed by that authority.",
        ),
        other => (format!("{other}"), "The server must present a certificate that this machine can verify."),
    };
    Failure::nowhere(format!("the TLS certificate of the server {server} was refused: {why}"))
        .with_hint(hint)
        .permanent()
}

pub(super) struct Tls {
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

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
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
