//! Verifies the certificates of servers, and diagnoses those that are rejected.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime as PkiTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};

use crate::inspect::{inspect_der, may_sign};

/// Wraps rustls's own verifier, which decides. This one hides intermediates from it whose key usage
/// does not allow them to sign: rustls does not read the key usage. It also adds a diagnosis to
/// errors. It cannot accept a certificate that rustls rejects: nothing here makes an `Ok`.
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
        let verify = |intermediates: &[CertificateDer<'_>]| {
            self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let Some(misused) = intermediates.iter().find(|certificate| !may_sign(certificate)) else {
            return verify(intermediates)
                .map_err(|error| diagnose(error, end_entity, intermediates));
        };
        let signers: Vec<_> =
            intermediates.iter().filter(|certificate| may_sign(certificate)).cloned().collect();
        verify(&signers).map_err(|_| match verify(intermediates) {
            Ok(_) => {
                let inspection = inspect_der(misused);
                let subject = inspection.chain.first().map_or("(no name)", |link| &link.subject);
                Untrusted::MayNotSign { subject: subject.to_owned() }.into()
            }
            Err(error) => diagnose(error, end_entity, intermediates),
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls12_signature(message, cert, dss)
            .map_err(|error| diagnose_signature(error, cert))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls13_signature(message, cert, dss)
            .map_err(|error| diagnose_signature(error, cert))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// ring refuses the signature of a short RSA key as if it were wrong.
fn diagnose_signature(error: rustls::Error, leaf: &CertificateDer<'_>) -> rustls::Error {
    if error != CertificateError::BadSignature.into() {
        return error;
    }
    let key_type = inspect_der(leaf).facts.map_or_else(String::new, |facts| facts.key_type);
    let bits = key_type.strip_prefix("RSA-").and_then(|bits| bits.parse::<u32>().ok());
    match bits {
        Some(..MIN_RSA_BITS) => Untrusted::ShortKey { key_type }.into(),
        _ => error,
    }
}

/// The shortest RSA keys that ring verifies with.
const MIN_RSA_BITS: u32 = 2048;

/// What rustls does not report about a certificate that it rejects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Untrusted {
    /// It is self-signed; `is_ca`: it is a CA certificate.
    SelfSigned { is_ca: bool },
    /// It is a CA certificate that another CA signed.
    Ca,
    /// The chain ends with a certificate that `issuer` signed; `no_chain`: it is the only one.
    UnknownIssuer { issuer: String, no_chain: bool },
    /// Its RSA key is too short.
    ShortKey { key_type: String },
    /// The key usage of an intermediate does not allow it to sign certificates.
    MayNotSign { subject: String },
    /// The issuer in the root store or the chain has the right name and another key.
    OtherKey,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Untrusted {}

impl From<Untrusted> for rustls::Error {
    fn from(untrusted: Untrusted) -> Self {
        CertificateError::Other(OtherError(Arc::new(untrusted))).into()
    }
}

/// Adds a diagnosis to the rejection of a chain. Other errors stay as they are.
pub(super) fn diagnose(
    error: rustls::Error,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> rustls::Error {
    let rustls::Error::InvalidCertificate(reason) = &error else { return error };
    let inspection = inspect_der(leaf);
    let is_ca = inspection.facts.as_ref().is_some_and(|facts| facts.is_ca);
    let is_self_signed = inspection.chain.first().is_some_and(|link| link.issuer_link.is_some());
    let untrusted = match reason {
        CertificateError::BadSignature => Untrusted::OtherKey,
        // rustls has no public name for a CA certificate that a server uses.
        CertificateError::Other(_) if is_ca && is_self_signed => Untrusted::SelfSigned { is_ca },
        CertificateError::Other(_) if is_ca => Untrusted::Ca,
        CertificateError::UnknownIssuer if is_self_signed => Untrusted::SelfSigned { is_ca },
        CertificateError::UnknownIssuer => {
            let last = intermediates.last().map_or(inspection, |last| inspect_der(last));
            let issuer = last.chain.first().map_or("(no name)", |link| &link.issuer).to_owned();
            Untrusted::UnknownIssuer { issuer, no_chain: intermediates.is_empty() }
        }
        _ => return error,
    };
    untrusted.into()
}
