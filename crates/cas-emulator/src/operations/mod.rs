//! The operations of the API: what they check and store, what they return, and their errors.
//!
//! Signatures are checked before. May use `sessions`, `store`, `certificates`, `request`, `clock`
//! and `hex`.

mod certificate_detail;
mod context;
mod delete;
pub(crate) mod deployment;
mod detail;
pub(crate) mod encode;
pub(crate) mod errors;
mod list;
mod not_emulated;
mod oidc;
mod output;
pub(crate) mod sts;
mod summary;
pub(crate) mod table;
mod tags;
mod upload;
pub(crate) mod version;

pub(crate) use context::{Context, Dialect};
