//! The boundary that no panic crosses.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering};

use cas_core::Secrets;
use cas_core::{Error, ErrorKind};

use crate::error::cas_error;
use crate::ffi;
use crate::status::{CAS_OK, cas_status};

thread_local! {
    /// How many calls into the library this thread is in. It needs no destructor.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `body`; a panic becomes an error, and says nothing on stderr.
fn contained<T>(body: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // A flag and no `Once`: nobody waits for it, not even a child of a fork in this very moment.
    static HOOKED: AtomicBool = AtomicBool::new(false);
    if !HOOKED.load(Ordering::Relaxed) && !HOOKED.swap(true, Ordering::Relaxed) {
        let others = take_hook();
        set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                others(info);
            }
        }));
    }
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(body));
    DEPTH.set(DEPTH.get() - 1);
    result.unwrap_or_else(|payload| Err(defect(payload.as_ref())))
}

/// A panic's text may quote data, so it is shown redacted.
fn defect(payload: &(dyn Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    let text = Secrets::default().redact(text);
    Error::new(ErrorKind::Internal, format!("libcas has a defect and stopped this call: {text}.")).with_hint(
        "Please report this message. The upload may have taken place: look before sending it again.",
    )
}

/// A function that returns a status and, through `err`, more.
pub(crate) fn fallible(
    err: *mut *mut cas_error,
    body: impl FnOnce() -> Result<(), Error>,
) -> cas_status {
    let (status, error) = match contained(body) {
        Ok(()) => (CAS_OK, std::ptr::null_mut()),
        Err(error) if err.is_null() => (error.kind() as cas_status, std::ptr::null_mut()),
        Err(error) => (error.kind() as cas_status, ffi::give(cas_error::from(&error))),
    };
    if !err.is_null() {
        // SAFETY: not NULL; C passes the address of a `cas_error *`.
        unsafe { err.write(error) };
    }
    status
}

/// A function that returns a status alone.
pub(crate) fn status_only(body: impl FnOnce() -> Result<(), Error>) -> cas_status {
    fallible(std::ptr::null_mut(), body)
}

/// A function that returns a value, or `otherwise`.
pub(crate) fn value<T>(otherwise: T, body: impl FnOnce() -> Result<T, Error>) -> T {
    contained(body).unwrap_or(otherwise)
}
