//! Calls of the service: the operations of both API versions, single attempts, repeatable calls,
//! and what a failed attempt means.
//!
//! Uses `http`, `protocol`, `inspect` for fingerprints, and `base`.

pub(crate) mod account;
pub(crate) mod backoff;
pub(crate) mod caller;
pub(crate) mod certificate;
pub(crate) mod clock_skew;
pub(crate) mod deployment;
pub(crate) mod failure;
pub(crate) mod messages;
pub(crate) mod operations;
pub(crate) mod paging;
pub(crate) mod provider;
pub(crate) mod rate_limit;
pub(crate) mod readings;
pub(crate) mod regions;
pub(crate) mod transport;
pub(crate) mod types;
mod v2018_07_13;
mod v2020_04_07;
pub(crate) mod version;
