//! Status codes.
//!
//! A call returns one of these. cas_error says more about a failure.

use std::ffi::{CStr, c_char};

use crate::panic;

/// The result of a call. A number keeps its meaning forever. Later versions may
/// add numbers that are not listed here.
///
/// @since 0.1.0
pub type cas_status = i32;

macro_rules! statuses {
    ($($name:ident),*) => {
        const NAMES: &[(cas_status, &CStr)] = &[$(($name, {
            match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => c"",
            }
        })),*];
    };
}

/// Success.
pub const CAS_OK: cas_status = 0;
/// The call itself is invalid: a NULL, text that is not UTF-8, an invalid
/// endpoint, an empty name. Fix the call; do not retry. Also if there is not
/// enough memory for a text; cas_error_retryable is then true.
pub const CAS_ERR_INVALID_ARGUMENT: cas_status = 1;
/// libcas refused the certificate, its key or its name before any network
/// traffic. Fix what the message names; cas_inspect reports every finding.
pub const CAS_ERR_CERTIFICATE: cas_status = 2;
/// libcas found or fetched no usable access key. Configure one: see
/// docs/credentials.md.
pub const CAS_ERR_CREDENTIALS: cas_status = 3;
/// DNS, TCP, the proxy or TLS failed. No attempt of an upload that ends with
/// this status has stored the certificate. Check the network, or retry later.
pub const CAS_ERR_NETWORK: cas_status = 4;
/// The deadline passed before the request was sent. No attempt of an upload
/// that ends with this status has stored the certificate. Retry, or allow more
/// time.
pub const CAS_ERR_TIMEOUT: cas_status = 5;
/// The service responded with an error. See cas_error_service_code and the hint.
/// An upload that ends with this status was refused. If the code is one that
/// libcas does not know, libcas has also looked the certificate up.
pub const CAS_ERR_SERVICE: cas_status = 6;
/// The service, or a proxy, throttled the call until its deadline, or asked for
/// a longer delay than that, or the only attempt was throttled. No attempt of an
/// upload that ends with this status has stored the certificate. Retry later,
/// or set a rate limit.
pub const CAS_ERR_THROTTLED: cas_status = 7;
/// A different certificate, or one that the service does not let libcas compare,
/// already has this name; with CAS_ON_CONFLICT_FAIL, any certificate. Choose
/// another name or another conflict rule.
pub const CAS_ERR_NAME_TAKEN: cas_status = 8;
/// The response is not from the API. An upload ends with this status if
/// something on the way rejected the request, with a redirect or an HTTP 4xx
/// page, and the list of certificates does not show the certificate or cannot be
/// read. Check the endpoint and the proxies on the way.
pub const CAS_ERR_PROTOCOL: cas_status = 9;
/// An attempt may have stored the certificate, and no look-up until the
/// deadline, or in the 20 seconds after the last attempt, has shown it. This
/// status takes precedence over the errors of later attempts. The message quotes
/// the last one, whose code and RequestId the error has. Make the same call
/// again: it finds what is stored. The hint says how else to find out. A
/// deletion ends with this status if an attempt may have deleted the
/// certificate. Other calls end with it if their response did not arrive before
/// the deadline.
pub const CAS_ERR_OUTCOME_UNKNOWN: cas_status = 10;
/// libcas failed to read a local file. Check its path and permissions.
pub const CAS_ERR_IO: cas_status = 11;
/// A bug in libcas. Report the message.
pub const CAS_ERR_INTERNAL: cas_status = 12;
/// The service has no certificate with this ID. Check the ID; a deletion needs
/// no retry.
pub const CAS_ERR_NOT_FOUND: cas_status = 13;
/// The access key is valid but is not allowed to do this. Grant the RAM action
/// that the hint names.
pub const CAS_ERR_PERMISSION: cas_status = 14;
/// cas_client_cancel ended the call, and nothing was changed at the service. If
/// something may have been changed, the status is CAS_ERR_OUTCOME_UNKNOWN. The
/// same call can be made again.
pub const CAS_ERR_CANCELLED: cas_status = 15;

statuses!(
    CAS_OK,
    CAS_ERR_INVALID_ARGUMENT,
    CAS_ERR_CERTIFICATE,
    CAS_ERR_CREDENTIALS,
    CAS_ERR_NETWORK,
    CAS_ERR_TIMEOUT,
    CAS_ERR_SERVICE,
    CAS_ERR_THROTTLED,
    CAS_ERR_NAME_TAKEN,
    CAS_ERR_PROTOCOL,
    CAS_ERR_OUTCOME_UNKNOWN,
    CAS_ERR_IO,
    CAS_ERR_INTERNAL,
    CAS_ERR_NOT_FOUND,
    CAS_ERR_PERMISSION,
    CAS_ERR_CANCELLED
);

/// Returns the name of a status constant, such as "CAS_ERR_NETWORK".
/// Thread-safe.
///
/// @param status  any number
/// @return a static string; "CAS_ERR_UNKNOWN" for a number that is not listed
///         above. Do not free it
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn cas_status_name(status: cas_status) -> *const c_char {
    panic::value_or(c"CAS_ERR_UNKNOWN".as_ptr(), || {
        let known = NAMES.iter().find(|(number, _)| *number == status);
        Ok(known.map_or(c"CAS_ERR_UNKNOWN", |(_, name)| *name).as_ptr())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cas_core::ErrorKind;

    #[test]
    fn constants_equal_the_numbers_of_cas_core() {
        for (status, kind) in [
            (CAS_ERR_INVALID_ARGUMENT, ErrorKind::InvalidArgument),
            (CAS_ERR_CERTIFICATE, ErrorKind::Certificate),
            (CAS_ERR_CREDENTIALS, ErrorKind::Credentials),
            (CAS_ERR_NETWORK, ErrorKind::Network),
            (CAS_ERR_TIMEOUT, ErrorKind::Timeout),
            (CAS_ERR_SERVICE, ErrorKind::Service),
            (CAS_ERR_THROTTLED, ErrorKind::Throttled),
            (CAS_ERR_NAME_TAKEN, ErrorKind::NameTaken),
            (CAS_ERR_PROTOCOL, ErrorKind::Protocol),
            (CAS_ERR_OUTCOME_UNKNOWN, ErrorKind::OutcomeUnknown),
            (CAS_ERR_IO, ErrorKind::Io),
            (CAS_ERR_INTERNAL, ErrorKind::Internal),
            (CAS_ERR_NOT_FOUND, ErrorKind::NotFound),
            (CAS_ERR_PERMISSION, ErrorKind::Permission),
            (CAS_ERR_CANCELLED, ErrorKind::Cancelled),
        ] {
            assert_eq!(status, kind as cas_status);
        }
        for (index, (number, name)) in NAMES.iter().enumerate() {
            assert_eq!(usize::try_from(*number), Ok(index));
            assert!(!name.is_empty());
        }
        assert_eq!(NAMES.len(), 16);
    }
}
