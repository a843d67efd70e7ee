//! Failed handshakes and rejected certificates as sentences.

use std::io;

use rustls::pki_types::UnixTime as PkiTime;
use rustls::{AlertDescription, CertificateError, OtherError, PeerIncompatible};

use crate::base::exhaustion::{Exhaustion, clause_of};
use crate::base::quote::quoted_public;
use crate::base::time::UnixTime;
use crate::http::deadline::RequestDeadline;
use crate::http::failure::TransportError;
use crate::http::roots::LoadedRoots;
use crate::http::tls::verifier::Untrusted;

/// The number of names of a certificate that a message lists.
const MAX_NAMES: usize = 5;

const CHECK_PORT: &str =
    "Check that this port speaks TLS 1.2 or newer. For a port without TLS, use http://.";
const UPDATE_SERVER: &str =
    "Update the server or the load balancer in front of it: older TLS versions are insecure.";
const ALLOW_ALGORITHMS: &str = "Update the server. libcas supports TLS 1.3, and TLS 1.2 with ECDHE \
                                and AES-GCM or ChaCha20-Poly1305; the groups X25519, P-256 and \
                                P-384; and certificates with RSA of at least 2048 bits, ECDSA with \
                                P-256 or P-384, or Ed25519.";
const ALLOW_KEYS: &str =
    "Use RSA with at least 2048 bits, ECDSA with P-256 or P-384, or Ed25519, and at least SHA-256.";
const UNVERIFIED: &str = "Give the server a certificate that libcas can verify.";

/// rustls rejected its configuration or the session.
pub(super) fn setup_failed(error: &rustls::Error) -> TransportError {
    TransportError::not_sent(format!("failed to set up TLS: {error}"))
}

/// Another thread did not finish loading the roots in time.
pub(super) fn roots_not_loaded() -> TransportError {
    TransportError::not_sent("the root certificates were not loaded in time")
        .with_hint("Check the disk or network that the root store is on, or set a longer timeout.")
}

/// `host` cannot be the name of a TLS server.
pub(super) fn invalid_server_name(host: &str) -> TransportError {
    TransportError::not_sent(format!("invalid TLS server name {host}"))
}

/// The error of a handshake with `server`, whose certificate must be valid for `name`.
pub(super) fn handshake_error(
    server: &str,
    name: &str,
    error: &io::Error,
    roots: &LoadedRoots,
) -> TransportError {
    if error.kind() == io::ErrorKind::TimedOut {
        return TransportError::not_sent(format!("the TLS handshake with {server} timed out"))
            .with_hint(
                "Check the network and that this port speaks TLS, or increase the connect timeout.",
            );
    }
    let asked = RequestDeadline::asked_for_certificate();
    match tls_error(error) {
        Some(rustls::Error::AlertReceived(_)) if asked || certificate_required(error) => {
            return client_certificate_required(server);
        }
        // Some servers close the connection instead, as a network that fails does.
        None if asked && Exhaustion::of(error).is_none() => return requires_certificate(server),
        _ => {}
    }
    let failed = |cause: &str| format!("the TLS handshake with {server} failed: {cause}");
    let Some(cause) = tls_error(error) else {
        return TransportError::not_sent(failed(&clause_of(error)))
            .with_hint_for(error, CHECK_PORT);
    };
    let (message, hint) = match cause {
        rustls::Error::InvalidCertificate(reason) => {
            let (cause, hint) = rejection(reason, name, roots);
            (format!("the TLS certificate of the server {server} was rejected: {cause}"), hint)
        }
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            (failed("the server does not support TLS 1.2 or newer"), UPDATE_SERVER.to_owned())
        }
        rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        )
        | rustls::Error::PeerIncompatible(_) => (
            failed(
                "the server does not support TLS 1.2 or newer, or no cipher suite, group or kind \
                 of certificate that libcas supports",
            ),
            ALLOW_ALGORITHMS.to_owned(),
        ),
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => (
            failed(&format!("the server does not know the name {}", quoted_public(name))),
            "Check the endpoint: its host must be a name of the server.".to_owned(),
        ),
        rustls::Error::InvalidMessage(_) => {
            (failed("the response of the server is not TLS"), CHECK_PORT.to_owned())
        }
        other => (failed(&other.to_string()), CHECK_PORT.to_owned()),
    };
    TransportError::not_sent(message).with_hint(hint).permanent()
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Whether a server refuses a client for having no certificate, which it may do after the handshake
/// of the client. It has not read the request then.
pub(super) fn certificate_required(error: &io::Error) -> bool {
    let required = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
    tls_error(error) == Some(&required)
}

/// The same, by the alerts with which servers refuse any certificate that they do not accept.
pub(super) fn certificate_refused(error: &io::Error) -> bool {
    use AlertDescription::{BadCertificate, CertificateUnknown, NoCertificate, UnknownCA};
    match tls_error(error) {
        Some(rustls::Error::AlertReceived(alert)) => {
            [BadCertificate, CertificateUnknown, NoCertificate, UnknownCA].contains(alert)
        }
        _ => false,
    }
}

/// Whether what a server sent is not TLS.
pub(super) fn is_not_tls(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(rustls::Error::InvalidMessage(_)))
}

/// `server` requires a client certificate.
pub(crate) fn client_certificate_required(server: &str) -> TransportError {
    requires_certificate(server).permanent()
}

fn requires_certificate(server: &str) -> TransportError {
    TransportError::not_sent(format!(
        "the server {server} requires a client certificate, which libcas does not support"
    ))
    .with_hint("Check the endpoint, and look for a gateway in between that requires it.")
}

/// Why the certificate of the server `name` is rejected, and a hint.
pub(super) fn rejection(
    reason: &CertificateError,
    name: &str,
    roots: &LoadedRoots,
) -> (String, String) {
    let utc = |time: &PkiTime| UnixTime(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    let (cause, hint) = match reason {
        CertificateError::NotValidForNameContext { presented, .. } => (
            format!("it is not valid for {}: {}", quoted_public(name), names(presented)),
            "Check the endpoint: its host must be one of the certificate's subjectAltNames.",
        ),
        CertificateError::ExpiredContext { time, not_after } => (
            format!(
                "it or a certificate in its chain expired at {} (the time is {})",
                utc(not_after),
                utc(time)
            ),
            "Check the clock of this machine. If it is correct, renew the server's certificate.",
        ),
        CertificateError::NotValidYetContext { time, not_before } => (
            format!(
                "it or a certificate in its chain is not valid before {} (the time is {})",
                utc(not_before),
                utc(time)
            ),
            "Check the clock of this machine. If it is correct, give the server a certificate that \
             is valid now.",
        ),
        CertificateError::InvalidPurposeContext { .. } => (
            "its extended key usage does not allow server authentication".to_owned(),
            "Give the server a certificate with serverAuth in its extended key usage.",
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            "it or a certificate in its chain has a signature algorithm that libcas does not \
             support or that does not match the issuer's key"
                .to_owned(),
            ALLOW_KEYS,
        ),
        // The signature of the handshake. The verifier reports those in the chain as `OtherKey`.
        CertificateError::BadSignature => (
            "the server did not prove that it holds the private key".to_owned(),
            "Check that the server's certificate and private key belong together.",
        ),
        CertificateError::BadEncoding => {
            ("it is malformed".to_owned(), "Check that the server sends an X.509 certificate.")
        }
        CertificateError::Other(OtherError(inner)) => match inner.downcast_ref::<Untrusted>() {
            Some(untrusted) => return diagnosis(untrusted, roots),
            None => (sentence(&inner.to_string()), UNVERIFIED),
        },
        other => (sentence(&format!("{other:?}")), UNVERIFIED),
    };
    (cause, hint.to_owned())
}

/// A reason of rustls, of which it has only the name.
fn sentence(name: &str) -> String {
    let text = match name {
        "EndEntityUsedAsCa" => "a certificate in its chain signed another one, but is not of a CA",
        "PathLenConstraintViolated" => {
            "its chain has more intermediates than the pathLenConstraint of one of them allows"
        }
        "NameConstraintViolation" => {
            "the name constraints of a CA in its chain do not allow one of its names"
        }
        "MaximumPathDepthExceeded"
        | "MaximumPathBuildCallsExceeded"
        | "MaximumSignatureChecksExceeded"
        | "MaximumNameConstraintComparisonsExceeded" => "its chain is too long or too complex",
        "UnsupportedCertVersion" => "it or a certificate in its chain is not of X.509 version 3",
        "UnsupportedCriticalExtension" | "UnhandledCriticalExtension" => {
            "it or a certificate in its chain has a critical extension that libcas does not support"
        }
        "Expired" => "it or a certificate in its chain ends before it begins to be valid",
        "EmptyEkuExtension"
        | "ExtensionValueInvalid"
        | "InvalidNetworkMaskConstraint"
        | "InvalidSerialNumber"
        | "MalformedDnsIdentifier"
        | "MalformedExtensions"
        | "MalformedNameConstraint"
        | "SignatureAlgorithmMismatch"
        | "UnsupportedNameType" => "it or a certificate in its chain is malformed",
        _ => return format!("it or a certificate in its chain is not acceptable ({name})"),
    };
    text.to_owned()
}

/// The diagnosis of a certificate that is not trusted, and a hint.
fn diagnosis(untrusted: &Untrusted, roots: &LoadedRoots) -> (String, String) {
    let LoadedRoots { description, how_to_add, .. } = roots;
    let trusted = format!("(trusted: {description})");
    let private_ca =
        format!("If the issuer is a private CA or a TLS-inspecting proxy, {how_to_add}.");
    let other_server = "Otherwise look for a TLS-inspecting proxy in between.";
    match untrusted {
        Untrusted::SelfSigned { is_ca: false } => (
            format!("it is self-signed and not trusted {trusted}"),
            format!("If this is the right server, {how_to_add}. {other_server}"),
        ),
        Untrusted::SelfSigned { is_ca: true } => (
            format!("it is a self-signed CA certificate, not a server certificate {trusted}"),
            format!(
                "If this is the right server, give it a certificate with basicConstraints CA:FALSE \
                 and {how_to_add}. {other_server}"
            ),
        ),
        Untrusted::Ca => (
            "it is a CA certificate, not a server certificate".to_owned(),
            "Give the server a certificate with basicConstraints CA:FALSE that this CA signed."
                .to_owned(),
        ),
        Untrusted::UnknownIssuer { issuer, no_chain: true } => (
            format!(
                "its issuer is not trusted: {issuer}, whose certificate the server did not send \
                 {trusted}"
            ),
            format!(
                "{private_ca} If {issuer} is an intermediate, configure the server to send its \
                 certificate too."
            ),
        ),
        Untrusted::UnknownIssuer { issuer, no_chain: false } => (
            format!("its issuer is not trusted: the server's chain ends at {issuer} {trusted}"),
            private_ca,
        ),
        Untrusted::ShortKey { key_type } => {
            (format!("its key, {key_type}, is too short"), ALLOW_KEYS.to_owned())
        }
        Untrusted::MayNotSign { subject } => (
            format!(
                "the key usage of the intermediate {subject} does not allow it to sign certificates"
            ),
            "Give the server a certificate of a CA whose keyUsage contains keyCertSign.".to_owned(),
        ),
        Untrusted::OtherKey => (
            format!(
                "its signature, or one in its chain, does not match the key of the issuer that it \
                 names {trusted}"
            ),
            format!(
                "Another CA may have the same name, as a renewed CA often does, or the RSA key of \
                 the issuer may be shorter than 2048 bits. {private_ca}"
            ),
        ),
    }
}

/// Lists the names in a certificate. rustls passes them as `DnsName("a.example")` and
/// `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let value =
            name.split_once('(').map_or(name.as_str(), |(_, value)| value.trim_end_matches(')'));
        quoted_public(value.trim_matches('"'))
    };
    let listed: Vec<String> = presented.iter().take(MAX_NAMES).map(bare).collect();
    let listed = listed.join(", ");
    match presented.len().saturating_sub(MAX_NAMES) {
        _ if presented.is_empty() => "it has no subjectAltName".to_owned(),
        0 => format!("its subjectAltNames are {listed}"),
        more => format!("its subjectAltNames are {listed} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_five_names_are_listed() {
        let presented =
            |count| (0..count).map(|n| format!("DnsName(\"{n}.example\")")).collect::<Vec<_>>();
        assert_eq!(names(&[]), "it has no subjectAltName");
        let address = names(&["IpAddress(127.0.0.1)".to_owned()]);
        assert_eq!(address, "its subjectAltNames are \"127.0.0.1\"");
        assert_eq!(names(&presented(2)), "its subjectAltNames are \"0.example\", \"1.example\"");
        assert!(names(&presented(5)).ends_with("\"4.example\""));
        assert!(names(&presented(7)).ends_with("\"4.example\" and 2 more"));
        let hostile = format!("DnsName(\"{}\u{1b}[31m\")", "x".repeat(100_000));
        assert!(names(&vec![hostile; 9]).len() < 2_000);
    }
}
