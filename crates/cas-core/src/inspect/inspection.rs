//! What an inspection found.

use zeroize::Zeroizing;

use crate::base::error::{Error, ErrorKind};
use crate::base::quote::quoted;
use crate::base::time::UnixTime;
use crate::inspect::certificate::{Facts, IssuerLink};
use crate::inspect::findings::{Finding, FindingKind, Severity};

/// What was read from a certificate, its chain and its key.
#[derive(Clone, Default)]
pub struct Inspection {
    /// What the leaf says; `None` where no certificate could be read.
    pub facts: Option<Facts>,
    /// The chain as it would be sent, leaf first.
    pub chain: Vec<Link>,
    /// The same as PEM: LF, 64 columns; empty where no certificate could be read.
    pub certificate_pem: String,
    /// Everything that was found, what is refused first.
    pub findings: Vec<Finding>,
    /// The key as PEM, tidied in the same way.
    pub(super) key_pem: Zeroizing<String>,
}

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who it is about.
    pub subject: String,
    /// Who issued it, as it says itself.
    pub issuer: String,
    /// How it is bound to the certificate that issued it; `None` where that one was not given.
    pub bond: Option<IssuerLink>,
    /// When it ceases to be valid.
    pub not_after: UnixTime,
}

/// Shows no PEM text.
impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("findings", &self.findings).finish_non_exhaustive()
    }
}

impl Inspection {
    /// The key as PEM, tidied as the certificate is; empty where none could be read.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The findings for which nothing is sent.
    pub fn refused(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.kind.severity() == Severity::Refused)
    }

    /// The error of an upload as `name`, where it is refused.
    pub(crate) fn refusal(&self, name: &str) -> Option<Error> {
        let all: Vec<String> = self.refused().map(ToString::to_string).collect();
        let mut advice: Vec<&str> = self.refused().map(|finding| finding.kind.advice()).collect();
        advice.dedup();
        if all.is_empty() {
            return None;
        }
        let message =
            format!("The upload of {} was refused here: {}.", quoted(name), all.join("; "));
        Some(Error::new(ErrorKind::Certificate, message).with_hint(advice.join(" ")))
    }

    // Apart from the judging: a finding is the exception.
    #[cold]
    pub(super) fn add(&mut self, kind: FindingKind, detail: String) {
        self.findings.push(Finding::new(kind, detail));
    }
}
