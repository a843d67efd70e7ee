//! Alibaba Cloud's RPC style: parameters in, one signed form out, an answer back. Pure, no I/O.

pub(crate) mod access_key;
pub(crate) mod acs3;
pub(crate) mod error_codes;
pub(crate) mod failure_class;
pub(crate) mod hmac_sha1;
pub(crate) mod params;
pub(crate) mod percent;
pub(crate) mod reading;
pub(crate) mod redact;
pub(crate) mod signed_form;

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// Version 1: HMAC-SHA1 over all parameters, which stand in the form.
    #[default]
    HmacSha1,
    /// Version 3: HMAC-SHA256 over the headers, where what is common to all calls stands, and the form's hash.
    Acs3,
}
