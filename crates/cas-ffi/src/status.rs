//! Status codes.

use std::ffi::{CStr, c_char};

use crate::panic;

/// How a call ended. A number, once used, keeps its meaning; numbers not listed here may come in later
/// versions.
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

/// Done.
pub const CAS_OK: cas_status = 0;
/// The call itself is wrong: NULL, not UTF-8, a bad endpoint, an empty name.
pub const CAS_ERR_INVALID_ARGUMENT: cas_status = 1;
/// The certificate, its key or its name was refused locally, before any network traffic.
pub const CAS_ERR_CERTIFICATE: cas_status = 2;
/// No usable access key could be found or fetched.
pub const CAS_ERR_CREDENTIALS: cas_status = 3;
/// No connection: DNS, TCP, proxy or TLS; the request did not reach the service.
pub const CAS_ERR_NETWORK: cas_status = 4;
/// The deadline passed and the request was certainly not applied.
pub const CAS_ERR_TIMEOUT: cas_status = 5;
/// The service answered with an error; see its code.
pub const CAS_ERR_SERVICE: cas_status = 6;
/// The service kept refusing for its rate of calls until the attempts or the deadline ran out.
pub const CAS_ERR_THROTTLED: cas_status = 7;
/// A different certificate already has this name; or, with CAS_ON_CONFLICT_FAIL, any.
pub const CAS_ERR_NAME_TAKEN: cas_status = 8;
/// The answer could not be understood. An upload was not stored, as far as the list of certificates shows.
pub const CAS_ERR_PROTOCOL: cas_status = 9;
/// The upload may have been stored and that could not be found out; the hint says how to.
pub const CAS_ERR_OUTCOME_UNKNOWN: cas_status = 10;
/// A local file could not be read.
pub const CAS_ERR_IO: cas_status = 11;
/// A defect in this library.
pub const CAS_ERR_INTERNAL: cas_status = 12;
/// No certificate has this id.
pub const CAS_ERR_NOT_FOUND: cas_status = 13;
/// The access key is valid but may not do this; the hint names the RAM action to grant.
pub const CAS_ERR_PERMISSION: cas_status = 14;

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
    CAS_ERR_PERMISSION
);

/// The constant's own name, such as "CAS_ERR_NETWORK"; "CAS_ERR_UNKNOWN" for any other number. Never freed.
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
    use cas_core::error::ErrorKind;

    #[test]
    fn the_numbers_are_those_of_the_core() {
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
        ] {
            assert_eq!(status, kind as cas_status);
        }
        for (index, (number, name)) in NAMES.iter().enumerate() {
            assert_eq!(usize::try_from(*number), Ok(index));
            assert!(!name.is_empty());
        }
        assert_eq!(NAMES.len(), 15);
    }
}
