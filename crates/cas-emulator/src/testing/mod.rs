//! Support for tests of clients: injected faults, seeds, the record of requests and what is read
//! from it.
//!
//! May use `gateway`, `operations`, `store`, `request`, `clock` and `hex`.

mod fault;
mod fault_json;
mod filter;
mod log;
mod metrics;
mod record;
mod seed;
mod stderr;
mod verification;

pub use fault::Fault;
pub(crate) use fault::{FaultKind, Faults, InjectedError, InjectedFault};
pub use fault_json::FaultError;
pub(crate) use fault_json::parse as parse_faults;
pub(crate) use filter::Filter;
pub use log::Log;
pub(crate) use metrics::Metrics;
pub(crate) use record::{Outcome, Records, masked};
pub use record::{RecordedParameter, RecordedRequest, RecordedValue};
pub use seed::SeedError;
pub(crate) use seed::{Seed, parse_cloud_resources, parse_contacts};
pub(crate) use stderr::Stderr;
pub(crate) use verification::Expectations;
