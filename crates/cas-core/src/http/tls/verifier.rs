//! The verifier of servers' certificates.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime as PkiTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};

use crate::inspect::inspect_now;

/// rustls's own verifier, which alone decides. Where it refuses, its error is given what it does not say; what it
/// refused is never accepted, as nothing here makes an `Ok`.
#[derive(Debug)]
pub(super) struct DiagnosingVerifier(pub(super) Arc<dyn ServerCertVerifier>);

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
pub(super) enum Untrusted {
    /// It signed itself; `authority`: as a CA's does.
    SelfSigned { authority: bool },
    /// It is a CA's.
    Authority,
    /// The chain ends at `issuer`; `alone`: it has one certificate.
    UnknownIssuer { issuer: String, alone: bool },
    /// An issuer has the right name and another key.
    OtherKey,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Untrusted {}

/// The refusal of a chain, with what rustls does not say of it. Other errors stay as they are.
pub(super) fn explained(
    error: rustls::Error,
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
) -> rustls::Error {
    let rustls::Error::InvalidCertificate(reason) = &error else { return error };
    let read = |certificate: &CertificateDer<'_>| {
        let body = BASE64_STANDARD.encode(certificate);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        inspect_now(pem.as_bytes(), None)
    };
    let itself = read(leaf);
    let authority = itself.facts.as_ref().is_some_and(|facts| facts.is_ca);
    let is_self_signed = itself.chain.first().is_some_and(|link| link.bond.is_some());
    let untrusted = match reason {
        CertificateError::BadSignature => Untrusted::OtherKey,
        // rustls has no public name for a CA's certificate that a server uses.
        CertificateError::Other(_) if authority && is_self_signed => {
            Untrusted::SelfSigned { authority }
        }
        CertificateError::Other(_) if authority => Untrusted::Authority,
        CertificateError::UnknownIssuer if is_self_signed => Untrusted::SelfSigned { authority },
        CertificateError::UnknownIssuer => {
            let last = others.last().map_or(itself, read);
            let issuer = last.chain.first().map_or("(no name)", |link| &link.issuer).to_owned();
            Untrusted::UnknownIssuer { issuer, alone: others.is_empty() }
        }
        _ => return error,
    };
    CertificateError::Other(OtherError(Arc::new(untrusted))).into()
}
