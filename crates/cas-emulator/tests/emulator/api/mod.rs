//! The operations of the API, and their errors.

mod accounts;
pub(crate) mod calls;
mod certificate_detail;
mod client_tokens;
mod deployment;
mod deployment_lists;
mod detail;
mod double_certificates;
mod errors;
mod limits;
mod list;
mod not_emulated;
mod oidc;
mod sts;
mod tags;
mod upload;
