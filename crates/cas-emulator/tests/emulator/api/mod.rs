//! The operations of the API, and their errors.

mod calls;
mod client_tokens;
mod deployment;
mod detail;
mod double_certificates;
mod errors;
mod limits;
mod list;
mod not_emulated;
mod sts;
mod upload;
