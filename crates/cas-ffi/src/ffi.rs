//! Reads the pointers that C passes in and makes those that it receives. Nothing else in the crate
//! dereferences a pointer.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::slice;

use cas_core::FindingKind;
use cas_core::{Error, ErrorKind};

/// Longest string that is not PEM text, in bytes.
const MAX_STRING_BYTES: usize = 64 * 1024;

/// An error with `CAS_ERR_INVALID_ARGUMENT`.
pub(crate) fn invalid(message: String, hint: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, message).with_hint(hint)
}

/// The error for a NULL where a value is required.
pub(crate) fn null(argument: &str) -> Error {
    invalid(
        format!("Invalid argument {argument}: must not be NULL."),
        "Check whether an earlier call failed to provide the value.",
    )
}

/// Borrows a handle. NULL is an error that names the argument.
macro_rules! required {
    ($pointer:ident) => {
        // SAFETY: `as_ref` checks for NULL. C passes a handle that libcas made and that is not
        // freed yet.
        unsafe { $pointer.as_ref() }.ok_or_else(|| $crate::ffi::null(stringify!($pointer)))?
    };
}

/// Borrows a handle mutably. NULL is an error that names the argument.
macro_rules! required_mut {
    ($pointer:ident) => {
        // SAFETY: as in `required`. Only one thread at a time uses a handle that can change.
        unsafe { $pointer.as_mut() }.ok_or_else(|| $crate::ffi::null(stringify!($pointer)))?
    };
}

/// Borrows a handle; `None` for NULL.
macro_rules! optional {
    ($pointer:ident) => {
        // SAFETY: as in `required`.
        unsafe { $pointer.as_ref() }
    };
}

/// A function that writes an output argument, to be called once the call has succeeded. NULL is an
/// error that names the argument.
macro_rules! out {
    ($pointer:ident) => {{
        if $pointer.is_null() {
            return Err($crate::ffi::null(stringify!($pointer)));
        }
        // SAFETY: not NULL; C passes the address of a variable of this type.
        move |value| unsafe { $pointer.write(value) }
    }};
}

/// Borrows a NUL-terminated string as UTF-8 text.
macro_rules! text {
    ($pointer:ident) => {
        // SAFETY: C passes NULL or a NUL-terminated string.
        unsafe { $crate::ffi::read_text($pointer, stringify!($pointer)) }?
    };
}

/// Borrows a NUL-terminated string as a path, whose bytes need not be UTF-8.
macro_rules! file_path {
    ($pointer:ident) => {
        // SAFETY: C passes NULL or a NUL-terminated string.
        unsafe { $crate::ffi::read_path($pointer, stringify!($pointer)) }?
    };
}

/// Borrows the bytes of a NUL-terminated string.
macro_rules! text_bytes {
    ($pointer:ident) => {
        // SAFETY: C passes NULL or a NUL-terminated string.
        unsafe { $crate::ffi::read_text_bytes($pointer, stringify!($pointer)) }?
    };
}

/// Borrows `length` bytes. NULL is an error that names the argument.
macro_rules! required_bytes {
    ($pointer:ident, $length:ident, $max:expr) => {
        // SAFETY: C passes NULL or the address of that many bytes.
        unsafe { $crate::ffi::read_bytes($pointer, $length, $max, stringify!($pointer)) }?
            .ok_or_else(|| $crate::ffi::null(stringify!($pointer)))?
    };
}

/// Borrows a NUL-terminated string as UTF-8 text; `None` for NULL.
macro_rules! optional_text {
    ($pointer:ident) => {
        if $pointer.is_null() { None } else { Some($crate::ffi::text!($pointer)) }
    };
}

/// Borrows all of `length` bytes, which are not text. NULL is an error that names the argument.
macro_rules! required_data {
    ($pointer:ident, $length:ident, $max:expr) => {
        // SAFETY: as in `required_bytes`.
        unsafe { $crate::ffi::read_data($pointer.cast(), $length, $max, stringify!($pointer)) }?
            .ok_or_else(|| $crate::ffi::null(stringify!($pointer)))?
    };
}

/// Borrows `length` bytes; `None` for NULL.
macro_rules! optional_bytes {
    ($pointer:ident, $length:ident, $max:expr) => {
        // SAFETY: as in `required_bytes`.
        unsafe { $crate::ffi::read_bytes($pointer, $length, $max, stringify!($pointer)) }?
    };
}

/// Passes a handle to C, which frees it with the matching `free!`.
pub(crate) fn give<T>(handle: T) -> *mut T {
    Box::into_raw(Box::new(handle))
}

/// Frees a handle, unless the pointer is NULL.
macro_rules! free {
    ($pointer:ident) => {
        if !$pointer.is_null() {
            // SAFETY: C passes a pointer that `give` returned, and passes it once.
            drop(unsafe { Box::from_raw($pointer) });
        }
    };
}

pub(crate) use {
    file_path, free, optional, optional_bytes, optional_text, out, required, required_bytes,
    required_data, required_mut, text, text_bytes,
};

/// Borrows a NUL-terminated string as UTF-8 text.
///
/// # Safety
/// As for [`read_text_bytes`].
pub(crate) unsafe fn read_text<'a>(
    pointer: *const c_char,
    argument: &str,
) -> Result<&'a str, Error> {
    // SAFETY: the caller upholds this function's own condition.
    let bytes = short(unsafe { read_text_bytes(pointer, argument) }?, argument)?;
    std::str::from_utf8(bytes).map_err(|_| {
        invalid(
            format!("Invalid argument {argument}: must be UTF-8."),
            "Convert the text to UTF-8 before the call.",
        )
    })
}

/// Borrows a NUL-terminated string as a path.
///
/// # Safety
/// As for [`read_text_bytes`].
pub(crate) unsafe fn read_path<'a>(
    pointer: *const c_char,
    argument: &str,
) -> Result<&'a Path, Error> {
    // SAFETY: the caller upholds this function's own condition.
    let bytes = short(unsafe { read_text_bytes(pointer, argument) }?, argument)?;
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// Refuses a string that is too long to be copied.
fn short<'a>(bytes: &'a [u8], argument: &str) -> Result<&'a [u8], Error> {
    let length = bytes.len();
    if length > MAX_STRING_BYTES {
        return Err(invalid(
            format!("Invalid argument {argument}: {length} bytes are more than 64 KiB."),
            "Check that this is the right argument, and that it ends in NUL.",
        ));
    }
    Ok(bytes)
}

/// Borrows the bytes of a NUL-terminated string.
///
/// # Safety
/// `pointer` is NULL or a NUL-terminated string that lives for `'a`.
pub(crate) unsafe fn read_text_bytes<'a>(
    pointer: *const c_char,
    argument: &str,
) -> Result<&'a [u8], Error> {
    if pointer.is_null() {
        return Err(null(argument));
    }
    // SAFETY: the caller upholds this function's own condition.
    Ok(unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

/// Checks that bytes are text. Accepts binary formats that the certificate checks recognise, such
/// as DER: the checks report them with a hint on how to convert them.
pub(crate) fn must_be_text<'a>(bytes: &'a [u8], argument: &str) -> Result<&'a [u8], Error> {
    match cas_core::not_text(bytes, &format!("argument {argument}")) {
        Some(finding) if finding.kind == FindingKind::NotText => {
            Err(invalid(format!("Invalid argument: {finding}."), finding.kind.advice()))
        }
        _ => Ok(bytes),
    }
}

/// Borrows `length` bytes of text, at most `max`, a whole number of MiB; `None` for NULL. Ignores
/// NUL bytes at the end, which C programs sometimes count by mistake.
///
/// # Safety
/// As for [`read_data`].
pub(crate) unsafe fn read_bytes<'a>(
    pointer: *const c_char,
    length: usize,
    max: usize,
    argument: &str,
) -> Result<Option<&'a [u8]>, Error> {
    // SAFETY: the caller upholds this function's own condition.
    let bytes = unsafe { read_data(pointer.cast(), length, max, argument) }?;
    Ok(bytes.map(|bytes| {
        let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        &bytes[..end]
    }))
}

/// Borrows `length` bytes, at most `max`, a whole number of MiB; `None` for NULL.
///
/// # Safety
/// `pointer` is NULL or the address of `length` bytes that live for `'a`.
pub(crate) unsafe fn read_data<'a>(
    pointer: *const u8,
    length: usize,
    max: usize,
    argument: &str,
) -> Result<Option<&'a [u8]>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // Before anything is read: a wrong length goes beyond the bytes.
    if length > max {
        let max = max >> 20;
        return Err(invalid(
            format!("Invalid argument {argument}: {length} bytes are more than {max} MiB."),
            "Pass the length in bytes; a negative number becomes a very large one.",
        ));
    }
    // SAFETY: the caller upholds this function's own condition, and `length` is at most `max`.
    Ok(Some(unsafe { slice::from_raw_parts(pointer, length) }))
}

/// Converts `text` to a C string. Replaces NUL characters inside it, where C would end the string.
pub(crate) fn c_text(text: &str) -> CString {
    // Allocated once, unless there is such a character.
    let replaced = |_| CString::new(text.replace('\0', "\u{fffd}"));
    CString::new(text).or_else(replaced).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_strings_and_lengths_are_errors() {
        // SAFETY: NULL, or literals that end in NUL and live forever.
        unsafe {
            assert!(
                read_text(std::ptr::null(), "name")
                    .unwrap_err()
                    .message()
                    .contains("name: must not be NULL")
            );
            assert!(
                read_text(c"\xff".as_ptr(), "name")
                    .unwrap_err()
                    .message()
                    .contains("name: must be UTF-8")
            );
            assert_eq!(read_text(c"n\xc3\xa9".as_ptr(), "name").unwrap(), "né");
            assert_eq!(read_bytes(std::ptr::null(), 0, 1 << 20, "pem").unwrap(), None);
            assert!(read_bytes(c"x".as_ptr(), usize::MAX, 1 << 20, "pem").is_err());
            assert_eq!(read_bytes(c"abc".as_ptr(), 2, 1 << 20, "pem").unwrap(), Some(&b"ab"[..]));
            assert_eq!(read_bytes(c"abc".as_ptr(), 4, 1 << 20, "pem").unwrap(), Some(&b"abc"[..]));
        }
    }

    #[test]
    fn a_nul_does_not_truncate_a_string() {
        assert_eq!(c_text("a\0b").to_str().unwrap(), "a\u{fffd}b");
    }
}
