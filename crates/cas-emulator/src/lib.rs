//! A local CAS: the uploaded certificates of Alibaba Cloud's Certificate Management Service for tests, demos and CI.
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
//! It uploads, shows, lists and deletes certificates as versions 2018-07-13 and 2020-04-07 do, with RPC
//! signatures of version 1. What is documented, captured or assumed about its behaviour stands in
//! `docs/conformance.md`.
//!
//! # Faults
//!
//! It can be told to do things wrong: [`Builder::fault`], [`Emulator::add_faults`], `--fault` and the control
//! interface take the same JSON, one object or an array of them.
//!
//! ```json
//! {"action": "CreateUserCertificate", "kind": "drop-after", "skip": 1, "times": 2}
//! ```
//!
//! Of the calls that name `action` (`*`, which is the default, is any) it lets the first `skip` pass and takes
//! the `times` after them. `skip` is 0 by default; `times` is 1, but without limit for `retired` and `lag`. A
//! call is taken by the first fault that wants it, and later ones do not count it: faults for one action apply
//! one after the other. Whether a call is signed rightly makes no difference to counting.
//!
//! | kind | what happens |
//! |---|---|
//! | `drop-before` | the connection is closed and nothing processed |
//! | `drop-after` | the call is processed, and the connection closed without an answer |
//! | `delay` with `ms` | the call is processed after that many milliseconds |
//! | `delay-after` with `ms` | the call is processed at once, and answered so late |
//! | `error` | not processed; an error with `status` (503), `code` (`ServiceUnavailable`), `message`, `headers` (an object) |
//! | `truncate` | processed; the whole head of the answer and half of its body, then the connection is closed |
//! | `garbage` | processed; answered with 200 and a text that is neither JSON nor XML |
//! | `empty` | processed; answered with 200 and no body |
//! | `reset` | processed; the connection is reset |
//! | `no-cert-id` | processed; the answer lacks its `CertId` |
//! | `retired` | every call of version 2018-07-13 is answered as if there were none; with `code`: `InvalidAction.NotFound`, which is the default, or `InvalidVersion` |
//! | `lag` with `ms` | what the call stores appears in lists only after that time; all else sees it at once |
//!
//! `lag` is beside the others: it counts every call of its action, and takes none from them.
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
//! | `POST /_emulator/faults` | adds one fault or an array of them, all or none, and answers as `GET` does |
//! | `GET /_emulator/faults` | array of the faults as given, with `left`: how many calls each still takes, null for any number |
//! | `DELETE /_emulator/faults` | forgets them |
//! | `POST /_emulator/reset` | forgets certificates, requests, faults and nonces; ids count from 1 again |
//!
//! What cannot be done is answered with a status from 400 on and `{"error":"…"}`.
//!
//! An element of `requests` is [`RecordedRequest`] as JSON:
//!
//! ```json
//! {"time": "2026-11-24T02:52:10.123Z", "method": "POST", "action": "CreateUserCertificate",
//!  "version": "2018-07-13", "signature": "hmac-sha1",
//!  "parameters": {"Name": {"in": ["query", "form"], "value": "n 1"},
//!                 "Key": {"in": ["form"], "value": {"sha256": "9f86d0…"}}},
//!  "status": 400, "code": "NameRepeat", "fault": null, "request_id": "5D0F1B3C-…", "connection": 1,
//!  "target_length": 412, "body_length": 3120, "headers": {"user-agent": "…"}}
//! ```
//!
//! `action`, `version`, `signature`, `code` and `fault` may be null, and so may `status`, where a fault let no
//! answer out. Keys, secrets, tokens, signatures and values over
//! 64 KiB are given as their SHA-256. An element of `certificates` has the fields of [`StoredCertificate`],
//! with times as RFC 3339.
#![forbid(unsafe_code)]

mod acs3;
mod answer;
mod certificate;
mod clock;
mod control;
mod credentials;
mod delete;
mod detail;
mod errors;
mod fault;
mod gateway;
mod http;
mod key;
mod list;
mod nonces;
mod operation;
mod parameters;
mod pause;
mod pem;
mod record;
mod server;
mod service;
mod signature;
mod store;
mod throttle;
mod tls;
mod upload;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use crate::fault::{Fault, FaultError};
pub use crate::parameters::Place;
pub use crate::record::{RecordedParameter, RecordedRequest, RecordedValue, SignatureKind};
pub use crate::store::{StoreError, StoredCertificate};

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
        self.service.certificates()
    }

    /// Adds a fault, or an array of them, all or none; the crate's documentation says how they are written.
    pub fn add_faults(&self, json: &str) -> Result<(), FaultError> {
        self.service.faults.add(fault::parse(json.as_bytes())?);
        Ok(())
    }

    /// The faults that were added, used up or not.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.service.faults.all()
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.service.faults.clear();
    }

    /// Forgets certificates, requests, faults and nonces; ids count from 1 again.
    pub fn reset(&self) -> Result<(), StoreError> {
        self.service.reset()
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
    faults: Vec<String>,
    qps: Option<usize>,
    quota: Option<u64>,
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
            faults: Vec::new(),
            qps: None,
            quota: None,
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

    /// Keeps certificates in this SQLite file, created if need be, instead of in memory. The key that seals
    /// their private keys there is kept beside it, in a file of the same name with `.key` at its end.
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

    /// Adds a fault, or an array of them; the crate's documentation says how they are written.
    #[must_use]
    pub fn fault(mut self, json: &str) -> Self {
        self.faults.push(json.to_owned());
        self
    }

    /// Lets in this many calls of each operation in any second, at least 1, and refuses the others with
    /// `Throttling.User`. Default: all.
    #[must_use]
    pub fn qps(mut self, limit: usize) -> Self {
        self.qps = Some(limit);
        self
    }

    /// Takes this many certificates, and refuses more with `InsufficientQuota`. Default: any number.
    #[must_use]
    pub fn quota(mut self, limit: u64) -> Self {
        self.quota = Some(limit);
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
        if self.qps == Some(0) {
            return Err(StartError::Option("at least 1 call a second must be let in".to_owned()));
        }
        let mut faults = Vec::new();
        for json in &self.faults {
            let added = fault::parse(json.as_bytes());
            faults.extend(added.map_err(|error| StartError::Option(error.to_string()))?);
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
        let store = Store::open(self.data.as_deref(), self.quota).map_err(StartError::Data)?;
        let service = Arc::new(Service::new(credentials, clock, store, &self.region, self.qps));
        service.faults.add(faults);
        let answering = Arc::clone(&service);
        let handler = Box::new(move |request: &_, peer| answering.answer(request, peer));
        let server = Server::start(self.listen, tls, clock, Arc::clone(&service.pause), handler);
        let server = server.map_err(|error| {
            StartError::Listen(format!("cannot listen on {}: {error}", self.listen))
        })?;
        Ok(Emulator { server, service, scheme })
    }
}

/// Why an emulator did not start. Displayed as a sentence; it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is wrong: an address that is not loopback, an access key given twice, TLS files that do not fit, a
    /// fault that is none.
    Option(String),
    /// The data file cannot be used, was made by something else or by a newer version, or its key is lost.
    Data(String),
    /// The address cannot be listened on.
    Listen(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(sentence) | Self::Data(sentence) | Self::Listen(sentence) => {
                f.write_str(sentence)
            }
        }
    }
}

impl std::error::Error for StartError {}
