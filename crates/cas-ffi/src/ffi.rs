//! Every pointer that C hands in or takes out goes through here.

use std::ffi::{CStr, CString, c_char};
use std::slice;

use cas_core::certificate::{self, Kind};
use cas_core::error::{Error, ErrorKind};

pub(crate) fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, what)
}

pub(crate) fn null(argument: &str) -> Error {
    invalid(format!("The argument {argument} is NULL."))
}

/// The handle behind a pointer, or an error that names the argument.
macro_rules! required {
    ($pointer:ident) => {
        // SAFETY: not NULL by `as_ref`'s own check; C passes a handle that this library made and that is
        // not freed yet.
        unsafe { $pointer.as_ref() }.ok_or_else(|| $crate::ffi::null(stringify!($pointer)))?
    };
}

/// The handle behind a pointer, to change it.
macro_rules! required_mut {
    ($pointer:ident) => {
        // SAFETY: as for `required`; besides, a handle that is changed belongs to one thread at a time.
        unsafe { $pointer.as_mut() }.ok_or_else(|| $crate::ffi::null(stringify!($pointer)))?
    };
}

/// The handle behind a pointer that may be NULL.
macro_rules! optional {
    ($pointer:ident) => {
        // SAFETY: as for `required`.
        unsafe { $pointer.as_ref() }
    };
}

/// Where a result goes. Nothing is written before the call has succeeded.
macro_rules! out {
    ($pointer:ident) => {{
        if $pointer.is_null() {
            return Err($crate::ffi::null(stringify!($pointer)));
        }
        // SAFETY: not NULL; C passes the address of a variable of this type.
        move |value| unsafe { $pointer.write(value) }
    }};
}

/// A NUL-terminated text.
macro_rules! text {
    ($pointer:ident) => {
        // SAFETY: C passes NULL or a NUL-terminated string.
        unsafe { $crate::ffi::read_text($pointer, stringify!($pointer)) }?
    };
}

/// The bytes of a NUL-terminated text.
macro_rules! text_bytes {
    ($pointer:ident) => {
        // SAFETY: C passes NULL or a NUL-terminated string.
        unsafe { $crate::ffi::read_text_bytes($pointer, stringify!($pointer)) }?
    };
}

/// So many bytes, which need not be text.
macro_rules! required_bytes {
    ($pointer:ident, $length:ident) => {
        // SAFETY: C passes NULL or the address of that many bytes.
        unsafe { $crate::ffi::read_bytes($pointer, $length, stringify!($pointer)) }?
            .ok_or_else(|| $crate::ffi::null(stringify!($pointer)))?
    };
}

/// The same; NULL is none.
macro_rules! optional_bytes {
    ($pointer:ident, $length:ident) => {
        // SAFETY: as for `required_bytes`.
        unsafe { $crate::ffi::read_bytes($pointer, $length, stringify!($pointer)) }?
    };
}

/// Gives a handle to C.
pub(crate) fn give<T>(handle: T) -> *mut T {
    Box::into_raw(Box::new(handle))
}

/// Ends a handle; NULL is no handle.
macro_rules! free {
    ($pointer:ident) => {
        if !$pointer.is_null() {
            // SAFETY: C passes what `give` returned, and not twice.
            drop(unsafe { Box::from_raw($pointer) });
        }
    };
}

pub(crate) use {
    free, optional, optional_bytes, out, required, required_bytes, required_mut, text, text_bytes,
};

/// # Safety
/// As for [`read_text_bytes`].
pub(crate) unsafe fn read_text<'a>(
    pointer: *const c_char,
    argument: &str,
) -> Result<&'a str, Error> {
    // SAFETY: by this function's own condition.
    let bytes = unsafe { read_text_bytes(pointer, argument) }?;
    std::str::from_utf8(bytes)
        .map_err(|_| invalid(format!("The argument {argument} is not UTF-8 text.")))
}

/// # Safety
/// `pointer` is NULL or a NUL-terminated string that lives for `'a`.
pub(crate) unsafe fn read_text_bytes<'a>(
    pointer: *const c_char,
    argument: &str,
) -> Result<&'a [u8], Error> {
    if pointer.is_null() {
        return Err(null(argument));
    }
    // SAFETY: by this function's own condition.
    Ok(unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

/// Refuses what is no text. What is recognised nevertheless, such as DER, is left to the checks, which say how to
/// convert it.
pub(crate) fn must_be_text<'a>(bytes: &'a [u8], argument: &str) -> Result<&'a [u8], Error> {
    match certificate::not_text(bytes, &format!("argument {argument}")) {
        Some(finding) if finding.kind == Kind::NotText => {
            Err(invalid(format!("Nothing was taken: {finding}.")).with_hint(finding.kind.advice()))
        }
        _ => Ok(bytes),
    }
}

/// `None` for NULL. NUL bytes at the end are left out: C programs count them in now and then.
///
/// # Safety
/// `pointer` is NULL or the address of `length` bytes that live for `'a`.
pub(crate) unsafe fn read_bytes<'a>(
    pointer: *const c_char,
    length: usize,
    argument: &str,
) -> Result<Option<&'a [u8]>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    if isize::try_from(length).is_err() {
        return Err(invalid(format!("The length of {argument} is impossible.")));
    }
    // SAFETY: by this function's own condition, and no longer than an allocation can be.
    let bytes = unsafe { slice::from_raw_parts(pointer.cast::<u8>(), length) };
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    Ok(Some(&bytes[..end]))
}

/// `text` as C reads it; a NUL inside, which C would take for the end, is replaced.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_checked() {
        // SAFETY: NULL, or literals that end in NUL and live for ever.
        unsafe {
            assert!(
                read_text(std::ptr::null(), "name").unwrap_err().message().contains("name is NULL")
            );
            assert!(
                read_text(c"\xff".as_ptr(), "name").unwrap_err().message().contains("not UTF-8")
            );
            assert_eq!(read_text(c"n\xc3\xa9".as_ptr(), "name").unwrap(), "né");
            assert_eq!(read_bytes(std::ptr::null(), 0, "pem").unwrap(), None);
            assert!(read_bytes(c"x".as_ptr(), usize::MAX, "pem").is_err());
            assert_eq!(read_bytes(c"abc".as_ptr(), 2, "pem").unwrap(), Some(&b"ab"[..]));
            assert_eq!(read_bytes(c"abc".as_ptr(), 4, "pem").unwrap(), Some(&b"abc"[..]));
        }
    }

    #[test]
    fn a_nul_does_not_cut_a_text() {
        assert_eq!(c_text("a\0b").to_str().unwrap(), "a\u{fffd}b");
    }
}
