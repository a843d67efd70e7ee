//! A handshake without a request, for diagnostics: with the configuration and the verifier of all
//! connections.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime as PkiTime};
use rustls::{ClientConnection, ProtocolVersion, RootCertStore};

use crate::http::endpoint::Endpoint;
use crate::http::failure::TransportError;
use crate::http::proxy::{Proxy, not_tls};
use crate::http::roots::LoadedRoots;
use crate::http::tls::connector::{config, hear_verdict, provider};
use crate::http::tls::messages::{handshake_error, invalid_server_name, is_not_tls, setup_failed};
use crate::inspect::inspect_der;

/// A handshake that succeeded.
pub(crate) struct Handshake {
    /// Such as `TLS 1.3`.
    pub(crate) version: &'static str,
    /// Such as `TLS13_AES_256_GCM_SHA384`.
    pub(crate) cipher_suite: String,
    /// The subjects of the certificates that the server sent, quoted.
    pub(crate) chain: Vec<String>,
    /// The issuer of the last of them, quoted: usually the root.
    pub(crate) issuer: String,
    /// When the server's certificate expires.
    pub(crate) not_after: Option<crate::base::time::UnixTime>,
    /// Whether one of the Mozilla roots has issued the chain. A TLS-inspecting proxy has others.
    pub(crate) is_public: bool,
}

/// Makes a handshake with `target` over `socket`, which leads through `proxy` if there is one.
pub(crate) fn shake_hands(
    mut socket: impl Read + Write,
    target: &Endpoint,
    proxy: Option<&Proxy>,
    roots: &LoadedRoots,
) -> Result<Handshake, TransportError> {
    let (host, server) = (target.bare_host(), target.to_string());
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| invalid_server_name(target.host()))?;
    let config = config(roots).map_err(|error| setup_failed(&error))?;
    let mut session = ClientConnection::new(Arc::new(config), name.clone())
        .map_err(|error| setup_failed(&error))?;
    session
        .complete_io(&mut socket)
        .and_then(|_| hear_verdict(&mut session, &mut socket))
        .map_err(|error| match proxy {
            Some(proxy) if is_not_tls(&error) => not_tls(proxy, &server),
            _ => handshake_error(&server, host, &error, roots),
        })?;
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    let suite = session.negotiated_cipher_suite();
    let cipher_suite = suite.map_or_else(String::new, |suite| format!("{:?}", suite.suite()));
    let sent = session.peer_certificates().unwrap_or_default();
    let inspected: Vec<_> = sent.iter().map(|certificate| inspect_der(certificate)).collect();
    let entries: Vec<_> =
        inspected.iter().filter_map(|inspection| inspection.chain.first()).collect();
    Ok(Handshake {
        version,
        cipher_suite,
        chain: entries.iter().map(|entry| entry.subject.clone()).collect(),
        issuer: entries.last().map_or_else(String::new, |entry| entry.issuer.clone()),
        not_after: entries.first().map(|entry| entry.not_after),
        is_public: is_public(sent, &name),
    })
}

/// Whether a root that is built into libcas has issued the chain.
fn is_public(sent: &[CertificateDer<'_>], name: &ServerName<'_>) -> bool {
    let Some((leaf, intermediates)) = sent.split_first() else { return false };
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = verifier.build();
    let now =
        PkiTime::since_unix_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    verifier.is_ok_and(|verifier| {
        verifier.verify_server_cert(leaf, intermediates, name, &[], now).is_ok()
    })
}
