//! Catches panics, and silences the panic hook while it does.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering};

use cas_core::Secrets;
use cas_core::{Error, ErrorKind};
use cas_sys::DeferredCancellation;

thread_local! {
    /// The nesting depth of calls into libcas on this thread. It needs no destructor.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `body`. A panic becomes an error, and prints nothing to stderr. `pthread_cancel` is put
/// off: Rust frames cannot be unwound by it.
pub(crate) fn catch<T>(body: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Not a `Once`: a child forked while another thread runs it would wait forever.
    static HOOKED: AtomicBool = AtomicBool::new(false);
    if !HOOKED.load(Ordering::Relaxed) && !HOOKED.swap(true, Ordering::Relaxed) {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                previous(info);
            }
        }));
    }
    let _deferred = DeferredCancellation::new();
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(body));
    DEPTH.set(DEPTH.get() - 1);
    result.unwrap_or_else(|payload| Err(internal_error(payload.as_ref())))
}

/// Runs `body` and returns its value, or `default` if it fails or panics.
pub(crate) fn value_or<T>(default: T, body: impl FnOnce() -> Result<T, Error>) -> T {
    catch(body).unwrap_or(default)
}

/// Redacts the message of the panic, which may quote data.
fn internal_error(payload: &(dyn Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let text = Secrets::default().redact(text);
    Error::new(ErrorKind::Internal, format!("Internal error (a bug in libcas): {text}.")).with_hint(
        "Please report this message. An upload may have been stored: check before you repeat it.",
    )
}
