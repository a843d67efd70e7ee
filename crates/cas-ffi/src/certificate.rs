//! `cas_certificate`: the certificates at the service.

use std::ffi::{CString, c_char};
use std::ptr;

use cas_core::api::{CertId, Certificate};
use cas_core::error::{Error, ErrorKind};

use crate::boundary;
use crate::client::cas_client;
use crate::error::cas_error;
use crate::ffi::{self, c_text, free, out, required};
use crate::panic;
use crate::status::cas_status;

/// What the service says about a certificate. Never its key.
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

/// Certificates, as they were when the list was made.
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
        Error::new(
            ErrorKind::InvalidArgument,
            format!("{number} is no CertId: those are positive."),
        )
    })
}

/// Fetches what the service says about one certificate. CAS_ERR_NOT_FOUND: it has none with this id.
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

/// Fetches the whole list, page by page: uploaded and issued certificates, expired ones included.
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

/// How many certificates the list holds; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_list_len(list: *const cas_certificate_list) -> usize {
    panic::value_or(0, || Ok(required!(list).0.len()))
}

/// One of them, which lives as long as the list; NULL past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_list_get(
    list: *const cas_certificate_list,
    index: usize,
) -> *const cas_certificate {
    panic::value_or(ptr::null(), || {
        Ok(required!(list).0.get(index).map_or(ptr::null(), ptr::from_ref))
    })
}

/// Ends a list, its certificates and their strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_list_free(list: *mut cas_certificate_list) {
    panic::value_or((), || {
        free!(list);
        Ok(())
    });
}

/// Deletes a certificate and its key at the service. CAS_ERR_NOT_FOUND: it has none with this id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_delete_certificate(
    client: *const cas_client,
    cert_id: i64,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || required!(client).0.delete(id(cert_id)?))
}

/// Its id; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_id(certificate: *const cas_certificate) -> i64 {
    panic::value_or(0, || Ok(required!(certificate).id))
}

/// Its name in the account. Texts of a certificate are empty where the service says nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_name(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).name.as_ptr()))
}

/// Common name of its subject.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_common_name(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).common_name.as_ptr()))
}

/// Its subject alternative names, comma-separated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_sans(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).sans.as_ptr()))
}

/// Its issuer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_issuer(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).issuer.as_ptr()))
}

/// SHA-1 of the leaf, 40 upper-case hexadecimal digits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_fingerprint(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).fingerprint.as_ptr()))
}

/// First day of its validity, "YYYY-MM-DD".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_not_before(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).not_before.as_ptr()))
}

/// Last day of its validity, "YYYY-MM-DD".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_not_after(
    certificate: *const cas_certificate,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(certificate).not_after.as_ptr()))
}

/// Whether that day has passed, as the service sees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_expired(certificate: *const cas_certificate) -> bool {
    panic::value_or(false, || Ok(required!(certificate).expired))
}

/// Ends a certificate that cas_get_certificate made, and its strings. Those of a list end with the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_certificate_free(certificate: *mut cas_certificate) {
    panic::value_or((), || {
        free!(certificate);
        Ok(())
    });
}
