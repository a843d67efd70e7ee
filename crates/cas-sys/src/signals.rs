//! The signal mask of threads that the library starts.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Signals that the kernel raises because of what a thread itself does. They stay unblocked: a
/// blocked one ends the process instead of reaching the handler (a sandbox's for `SIGSYS`, say).
const SYNCHRONOUS: [libc::c_int; 6] =
    [libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGSEGV, libc::SIGSYS, libc::SIGTRAP];

/// Blocks every asynchronous signal on the current thread until it is dropped, which restores the
/// previous mask.
///
/// A new thread inherits the mask of the thread that starts it. A library that starts a thread
/// while it holds this guard therefore starts it with all signals blocked, and the signal handlers
/// of the host program never run there:
///
/// ```
/// let blocked = cas_sys::BlockedSignals::new();
/// let worker = std::thread::spawn(|| 6 * 7);
/// drop(blocked);
/// assert_eq!(worker.join().unwrap(), 42);
/// ```
///
/// `SIGBUS`, `SIGFPE`, `SIGILL`, `SIGSEGV`, `SIGSYS` and `SIGTRAP` stay as they are. The mask
/// belongs to one thread, so the guard is neither `Send` nor `Sync`. Drop several guards in the
/// reverse order of their creation.
#[derive(Debug)]
#[must_use = "the signals are unblocked as soon as the guard is dropped"]
pub struct BlockedSignals {
    previous: libc::sigset_t,
    this_thread: PhantomData<*const ()>,
}

impl BlockedSignals {
    /// Blocks the signals on the current thread.
    #[allow(clippy::new_without_default)] // a default value with this effect would surprise
    pub fn new() -> Self {
        let mut blocked = MaybeUninit::uninit();
        let mut previous = MaybeUninit::uninit();
        // SAFETY: `sigfillset` initialises the set, `sigdelset` changes it, and `pthread_sigmask`
        // reads it and initialises `previous`. None of them fails: the pointers are valid, and
        // `SIG_BLOCK` and the signal numbers are correct.
        unsafe {
            libc::sigfillset(blocked.as_mut_ptr());
            for signal in SYNCHRONOUS {
                libc::sigdelset(blocked.as_mut_ptr(), signal);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, blocked.as_ptr(), previous.as_mut_ptr());
            Self { previous: previous.assume_init(), this_thread: PhantomData }
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: `previous` is a mask that `pthread_sigmask` returned. NULL discards the old mask.
        unsafe {
            libc::pthread_sigmask(
                libc::SIG_SETMASK,
                &raw const self.previous,
                std::ptr::null_mut(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blocked signals of the calling thread, from 1 to 64.
    fn blocked() -> Vec<libc::c_int> {
        let mut mask = MaybeUninit::uninit();
        // SAFETY: a NULL set changes nothing; the call initialises `mask`, which is then read.
        unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), mask.as_mut_ptr());
            (1..=64).filter(|signal| libc::sigismember(mask.as_ptr(), *signal) == 1).collect()
        }
    }

    #[test]
    fn a_guard_blocks_all_but_the_synchronous_signals_and_restores_the_mask() {
        let before = blocked();
        let guard = BlockedSignals::new();
        let during = blocked();
        let inherited = std::thread::spawn(blocked).join().unwrap();
        drop(guard);
        assert_eq!(blocked(), before);
        assert_eq!(inherited, during);
        // 32 and 33 belong to the C library, which never blocks them.
        for signal in (1..=64).filter(|signal| ![32, 33].contains(signal)) {
            let never = [libc::SIGKILL, libc::SIGSTOP].contains(&signal);
            let expected = !never && !SYNCHRONOUS.contains(&signal);
            assert_eq!(during.contains(&signal), expected, "signal {signal}");
        }
    }

    #[test]
    fn guards_nest_and_keep_what_was_blocked_before() {
        std::thread::spawn(|| {
            let outer = BlockedSignals::new();
            let all = blocked();
            drop(BlockedSignals::new());
            assert_eq!(blocked(), all);
            drop(outer);
            assert!(blocked().len() < all.len());
        })
        .join()
        .unwrap();
    }
}
