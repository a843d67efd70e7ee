//! Which certificates the server shows.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The protocols that a client can choose in the handshake. One that speaks others alone is
/// refused there, and not at its first request.
const PROTOCOLS: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];

/// Whether a server speaks TLS.
pub(crate) enum Tls {
    /// Plain HTTP only.
    Off,
    /// TLS only.
    Always(Arc<ServerConfig>),
    /// TLS or plain HTTP, as the first byte of the client tells.
    Either(Box<OnDemand>),
}

/// Certificates that are made when a client asks for them.
pub(crate) trait Certificates: fmt::Debug + Send + Sync {
    /// The certificate for a client that asks for `name`, or for none, at the host `at`.
    fn certificate(&self, name: Option<&str>, at: &str) -> Option<Arc<CertifiedKey>>;
}

/// TLS with [`Certificates`].
pub(crate) struct OnDemand {
    certificates: Arc<dyn Certificates>,
    /// For its sessions, which all connections share.
    config: ServerConfig,
}

#[derive(Debug)]
struct Resolver {
    certificates: Arc<dyn Certificates>,
    at: String,
}

impl OnDemand {
    pub(crate) fn new(certificates: Arc<dyn Certificates>) -> Result<Self, String> {
        let resolver = Resolver { certificates: Arc::clone(&certificates), at: String::new() };
        let config = without_client_auth()?.with_cert_resolver(Arc::new(resolver));
        Ok(Self { certificates, config: with_protocols(config) })
    }

    /// The configuration for a client that has connected to the host `at`.
    pub(super) fn config(&self, at: &str) -> Arc<ServerConfig> {
        let mut config = self.config.clone();
        let certificates = Arc::clone(&self.certificates);
        config.cert_resolver = Arc::new(Resolver { certificates, at: at.to_owned() });
        Arc::new(config)
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificates.certificate(hello.server_name(), &self.at)
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
    let config = without_client_auth()?
        .with_single_cert(chain, key)
        .map_err(|error| format!("the TLS certificate and key cannot be used: {error}"))?;
    Ok(Arc::new(with_protocols(config)))
}

fn without_client_auth()
-> Result<rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_no_client_auth())
}

fn with_protocols(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    config
}
