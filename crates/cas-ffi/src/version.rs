//! Version.
//!
//! The constants are the version of this header, for the preprocessor.
//! cas_version returns that of the library that the program runs with.

use std::ffi::{CStr, c_char};

/// The major version.
pub const CAS_VERSION_MAJOR: i32 = 0;
/// The minor version.
pub const CAS_VERSION_MINOR: i32 = 1;
/// The patch version.
pub const CAS_VERSION_PATCH: i32 = 0;
/// The whole version as 0xMMmmpp, to compare: 0x000100 is 0.1.0.
pub const CAS_VERSION_NUMBER: i32 =
    CAS_VERSION_MAJOR << 16 | CAS_VERSION_MINOR << 8 | CAS_VERSION_PATCH;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// Returns the version of libcas, such as "0.1.0". Thread-safe.
///
/// @return a static string; do not free it
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn cas_version() -> *const c_char {
    VERSION.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_equal_the_version_of_the_package() {
        let parts = [CAS_VERSION_MAJOR, CAS_VERSION_MINOR, CAS_VERSION_PATCH];
        assert_eq!(parts.map(|part| part.to_string()).join("."), env!("CARGO_PKG_VERSION"));
        assert!(parts.iter().all(|part| (0..=0xff).contains(part)));
        assert_eq!(CAS_VERSION_NUMBER, i32::from_be_bytes([0, 0, 1, 0]));
    }
}
