//! Tells the user about connections on which TLS fails, at most once a second for each cause.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::tls::Tls;

/// How long further failures of a cause are only counted.
const QUIET: Duration = Duration::from_secs(1);

/// Prints a sentence about a failure.
pub(crate) type Report = dyn Fn(&str) + Send + Sync;

/// Why TLS fails on a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsFailure {
    /// The client has refused the certificate, or the handshake for another reason.
    Refused,
    /// The client speaks HTTP where TLS is expected.
    PlainHttp,
    /// The client speaks TLS where HTTP is expected.
    NotServed,
    /// The handshake failed here: for example, no protocol version is common.
    Failed,
}

/// The failures of all connections.
pub(super) struct TlsFailures {
    report: Box<Report>,
    recent: Mutex<Vec<Recent>>,
}

/// The last report about a cause, and how many failures were only counted since then.
struct Recent {
    cause: TlsFailure,
    at: Instant,
    more: usize,
}

impl TlsFailures {
    pub(super) fn new(report: Box<Report>) -> Self {
        Self { report, recent: Mutex::default() }
    }

    /// Reports a handshake that ended with `error`.
    pub(super) fn handshake(&self, error: &io::Error, tls: &Tls) {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::AlertReceived(alert)) => {
                let file = match tls {
                    Tls::Always(_) => "the certificate of --tls-cert or its issuer",
                    Tls::Either(_) | Tls::Off => {
                        "ca.pem of --tls-ca, which GET /_emulator/ca.pem returns as well"
                    }
                };
                let message = format!(
                    "a client refused the TLS handshake with the alert {alert:?}. Most likely it \
                     does not trust the certificate: let it trust {file}"
                );
                self.report(TlsFailure::Refused, &message);
            }
            Some(cause) => {
                self.report(TlsFailure::Failed, &format!("a TLS handshake failed: {cause}"));
            }
            // The client has gone.
            None => {}
        }
    }

    /// Reports a client that speaks HTTP where TLS is expected.
    pub(super) fn plain_http(&self) {
        let message = "a client sent HTTP without TLS, and this port serves TLS only: use https:// \
                       in its URL";
        self.report(TlsFailure::PlainHttp, message);
    }

    /// Reports a client that speaks TLS where HTTP is expected.
    pub(super) fn not_served(&self) {
        let message = "a client started TLS, and this port serves HTTP only: use http:// in its \
                       URL, or start with --tls-ca DIR";
        self.report(TlsFailure::NotServed, message);
    }

    fn report(&self, cause: TlsFailure, message: &str) {
        let now = Instant::now();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let last = recent.iter_mut().find(|last| last.cause == cause);
        let more = match last {
            Some(last) if now.duration_since(last.at) < QUIET => {
                last.more += 1;
                return;
            }
            Some(last) => {
                last.at = now;
                std::mem::take(&mut last.more)
            }
            None => {
                recent.push(Recent { cause, at: now, more: 0 });
                0
            }
        };
        drop(recent);
        match more {
            0 => (self.report)(message),
            more => (self.report)(&format!("{message} ({more} more since the last line)")),
        }
    }
}

impl Drop for TlsFailures {
    fn drop(&mut self) {
        let recent = self.recent.get_mut().unwrap_or_else(PoisonError::into_inner);
        let more: usize = recent.iter().map(|last| last.more).sum();
        if more > 0 {
            (self.report)(&format!("{more} more connections failed because of TLS"));
        }
    }
}
