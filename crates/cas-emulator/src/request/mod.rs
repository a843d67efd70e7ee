//! An API call as a client sent it: its parameters and its signature.
//!
//! May use `http`.

pub(crate) mod parameters;
