//! The operations of the API, and their errors.

mod detail;
mod errors;
mod limits;
mod upload;
