//! The signatures of Alibaba Cloud's RPC protocol: parameters become a form with a signature.
//!
//! No I/O: time and nonce are arguments. A crate of its own because it is built for speed, where
//! the rest of libcas is built for size: a call spends its processor time in encoding and hashing.
//! What is generic stays private, since generic code is compiled in the crate that uses it.
#![forbid(unsafe_code)]

mod access_key;
pub mod acs3;
pub mod hmac_sha1;
mod params;
mod percent;
mod signed_form;

pub use access_key::AccessKeyRef;
pub use params::Params;
pub use percent::{percent_decode, percent_encode};
pub use signed_form::{FORM_CONTENT_TYPE, SignedForm};
