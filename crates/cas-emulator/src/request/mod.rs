//! A call of the API as the client sent it, parsed once: parameters, signature, format, language.
//!
//! Checks nothing: the gateway and the operations do. May use `http`.

mod api_call;
mod authorization;
mod format;
mod parameters;
mod percent;

pub use api_call::SignatureKind;
pub(crate) use api_call::{ApiCall, Language};
pub(crate) use authorization::{ACS3_ALGORITHM, Authorization};
pub(crate) use format::Format;
pub use parameters::Place;
pub(crate) use parameters::{Mask, MergedParameter, Parameters, unmasked};
pub(crate) use percent::encode as percent_encode;
