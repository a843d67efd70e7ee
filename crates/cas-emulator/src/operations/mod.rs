//! The operations of the API: what they check, store and answer, and the errors they end with.
//!
//! May use `store`, `certificates`, `request` and `clock`.

pub(crate) mod delete;
pub(crate) mod detail;
pub(crate) mod encode;
pub(crate) mod errors;
pub(crate) mod list;
pub(crate) mod table;
pub(crate) mod upload;
