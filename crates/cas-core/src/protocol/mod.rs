//! Alibaba Cloud's RPC protocol: signs parameters into a form, reads a response, classifies
//! failures.
//!
//! No I/O. Uses `base`, and the response as it arrived from `http`.

pub(crate) mod access_key;
pub(crate) mod error_codes;
pub(crate) mod failure_class;
pub(crate) mod fields;
pub(crate) mod reading;
pub(crate) mod redact;
mod xml;

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// Version 1: HMAC-SHA1 over all parameters, which are in the form.
    #[default]
    HmacSha1,
    /// Version 3: HMAC-SHA256 over the headers, which hold the common parameters, and the hash of
    /// the form.
    Acs3,
}
