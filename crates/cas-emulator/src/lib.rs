//! A local CAS: the upload side of Alibaba Cloud's Certificate Management Service for tests, demos and CI.
//!
//! The binary `cas-emulator` is for everybody; this library gives Rust tests the same server in-process:
//!
//! ```
//! let emulator = cas_emulator::Emulator::start()?;
//! println!("{}", emulator.url()); // http://127.0.0.1:PORT, takes testid and testsecret
//! assert!(emulator.requests().is_empty());
//! # Ok::<(), cas_emulator::StartError>(())
//! ```
//!
//! It answers `CreateUserCertificate` of version 2018-07-13 with RPC signatures of version 1. What is
//! documented, captured or assumed about its behaviour stands in `docs/conformance.md`.
//!
//! # Control interface
//!
//! On the same port, without a signature, for loopback clients:
//!
//! | call | answer |
//! |---|---|
//! | `GET /_emulator/health` | `{"status":"ok","version":"…"}` |
//! | `GET /_emulator/requests` | array of the last 1,000 API requests, oldest first |
//! | `GET /_emulator/certificates` | array of what is stored, oldest first |
//! | `POST /_emulator/reset` | forgets certificates, requests and nonces; ids count from 1 again |
//!
//! An element of `requests` is [`RecordedRequest`] as JSON:
//!
//! ```json
//! {"time": "2026-11-24T02:52:10.123Z", "method": "POST", "action": "CreateUserCertificate",
//!  "version": "2018-07-13", "signature": "hmac-sha1",
//!  "parameters": {"Name": {"in": ["query", "form"], "value": "n 1"},
//!                 "Key": {"in": ["form"], "value": {"sha256": "9f86d0…"}}},
//!  "status": 400, "code": "NameRepeat", "request_id": "5D0F1B3C-…", "connection": 1,
//!  "target_length": 412, "body_length": 3120, "headers": {"user-agent": "…"}}
//! ```
//!
//! `action`, `version`, `signature` and `code` may be null. Keys, secrets, tokens, signatures and values over
//! 64 KiB are given as their SHA-256. An element of `certificates` has the fields of [`StoredCertificate`],
//! with times as RFC 3339.
#![forbid(unsafe_code)]

mod answer;
mod certificate;
mod clock;
mod control;
mod create;
mod credentials;
mod errors;
mod gateway;
mod http;
mod key;
mod nonces;
mod operation;
mod parameters;
mod pem;
mod record;
mod server;
mod service;
mod signature;
mod store;
mod tls;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use crate::parameters::Place;
pub use crate::record::{RecordedParameter, RecordedRequest, RecordedValue, SignatureKind};
pub use crate::store::StoredCertificate;

use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::server::Server;
use crate::service::Service;
use crate::store::Store;

/// A running emulator. Dropping it finishes the requests in flight, for up to 5 seconds, and stops it.
pub struct Emulator {
    // Before `service`, so that nothing is served any more when that goes.
    server: Server,
    service: Arc<Service>,
    scheme: &'static str,
}

impl Emulator {
    /// Starts one on a free loopback port, in memory, with the access key `testid` and `testsecret`.
    pub fn start() -> Result<Self, StartError> {
        Self::builder().start()
    }

    /// Settings other than those of [`start`](Self::start).
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `http://ADDRESS:PORT`, or `https://` with TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.server.address())
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// The last 1,000 API requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.records()
    }

    /// What is stored, oldest first.
    pub fn certificates(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        self.service.certificates().map_err(|error| StoreError(error.to_string()))
    }

    /// Forgets certificates, requests and nonces; ids count from 1 again.
    pub fn reset(&self) -> Result<(), StoreError> {
        self.service.reset().map_err(|error| StoreError(error.to_string()))
    }

    /// Stops it: what dropping does, with a name.
    pub fn stop(self) {
        drop(self);
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Emulator").field(&self.url()).finish()
    }
}

/// Settings of an [`Emulator`] that is yet to start. No `Debug`: it holds secrets.
pub struct Builder {
    listen: SocketAddr,
    allow_remote: bool,
    data: Option<PathBuf>,
    access_keys: Vec<(String, Zeroizing<String>, Option<Zeroizing<String>>)>,
    tls: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    region: String,
    clock_offset: i64,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            data: None,
            access_keys: Vec::new(),
            tls: None,
            region: "cn-hangzhou".to_owned(),
            clock_offset: 0,
        }
    }
}

impl Builder {
    /// The address to listen on; port 0 is a free one. Default: 127.0.0.1:0.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Allows addresses that are not loopback. The control interface still answers loopback clients only.
    #[must_use]
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allow_remote = allow;
        self
    }

    /// Keeps certificates in this SQLite file, created if need be, instead of in memory.
    #[must_use]
    pub fn data(mut self, file: impl Into<PathBuf>) -> Self {
        self.data = Some(file.into());
        self
    }

    /// Adds an access key. Without any, `testid` with `testsecret` is known.
    #[must_use]
    pub fn access_key(mut self, id: &str, secret: &str) -> Self {
        self.access_keys.push((id.to_owned(), secret.to_owned().into(), None));
        self
    }

    /// Adds a temporary (STS) access key, which is good only together with its token.
    #[must_use]
    pub fn sts(mut self, id: &str, secret: &str, token: &str) -> Self {
        let token = Zeroizing::new(token.to_owned());
        self.access_keys.push((id.to_owned(), secret.to_owned().into(), Some(token)));
        self
    }

    /// Serves TLS with this certificate chain and private key, both PEM.
    #[must_use]
    pub fn tls(mut self, cert_pem: impl Into<Vec<u8>>, key_pem: impl Into<Vec<u8>>) -> Self {
        self.tls = Some((cert_pem.into(), Zeroizing::new(key_pem.into())));
        self
    }

    /// The region it plays, which shows in `HostId`. Default: `cn-hangzhou`.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// Sets its clock this many seconds ahead of the machine's, or behind it.
    #[must_use]
    pub fn clock_offset(mut self, seconds: i64) -> Self {
        self.clock_offset = seconds;
        self
    }

    /// Starts it. When this returns, it accepts connections.
    pub fn start(self) -> Result<Emulator, StartError> {
        if !self.allow_remote && !self.listen.ip().is_loopback() {
            return Err(StartError::Option(format!(
                "{} is not a loopback address; whoever reaches it could use the emulator. \
                 Allow that with --allow-remote",
                self.listen.ip()
            )));
        }
        let mut credentials = Credentials::default();
        for (id, secret, token) in &self.access_keys {
            credentials.add(id, secret, token.as_ref().map(|token| token.as_str()))?;
        }
        if self.access_keys.iter().all(|(_, _, token)| token.is_some()) {
            credentials.add_example();
        }
        let tls = self.tls.map(|(cert, key)| tls::config(&cert, &key)).transpose();
        let tls = tls.map_err(StartError::Option)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let clock = Clock::shifted(self.clock_offset);
        let store = Store::open(self.data.as_deref()).map_err(StartError::Data)?;
        let service = Arc::new(Service::new(credentials, clock, store, &self.region));
        let answering = Arc::clone(&service);
        let handler = Box::new(move |request: &_, peer| answering.answer(request, peer));
        let server = Server::start(self.listen, tls, clock, handler);
        let server = server
            .map_err(|error| StartError::Listen(format!("cannot listen on {}: {error}", self.listen)))?;
        Ok(Emulator { server, service, scheme })
    }
}

/// Why an emulator did not start. Displayed as a sentence; it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is wrong: an address that is not loopback, an access key given twice, TLS files that do not fit.
    Option(String),
    /// The data file cannot be used, was made by something else or by a newer version.
    Data(String),
    /// The address cannot be listened on.
    Listen(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(sentence) | Self::Data(sentence) | Self::Listen(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for StartError {}

/// The database failed while the emulator ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificates cannot be read or changed: {}", self.0)
    }
}

impl std::error::Error for StoreError {}
