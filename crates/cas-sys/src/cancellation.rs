//! Cancellation of the current thread by `pthread_cancel`.

use std::ffi::c_int;
use std::marker::PhantomData;

/// `PTHREAD_CANCEL_DISABLE` of Linux, for glibc and musl. The libc crate does not have it.
const DISABLE: c_int = 1;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, previous: *mut c_int) -> c_int;
}

/// Puts off `pthread_cancel` of the current thread until it is dropped, which restores the previous
/// state.
///
/// A cancelled thread unwinds at the next system call that is a cancellation point. Rust frames do
/// not support that: the process would be aborted. The state belongs to one thread, so the guard is
/// neither `Send` nor `Sync`. Drop several guards in the reverse order of their creation.
#[derive(Debug)]
#[must_use = "the thread can be cancelled as soon as the guard is dropped"]
pub struct DeferredCancellation {
    previous: c_int,
    this_thread: PhantomData<*const ()>,
}

impl DeferredCancellation {
    /// Puts off the cancellation of the current thread.
    #[allow(clippy::new_without_default)] // a default value with this effect would surprise
    pub fn new() -> Self {
        let mut previous = 0;
        // SAFETY: the address of a number. It does not fail: the state is a valid one.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut previous) };
        Self { previous, this_thread: PhantomData }
    }

    /// Puts the cancellation off again, after code of the host program that may have allowed it.
    pub fn renew() {
        let mut unused = 0;
        // SAFETY: as in `new`.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut unused) };
    }
}

impl Drop for DeferredCancellation {
    fn drop(&mut self) {
        let mut unused = 0;
        // SAFETY: the state that the same function returned, and the address of a number.
        unsafe { pthread_setcancelstate(self.previous, &raw mut unused) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state of the current thread: 0 if it can be cancelled.
    fn state() -> c_int {
        let (mut state, mut unused) = (0, 0);
        // SAFETY: the addresses of numbers, and valid states.
        unsafe {
            pthread_setcancelstate(DISABLE, &raw mut state);
            pthread_setcancelstate(state, &raw mut unused);
        }
        state
    }

    #[test]
    fn the_previous_state_is_restored() {
        assert_eq!(state(), 0);
        let outer = DeferredCancellation::new();
        let inner = DeferredCancellation::new();
        assert_eq!(state(), DISABLE);
        drop(inner);
        assert_eq!(state(), DISABLE);
        drop(outer);
        assert_eq!(state(), 0);
    }
}
