//! Errors.
//!
//! A function with a `cas_error **err` argument reports a failure here: the
//! message says what happened, the hint what to do about it. Both are English
//! sentences for people; programs decide by cas_status.

use std::ffi::{CString, c_char};
use std::ptr;

use cas_core::Error;

use crate::ffi::{c_text, free, required};
use crate::panic;
use crate::status::{CAS_ERR_INVALID_ARGUMENT, cas_status};

/// A failure in detail. It never holds a key, secret, token, signature or
/// string to sign. Free it with cas_error_free.
///
/// @since 0.1.0
pub struct cas_error {
    status: cas_status,
    message: CString,
    hint: Option<CString>,
    service_code: Option<CString>,
    service_message: Option<CString>,
    request_id: Option<CString>,
    http_status: i32,
    attempts: u32,
    retryable: bool,
}

impl From<&Error> for cas_error {
    fn from(error: &Error) -> Self {
        Self {
            status: error.kind() as cas_status,
            message: c_text(error.message()),
            hint: error.hint().map(c_text),
            service_code: error.service_code().map(c_text),
            service_message: error.service_message().map(c_text),
            request_id: error.request_id().map(c_text),
            http_status: error.http_status().map_or(0, i32::from),
            attempts: error.attempts(),
            retryable: error.is_retryable(),
        }
    }
}

fn optional_text(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}

/// Returns the status that the failed call returned.
///
/// @param error  an error, or NULL
/// @return the status; CAS_ERR_INVALID_ARGUMENT for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_status(error: *const cas_error) -> cas_status {
    panic::value_or(CAS_ERR_INVALID_ARGUMENT, || Ok(required!(error).status))
}

/// Returns what happened: in English sentences for a person.
///
/// @param error  an error, or NULL
/// @return never NULL, empty for a NULL error; valid until cas_error_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_message(error: *const cas_error) -> *const c_char {
    panic::value_or(c"".as_ptr(), || Ok(required!(error).message.as_ptr()))
}

/// Returns what to do about the error.
///
/// @param error  an error, or NULL
/// @return the hint, or NULL if there is none; valid until cas_error_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_hint(error: *const cas_error) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(optional_text(required!(error).hint.as_ref())))
}

/// Returns the error code of the service, such as
/// "InvalidAccessKeyId.NotFound".
///
/// @param error  an error, or NULL
/// @return the code, or NULL if the service sent none; valid until
///         cas_error_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_service_code(error: *const cas_error) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(optional_text(required!(error).service_code.as_ref())))
}

/// Returns the error message of the service, redacted.
///
/// @param error  an error, or NULL
/// @return the message, or NULL if the service sent none; valid until
///         cas_error_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_service_message(error: *const cas_error) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(optional_text(required!(error).service_message.as_ref())))
}

/// Returns the ID by which Alibaba Cloud support finds the request.
///
/// @param error  an error, or NULL
/// @return the RequestId, or NULL if the service sent none; valid until
///         cas_error_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_request_id(error: *const cas_error) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(optional_text(required!(error).request_id.as_ref())))
}

/// Returns the HTTP status of the response.
///
/// @param error  an error, or NULL
/// @return the HTTP status, or 0 if there was no response
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_http_status(error: *const cas_error) -> i32 {
    panic::value_or(0, || Ok(required!(error).http_status))
}

/// Returns how many times libcas sent the certificate or tried to send it.
/// Look-ups do not count. For other calls: how many times it sent their last
/// request or tried to.
///
/// @param error  an error, or NULL
/// @return the number of attempts, or 0 if nothing was sent
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_attempts(error: *const cas_error) -> u32 {
    panic::value_or(0, || Ok(required!(error).attempts))
}

/// Tells whether it is worth making the same call again later.
///
/// @param error  an error, or NULL
/// @return true if it is; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_retryable(error: *const cas_error) -> bool {
    panic::value_or(false, || Ok(required!(error).retryable))
}

/// Frees an error and the strings that came from it.
///
/// @param error  an error, or NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_free(error: *mut cas_error) {
    panic::value_or((), || {
        free!(error);
        Ok(())
    });
}
