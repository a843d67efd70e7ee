//! The emulator's own certificate authority: its two files, and the certificates that it issues.
//!
//! May use `hosts` and `http`.

mod files;
mod issue;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::sign::CertifiedKey;

use crate::hosts;
use crate::http::tls::Certificates;

/// How long a certificate is shown before another one is issued.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// The most certificates that are kept.
const MAX_KEPT: usize = 100;

/// A certificate authority. No `Debug` of its key.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    /// Of all certificates that it issues.
    leaf_key: KeyPair,
    /// The addresses that the emulator listens on.
    own: Vec<IpAddr>,
    kept: Mutex<Kept>,
}

/// The certificates of a day, by the name that they have beside [`Authority::own`] and the usual
/// ones.
struct Kept {
    since: SystemTime,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Authority {
    /// Opens the authority whose files are in `directory`, or makes one there. An error is a
    /// sentence for the user.
    pub(crate) fn open(directory: &Path, now: SystemTime) -> Result<Self, String> {
        let files::Files { pem, key } = files::open(directory, now)?;
        let params: CertificateParams = issue::authority(&key, now);
        let leaf_key = issue::new_key()?;
        let kept = Mutex::new(Kept { since: now, by_name: HashMap::new() });
        Ok(Self { pem, issuer: Issuer::new(params, key), leaf_key, own: Vec::new(), kept })
    }

    /// Issues certificates for these addresses as well.
    pub(crate) fn with_addresses(mut self, addresses: &[SocketAddr]) -> Self {
        let addresses = addresses.iter().map(SocketAddr::ip);
        self.own = addresses.filter(|address| !address.is_unspecified()).collect();
        self
    }

    /// Its certificate in PEM, which clients must trust.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `name`, and for the usual names.
    fn certificate_at(&self, name: &str, now: SystemTime) -> Option<Arc<CertifiedKey>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = now.duration_since(kept.since).is_ok_and(|age| age < FRESH);
        if !is_fresh || kept.by_name.len() >= MAX_KEPT {
            *kept = Kept { since: now, by_name: HashMap::new() };
        }
        if let Some(known) = kept.by_name.get(name) {
            return Some(Arc::clone(known));
        }
        let issued = issue::leaf(&self.issuer, &self.leaf_key, name, &self.own, now)?;
        let issued = Arc::new(issued);
        kept.by_name.insert(name.to_owned(), Arc::clone(&issued));
        Some(issued)
    }
}

impl Certificates for Authority {
    /// For `name` if it is one of the service, otherwise for `at`: a client that expects another
    /// name says so in its error.
    fn certificate(&self, name: Option<&str>, at: &str) -> Option<Arc<CertifiedKey>> {
        let name = name.filter(|name| hosts::is_of_service(name)).unwrap_or(at);
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.certificate_at(&name, SystemTime::now())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}
