//! Failed handshakes and refused certificates in words.

use std::io;

use rustls::pki_types::UnixTime as PkiTime;
use rustls::{AlertDescription, CertificateError, OtherError, PeerIncompatible};

use crate::base::quote::on_one_line;
use crate::base::time::UnixTime;
use crate::http::failure::TransportError;
use crate::http::roots::LoadedRoots;
use crate::http::tls::verifier::Untrusted;

/// More names of a certificate than this are counted.
const MOST_NAMES: usize = 5;

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

pub(super) fn handshake_failure(
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
            format!("it was made for another name than {}: {}", on_one_line(name), names(presented)),
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
        on_one_line(value.trim_matches('"'))
    };
    let shown: Vec<String> = presented.iter().take(MOST_NAMES).map(bare).collect();
    match presented.len().saturating_sub(MOST_NAMES) {
        _ if presented.is_empty() => "it has no subjectAltName".to_owned(),
        0 => format!("it has {}", shown.join(", ")),
        more => format!("it has {} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
