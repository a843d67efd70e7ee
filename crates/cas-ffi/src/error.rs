//! `cas_error`: what a caller learns when something fails.

use std::ffi::{CString, c_char};
use std::ptr;

use cas_core::error::Error;

use crate::ffi::{c_text, free, required};
use crate::panic;
use crate::status::{CAS_ERR_INVALID_ARGUMENT, cas_status};

/// An error. It never holds a key, secret, token, signature or string-to-sign.
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

/// The same status that the failed call returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_status(error: *const cas_error) -> cas_status {
    panic::value_or(CAS_ERR_INVALID_ARGUMENT, || Ok(required!(error).status))
}

/// What happened: one English sentence for a person. Never NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_message(error: *const cas_error) -> *const c_char {
    panic::value_or(c"".as_ptr(), || Ok(required!(error).message.as_ptr()))
}

/// What to do about it, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_hint(error: *const cas_error) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(optional_text(required!(error).hint.as_ref())))
}

/// The service's own error code, such as "InvalidAccessKeyId.NotFound", or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_service_code(error: *const cas_error) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(optional_text(required!(error).service_code.as_ref())))
}

/// The service's own words, redacted, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_service_message(error: *const cas_error) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(optional_text(required!(error).service_message.as_ref())))
}

/// The id under which Alibaba Cloud's support finds the request, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_request_id(error: *const cas_error) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(optional_text(required!(error).request_id.as_ref())))
}

/// The HTTP status of the answer; 0 when there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_http_status(error: *const cas_error) -> i32 {
    panic::value_or(0, || Ok(required!(error).http_status))
}

/// How often the certificate was sent, or sending it was tried; look-ups do not count. Of other calls: how often
/// their last request was. 0 when nothing was sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_attempts(error: *const cas_error) -> u32 {
    panic::value_or(0, || Ok(required!(error).attempts))
}

/// Whether the same call later would be worth it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_retryable(error: *const cas_error) -> bool {
    panic::value_or(false, || Ok(required!(error).retryable))
}

/// Ends an error and the strings that came from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_error_free(error: *mut cas_error) {
    panic::value_or((), || {
        free!(error);
        Ok(())
    });
}
