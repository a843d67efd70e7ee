//! Request.
//!
//! Set a name, a certificate and a key; everything else is optional.

use std::ffi::c_char;

use cas_core::OnConflict;
use cas_core::Upload;

use crate::boundary;
use crate::error::cas_error;
use crate::ffi::{
    self, file_path, free, invalid, must_be_text, required_bytes, required_mut, text,
};
use crate::panic;
use crate::status::cas_status;

/// A certificate to upload, with its chain, key and options. Free it with
/// cas_request_free.
///
/// @since 0.1.0
pub struct cas_request(pub(crate) Upload);

/// Creates a request with nothing set.
///
/// @return a request; free it with cas_request_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn cas_request_new() -> *mut cas_request {
    panic::value_or(std::ptr::null_mut(), || Ok(ffi::give(cas_request(Upload::new()))))
}

/// Frees a request and wipes its key.
///
/// @param request  a request, or NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_free(request: *mut cas_request) {
    panic::value_or((), || {
        free!(request);
        Ok(())
    });
}

// --- Required ---

/// Sets the name under which the service stores the certificate.
///
/// Names are unique within an account.
///
/// @param request  the request
/// @param name     at most 128 bytes; the newest documentation of the service
///                 says 63 characters
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_name(
    request: *mut cas_request,
    name: *const c_char,
) -> cas_status {
    boundary::status_only(|| {
        required_mut!(request).0.set_name(text!(name));
        Ok(())
    })
}

/// Sets the certificate and its chain from PEM text, in any order and layout.
///
/// The upload reads, tidies and checks the text as cas_inspect does. DER and
/// PKCS#12 are accepted here; the upload then fails with CAS_ERR_CERTIFICATE
/// and says how to convert them.
///
/// @param request  the request
/// @param pem      the text, at most 2 MiB; libcas copies it
/// @param len      its length in bytes, without a terminating NUL
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_cert_pem(
    request: *mut cas_request,
    pem: *const c_char,
    len: usize,
) -> cas_status {
    boundary::status_only(|| {
        let request = required_mut!(request);
        let bytes = required_bytes!(pem, len);
        // Stored even if invalid: an upload that ignores this error fails with the details.
        request.0.set_certificate(bytes)?;
        must_be_text(bytes, "pem").map(drop)
    })
}

/// Sets the private key from unencrypted PEM text.
///
/// @param request  the request
/// @param pem      the text, at most 2 MiB; libcas copies it
/// @param len      its length in bytes, without a terminating NUL
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_key_pem(
    request: *mut cas_request,
    pem: *const c_char,
    len: usize,
) -> cas_status {
    boundary::status_only(|| {
        let request = required_mut!(request);
        let bytes = required_bytes!(pem, len);
        request.0.set_key(bytes)?;
        must_be_text(bytes, "pem").map(drop)
    })
}

/// Reads the certificate and its chain from a PEM file, before the call
/// returns. A file that is not PEM, such as DER, is refused here.
///
/// @param request  the request
/// @param path     the path of a file or pipe of at most 1 MiB; it need not be
///                 UTF-8
/// @param err      receives the error; may be NULL
/// @return CAS_OK, CAS_ERR_IO if the file cannot be read, CAS_ERR_CERTIFICATE
///         if it is not a PEM file, or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_load_cert_file(
    request: *mut cas_request,
    path: *const c_char,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let request = required_mut!(request);
        request.0.load_certificate(file_path!(path))
    })
}

/// Reads the private key from a PEM file, before the call returns.
///
/// @param request  the request
/// @param path     the path of a file or pipe of at most 1 MiB; it need not be
///                 UTF-8
/// @param err      receives the error; may be NULL
/// @return CAS_OK, CAS_ERR_IO if the file cannot be read, CAS_ERR_CERTIFICATE
///         if it is not a PEM file, or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_load_key_file(
    request: *mut cas_request,
    path: *const c_char,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let request = required_mut!(request);
        request.0.load_key(file_path!(path))
    })
}

// --- Optional ---

/// Sets the language of the messages of the service.
///
/// @param request  the request
/// @param lang     "zh", the default of the service, or "en"
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_lang(
    request: *mut cas_request,
    lang: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(request).0.set_lang(text!(lang)))
}

/// Sets the IP address of the person on whose behalf the program makes the
/// call, for the audit trail of the service.
///
/// @param request  the request
/// @param ip       an IPv4 or IPv6 address
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_source_ip(
    request: *mut cas_request,
    ip: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(request).0.set_source_ip(text!(ip)))
}

/// What to do if another certificate already has the name. libcas compares the
/// certificates themselves to decide whether they are the same, never their
/// names.
///
/// @since 0.1.0
pub type cas_on_conflict = i32;

/// The same certificate under this name is a success; a different one is
/// CAS_ERR_NAME_TAKEN.
pub const CAS_ON_CONFLICT_REUSE: cas_on_conflict = 0;
/// Any certificate under this name is CAS_ERR_NAME_TAKEN, unless this call
/// stored it.
pub const CAS_ON_CONFLICT_FAIL: cas_on_conflict = 1;
/// A different certificate keeps its name. libcas stores this one as
/// NAME-<first 8 hex digits of its SHA-256>.
pub const CAS_ON_CONFLICT_RENAME: cas_on_conflict = 2;
/// As CAS_ON_CONFLICT_RENAME; libcas then deletes the other certificate. If the
/// deletion fails, this certificate stays stored, the outcome is
/// CAS_OUTCOME_CREATED, and a log message says why.
pub const CAS_ON_CONFLICT_REPLACE: cas_on_conflict = 3;

/// Sets what to do if another certificate has the name. Default:
/// CAS_ON_CONFLICT_REUSE.
///
/// Every other rule reads the list of certificates before it sends anything,
/// and needs permission to do so.
///
/// @param request      the request
/// @param on_conflict  a CAS_ON_CONFLICT_ constant
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_on_conflict(
    request: *mut cas_request,
    on_conflict: cas_on_conflict,
) -> cas_status {
    boundary::status_only(|| {
        let rule = match on_conflict {
            CAS_ON_CONFLICT_REUSE => OnConflict::Reuse,
            CAS_ON_CONFLICT_FAIL => OnConflict::Fail,
            CAS_ON_CONFLICT_RENAME => OnConflict::Rename,
            CAS_ON_CONFLICT_REPLACE => OnConflict::Replace,
            _ => {
                return Err(invalid(
                    format!("Invalid conflict rule {on_conflict}."),
                    "Use a CAS_ON_CONFLICT_ constant.",
                ));
            }
        };
        required_mut!(request).0.set_on_conflict(rule);
        Ok(())
    })
}

/// Accepts the same certificate under any other name as well. Default: false.
///
/// If it is on, libcas reads the list of certificates before it sends anything.
///
/// @param request  the request
/// @param reuse    true to accept it
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_reuse_any_name(
    request: *mut cas_request,
    reuse: bool,
) -> cas_status {
    boundary::status_only(|| {
        required_mut!(request).0.set_reuse_any_name(reuse);
        Ok(())
    })
}

/// Sends certificate and key without reading them, byte for byte as you set
/// them, even if the local checks would refuse them. Default: false.
///
/// libcas still refuses an empty name and a name with control characters:
/// names are public, and such a name may be a private key. Certificates are
/// public as well: if you skip the checks, make sure that the certificate text
/// holds no key.
///
/// @param request  the request
/// @param skip     true to skip the checks
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_skip_checks(
    request: *mut cas_request,
    skip: bool,
) -> cas_status {
    boundary::status_only(|| {
        required_mut!(request).0.set_skip_checks(skip);
        Ok(())
    })
}
