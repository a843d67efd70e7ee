//! `cas_inspection`: what is to be said of a certificate and its key, without any network.

use std::ffi::{CString, c_char};
use std::ptr;

use cas_core::certificate::{self, Facts, Inspection};

use crate::boundary;
use crate::error::cas_error;
use crate::ffi::{self, c_text, free, must_be_text, optional_bytes, out, required, required_bytes};
use crate::panic;
use crate::status::cas_status;

/// What was read from a certificate, its chain and its key. Never the key itself.
pub struct cas_inspection {
    common_name: CString,
    sans: CString,
    issuer: CString,
    serial: CString,
    not_before: CString,
    not_after: CString,
    sha1: CString,
    sha256: CString,
    key_type: CString,
    chain_len: usize,
    findings: Vec<Found>,
    cert_pem: CString,
}

struct Found {
    text: CString,
    hint: CString,
    severity: cas_severity,
}

/// How much a finding matters. docs/findings.md lists them all.
pub type cas_severity = i32;

/// Something was tidied, or could not be checked.
pub const CAS_SEVERITY_NOTE: cas_severity = 0;
/// It is sent, and may not do what was meant.
pub const CAS_SEVERITY_WARNING: cas_severity = 1;
/// It is not sent, unless cas_request_set_skip_checks says so.
pub const CAS_SEVERITY_REFUSED: cas_severity = 2;

impl From<&Inspection> for cas_inspection {
    fn from(inspection: &Inspection) -> Self {
        let fact = |text: &dyn Fn(&Facts) -> String| {
            inspection.facts.as_ref().map(|facts| c_text(&text(facts))).unwrap_or_default()
        };
        let found = inspection.findings.iter().map(|finding| Found {
            text: c_text(&finding.to_string()),
            hint: c_text(finding.kind.advice()),
            severity: finding.kind.severity() as cas_severity,
        });
        Self {
            common_name: fact(&|facts| facts.common_name.clone()),
            sans: fact(&|facts| facts.sans.join(",")),
            issuer: fact(&|facts| facts.issuer.clone()),
            serial: fact(&|facts| facts.serial.clone()),
            not_before: fact(&|facts| facts.not_before.to_string()),
            not_after: fact(&|facts| facts.not_after.to_string()),
            sha1: fact(&|facts| facts.sha1.clone()),
            sha256: fact(&|facts| facts.sha256.clone()),
            key_type: fact(&|facts| facts.key_type.clone()),
            chain_len: inspection.chain.len(),
            findings: found.collect(),
            cert_pem: c_text(&inspection.certificate_pem),
        }
    }
}

/// Reads a certificate with its chain and, where key_pem is not NULL, its key, as an upload would before anything is sent.
/// CAS_OK says that they were looked at, not that they are fit, nor that there was anything to read: see the findings. Lengths are in bytes, without a closing NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspect(
    cert_pem: *const c_char,
    cert_len: usize,
    key_pem: *const c_char,
    key_len: usize,
    out: *mut *mut cas_inspection,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let certificate = required_bytes!(cert_pem, cert_len);
        let key = optional_bytes!(key_pem, key_len);
        let put = out!(out);
        must_be_text(certificate, "cert_pem")?;
        must_be_text(key.unwrap_or_default(), "key_pem")?;
        put(ffi::give(cas_inspection::from(&certificate::inspect_now(certificate, key))));
        Ok(())
    })
}

/// The leaf's most specific common name. Texts are empty where there is nothing to say, or no certificate could be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_common_name(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).common_name.as_ptr()))
}

/// The names that the leaf is for, comma-separated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_sans(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).sans.as_ptr()))
}

/// Who issued the leaf, as "C=CN, O=Example, CN=Example CA".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_issuer(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).issuer.as_ptr()))
}

/// The leaf's serial number, in upper-case hexadecimal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_serial(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).serial.as_ptr()))
}

/// When the leaf begins to be valid, RFC 3339 in UTC: "2024-01-01T00:00:00Z".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_not_before(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).not_before.as_ptr()))
}

/// When the leaf ceases to be valid, RFC 3339 in UTC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_not_after(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).not_after.as_ptr()))
}

/// The leaf's SHA-1 fingerprint, 40 upper-case hexadecimal digits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_sha1(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).sha1.as_ptr()))
}

/// The leaf's SHA-256 fingerprint, 64 upper-case hexadecimal digits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_sha256(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).sha256.as_ptr()))
}

/// Type and size of the leaf's key: "RSA-2048", "EC-P256", "Ed25519", "SM2", …; an object identifier where it has no name here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_key_type(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).key_type.as_ptr()))
}

/// How many certificates would be sent; 0 where none could be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_chain_len(inspection: *const cas_inspection) -> usize {
    panic::value_or(0, || Ok(required!(inspection).chain_len))
}

/// How many findings there are. What is refused comes first, notes come last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_finding_count(inspection: *const cas_inspection) -> usize {
    panic::value_or(0, || Ok(required!(inspection).findings.len()))
}

/// A finding: its identifier, which never changes, and a sentence, as in "expired: not valid after 2024-01-01T00:00:00Z".
/// NULL past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_finding(
    inspection: *const cas_inspection,
    index: usize,
) -> *const c_char {
    panic::value_or(ptr::null(), || {
        Ok(required!(inspection)
            .findings
            .get(index)
            .map_or(ptr::null(), |found| found.text.as_ptr()))
    })
}

/// What to do about a finding. NULL past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_hint(
    inspection: *const cas_inspection,
    index: usize,
) -> *const c_char {
    panic::value_or(ptr::null(), || {
        Ok(required!(inspection)
            .findings
            .get(index)
            .map_or(ptr::null(), |found| found.hint.as_ptr()))
    })
}

/// How much a finding matters; CAS_SEVERITY_NOTE past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_severity(
    inspection: *const cas_inspection,
    index: usize,
) -> cas_severity {
    panic::value_or(CAS_SEVERITY_NOTE, || {
        Ok(required!(inspection)
            .findings
            .get(index)
            .map_or(CAS_SEVERITY_NOTE, |found| found.severity))
    })
}

/// The chain as it would be sent: leaf first, each issuer after its subject, tidied. Empty where none could be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_cert_pem(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).cert_pem.as_ptr()))
}

/// Ends an inspection and the strings that came from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_free(inspection: *mut cas_inspection) {
    panic::value_or((), || {
        free!(inspection);
        Ok(())
    });
}
