//! Calls of the service: operations of both API versions, one attempt and calls that are repeated.

pub mod backoff;
pub mod caller;
mod certificate;
pub mod clock_skew;
pub mod operations;
pub mod rate_limit;
pub mod regions;
mod v2018_07_13;
mod v2020_04_07;
mod version;
