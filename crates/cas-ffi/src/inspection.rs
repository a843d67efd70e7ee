//! Inspection.
//!
//! Checks a certificate without a network. Strings of the leaf are empty if
//! there is nothing to report or libcas could read no certificate. They are NULL
//! for a NULL inspection, and valid until cas_inspection_free.

use std::ffi::{CString, c_char};
use std::ptr;

use cas_core::{Facts, Inspection, MAX_PEM_BYTES, check_size};

use crate::boundary;
use crate::error::cas_error;
use crate::ffi::{self, c_text, free, must_be_text, optional_bytes, out, required, required_bytes};
use crate::panic;
use crate::status::cas_status;

/// What libcas reads from a certificate, its chain and its key, never the key
/// itself. Free it with cas_inspection_free.
///
/// @since 0.1.0
pub struct cas_inspection {
    common_name: CString,
    joined_sans: CString,
    sans: Vec<CString>,
    issuer: CString,
    serial: CString,
    not_before: CString,
    not_after: CString,
    sha1: CString,
    sha256: CString,
    key_type: CString,
    chain_len: usize,
    findings: Vec<Finding>,
    cert_pem: CString,
}

struct Finding {
    id: CString,
    text: CString,
    hint: CString,
    severity: cas_severity,
}

impl From<&Inspection> for cas_inspection {
    fn from(inspection: &Inspection) -> Self {
        let fact = |text: &dyn Fn(&Facts) -> String| {
            inspection.facts.as_ref().map(|facts| c_text(&text(facts))).unwrap_or_default()
        };
        let sans: &[String] = inspection.facts.as_ref().map_or(&[], |facts| &facts.sans);
        let findings = inspection.findings.iter().map(|finding| Finding {
            id: c_text(finding.kind.id()),
            text: c_text(&finding.to_string()),
            hint: c_text(finding.kind.advice()),
            severity: finding.kind.severity() as cas_severity,
        });
        Self {
            common_name: fact(&|facts| facts.common_name.clone()),
            joined_sans: c_text(&sans.join(",")),
            sans: sans.iter().map(|name| c_text(name)).collect(),
            issuer: fact(&|facts| facts.issuer.clone()),
            serial: fact(&|facts| facts.serial.clone()),
            not_before: fact(&|facts| facts.not_before.to_string()),
            not_after: fact(&|facts| facts.not_after.to_string()),
            sha1: fact(&|facts| facts.sha1.clone()),
            sha256: fact(&|facts| facts.sha256.clone()),
            key_type: fact(&|facts| facts.key_type.clone()),
            chain_len: inspection.chain.len(),
            findings: findings.collect(),
            cert_pem: c_text(&inspection.certificate_pem),
        }
    }
}

/// Reads a certificate with its chain and, optionally, its key, as an upload
/// does before it sends anything. Thread-safe.
///
/// CAS_OK means that libcas looked at them. It does not mean that they are fit
/// for an upload, or that there was anything to read: see the findings.
///
/// Without a key, what depends on the key is not found: a self-signed CA
/// certificate is ca-as-leaf, although libcas uploads it with its own key.
///
/// @param cert_pem  the certificate and its chain as PEM text, at most 2 MiB
/// @param cert_len  the length of cert_pem in bytes, without a terminating NUL
/// @param key_pem   the private key as PEM text, at most 2 MiB, or NULL for
///                  none
/// @param key_len   the length of key_pem in bytes, without a terminating NUL
/// @param out       receives the inspection; free it with cas_inspection_free
/// @param err       receives the error; may be NULL
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[must_use]
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
        let certificate = required_bytes!(cert_pem, cert_len, MAX_PEM_BYTES);
        let key = optional_bytes!(key_pem, key_len, MAX_PEM_BYTES);
        let put = out!(out);
        check_size("cert_pem", certificate)?;
        check_size("key_pem", key.unwrap_or_default())?;
        must_be_text(certificate, "cert_pem")?;
        must_be_text(key.unwrap_or_default(), "key_pem")?;
        put(ffi::give(cas_inspection::from(&cas_core::inspect_now(certificate, key))));
        Ok(())
    })
}

/// Frees an inspection and the strings that came from it.
///
/// @param inspection  an inspection, or NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_free(inspection: *mut cas_inspection) {
    panic::value_or((), || {
        free!(inspection);
        Ok(())
    });
}

// --- Leaf ---

/// Returns the most specific common name of the leaf.
///
/// @param inspection  an inspection, or NULL
/// @return the common name, or empty
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_common_name(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).common_name.as_ptr()))
}

/// Returns the names that the leaf is valid for. URIs and distinguished names
/// may contain commas: cas_inspection_san returns the names one by one.
///
/// @param inspection  an inspection, or NULL
/// @return the names, comma-separated, or empty
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_sans(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).joined_sans.as_ptr()))
}

/// Returns how many names the leaf is valid for: its subject alternative names.
///
/// @param inspection  an inspection, or NULL
/// @return the number of names; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_san_count(inspection: *const cas_inspection) -> usize {
    panic::value_or(0, || Ok(required!(inspection).sans.len()))
}

/// Returns one of the names that the leaf is valid for, in the order of the
/// certificate: a domain, an IP address, an e-mail address, a URI, a
/// distinguished name, or the object identifier of another kind of name.
///
/// @param inspection  an inspection, or NULL
/// @param index       the position of the name, from 0
/// @return the name, or NULL past the end; valid until cas_inspection_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_san(
    inspection: *const cas_inspection,
    index: usize,
) -> *const c_char {
    panic::value_or(ptr::null(), || {
        Ok(required!(inspection).sans.get(index).map_or(ptr::null(), |name| name.as_ptr()))
    })
}

/// Returns the issuer of the leaf.
///
/// @param inspection  an inspection, or NULL
/// @return the issuer, as in "C=CN, O=Example, CN=Example CA", or empty
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_issuer(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).issuer.as_ptr()))
}

/// Returns the serial number of the leaf.
///
/// @param inspection  an inspection, or NULL
/// @return uppercase hexadecimal digits, two for each byte, after "-" if the
///         number is negative; or empty
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_serial(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).serial.as_ptr()))
}

/// Returns when the leaf becomes valid.
///
/// @param inspection  an inspection, or NULL
/// @return RFC 3339 in UTC, as in "2024-01-01T00:00:00Z", or empty
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_not_before(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).not_before.as_ptr()))
}

/// Returns when the leaf expires.
///
/// @param inspection  an inspection, or NULL
/// @return RFC 3339 in UTC, as in "2024-01-01T00:00:00Z", or empty
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_not_after(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).not_after.as_ptr()))
}

/// Returns the SHA-1 fingerprint of the leaf.
///
/// @param inspection  an inspection, or NULL
/// @return 40 uppercase hexadecimal digits, or empty
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_sha1(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).sha1.as_ptr()))
}

/// Returns the SHA-256 fingerprint of the leaf.
///
/// @param inspection  an inspection, or NULL
/// @return 64 uppercase hexadecimal digits, or empty
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_sha256(inspection: *const cas_inspection) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).sha256.as_ptr()))
}

/// Returns the type and size of the key of the leaf.
///
/// @param inspection  an inspection, or NULL
/// @return "RSA-2048", "EC-P256", "Ed25519", "SM2" and so on; an object
///         identifier for a type that libcas has no name for; or empty
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_key_type(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).key_type.as_ptr()))
}

// --- Chain ---

/// Returns how many certificates an upload would send.
///
/// @param inspection  an inspection, or NULL
/// @return the number of certificates; 0 if libcas could read none, and for
///         NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_chain_len(inspection: *const cas_inspection) -> usize {
    panic::value_or(0, || Ok(required!(inspection).chain_len))
}

/// Returns the chain as an upload would send it: tidied, leaf first, each
/// issuer after its subject.
///
/// @param inspection  an inspection, or NULL
/// @return PEM text, or empty if libcas could read no certificate
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_cert_pem(
    inspection: *const cas_inspection,
) -> *const c_char {
    panic::value_or(ptr::null(), || Ok(required!(inspection).cert_pem.as_ptr()))
}

// --- Findings ---

/// The importance of a finding. docs/findings.md lists all findings.
///
/// @since 0.1.0
pub type cas_severity = i32;

/// libcas tidied something, or could not check it.
pub const CAS_SEVERITY_NOTE: cas_severity = 0;
/// libcas sends it, but it may not do what you intend.
pub const CAS_SEVERITY_WARNING: cas_severity = 1;
/// libcas does not send it, unless cas_request_allow_finding allows the finding
/// or cas_request_set_skip_checks is on.
pub const CAS_SEVERITY_REFUSED: cas_severity = 2;

/// Returns how many findings there are. Refusals come first, notes last.
///
/// @param inspection  an inspection, or NULL
/// @return the number of findings; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_finding_count(inspection: *const cas_inspection) -> usize {
    panic::value_or(0, || Ok(required!(inspection).findings.len()))
}

/// Returns a finding: its identifier, which never changes, and a sentence, as
/// in "expired: not valid after 2024-01-01T00:00:00Z".
///
/// @param inspection  an inspection, or NULL
/// @param index       the position of the finding, from 0
/// @return the finding, or NULL past the end; valid until cas_inspection_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_finding(
    inspection: *const cas_inspection,
    index: usize,
) -> *const c_char {
    panic::value_or(ptr::null(), || {
        Ok(required!(inspection)
            .findings
            .get(index)
            .map_or(ptr::null(), |finding| finding.text.as_ptr()))
    })
}

/// Returns the identifier of a finding, as in "expired". docs/findings.md has
/// them all; they never change.
///
/// @param inspection  an inspection, or NULL
/// @param index       the position of the finding, from 0
/// @return the identifier, or NULL past the end; valid until
///         cas_inspection_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_finding_id(
    inspection: *const cas_inspection,
    index: usize,
) -> *const c_char {
    panic::value_or(ptr::null(), || {
        Ok(required!(inspection)
            .findings
            .get(index)
            .map_or(ptr::null(), |finding| finding.id.as_ptr()))
    })
}

/// Returns what to do about a finding.
///
/// @param inspection  an inspection, or NULL
/// @param index       the position of the finding, from 0
/// @return the hint, or NULL past the end; valid until cas_inspection_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_hint(
    inspection: *const cas_inspection,
    index: usize,
) -> *const c_char {
    panic::value_or(ptr::null(), || {
        Ok(required!(inspection)
            .findings
            .get(index)
            .map_or(ptr::null(), |finding| finding.hint.as_ptr()))
    })
}

/// Returns the importance of a finding.
///
/// @param inspection  an inspection, or NULL
/// @param index       the position of the finding, from 0
/// @return a CAS_SEVERITY_ constant; CAS_SEVERITY_NOTE past the end
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_inspection_severity(
    inspection: *const cas_inspection,
    index: usize,
) -> cas_severity {
    panic::value_or(CAS_SEVERITY_NOTE, || {
        Ok(required!(inspection)
            .findings
            .get(index)
            .map_or(CAS_SEVERITY_NOTE, |finding| finding.severity))
    })
}

#[cfg(test)]
mod tests {
    use cas_core::Severity;

    use super::*;

    #[test]
    fn constants_equal_the_numbers_of_cas_core() {
        for (severity, number) in [
            (Severity::Note, CAS_SEVERITY_NOTE),
            (Severity::Warning, CAS_SEVERITY_WARNING),
            (Severity::Refused, CAS_SEVERITY_REFUSED),
        ] {
            assert_eq!(severity as cas_severity, number);
        }
    }
}
