//! The result of an inspection.

use zeroize::Zeroizing;

use crate::base::error::{Error, ErrorKind};
use crate::base::quote::quoted;
use crate::base::time::UnixTime;
use crate::inspect::allowed::{AllowedFindings, how_to_allow};
use crate::inspect::certificate::{Facts, IssuerLink};
use crate::inspect::findings::{Finding, FindingKind, Severity};

/// What libcas found out about a certificate, its chain and its private key.
#[derive(Clone, Default)]
pub struct Inspection {
    /// Facts about the leaf; `None` if libcas failed to read the certificates.
    pub facts: Option<Facts>,
    /// The chain as an upload sends it, leaf first.
    pub chain: Vec<ChainEntry>,
    /// The chain as PEM with LF and 64 columns; empty if libcas failed to read the certificates.
    pub certificate_pem: String,
    /// All findings, most severe first.
    pub findings: Vec<Finding>,
    /// The certificates that do not belong to the chain, in the order given, as PEM.
    pub(super) unrelated_pem: String,
    /// The private key as PEM in the same layout.
    pub(super) key_pem: Zeroizing<String>,
}

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEntry {
    /// Subject, quoted for messages.
    pub subject: String,
    /// Issuer as the certificate names it, quoted for messages.
    pub issuer: String,
    /// Link to the issuer's certificate; `None` if that certificate was not passed.
    pub issuer_link: Option<IssuerLink>,
    /// End of the validity period.
    pub not_after: UnixTime,
}

/// Hides the PEM.
impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("findings", &self.findings).finish_non_exhaustive()
    }
}

impl Inspection {
    /// The private key as tidied PEM; empty if no key was passed or libcas failed to read it.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The findings that prevent an upload.
    pub fn refused(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.kind.severity() == Severity::Refused)
    }

    /// The error of an upload named `name`, if a finding prevents it that is not `allowed`.
    pub(crate) fn refusal(&self, name: &str, allowed: AllowedFindings) -> Option<Error> {
        let refused: Vec<&Finding> =
            self.refused().filter(|finding| !allowed.contains(finding.kind)).collect();
        if refused.is_empty() {
            return None;
        }
        let sentences: Vec<String> = refused.iter().map(ToString::to_string).collect();
        let mut advice: Vec<&str> = refused.iter().map(|finding| finding.kind.advice()).collect();
        advice.dedup();
        let mut hint = advice.join(" ");
        if refused.iter().all(|finding| finding.kind.can_be_allowed()) {
            hint.push_str(&how_to_allow(refused.iter().map(|finding| finding.kind)));
        }
        let message =
            format!("Upload of {} refused before sending: {}.", quoted(name), sentences.join("; "));
        Some(Error::new(ErrorKind::Certificate, message).with_hint(hint))
    }

    /// Adds what a program sends by allowing `chain-unrelated` to the chain.
    pub(crate) fn append_unrelated(&mut self) {
        self.certificate_pem.push_str(&self.unrelated_pem);
    }

    /// Sorts the findings by severity.
    pub(super) fn sort_findings(&mut self) {
        // Three passes: a sort would add some kilobytes of code.
        let found = std::mem::take(&mut self.findings);
        for severity in [Severity::Refused, Severity::Warning, Severity::Note] {
            let of_severity = found.iter().filter(|finding| finding.kind.severity() == severity);
            self.findings.extend(of_severity.cloned());
        }
    }

    // Not inlined: findings are exceptional.
    #[cold]
    pub(super) fn add(&mut self, kind: FindingKind, detail: impl Into<String>) {
        self.findings.push(Finding::new(kind, detail));
    }
}
