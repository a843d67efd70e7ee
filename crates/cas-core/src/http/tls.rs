//! TLS by rustls, always verified: there is no switch that turns it off.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime as PkiTime};
use rustls::sign::SigningKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct,
    OtherError, PeerIncompatible, SignatureScheme, StreamOwned,
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport, TransportAdapter,
};

use crate::base::quote::quoted_public;
use crate::base::time::UnixTime;
use crate::http::buffers::WireBuffers;
use crate::http::deadline::RequestDeadline;
use crate::http::failure::TransportError;
use crate::http::roots::LoadedRoots;
use crate::http::settings::Settings;
use crate::inspect::inspect_der;

/// More names of a certificate than this are counted.
const MOST_NAMES: usize = 5;

/// libcas signs in with an access key, never with a TLS client certificate; without this, all of ring's
/// signing would be part of the library.
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

/// Wraps connections in TLS. It belongs to one agent and so to one process: what a thread of the parent was
/// in the middle of at `fork` is not waited for in the child.
pub(crate) struct TlsConnector {
    settings: Arc<Settings>,
    /// Made when the first TLS connection is: reading a system's store takes longer than anything else.
    /// With the trusted roots, for error messages.
    config: OnceCell<(Arc<ClientConfig>, LoadedRoots)>,
}

impl TlsConnector {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, config: OnceCell::new() }
    }

    fn config(&self) -> Result<&(Arc<ClientConfig>, LoadedRoots), TransportError> {
        self.config.get_or_try_init(|| {
            let roots = self.settings.trust.roots()?;
            let config = config(&roots).map_err(|error| {
                TransportError::not_sent(format!("TLS could not be set up: {error}"))
            })?;
            Ok((Arc::new(config), roots))
        })
    }
}

/// TLS 1.2 and 1.3 with ring's algorithms.
fn config(roots: &LoadedRoots) -> Result<ClientConfig, rustls::Error> {
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
        // Called so as other verifiers could accept anything; this one adds words to a refusal of rustls's own.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(DiagnosingVerifier(verifier)))
        .with_no_client_auth())
}

/// rustls's own verifier, which alone decides. Where it refuses, its error is given what it does not say; what it
/// refused is never accepted, as nothing here makes an `Ok`.
#[derive(Debug)]
struct DiagnosingVerifier(Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for DiagnosingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: PkiTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| explained(error, end_entity, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// What rustls does not say of a certificate that it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Untrusted {
    /// It signed itself; `authority`: as a CA's does.
    SelfSigned { authority: bool },
    /// It is a CA's.
    Authority,
    /// The chain ends at `issuer`; `alone`: it has one certificate.
    UnknownIssuer { issuer: String, alone: bool },
    /// An issuer has the right name and another key.
    OtherKey,
}

impl Untrusted {
    /// What it is, and what to do.
    fn in_words(&self, roots: &LoadedRoots) -> (String, String) {
        let LoadedRoots { shown, remedy, .. } = roots;
        let private = format!("If a private CA or an inspecting proxy signs here, {remedy}.");
        match self {
            Self::SelfSigned { authority: false } => (
                format!("it signed itself, and is not trusted (trusted: {shown})"),
                format!("If it is meant, {remedy}; otherwise look for an inspecting proxy that answers here."),
            ),
            Self::SelfSigned { authority: true } => (
                format!("it signed itself, and says that it is a certificate authority's (trusted: {shown})"),
                format!(
                    "If this server is meant, give it a certificate that is no CA's (basicConstraints CA:FALSE) \
                     and {remedy}; otherwise look for an inspecting proxy that answers here."
                ),
            ),
            Self::Authority => (
                "it is a certificate authority's own".to_owned(),
                "The server needs a certificate of its own (basicConstraints CA:FALSE), signed by that authority."
                    .to_owned(),
            ),
            Self::UnknownIssuer { issuer, alone: true } => (
                format!(
                    "its issuer is not trusted: {issuer}, of which the server sent no certificate \
                     (trusted: {shown})"
                ),
                format!("{private} If {issuer} is an intermediate, the server must send its certificate too."),
            ),
            Self::UnknownIssuer { issuer, alone: false } => (
                format!(
                    "its issuer is not trusted: the chain that the server sent ends at {issuer} \
                     (trusted: {shown})"
                ),
                private,
            ),
            Self::OtherKey => (
                format!(
                    "it, or one of its chain, was not signed by the key of the issuer that it names \
                     (trusted: {shown})"
                ),
                format!(
                    "Another CA has that issuer's name, as a renewed one often does, or its RSA key has fewer than \
                     2048 bits. {private}"
                ),
            ),
        }
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Untrusted {}

/// The refusal of a chain, with what rustls does not say of it. Other errors stay as they are.
fn explained(
    error: rustls::Error,
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
) -> rustls::Error {
    let rustls::Error::InvalidCertificate(reason) = &error else { return error };
    let itself = inspect_der(leaf);
    let authority = itself.facts.as_ref().is_some_and(|facts| facts.is_ca);
    let is_self_signed = itself.chain.first().is_some_and(|link| link.issuer_link.is_some());
    let untrusted = match reason {
        CertificateError::BadSignature => Untrusted::OtherKey,
        // rustls has no public name for a CA's certificate that a server uses.
        CertificateError::Other(_) if authority && is_self_signed => {
            Untrusted::SelfSigned { authority }
        }
        CertificateError::Other(_) if authority => Untrusted::Authority,
        CertificateError::UnknownIssuer if is_self_signed => Untrusted::SelfSigned { authority },
        CertificateError::UnknownIssuer => {
            let last = others.last().map_or(itself, |last| inspect_der(last));
            let issuer = last.chain.first().map_or("(no name)", |link| &link.issuer).to_owned();
            Untrusted::UnknownIssuer { issuer, alone: others.is_empty() }
        }
        _ => return error,
    };
    CertificateError::Other(OtherError(Arc::new(untrusted))).into()
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
            RequestDeadline::connected();
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let shown = details.uri.authority().map_or(host, |authority| authority.as_str());
        let (config, roots) = self.config()?;
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| {
            TransportError::not_sent(format!("{host} is not a name that TLS can verify"))
        })?;
        let mut session = ClientConnection::new(Arc::clone(config), name).map_err(|error| {
            TransportError::not_sent(format!("TLS could not be set up: {error}"))
        })?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        session
            .complete_io(&mut socket)
            .map_err(|error| handshake_failure(shown, bare, &error, roots))?;
        RequestDeadline::connected();
        let stream = StreamOwned::new(session, socket);
        Ok(Some(Either::B(Tls { stream, buffers: WireBuffers::new() })))
    }
}

fn handshake_failure(
    server: &str,
    name: &str,
    error: &io::Error,
    roots: &LoadedRoots,
) -> TransportError {
    if error.kind() == io::ErrorKind::TimedOut {
        return TransportError::not_sent(format!(
            "the TLS handshake with {server} was not done within the time allowed"
        ))
        .with_hint(
            "Check that this port speaks TLS, and the network; or allow more time to connect.",
        );
    }
    let Some(cause) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return TransportError::not_sent(format!(
            "the TLS handshake with {server} broke off: {error}"
        ))
        .with_hint(
            "Check that this port speaks TLS 1.2 or newer; a port without TLS wants http://.",
        );
    };
    let (what, hint) = match cause {
        rustls::Error::InvalidCertificate(reason) => {
            let (why, hint) = refusal(reason, name, roots);
            (format!("the TLS certificate of the server {server} was refused: {why}"), hint)
        }
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => (
            format!("the TLS handshake with {server} failed: it does not speak TLS 1.2 or newer"),
            "Update the server, or what stands before it: older versions are not safe.".to_owned(),
        ),
        rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        )
        | rustls::Error::PeerIncompatible(_) => (
            format!(
                "the TLS handshake with {server} failed: it does not speak TLS 1.2 or newer, or no cipher suite \
                 that is safe"
            ),
            "Update the server, or allow it TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20."
                .to_owned(),
        ),
        rustls::Error::InvalidMessage(_) => (
            format!("the TLS handshake with {server} failed: it answered with something that is not TLS"),
            "Check the port: one without TLS wants http://.".to_owned(),
        ),
        other => (
            format!("the TLS handshake with {server} failed: {other}"),
            "Check that this port speaks TLS 1.2 or newer; a port without TLS wants http://.".to_owned(),
        ),
    };
    TransportError::not_sent(what).with_hint(hint).permanent()
}

/// Why the certificate of the server called `name` is refused, and what to do.
fn refusal(reason: &CertificateError, name: &str, roots: &LoadedRoots) -> (String, String) {
    let at = |time: &PkiTime| UnixTime(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    let (why, hint) = match reason {
        CertificateError::NotValidForNameContext { presented, .. } => (
            format!("it was made for another name than {}: {}", quoted_public(name), names(presented)),
            "Check the endpoint: the certificate must have this host among its subjectAltNames.",
        ),
        CertificateError::ExpiredContext { time, not_after } => (
            format!(
                "it, or one of its chain, has expired: it was valid until {} and it is {}",
                at(not_after),
                at(time)
            ),
            "Check this machine's clock; otherwise the server's certificate must be renewed.",
        ),
        CertificateError::NotValidYetContext { time, not_before } => (
            format!(
                "it, or one of its chain, is not valid yet: it will be from {} on and it is {}",
                at(not_before),
                at(time)
            ),
            "Check this machine's clock; otherwise the server needs a certificate that is valid already.",
        ),
        CertificateError::InvalidPurposeContext { .. } => (
            "it is not made for servers".to_owned(),
            "The server needs a certificate whose extended key usage, where it has one, names serverAuth.",
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            "it, or one of its chain, is signed in a way that is not taken, or that does not fit its issuer's key"
                .to_owned(),
            "What is taken: RSA from 2048 bits, ECDSA with P-256 and P-384, Ed25519; from SHA-256 on.",
        ),
        // Of the handshake: where it is one of the chain, `explained` says so.
        CertificateError::BadSignature => (
            "the server did not prove that it has its key".to_owned(),
            "The server's certificate and key must belong together.",
        ),
        CertificateError::BadEncoding => {
            ("it cannot be read".to_owned(), "The server must present an X.509 certificate.")
        }
        CertificateError::Other(OtherError(inner)) => match inner.downcast_ref::<Untrusted>() {
            Some(untrusted) => return untrusted.in_words(roots),
            None => (inner.to_string(), UNVERIFIED),
        },
        other => (other.to_string(), UNVERIFIED),
    };
    (why, hint.to_owned())
}

const UNVERIFIED: &str = "The server must present a certificate that this machine can verify.";

/// The names that a certificate has, as rustls writes them: `DnsName("a.example")`, `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let value =
            name.split_once('(').map_or(name.as_str(), |(_, value)| value.trim_end_matches(')'));
        quoted_public(value.trim_matches('"'))
    };
    let shown: Vec<String> = presented.iter().take(MOST_NAMES).map(bare).collect();
    match presented.len().saturating_sub(MOST_NAMES) {
        _ if presented.is_empty() => "it has no subjectAltName".to_owned(),
        0 => format!("it has {}", shown.join(", ")),
        more => format!("it has {} and {more} more", shown.join(", ")),
    }
}

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

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use rustls::{ServerConfig, ServerConnection};

    use super::*;
    use crate::http::roots::RootStore;

    fn key() -> KeyPair {
        KeyPair::generate().unwrap()
    }

    /// Says always the same.
    #[derive(Debug)]
    struct Saying(Result<(), rustls::Error>);

    impl ServerCertVerifier for Saying {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: PkiTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            self.0.clone().map(|()| ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            self.0.clone().map(|()| HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            self.verify_tls12_signature(message, cert, dss)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }
    }

    fn params(name: &str, ca: IsCa) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = ca;
        params
    }

    /// A leaf, a CA that has signed itself, a leaf that has, a CA under the first one, and what is no certificate.
    fn certificates() -> [CertificateDer<'static>; 5] {
        let ca = || IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params("root", ca()), key()).unwrap();
        let key = key();
        let leaf = params("leaf", IsCa::ExplicitNoCa);
        [
            leaf.signed_by(&key, &root).unwrap().der().clone(),
            root.der().clone(),
            leaf.self_signed(&key).unwrap().der().clone(),
            params("lower", ca()).signed_by(&key, &root).unwrap().der().clone(),
            CertificateDer::from(b"no certificate".to_vec()),
        ]
    }

    fn ask(
        says: Result<(), rustls::Error>,
        leaf: &CertificateDer<'_>,
    ) -> Result<(), rustls::Error> {
        let name = ServerName::try_from("a.example").unwrap();
        let verifier = DiagnosingVerifier(Arc::new(Saying(says)));
        verifier.verify_server_cert(leaf, &[], &name, &[], PkiTime::now()).map(|_| ())
    }

    fn other() -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(io::Error::other("CaUsedAsEndEntity"))))
    }

    #[test]
    fn what_rustls_refuses_is_refused_whatever_the_certificate_is() {
        use CertificateError::{
            ApplicationVerificationFailure, BadEncoding, BadSignature, Expired, InvalidPurpose,
            NotValidForName, NotValidYet, Revoked, UnhandledCriticalExtension, UnknownIssuer,
        };
        let reasons = [
            ApplicationVerificationFailure,
            BadEncoding,
            BadSignature,
            Expired,
            InvalidPurpose,
            NotValidForName,
            NotValidYet,
            Revoked,
            UnhandledCriticalExtension,
            UnknownIssuer,
            other(),
        ];
        let errors = reasons.map(rustls::Error::from);
        let more = [rustls::Error::DecryptError, rustls::Error::General("?".to_owned())];
        for leaf in certificates() {
            for error in errors.iter().chain(&more) {
                assert!(ask(Err(error.clone()), &leaf).is_err(), "{error}");
            }
            assert!(ask(Ok(()), &leaf).is_ok());
        }
    }

    /// A server with a certificate and a key, whether they belong together or not.
    #[derive(Debug)]
    struct Shows(Arc<CertifiedKey>);

    impl ResolvesServerCert for Shows {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    #[test]
    fn whoever_shows_a_certificate_must_have_its_key_in_either_version() {
        let root = CertifiedIssuer::self_signed(
            params("root", IsCa::Ca(BasicConstraints::Unconstrained)),
            key(),
        )
        .unwrap();
        let (own, another) = (key(), key());
        let leaf = params("leaf", IsCa::ExplicitNoCa).signed_by(&own, &root).unwrap();
        let path = std::env::temp_dir().join(format!("libcas-{}-root.pem", std::process::id()));
        std::fs::write(&path, root.pem()).unwrap();
        let roots = RootStore::of_file(&path).unwrap().roots().unwrap();
        std::fs::remove_file(&path).unwrap();
        let client = Arc::new(config(&roots).unwrap());
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            for (key, belongs) in [(&own, true), (&another, false)] {
                let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
                let shows = Shows(Arc::new(CertifiedKey::new(vec![leaf.der().clone()], key)));
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let server = ServerConfig::builder_with_provider(provider)
                    .with_protocol_versions(&[version])
                    .unwrap()
                    .with_no_client_auth()
                    .with_cert_resolver(Arc::new(shows));
                let mut server = ServerConnection::new(Arc::new(server)).unwrap();
                let name = ServerName::try_from("a.example").unwrap();
                let mut client = ClientConnection::new(Arc::clone(&client), name).unwrap();
                match shake_hands(&mut client, &mut server) {
                    Ok(()) => {
                        assert!(belongs && client.protocol_version() == Some(version.version))
                    }
                    Err(error) => {
                        assert!(!belongs, "{error}");
                        let error = io::Error::new(io::ErrorKind::InvalidData, error);
                        let failure = handshake_failure("a.example", "a.example", &error, &roots);
                        assert!(
                            failure.what.contains("did not prove that it has its key"),
                            "{failure}"
                        );
                    }
                }
            }
        }
    }

    fn shake_hands(
        client: &mut ClientConnection,
        server: &mut ServerConnection,
    ) -> Result<(), rustls::Error> {
        while client.is_handshaking() {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            server.read_tls(&mut &bytes[..]).unwrap();
            server.process_new_packets().unwrap();
            bytes.clear();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            client.read_tls(&mut &bytes[..]).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn what_rustls_does_not_say_is_added() {
        let [leaf, root, own, lower, broken] = certificates();
        let added = |reason: CertificateError, leaf: &_, others: &[_]| match explained(
            reason.into(),
            leaf,
            others,
        ) {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
                inner.downcast_ref::<Untrusted>().cloned()
            }
            _ => None,
        };
        let unknown =
            |issuer: &str, alone| Untrusted::UnknownIssuer { issuer: issuer.to_owned(), alone };
        let issuer = CertificateError::UnknownIssuer;
        assert_eq!(added(issuer.clone(), &leaf, &[]), Some(unknown("\"root\"", true)));
        assert_eq!(
            added(issuer.clone(), &leaf, std::slice::from_ref(&lower)),
            Some(unknown("\"root\"", false))
        );
        assert_eq!(added(issuer.clone(), &broken, &[]), Some(unknown("(no name)", true)));
        assert_eq!(
            added(issuer.clone(), &own, &[]),
            Some(Untrusted::SelfSigned { authority: false })
        );
        assert_eq!(added(other(), &root, &[]), Some(Untrusted::SelfSigned { authority: true }));
        assert_eq!(added(other(), &lower, &[]), Some(Untrusted::Authority));
        assert_eq!(added(CertificateError::BadSignature, &leaf, &[]), Some(Untrusted::OtherKey));
        assert_eq!(added(other(), &leaf, &[]), None);
        assert_eq!(added(CertificateError::Expired, &own, &[]), None);
    }

    #[test]
    fn names_are_shown_as_far_as_is_sensible() {
        let presented =
            |count| (0..count).map(|n| format!("DnsName(\"{n}.example\")")).collect::<Vec<_>>();
        assert_eq!(names(&[]), "it has no subjectAltName");
        assert_eq!(names(&["IpAddress(127.0.0.1)".to_owned()]), "it has \"127.0.0.1\"");
        assert_eq!(names(&presented(2)), "it has \"0.example\", \"1.example\"");
        assert!(names(&presented(7)).ends_with("\"4.example\" and 2 more"));
        let hostile = format!("DnsName(\"{}\u{1b}[31m\")", "x".repeat(100_000));
        assert!(names(&vec![hostile; 9]).len() < 2_000);
    }
}
