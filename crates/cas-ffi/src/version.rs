//! Version.

use std::ffi::{CStr, c_char};

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
