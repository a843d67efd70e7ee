//! Certificates at the service.
//!
//! Strings of a certificate are never NULL, except that a getter returns NULL
//! for a NULL certificate. They are valid until the certificate is freed, or the
//! list that it belongs to.

use std::ffi::{CString, c_char};
use std::ptr;

use cas_core::{CertId, Certificate, Error};

use crate::boundary;
use crate::client::cas_client;
use crate::error::cas_error;
use crate::ffi::{self, c_text, free, invalid, out, required};
use crate::panic;
use crate::status::cas_status;

/// What the service reports about a stored certificate, never its key. Free one
/// from cas_get_certificate with cas_certificate_free; one from a list belongs
/// to the list.
///
/// @since 0.1.0
pub struct cas_certificate {
    id: i64,
    name: CString,
    common_name: CString,
    sans: CString,
    issuer: CString,
    fingerprint: CString,
    not_before: CString,
    not_after: CString,
    expired: bool,
}

/// A snapshot of the certificates of an account. Free it with
/// cas_certificate_list_free.
///
/// @since 0.1.0
pub struct cas_certificate_list(Vec<cas_certificate>);

impl From<&Certificate> for cas_certificate {
    fn from(certificate: &Certificate) -> Self {
        Self {
            id: certificate.id.get(),
            name: c_text(&certificate.name),
            common_name: c_text(&certificate.common_name),
            sans: c_text(&certificate.sans),
            issuer: c_text(&certificate.issuer),
            fingerprint: c_text(&certificate.sha1),
            not_before: c_text(&certificate.not_before),
            not_after: c_text(&certificate.not_after),
            expired: certificate.expired,
        }
    }
}

fn id(number: i64) -> Result<CertId, Error> {
    CertId::new(number).ok_or_else(|| {
        invalid(
            format!("Invalid CertId {number}: must be positive."),
            "Use the CertId of an upload or of cas_list_certificates.",
        )
    })
}

// --- Get, list and delete ---

/// Fetches what the service reports about one certificate. Thread-safe.
///
/// @param client   the client
/// @param cert_id  the ID of the certificate; positive
/// @param out      receives the certificate; free it with cas_certificate_free
/// @param err      receives the error; may be NULL
/// @return CAS_OK, CAS_ERR_NOT_FOUND if the service has no certificate with
///         this ID, or another status
/// @since 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_get_certificate(
    client: *const cas_client,
    cert_id: i64,
    out: *mut *mut cas_certificate,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let client = required!(client);
        let put = out!(out);
        put(ffi::give(cas_certificate::from(&client.0.get(id(cert_id)?)?)));
        Ok(())
    })
}

/// Frees a certificate from cas_get_certificate, and its strings. Do not pass
/// one that belongs to a list.
///
/// @param certificate  a certificate, or NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_free(certificate: *mut cas_certificate) {
    panic::value_or((), || {
        free!(certificate);
        Ok(())
    });
}

/// Fetches the whole list, page by page: uploaded and issued certificates,
/// including expired ones. Thread-safe.
///
/// @param client  the client
/// @param out     receives the list; free it with cas_certificate_list_free
/// @param err     receives the error; may be NULL
/// @return CAS_OK or any other status
/// @since 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_list_certificates(
    client: *const cas_client,
    out: *mut *mut cas_certificate_list,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let client = required!(client);
        let put = out!(out);
        let list = client.0.list()?.iter().map(cas_certificate::from).collect();
        put(ffi::give(cas_certificate_list(list)));
        Ok(())
    })
}

/// Returns how many certificates a list holds.
///
/// @param list  a list, or NULL
/// @return the number of certificates; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_list_len(list: *const cas_certificate_list) -> usize {
    panic::value_or(0, || Ok(required!(list).0.len()))
}

/// Returns one certificate of a list.
///
/// @param list   a list, or NULL
/// @param index  the position, from 0
/// @return the certificate, or NULL past the end; valid until
///         cas_certificate_list_free. Do not free it
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_list_get(
    list: *const cas_certificate_list,
    index: usize,
) -> *const cas_certificate {
    panic::value_or(ptr::null(), || {
        Ok(required!(list).0.get(index).map_or(ptr::null(), ptr::from_ref))
    })
}

/// Frees a list, its certificates and their strings.
///
/// @param list  a list, or NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_list_free(list: *mut cas_certificate_list) {
    panic::value_or((), || {
        free!(list);
        Ok(())
    });
}

/// Deletes a certificate and its key at the service. Thread-safe.
///
/// @param client   the client
/// @param cert_id  the ID of the certificate; positive
/// @param err      receives the error; may be NULL
/// @return CAS_OK, CAS_ERR_NOT_FOUND if the service has no certificate with
///         this ID, or another status
/// @since 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_delete_certificate(
    client: *const cas_client,
    cert_id: i64,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || required!(client).0.delete(id(cert_id)?))
}

// --- What the service reports ---

/// Returns the ID of a certificate (CertId).
///
/// @param certificate  a certificate, or NULL
/// @return the ID; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_id(certificate: *const cas_certificate) -> i64 {
    panic::value_or(0, || Ok(required!(certificate).id))
}

/// Returns the name of a certificate in the account.
///
/// @param certificate  a certificate, or NULL
/// @return the name, empty if the service reports none
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_name(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).name.as_ptr()))
}

/// Returns the common name of the subject.
///
/// @param certificate  a certificate, or NULL
/// @return the common name, empty if the service reports none
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_common_name(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).common_name.as_ptr()))
}

/// Returns the subject alternative names.
///
/// @param certificate  a certificate, or NULL
/// @return the names, comma-separated, empty if the service reports none
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_sans(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).sans.as_ptr()))
}

/// Returns the issuer.
///
/// @param certificate  a certificate, or NULL
/// @return the issuer, empty if the service reports none
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_issuer(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).issuer.as_ptr()))
}

/// Returns the SHA-1 fingerprint of the leaf.
///
/// @param certificate  a certificate, or NULL
/// @return 40 uppercase hexadecimal digits, empty if the service reports none
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_fingerprint(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).fingerprint.as_ptr()))
}

/// Returns the first day on which a certificate is valid.
///
/// @param certificate  a certificate, or NULL
/// @return "YYYY-MM-DD", empty if the service reports none
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_not_before(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).not_before.as_ptr()))
}

/// Returns the last day on which a certificate is valid.
///
/// @param certificate  a certificate, or NULL
/// @return "YYYY-MM-DD", empty if the service reports none
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_not_after(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).not_after.as_ptr()))
}

/// Tells whether the last day of validity has passed, according to the service.
///
/// @param certificate  a certificate, or NULL
/// @return true if it has; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_expired(certificate: *const cas_certificate) -> bool {
    panic::value_or(false, || Ok(required!(certificate).expired))
}
