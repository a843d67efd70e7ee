//! The exactly-once upload: a state machine without I/O, the run that executes its steps, and the
//! look-up that compares certificates.
//!
//! Uses `service`, `inspect`, `base` and, for failure classes, `protocol`. docs/exactly-once.md has
//! the rules.

pub(crate) mod events;
mod history;
pub(crate) mod left_overs;
pub(crate) mod lookup;
pub(crate) mod machine;
pub(crate) mod messages;
#[cfg(test)]
mod model;
mod names;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod stored;
