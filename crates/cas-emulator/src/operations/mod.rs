//! The operations of the API: what they check and store, what they return, and their errors.
//!
//! Signatures are checked before. May use `store`, `certificates`, `request` and `clock`.

mod context;
mod delete;
mod detail;
pub(crate) mod encode;
pub(crate) mod errors;
mod list;
mod output;
mod summary;
pub(crate) mod table;
mod upload;

pub(crate) use context::Context;
