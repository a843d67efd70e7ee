//! Which certificate a server serves.

use std::net::IpAddr;
use std::time::Duration;

use super::Client;
use crate::base::error::{Error, ErrorKind};
use crate::base::time::UnixTime;
use crate::deployment::{invalid_domain, normalized};
use crate::inspect::inspect_der;
use crate::service::messages::cancelled;

/// The certificate that a server presents in a TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedCertificate {
    /// SHA-256 fingerprint, 64 upper-case hexadecimal digits.
    pub sha256: String,
    /// Start of its validity.
    pub not_before: UnixTime,
    /// End of its validity.
    pub not_after: UnixTime,
    /// Its subject alternative names.
    pub names: Vec<String>,
    /// The common name of its subject.
    pub common_name: String,
    /// The common name or organization of its issuer.
    pub issuer: String,
    /// Why libcas would reject it, as a clause; `None` if it is valid for the domain and trusted.
    pub rejection: Option<String>,
    /// The address of the server; `None` through a proxy.
    pub address: Option<IpAddr>,
}

impl Client {
    /// Shakes hands with the server of `domain` at `port`, for at most `timeout`, and returns the
    /// certificate that it presents, also one that is not valid or not trusted. Sends no request.
    ///
    /// Goes through the proxy that a request to the domain would go through. If the domain has
    /// several addresses, of IPv4 or IPv6, asks the first that accepts a connection: the others may
    /// serve another certificate.
    pub fn served(
        &self,
        domain: &str,
        port: u16,
        timeout: Duration,
    ) -> Result<ServedCertificate, Error> {
        let host = normalized(domain).filter(|host| !host.starts_with("*."));
        let uri = host.and_then(|host| format!("https://{host}:{port}").parse().ok());
        let Some(uri) = uri else { return Err(invalid_domain(domain)) };
        let deadline = self.begin(Some(timeout))?;
        let presented = self.http.presented(&uri, &deadline).map_err(|failure| {
            let subject = format!("{domain}:{port}");
            if deadline.is_cancelled() {
                return cancelled("The handshake", &subject);
            }
            let kind =
                if failure.deadline_passed { ErrorKind::Timeout } else { ErrorKind::Network };
            let sentence = format!("Failed to see what {subject} serves: {failure}.");
            let error = Error::new(kind, sentence).with_retryable(!failure.permanent);
            match failure.hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        })?;
        let Some(facts) = inspect_der(&presented.leaf).facts else {
            let sentence = format!("{domain}:{port} serves a malformed certificate.");
            return Err(Error::new(ErrorKind::Protocol, sentence)
                .with_hint("Check that the server sends an X.509 certificate."));
        };
        Ok(ServedCertificate {
            sha256: facts.sha256,
            not_before: facts.not_before,
            not_after: facts.not_after,
            names: facts.sans,
            common_name: facts.common_name,
            issuer: facts.issuer,
            rejection: presented.rejection,
            address: presented.address,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener};
    use std::sync::Arc;
    use std::thread;

    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection};

    use super::*;
    use crate::base::secret::Secret;
    use crate::config::Config;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A server of one connection, whose certificate has this name. Returns its port and the PEM.
    fn server(name: &str) -> (u16, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], der)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut session = ServerConnection::new(Arc::new(config)).unwrap();
            let _ = session.complete_io(&mut socket);
            let _ = socket.shutdown(Shutdown::Both);
        });
        (port, certificate.pem())
    }

    fn client(roots: &str) -> Client {
        let mut config = Config::default();
        config.set_endpoint("http://127.0.0.1:1").unwrap();
        config.set_access_key("testid", Secret::new("testsecret".to_owned())).unwrap();
        config.set_ca_pem(roots.as_bytes()).unwrap();
        Client::new(&config).unwrap()
    }

    #[test]
    fn the_leaf_is_seen_whether_or_not_it_is_trusted() {
        let (port, pem) = server("localhost");
        let expected = crate::inspect::inspect_now(pem.as_bytes(), None).facts.unwrap();
        let (_, other) = server("localhost");
        let served = client(&other).served("LOCALHOST.", port, MINUTE).unwrap();
        assert_eq!(served.sha256, expected.sha256);
        assert_eq!((served.not_after, &served.names), (expected.not_after, &expected.sans));
        let rejection = served.rejection.unwrap();
        assert!(rejection.contains("trusted: the CA PEM"), "{rejection}");
        assert_eq!(served.address.unwrap().to_string(), "127.0.0.1");
        // Trusted, and for this name.
        let (port, pem) = server("localhost");
        let served = client(&pem).served("localhost", port, MINUTE).unwrap();
        assert_eq!(served.rejection, None);
        let (port, pem) = server("other.example");
        let rejection = client(&pem).served("localhost", port, MINUTE).unwrap().rejection;
        assert!(rejection.as_ref().unwrap().contains("not valid for"), "{rejection:?}");
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_named() {
        let (_, pem) = server("localhost");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Accepts and says nothing.
        let error = client(&pem).served("localhost", port, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        drop(listener);
        let error = client(&pem).served("localhost", port, MINUTE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network, "{error}");
        assert!(error.message().contains(&format!("localhost:{port}")), "{error}");
        let error = client(&pem).served("*.example.com", 443, MINUTE).unwrap_err();
        assert_eq!(error.message(), "Invalid domain \"*.example.com\".");
    }
}
