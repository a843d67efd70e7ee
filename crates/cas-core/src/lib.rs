//! The core of libcas: checks a certificate and its private key, signs the request, sends it, and
//! makes sure that it is stored exactly once.
//!
//! A [`Client`] uploads certificates to one endpoint of Alibaba Cloud's Certificate Management
//! Service (CAS). It blocks, starts no thread but the one that resolves a host name, and any number
//! of threads may share it. The C interface over this crate is `cas-ffi`.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use cas_core::{Client, Config, Secret, Upload};
//!
//! fn main() -> Result<(), cas_core::Error> {
//!     let mut config = Config::default();
//!     config.set_endpoint("http://127.0.0.1:8480")?;
//!     config.set_access_key("testid", Secret::new("testsecret".to_owned()))?;
//!     let client = Client::new(&config)?;
//!
//!     let mut upload = Upload::new();
//!     upload.set_name("my-site");
//!     upload.load_certificate(Path::new("chain.pem"))?;
//!     upload.load_key(Path::new("leaf.key"))?;
//!     let receipt = client.upload(&upload)?;
//!     println!("CertId: {}", receipt.cert_id);
//!     Ok(())
//! }
//! ```
//!
//! Beside uploads, a client can [`get`](Client::get), [`list`](Client::list) and
//! [`delete`](Client::delete) certificates. [`Client::credentials`] returns whose access key is
//! in use, [`Client::root_store`] which roots are trusted. CONTRIBUTING.md says how to add an
//! operation.
//!
//! Modules are private and depend downwards only: diagnostics, client, config, prune, deployment,
//! upload, credentials, service, `signature_mismatch`, protocol, http, pkcs12, inspect, base.
//! ARCHITECTURE.md says what each is for, and a test enforces the order. Everything that programs
//! may use is re-exported here.
#![forbid(unsafe_code)]

mod base;
mod client;
mod config;
mod credentials;
mod deployment;
mod diagnostics;
mod http;
mod inspect;
mod pkcs12;
mod protocol;
mod prune;
mod service;
mod signature_mismatch;
mod upload;

pub use base::error::{Error, ErrorKind};
pub use base::file::MAX_ROOTS_BYTES;
pub use base::logger::{Level, Logger};
pub use base::quote::quoted_path;
pub use base::secret::Secret;
pub use base::time::UnixTime;
pub use client::Client;
pub use client::deployment::DeploymentInventory;
pub use client::served::ServedCertificate;
pub use config::Config;
pub use credentials::identity::Identity;
pub use credentials::survey::{KeyReport, SourceReport, SourceState};
pub use deployment::plan::{DeploymentPlan, DeploymentRequest};
pub use deployment::rollback::Rollback;
pub use deployment::run::{Deployment, DeploymentEvent};
pub use diagnostics::{
    AccessTest, CredentialsReport, Diagnosis, Diagnostics, Probe, Settings, Status,
};
pub use inspect::{
    ChainEntry, Facts, Finding, FindingKind, Inspection, IssuerLink, MAX_PEM_BYTES, Severity,
    check_size, inspect, inspect_now, not_text,
};
pub use protocol::Signature;
pub use protocol::redact::Secrets;
pub use prune::{PruneDecision, PruneRules, prune};
pub use service::caller::CredentialsInfo;
pub use service::certificate::Certificate;
pub use service::deployment::types::{
    CloudResource, Contact, DeploymentJob, JobId, JobProgress, JobStatus, WorkerResource,
    WorkerStatus,
};
pub use service::types::CertId;
pub use service::version::ApiVersion;
pub use signature_mismatch::{
    Change, Difference, Habit, MAX_EXPLAINED_BYTES, Part, SignatureExplanation, Verdict,
    explain_signature,
};
pub use upload::events::{OnConflict, Outcome};
pub use upload::request::{Receipt, Upload};
