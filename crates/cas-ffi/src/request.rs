//! Request.
//!
//! Set a name, a certificate and a key; everything else is optional.
//!
//! If a setter or loader fails, for whatever reason, an upload of the request
//! fails with that status and reason, until the value is set or loaded
//! successfully. Nothing is sent, so a program may ignore what these functions
//! return. The last call that sets or loads the certificate counts, and so does
//! the last one for the key. PKCS#12 sets both.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::time::Duration;

use cas_core::Error;
use cas_core::MAX_PEM_BYTES;
use cas_core::OnConflict;
use cas_core::Upload;

use crate::boundary;
use crate::error::cas_error;
use crate::ffi::{
    self, file_path, free, invalid, must_be_text, optional_text, required, required_bytes,
    required_data, required_mut, text,
};
use crate::panic;
use crate::status::cas_status;

/// A certificate to upload, with its chain, key and options. Free it with
/// cas_request_free.
///
/// @since 0.1.0
pub struct cas_request {
    pub(crate) upload: Upload,
    /// The error of the first setter or loader that failed.
    error: Option<cas_error>,
}

/// Runs the body of a loader, and records under its name whether it succeeded.
fn load(
    request: *mut cas_request,
    err: *mut *mut cas_error,
    loader: &'static str,
    body: impl FnOnce(&mut Upload) -> Result<(), Error>,
) -> cas_status {
    boundary::fallible(err, || {
        let cas_request { upload, error } = required_mut!(request);
        let result = panic::catch(|| body(upload));
        let result = upload.record(loader, result);
        *error = upload.check().err().as_ref().map(cas_error::from);
        result
    })
}

/// The same for a setter, which reports its failure by its status alone.
fn set(
    request: *mut cas_request,
    setter: &'static str,
    body: impl FnOnce(&mut Upload) -> Result<(), Error>,
) -> cas_status {
    load(request, ptr::null_mut(), setter, body)
}

/// Creates a request with nothing set.
///
/// @return a request; free it with cas_request_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn cas_request_new() -> *mut cas_request {
    panic::value_or(ptr::null_mut(), || {
        Ok(ffi::give(cas_request { upload: Upload::new(), error: None }))
    })
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

/// Returns why an upload would refuse the request: the error of the first setter
/// or loader that failed and was not called again successfully.
///
/// @param request  a request, or NULL
/// @return the error, or NULL if none failed; valid until the next call of a
///         setter, a loader or cas_request_free. Do not free it
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_error(request: *const cas_request) -> *const cas_error {
    panic::value_or(ptr::null(), || {
        Ok(required!(request).error.as_ref().map_or(ptr::null(), ptr::from_ref))
    })
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
    set(request, "cas_request_set_name", |request| {
        request.set_name(text!(name));
        Ok(())
    })
}

/// Sets the certificate and its chain from PEM text, in any order and layout.
///
/// The upload reads, tidies and checks the text as cas_inspect does. What source
/// code, mail, diffs, listings or web pages put around the lines of PEM is
/// removed and noted. DER and PKCS#12 are accepted here; the upload then fails
/// with CAS_ERR_CERTIFICATE and says what to do. For PKCS#12 there is
/// cas_request_set_pkcs12.
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
    set(request, "cas_request_set_cert_pem", |request| {
        request.set_certificate(must_be_text(required_bytes!(pem, len, MAX_PEM_BYTES), "pem")?)
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
    set(request, "cas_request_set_key_pem", |request| {
        request.set_key(must_be_text(required_bytes!(pem, len, MAX_PEM_BYTES), "pem")?)
    })
}

/// Reads the certificate and its chain from a PEM file, before the call
/// returns. A file that is not text, such as DER, is refused here; the upload
/// checks the text.
///
/// @param request  the request
/// @param path     the path of a file or pipe of at most 1 MiB; it need not be
///                 UTF-8
/// @param err      receives the error; may be NULL
/// @return CAS_OK, CAS_ERR_IO if the file cannot be read, CAS_ERR_CERTIFICATE
///         if it is not text, or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_load_cert_file(
    request: *mut cas_request,
    path: *const c_char,
    err: *mut *mut cas_error,
) -> cas_status {
    load(request, err, "cas_request_load_cert_file", |request| {
        request.load_certificate(file_path!(path))
    })
}

/// Reads the private key from a PEM file, before the call returns.
///
/// @param request  the request
/// @param path     the path of a file or pipe of at most 1 MiB; it need not be
///                 UTF-8
/// @param err      receives the error; may be NULL
/// @return CAS_OK, CAS_ERR_IO if the file cannot be read, CAS_ERR_CERTIFICATE
///         if it is not text, or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_load_key_file(
    request: *mut cas_request,
    path: *const c_char,
    err: *mut *mut cas_error,
) -> cas_status {
    load(request, err, "cas_request_load_key_file", |request| request.load_key(file_path!(path)))
}

/// Sets the certificate, its chain and the private key from PKCS#12 data (.pfx,
/// .p12) as Windows, Java, macOS and OpenSSL write them.
///
/// libcas decrypts the data before the call returns. The certificates may be in
/// any order; the upload tidies and checks them as it does PEM. Of several
/// private keys, it takes the one that belongs to the certificate; if several
/// certificates have one, the call fails and names them. Certificates that Java
/// marks as trusted are left out.
///
/// libcas reads RC2, 3DES and AES in CBC mode, with MACs of SHA-1, SHA-256,
/// SHA-384 and SHA-512 or none. It refuses data that asks for more than
/// 10,000,000 iterations.
///
/// @param request   the request
/// @param data      the data, at most 2 MiB
/// @param len       its length in bytes
/// @param password  the password in UTF-8; NULL or "" for none. libcas wipes its
///                  copies before the call returns
/// @return CAS_OK, CAS_ERR_CERTIFICATE if the password is wrong or the data
///         cannot be used, or CAS_ERR_INVALID_ARGUMENT; cas_request_error says
///         why
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_pkcs12(
    request: *mut cas_request,
    data: *const c_void,
    len: usize,
    password: *const c_char,
) -> cas_status {
    set(request, "cas_request_set_pkcs12", |request| {
        request.set_pkcs12(required_data!(data, len, MAX_PEM_BYTES), optional_text!(password))
    })
}

/// Reads the certificate, its chain and the private key from a PKCS#12 file, as
/// cas_request_set_pkcs12 does.
///
/// @param request   the request
/// @param path      the path of a file or pipe of at most 1 MiB; it need not be
///                  UTF-8
/// @param password  the password in UTF-8; NULL or "" for none. libcas wipes its
///                  copies before the call returns
/// @param err       receives the error; may be NULL
/// @return CAS_OK, CAS_ERR_IO if the file cannot be read, CAS_ERR_CERTIFICATE
///         if the password is wrong or the file cannot be used, or
///         CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_load_pkcs12_file(
    request: *mut cas_request,
    path: *const c_char,
    password: *const c_char,
    err: *mut *mut cas_error,
) -> cas_status {
    load(request, err, "cas_request_load_pkcs12_file", |request| {
        request.load_pkcs12(file_path!(path), optional_text!(password))
    })
}

// --- Optional ---

/// Makes this an upload of SM2 double certificates: the certificate and the key
/// of the request are the signing pair, and these are the encryption pair.
///
/// libcas checks both pairs; what it finds in the encryption pair begins with
/// "encryption certificate". Both are stored under one name and one CertId. The
/// signing certificate alone decides whether a stored certificate is the same:
/// to replace only the encryption pair, delete the stored one first.
///
/// Only version 2020-04-07 of the API has double certificates: a client with
/// CAS_API_AUTO uses it for this upload, and with CAS_API_2018_07_13 the upload
/// fails with CAS_ERR_INVALID_ARGUMENT before anything is sent. The pair
/// cannot be removed again: make a new request for other certificates.
///
/// CAs may deliver the encryption key in an envelope, encrypted for the signing
/// key (GM/T 0009, GM/T 0010); open it first.
///
/// @param request   the request
/// @param cert      the encryption certificate, with or without its chain: PEM,
///                  at most 2 MiB; libcas copies it
/// @param cert_len  its length in bytes, without a terminating NUL
/// @param key       the private key of the encryption certificate: unencrypted
///                  PEM, at most 2 MiB; libcas copies it
/// @param key_len   its length in bytes, without a terminating NUL
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_sm2_encryption(
    request: *mut cas_request,
    cert: *const c_char,
    cert_len: usize,
    key: *const c_char,
    key_len: usize,
) -> cas_status {
    set(request, "cas_request_set_sm2_encryption", |request| {
        let cert = must_be_text(required_bytes!(cert, cert_len, MAX_PEM_BYTES), "cert")?;
        let key = must_be_text(required_bytes!(key, key_len, MAX_PEM_BYTES), "key")?;
        request.set_sm2_encryption(cert, key)
    })
}

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
    set(request, "cas_request_set_lang", |request| request.set_lang(text!(lang)))
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
    set(request, "cas_request_set_source_ip", |request| request.set_source_ip(text!(ip)))
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
/// NAME-<first 8 hex digits of its SHA-256>, which is nine characters longer:
/// the service must allow a name of that length.
pub const CAS_ON_CONFLICT_RENAME: cas_on_conflict = 2;
/// As CAS_ON_CONFLICT_RENAME; libcas then deletes the certificate that had the
/// name before the call. If none had it, libcas stores this one under NAME and
/// then deletes the one that an earlier call left under NAME-<8 hex digits>: if
/// there is exactly one, whose subject alternative names and key type are the
/// same and whose validity begins earlier. libcas deletes no other certificate;
/// a log message names those that are left. If the deletion fails, this
/// certificate stays stored, the outcome is CAS_OUTCOME_CREATED, and a log
/// message says why.
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
    set(request, "cas_request_set_on_conflict", |request| {
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
        request.set_on_conflict(rule);
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
    set(request, "cas_request_set_reuse_any_name", |request| {
        request.set_reuse_any_name(reuse);
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
    set(request, "cas_request_set_skip_checks", |request| {
        request.set_skip_checks(skip);
        Ok(())
    })
}

/// Allows a refused finding by its identifier, as in "ca-as-leaf": the upload
/// continues in spite of it. Call it once for each finding to allow.
///
/// Everything else is checked as ever, and what libcas sends is tidied. It logs
/// an allowed finding at CAS_LOG_WARN. docs/findings.md says which findings can
/// be allowed, and what is sent then: none that would send a private key as
/// something public, or that leaves nothing to send. Allowing a warning or a
/// note does nothing, since neither prevents an upload.
///
/// @param request  the request
/// @param id       the identifier of a finding
/// @return CAS_OK, or CAS_ERR_INVALID_ARGUMENT for an unknown identifier or a
///         finding that cannot be allowed; cas_request_error says why
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_allow_finding(
    request: *mut cas_request,
    id: *const c_char,
) -> cas_status {
    set(request, "cas_request_allow_finding", |request| request.allow_finding(text!(id)))
}

/// Sets how long the upload may take, retries included. Default: 0, the timeout
/// of the client (cas_config_set_timeout_ms).
///
/// @param request  the request
/// @param ms       the timeout in milliseconds, or 0
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_request_set_timeout_ms(
    request: *mut cas_request,
    ms: u32,
) -> cas_status {
    set(request, "cas_request_set_timeout_ms", |request| {
        request.set_timeout((ms > 0).then(|| Duration::from_millis(ms.into())));
        Ok(())
    })
}
