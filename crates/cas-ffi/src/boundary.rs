//! The outermost layer of every function that returns a status.

use std::ptr;

use cas_core::Error;

use crate::error::cas_error;
use crate::ffi;
use crate::panic;
use crate::status::{CAS_OK, cas_status};

/// Runs the body of a function that reports failure through `err`. Sets `*err` to NULL or to a new
/// error, unless `err` is NULL. A panic becomes `CAS_ERR_INTERNAL`.
pub(crate) fn fallible(
    err: *mut *mut cas_error,
    body: impl FnOnce() -> Result<(), Error>,
) -> cas_status {
    let mut body = Some(body);
    run(err, &mut || body.take().map_or(Ok(()), |body| body()))
}

/// Not generic: one copy in the library, instead of one for each function.
#[inline(never)]
fn run(err: *mut *mut cas_error, body: &mut dyn FnMut() -> Result<(), Error>) -> cas_status {
    // Messages of the C library are in English and UTF-8.
    let _c = cas_sys::CLocale::new();
    let (status, error) = match panic::catch(body) {
        Ok(()) => (CAS_OK, ptr::null_mut()),
        Err(error) if err.is_null() => (error.kind() as cas_status, ptr::null_mut()),
        Err(error) => (error.kind() as cas_status, ffi::give(cas_error::from(&error))),
    };
    if !err.is_null() {
        // SAFETY: not NULL; C passes the address of a `cas_error *`.
        unsafe { err.write(error) };
    }
    status
}

/// Runs the body of a function that reports failure by its status alone.
pub(crate) fn status_only(body: impl FnOnce() -> Result<(), Error>) -> cas_status {
    fallible(ptr::null_mut(), body)
}
