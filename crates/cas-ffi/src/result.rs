//! Result of an upload.

use std::ffi::{CString, c_char};
use std::ptr;

use cas_core::Receipt;

use crate::config::cas_api;
use crate::ffi::{c_text, free, required};
use crate::panic;

/// The result of an upload. Free it with cas_result_free.
///
/// @since 0.1.0
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
///
/// @since 0.1.0
pub type cas_outcome = i32;

/// The certificate is stored and, as far as libcas can know, was not stored
/// before the call. A certificate that libcas finds after a lost response
/// counts as created.
pub const CAS_OUTCOME_CREATED: cas_outcome = 0;
/// The same certificate was already stored.
pub const CAS_OUTCOME_REUSED: cas_outcome = 1;
/// The certificate is stored, and the one that it replaces is deleted.
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

/// Returns the ID of the stored certificate (CertId).
///
/// @param result  a result, or NULL
/// @return the ID; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_cert_id(result: *const cas_result) -> i64 {
    panic::value_or(0, || Ok(required!(result).cert_id))
}

/// Returns the name of the certificate at the service: the requested name, or
/// the name that CAS_ON_CONFLICT_RENAME, CAS_ON_CONFLICT_REPLACE or
/// cas_request_set_reuse_any_name led to.
///
/// @param result  a result, or NULL
/// @return the name, or NULL for NULL; valid until cas_result_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_name(result: *const cas_result) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(result).name.as_ptr()))
}

/// Returns "<CertId>-<region>", the identifier that OSS, CDN and SLB take.
///
/// @param result  a result, or NULL
/// @return the identifier, or NULL for NULL; valid until cas_result_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_cert_identifier(result: *const cas_result) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(result).cert_identifier.as_ptr()))
}

/// Returns the ID by which Alibaba Cloud support finds the request.
///
/// @param result  a result, or NULL
/// @return the RequestId, or NULL if there is none; valid until cas_result_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_request_id(result: *const cas_result) -> *const c_char {
    panic::value_or(ptr::null(), || {
        Ok(required!(result).request_id.as_ref().map_or(ptr::null(), |id| id.as_ptr()))
    })
}

/// Returns what the upload did.
///
/// @param result  a result, or NULL
/// @return a CAS_OUTCOME_ constant; CAS_OUTCOME_CREATED for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_outcome(result: *const cas_result) -> cas_outcome {
    panic::value_or(CAS_OUTCOME_CREATED, || Ok(required!(result).outcome))
}

/// Returns the version of the API that the call used.
///
/// @param result  a result, or NULL
/// @return a CAS_API_ constant; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_api(result: *const cas_result) -> cas_api {
    panic::value_or(0, || Ok(required!(result).api))
}

/// Returns how many times libcas sent the certificate or tried to send it.
/// Look-ups do not count.
///
/// @param result  a result, or NULL
/// @return the number of attempts; 0 if a look-up came first and found the
///         certificate already stored, and for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_attempts(result: *const cas_result) -> u32 {
    panic::value_or(0, || Ok(required!(result).attempts))
}

/// Frees a result and the strings that came from it.
///
/// @param result  a result, or NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_result_free(result: *mut cas_result) {
    panic::value_or((), || {
        free!(result);
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use cas_core::Outcome;

    use super::*;

    #[test]
    fn constants_equal_the_numbers_of_cas_core() {
        for (outcome, number) in [
            (Outcome::Created, CAS_OUTCOME_CREATED),
            (Outcome::Reused, CAS_OUTCOME_REUSED),
            (Outcome::Replaced, CAS_OUTCOME_REPLACED),
        ] {
            assert_eq!(outcome as cas_outcome, number);
        }
    }
}
