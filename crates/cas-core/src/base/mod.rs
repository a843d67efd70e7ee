//! Foundations: errors, refused values, logging, secrets, deadlines, environment variables, files,
//! memory, time, random numbers, text.
//!
//! All other folders may use it; it uses none of them.

pub(crate) mod deadline;
pub(crate) mod env;
pub(crate) mod error;
pub(crate) mod exhaustion;
pub(crate) mod file;
pub(crate) mod logger;
pub(crate) mod lookups;
pub(crate) mod memory;
pub(crate) mod per_process;
pub(crate) mod quote;
pub(crate) mod random;
pub(crate) mod refusals;
pub(crate) mod secret;
pub(crate) mod time;
