//! `cas_request`: what to upload.

use std::ffi::c_char;
use std::path::Path;

use cas_core::request::Upload;
use cas_core::upload::OnConflict;

use crate::boundary;
use crate::error::cas_error;
use crate::ffi::{self, free, invalid, must_be_text, required_bytes, required_mut, text};
use crate::panic;
use crate::status::cas_status;

/// A certificate to upload, with its key.
pub struct cas_request(pub(crate) Upload);

/// What to do when another certificate has the name. "The same" is decided by the certificate, not by its name.
pub type cas_on_conflict = i32;

/// The same certificate under this name is a success, another one is CAS_ERR_NAME_TAKEN.
pub const CAS_ON_CONFLICT_REUSE: cas_on_conflict = 0;
/// Any certificate under this name is CAS_ERR_NAME_TAKEN, unless this very call put it there.
pub const CAS_ON_CONFLICT_FAIL: cas_on_conflict = 1;
/// Another certificate keeps its name, and this one is stored as NAME-<first 8 hex digits of its SHA-256>.
pub const CAS_ON_CONFLICT_RENAME: cas_on_conflict = 2;
/// As CAS_ON_CONFLICT_RENAME, and the other certificate is deleted once this one is stored. Where that fails, this
/// one stays stored and the outcome is CAS_OUTCOME_CREATED; a log message says why.
pub const CAS_ON_CONFLICT_REPLACE: cas_on_conflict = 3;

/// A new request with nothing set.
#[unsafe(no_mangle)]
pub extern "C" fn cas_request_new() -> *mut cas_request {
    panic::value_or(std::ptr::null_mut(), || Ok(ffi::give(cas_request(Upload::new()))))
}

/// Ends a request and wipes its key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_free(request: *mut cas_request) {
    panic::value_or((), || {
        free!(request);
        Ok(())
    });
}

/// The name under which the service keeps the certificate; unique in the account, at most 128 bytes (the service's
/// newest documents say 63 characters).
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

/// The certificate and its chain, PEM, in any order and layout; len is in bytes, without a closing NUL. It is read, tidied
/// and checked by the upload, as cas_inspect does. DER and PKCS#12 are
/// taken as well; the upload refuses them with CAS_ERR_CERTIFICATE and says how to convert them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_cert_pem(
    request: *mut cas_request,
    pem: *const c_char,
    len: usize,
) -> cas_status {
    boundary::status_only(|| {
        let request = required_mut!(request);
        let bytes = required_bytes!(pem, len);
        // Kept all the same: an upload in spite of the refusal is told what is wrong.
        request.0.set_certificate(bytes);
        must_be_text(bytes, "pem").map(drop)
    })
}

/// The private key, PEM, unencrypted; len is in bytes, without a closing NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_key_pem(
    request: *mut cas_request,
    pem: *const c_char,
    len: usize,
) -> cas_status {
    boundary::status_only(|| {
        let request = required_mut!(request);
        let bytes = required_bytes!(pem, len);
        request.0.set_key(bytes);
        must_be_text(bytes, "pem").map(drop)
    })
}

/// Reads the certificate and its chain from a PEM file, now. What is no PEM at all, DER for example, is refused here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_load_cert_file(
    request: *mut cas_request,
    path: *const c_char,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let request = required_mut!(request);
        request.0.load_certificate(Path::new(text!(path)))
    })
}

/// Reads the private key from a PEM file, now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_load_key_file(
    request: *mut cas_request,
    path: *const c_char,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let request = required_mut!(request);
        request.0.load_key(Path::new(text!(path)))
    })
}

/// The language of the service's messages: "zh" (the service's default) or "en".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_lang(
    request: *mut cas_request,
    lang: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(request).0.set_lang(text!(lang)))
}

/// The IP address of the person on whose behalf the call is made, for the service's audit trail.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_source_ip(
    request: *mut cas_request,
    ip: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(request).0.set_source_ip(text!(ip)))
}

/// What to do when another certificate has the name. Default: CAS_ON_CONFLICT_REUSE. The others look at the list of
/// certificates before they send anything, and need the right to.
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
            _ => return Err(invalid(format!("There is no rule {on_conflict} for conflicts."))),
        };
        required_mut!(request).0.set_on_conflict(rule);
        Ok(())
    })
}

/// Whether the same certificate under any other name will do as well. Default: false. With it the list of
/// certificates is looked at before anything is sent.
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

/// Whether to send certificate and key unread, byte for byte as they were given, whatever the local checks would refuse.
/// Default: false. A name with control characters is refused all the same: names are public, and such a one may be a key.
/// So are certificates: with this, it is the caller who sees to it that no key stands in that text.
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
