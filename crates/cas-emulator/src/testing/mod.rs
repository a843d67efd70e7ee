//! Support for tests of clients: injected faults, seeds, and the record of requests.
//!
//! May use `operations`, `store`, `request`, `clock` and `hex`.

mod fault;
mod fault_json;
mod record;
mod seed;

pub use fault::Fault;
pub(crate) use fault::{FaultKind, Faults, InjectedError, InjectedFault};
pub use fault_json::FaultError;
pub(crate) use fault_json::parse as parse_faults;
pub(crate) use record::{Outcome, Records};
pub use record::{RecordedParameter, RecordedRequest, RecordedValue};
pub use seed::SeedError;
pub(crate) use seed::{Seed, parse_cloud_resources, parse_contacts};
