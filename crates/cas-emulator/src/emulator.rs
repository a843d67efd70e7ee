//! A running emulator.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::http::Server;
use crate::service::Service;
use crate::store::{StoreError, StoredCertificate};
use crate::testing::{Fault, FaultError, RecordedRequest, SeedError};
use crate::testing::{parse_cloud_resources, parse_contacts, parse_faults};

/// A running emulator. Dropping it stops it, after waiting up to 5 seconds for requests in flight.
pub struct Emulator {
    // Before `service`: fields drop in order, and requests in flight still use the service.
    #[expect(dead_code, reason = "dropped with the emulator")]
    server: Server,
    service: Arc<Service>,
    url: String,
    port: u16,
}

impl Emulator {
    pub(crate) fn new(server: Server, service: Arc<Service>, url: String, port: u16) -> Self {
        service.announce(&url);
        Self { server, service, url, port }
    }

    /// The base URL: `http://ADDRESS:PORT`, or `https://ADDRESS:PORT` with
    /// [`tls`](crate::Builder::tls). With [`tls_ca`](crate::Builder::tls_ca) the same address
    /// serves `https` as well. For a Unix socket, `unix:PATH`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The port that it listens on; 0 for a Unix socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate in PEM that clients must trust, with [`tls_ca`](crate::Builder::tls_ca).
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.service.ca_pem.as_deref()
    }

    /// The last 1,000 API requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        let (records, _) = self.service.records.all();
        records.iter().map(|record| RecordedRequest::clone(record)).collect()
    }

    /// The stored certificates, oldest first.
    pub fn certificates(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        self.service.certificates()
    }

    /// Adds a fault or an array of faults, in the JSON format that the crate documentation
    /// describes. If one of them is invalid, none is added.
    pub fn add_faults(&self, json: &str) -> Result<(), FaultError> {
        self.service.faults.add(parse_faults(json.as_bytes())?);
        Ok(())
    }

    /// All faults that were added, including those that affect no more calls.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.service.faults.all()
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.service.faults.clear();
    }

    /// Sets the clock of expiry, which runs from there; `None` for the machine's time. Status and
    /// remaining days of certificates follow it, signatures do not.
    pub fn set_now(&self, time: Option<SystemTime>) {
        self.service.expiry_clock.set(time);
    }

    /// Adds a cloud resource or an array of cloud resources, in the JSON format that the crate
    /// documentation describes. If one of them is invalid, none is added.
    pub fn add_cloud_resources(&self, json: &str) -> Result<(), SeedError> {
        Ok(self.service.add_cloud_resources(&parse_cloud_resources(json.as_bytes())?)?)
    }

    /// Adds a contact or an array of contacts, in the JSON format that the crate documentation
    /// describes. If one of them is invalid, none is added.
    pub fn add_contacts(&self, json: &str) -> Result<(), SeedError> {
        Ok(self.service.add_contacts(&parse_contacts(json.as_bytes())?)?)
    }

    /// Deletes certificates, jobs, recorded requests, metrics, faults and nonces. IDs start again,
    /// and the clock of expiry, cloud resources and contacts are those of the start.
    pub fn reset(&self) -> Result<(), StoreError> {
        self.service.reset()
    }

    /// Stops it, like dropping it.
    pub fn stop(self) {
        drop(self);
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Emulator").field(&self.url()).finish()
    }
}
