//! Diagnostics: takes the way of an upload step by step, without one, and says where it ends.
//!
//! Every step uses the code that requests use. A step that depends on one that failed is skipped.
//! Nothing of a result holds a key, secret, token or signature.

mod clock;
mod diagnosis;
mod examination;
mod messages;
mod subject;

pub use diagnosis::{Diagnosis, Probe, Status};
pub use subject::{AccessTest, CredentialsReport, Diagnostics, Settings};
