//! The exactly-once upload: a pure state machine, the run that carries out its steps, and the look-up
//! that says who has a name.
//!
//! Uses `service`, `inspect` and, for classes of failure, `protocol`.

pub(crate) mod events;
pub(crate) mod lookup;
pub(crate) mod machine;
pub(crate) mod request;
pub(crate) mod run;
