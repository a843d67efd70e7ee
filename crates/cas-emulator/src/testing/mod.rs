//! What tests use: injected faults and the record of requests.
//!
//! May use `operations`, `request` and `http`.

pub(crate) mod fault;
pub(crate) mod record;
