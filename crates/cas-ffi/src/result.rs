//! `cas_result`: what is known about a certificate after its upload.

use std::ffi::{CString, c_char};
use std::ptr;

use cas_core::request::Receipt;

use crate::config::cas_api;
use crate::ffi::{c_text, free, required};
use crate::panic;

/// The receipt of an upload.
pub struct cas_result {
    cert_id: i64,
    name: CString,
    cert_identifier: CString,
    request_id: Option<CString>,
    outcome: cas_outcome,
    api: cas_api,
    attempts: u32,
}

/// What an upload did.
pub type cas_outcome = i32;

/// The certificate is stored, and was not before this call as far as can be known: where an answer was lost and the
/// certificate is found then, it counts as created.
pub const CAS_OUTCOME_CREATED: cas_outcome = 0;
/// The same certificate was there already.
pub const CAS_OUTCOME_REUSED: cas_outcome = 1;
/// The certificate is stored, and the one that had its name is deleted.
pub const CAS_OUTCOME_REPLACED: cas_outcome = 2;

impl From<&Receipt> for cas_result {
    fn from(receipt: &Receipt) -> Self {
        Self {
            cert_id: receipt.cert_id.get(),
            name: c_text(&receipt.name),
            cert_identifier: c_text(&receipt.cert_identifier),
            request_id: receipt.request_id.as_deref().map(c_text),
            outcome: receipt.outcome as cas_outcome,
            api: receipt.api as cas_api,
            attempts: receipt.attempts,
        }
    }
}

/// The id that the service gave the certificate; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_cert_id(result: *const cas_result) -> i64 {
    panic::value_or(0, || Ok(required!(result).cert_id))
}

/// The name it has at the service: the wanted one, or the one of CAS_ON_CONFLICT_RENAME, CAS_ON_CONFLICT_REPLACE or
/// cas_request_set_reuse_any_name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_name(result: *const cas_result) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(result).name.as_ptr()))
}

/// "<CertId>-<region>", as OSS, CDN and SLB take it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_cert_identifier(result: *const cas_result) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(result).cert_identifier.as_ptr()))
}

/// The id under which Alibaba Cloud's support finds the request, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_request_id(result: *const cas_result) -> *const c_char {
    panic::value_or(ptr::null(), || {
        Ok(required!(result).request_id.as_ref().map_or(ptr::null(), |id| id.as_ptr()))
    })
}

/// What the upload did.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_outcome(result: *const cas_result) -> cas_outcome {
    panic::value_or(CAS_OUTCOME_CREATED, || Ok(required!(result).outcome))
}

/// The API version that answered; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_api(result: *const cas_result) -> cas_api {
    panic::value_or(0, || Ok(required!(result).api))
}

/// How often the certificate was sent, or sending it was tried; 0 where a look at the list came first and found it there
/// already. Look-ups do not count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_attempts(result: *const cas_result) -> u32 {
    panic::value_or(0, || Ok(required!(result).attempts))
}

/// Ends a result and the strings that came from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_free(result: *mut cas_result) {
    panic::value_or((), || {
        free!(result);
        Ok(())
    });
}
