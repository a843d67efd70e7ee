//! The verifier, its diagnoses and the handshake, with certificates made for the purpose.

use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime as PkiTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConnection, DigitallySignedStruct, OtherError,
    PeerIncompatible, ServerConfig, ServerConnection, SignatureScheme,
};

use super::connector::config;
use super::messages::handshake_error;
use super::verifier::{DiagnosingVerifier, Untrusted, diagnose};
use crate::base::deadline::Deadline;
use crate::http::deadline::{Connection, RequestDeadline};
use crate::http::failure::{SendProgress, TransportError};
use crate::http::roots::RootStore;

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// A verifier with a fixed result.
#[derive(Debug)]
struct FixedVerifier(Result<(), rustls::Error>);

impl ServerCertVerifier for FixedVerifier {
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

/// A leaf, a self-signed CA, a self-signed leaf, an intermediate, and bytes that are no
/// certificate.
fn certificates() -> [CertificateDer<'static>; 5] {
    let ca = || IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params("root", ca()), key()).unwrap();
    let key = key();
    let leaf = params("leaf", IsCa::ExplicitNoCa);
    [
        leaf.signed_by(&key, &root).unwrap().der().clone(),
        root.der().clone(),
        leaf.self_signed(&key).unwrap().der().clone(),
        params("intermediate", ca()).signed_by(&key, &root).unwrap().der().clone(),
        CertificateDer::from(b"no certificate".to_vec()),
    ]
}

fn verify(
    result: Result<(), rustls::Error>,
    leaf: &CertificateDer<'_>,
) -> Result<(), rustls::Error> {
    let name = ServerName::try_from("a.example").unwrap();
    let verifier = DiagnosingVerifier(Arc::new(FixedVerifier(result)));
    verifier.verify_server_cert(leaf, &[], &name, &[], PkiTime::now()).map(|_| ())
}

fn other() -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(io::Error::other("CaUsedAsEndEntity"))))
}

#[test]
fn certificate_that_rustls_rejects_is_never_accepted() {
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
            assert!(verify(Err(error.clone()), &leaf).is_err(), "{error}");
        }
        assert!(verify(Ok(()), &leaf).is_ok());
    }
}

/// A server with a certificate and a private key that need not belong together.
#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn server_must_hold_the_private_key_of_its_certificate() {
    let root = CertifiedIssuer::self_signed(
        params("root", IsCa::Ca(BasicConstraints::Unconstrained)),
        key(),
    )
    .unwrap();
    let (own, another) = (key(), key());
    let leaf = params("leaf", IsCa::ExplicitNoCa).signed_by(&own, &root).unwrap();
    let path = std::env::temp_dir().join(format!("libcas-{}-root.pem", std::process::id()));
    std::fs::write(&path, root.pem()).unwrap();
    let roots = RootStore::from_file(&path).unwrap().load(&Deadline::over()).unwrap();
    std::fs::remove_file(&path).unwrap();
    let client = Arc::new(config(&roots).unwrap());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (key, belongs) in [(&own, true), (&another, false)] {
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
            let resolver = Presents(Arc::new(CertifiedKey::new(vec![leaf.der().clone()], key)));
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let server = ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(resolver));
            let mut server = ServerConnection::new(Arc::new(server)).unwrap();
            let name = ServerName::try_from("a.example").unwrap();
            let mut client = ClientConnection::new(Arc::clone(&client), name).unwrap();
            match handshake(&mut client, &mut server) {
                Ok(()) => {
                    assert!(belongs && client.protocol_version() == Some(version.version));
                }
                Err(error) => {
                    assert!(!belongs, "{error}");
                    let error = io::Error::new(io::ErrorKind::InvalidData, error);
                    let failure = handshake_error("a.example", "a.example", &error, &roots);
                    assert!(
                        failure.message.contains("did not prove that it holds the private key"),
                        "{failure}"
                    );
                }
            }
        }
    }
}

fn handshake(
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
fn rejection_is_diagnosed() {
    let [leaf, root, self_signed, intermediate, invalid] = certificates();
    let diagnosis = |reason: CertificateError, leaf: &_, intermediates: &[_]| match diagnose(
        reason.into(),
        leaf,
        intermediates,
    ) {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.downcast_ref::<Untrusted>().cloned()
        }
        _ => None,
    };
    let unknown =
        |issuer: &str, no_chain| Untrusted::UnknownIssuer { issuer: issuer.to_owned(), no_chain };
    let issuer = CertificateError::UnknownIssuer;
    assert_eq!(diagnosis(issuer.clone(), &leaf, &[]), Some(unknown("\"root\"", true)));
    assert_eq!(
        diagnosis(issuer.clone(), &leaf, std::slice::from_ref(&intermediate)),
        Some(unknown("\"root\"", false))
    );
    let ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let other_ca = CertifiedIssuer::self_signed(params("other", ca), key()).unwrap();
    assert_eq!(
        diagnosis(issuer.clone(), &leaf, &[intermediate.clone(), other_ca.der().clone()]),
        Some(unknown("\"other\"", false))
    );
    assert_eq!(diagnosis(issuer.clone(), &invalid, &[]), Some(unknown("(no name)", true)));
    assert_eq!(
        diagnosis(issuer.clone(), &self_signed, &[]),
        Some(Untrusted::SelfSigned { is_ca: false })
    );
    assert_eq!(diagnosis(other(), &root, &[]), Some(Untrusted::SelfSigned { is_ca: true }));
    assert_eq!(diagnosis(other(), &intermediate, &[]), Some(Untrusted::Ca));
    assert_eq!(diagnosis(CertificateError::BadSignature, &leaf, &[]), Some(Untrusted::OtherKey));
    assert_eq!(diagnosis(other(), &leaf, &[]), None);
    assert_eq!(diagnosis(CertificateError::Expired, &self_signed, &[]), None);
}

#[test]
fn an_intermediate_whose_key_usage_does_not_allow_signing_is_refused() {
    let issuer =
        |name: &str, usages: Vec<KeyUsagePurpose>, root: Option<&CertifiedIssuer<'_, _>>| {
            let mut params = params(name, IsCa::Ca(BasicConstraints::Unconstrained));
            params.key_usages = usages;
            match root {
                Some(root) => CertifiedIssuer::signed_by(params, key(), root),
                None => CertifiedIssuer::self_signed(params, key()),
            }
            .unwrap()
        };
    let root = issuer("root", vec![], None);
    let stranger = issuer("stranger", vec![], None);
    let roots = RootStore::from_pem(root.pem().as_bytes()).unwrap().load(&Deadline::over());
    let roots = Arc::clone(&roots.unwrap().store);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(roots, provider).build().unwrap();
    let verifier = DiagnosingVerifier(inner);
    let misused = issuer("misused", vec![KeyUsagePurpose::CrlSign], Some(&root));
    let sound = issuer("sound", vec![KeyUsagePurpose::KeyCertSign], Some(&root));
    let unlimited = issuer("unlimited", vec![], Some(&root));
    let unknown = issuer("misused", vec![KeyUsagePurpose::CrlSign], Some(&stranger));
    let name = ServerName::try_from("a.example").unwrap();
    for (signer, more, expected) in [
        (&sound, None, "Ok"),
        (&unlimited, None, "Ok"),
        // What the server sends without a need does no harm.
        (&sound, Some(&misused), "Ok"),
        (&misused, None, "MayNotSign { subject: \"\\\"misused\\\"\" }"),
        (&misused, Some(&sound), "MayNotSign { subject: \"\\\"misused\\\"\" }"),
        (&unknown, None, "UnknownIssuer { issuer: \"\\\"stranger\\\"\", no_chain: false }"),
    ] {
        let leaf = params("leaf", IsCa::ExplicitNoCa).signed_by(&key(), signer).unwrap();
        let mut chain = vec![signer.der().clone()];
        chain.extend(more.map(|more| more.der().clone()));
        let now = PkiTime::now();
        let outcome = match verifier.verify_server_cert(leaf.der(), &chain, &name, &[], now) {
            Ok(_) => "Ok".to_owned(),
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))) => {
                inner.to_string()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(outcome, expected);
    }
}

fn handshake_failure(error: rustls::Error) -> TransportError {
    failure(&io::Error::new(io::ErrorKind::InvalidData, error))
}

fn failure(error: &io::Error) -> TransportError {
    let root = CertifiedIssuer::self_signed(
        params("root", IsCa::Ca(BasicConstraints::Unconstrained)),
        key(),
    );
    let roots = RootStore::from_pem(root.unwrap().pem().as_bytes()).unwrap();
    let roots = roots.load(&Deadline::over()).unwrap();
    handshake_error("a.example:443", "a.example", error, &roots)
}

#[test]
fn reasons_with_only_a_name_are_sentences() {
    let named = |name: &'static str| {
        let reason = CertificateError::Other(OtherError(Arc::new(io::Error::other(name))));
        handshake_failure(reason.into())
    };
    for (error, part) in [
        (named("EndEntityUsedAsCa"), "signed another one, but is not of a CA"),
        (named("PathLenConstraintViolated"), "more intermediates than the pathLenConstraint"),
        (named("NameConstraintViolation"), "name constraints of a CA"),
        (named("MaximumPathDepthExceeded"), "too long or too complex"),
        (named("UnsupportedCertVersion"), "not of X.509 version 3"),
        (named("MalformedExtensions"), "is malformed"),
        (handshake_failure(CertificateError::UnhandledCriticalExtension.into()), "critical"),
        (handshake_failure(CertificateError::Expired.into()), "ends before it begins"),
        // One that a later version may add.
        (named("CertDistrusted"), "is not acceptable (CertDistrusted)"),
        (
            handshake_failure(rustls::Error::AlertReceived(AlertDescription::UnrecognisedName)),
            "the server does not know the name \"a.example\"",
        ),
        (
            handshake_failure(PeerIncompatible::NoKxGroupsInCommon.into()),
            "no cipher suite, group or kind of certificate that libcas supports",
        ),
    ] {
        assert!(error.message.contains(part), "{error}");
        assert!(error.permanent && error.hint.is_some());
        assert!(!error.message.contains("Used"), "{error}");
    }
}

#[test]
fn refusal_of_a_client_without_a_certificate_is_reported_as_one() {
    let required = "the server a.example:443 requires a client certificate";
    let alert = |alert| handshake_failure(rustls::Error::AlertReceived(alert));
    assert!(alert(AlertDescription::CertificateRequired).message.contains(required));
    let _request = RequestDeadline::begin(&Deadline::over(), Connection::Any);
    for asked in [false, true] {
        for refusal in [AlertDescription::HandshakeFailure, AlertDescription::BadCertificate] {
            let error = alert(refusal);
            assert_eq!(error.message.contains(required), asked, "{error}");
            assert!(error.permanent && error.progress == SendProgress::NotSent);
        }
        // libcas refuses the server.
        let error = handshake_failure(CertificateError::UnknownIssuer.into());
        assert!(!error.message.contains(required), "{error}");
        // Perhaps the network, so another attempt may help.
        let error = failure(&io::ErrorKind::ConnectionReset.into());
        assert!(error.message.contains(required) == asked && !error.permanent, "{error}");
        RequestDeadline::ask_for_certificate();
    }
}
