//! Detects that the process is a child of fork.
//!
//! After a fork, parent and child hold the same connections, random state and cached keys. Only
//! one of them may go on using a TLS connection. Comparing process IDs does not detect every fork:
//! the kernel reuses IDs, and a child in a new PID namespace can have the ID of its parent. A
//! `pthread_atfork` handler misses children that the host makes with `_Fork` or the raw system
//! call, and outlives the library if the host unloads it.
//!
//! So the kernel keeps the mark: a page with `MADV_WIPEONFORK` (Linux 4.14) reads as zeros in a
//! child, however it was made. A child of vfork shares the memory of its parent and therefore its
//! generation. `BoringSSL` and AWS-LC detect forks in the same way. On kernels without it, a
//! `pthread_atfork` handler and the process ID detect all children but those that both miss.

use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// A number that stays the same for the life of the process and differs in a child of fork.
///
/// Keep it beside anything that parent and child must not share, and compare it before use. If it
/// has changed, drop that thing without writing to it. The numbers of one process and its
/// ancestors differ; those of two children of one parent may be equal.
///
/// A call costs two loads from memory. It takes no lock, does not allocate, and may be made from
/// any thread, also in a child of a multi-threaded process. Where the kernel is older than Linux
/// 4.14, or an emulator ignores `madvise`, a call costs a system call, and the first call takes the
/// C library's lock of `pthread_atfork`. It then does not detect a child that has the ID of its
/// parent and was made without running the handlers of fork.
#[must_use]
pub fn fork_generation() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    match wiped_on_fork() {
        Some(mark) => generation_of_mark(mark, &LAST),
        None => generation_of_pid(process::id(), &LAST_OF_PID),
    }
}

/// The last generation of [`generation_of_pid`].
static LAST_OF_PID: AtomicU64 = AtomicU64::new(0);

/// `mark` is 0 in a new process. `last` is the last generation given to it or to an ancestor.
fn generation_of_mark(mark: &AtomicU64, last: &AtomicU64) -> u64 {
    match mark.load(Ordering::Acquire) {
        0 => {
            let next = last.fetch_add(1, Ordering::AcqRel) + 1;
            // Of several threads that arrive first, one decides.
            mark.compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire)
                .map_or_else(|decided| decided, |_| next)
        }
        generation => generation,
    }
}

/// `last` holds a counter in its upper half and the process ID that it counted in its lower half.
fn generation_of_pid(pid: u32, last: &AtomicU64) -> u64 {
    let mut known = last.load(Ordering::Acquire);
    while known & u64::from(u32::MAX) != u64::from(pid) {
        let next = (((known >> 32) + 1) << 32) | u64::from(pid);
        match last.compare_exchange(known, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return next,
            Err(decided) => known = decided,
        }
    }
    known
}

/// From now on, a child of fork has another generation than its parent, even with the same ID.
///
/// The handler stays registered for the life of the process, so the code must never be unmapped:
/// libcas.so is linked with `-z nodelete`. If memory is short, only the process ID detects forks.
fn count_forks() {
    extern "C" fn in_the_child() {
        LAST_OF_PID.fetch_add(1 << 32, Ordering::AcqRel);
    }
    // SAFETY: the handler only changes an atomic number, which is allowed in any child.
    unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
}

/// A number that the kernel sets to 0 in a child of fork; `None` where the kernel cannot.
///
/// It is made on first use and never freed. Threads that arrive together each make one and agree
/// on the first: a lock could be held by another thread at the moment of a fork.
fn wiped_on_fork() -> Option<&'static AtomicU64> {
    static MARK: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
    static UNSUPPORTED: AtomicU64 = AtomicU64::new(0);
    let unsupported = (&raw const UNSUPPORTED).cast_mut();

    let mut mark = MARK.load(Ordering::Acquire);
    if mark.is_null() {
        let new = map_wiped_on_fork().unwrap_or_else(|| {
            count_forks(); // several threads may register it, which does no harm
            unsupported
        });
        mark = match MARK.compare_exchange(mark, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => new,
            Err(first) => {
                if new != unsupported {
                    // SAFETY: this function mapped the page, and nothing else knows its address.
                    unsafe { libc::munmap(new.cast(), size_of::<AtomicU64>()) };
                }
                first
            }
        };
    }
    if mark == unsupported {
        return None;
    }
    // SAFETY: a mapped page, aligned and zeroed, which is never unmapped once it is in `MARK`.
    Some(unsafe { &*mark })
}

/// Maps a page with `MADV_WIPEONFORK`.
fn map_wiped_on_fork() -> Option<*mut AtomicU64> {
    // The kernel rounds the size up to a whole page.
    let size = size_of::<AtomicU64>();
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new anonymous mapping at an address of the kernel's choice.
    let page = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // An emulator such as qemu-user may report success for advice that it does not know. It is not
    // believed if it accepts invalid advice.
    // SAFETY: the page belongs to this function, and neither advice changes it in this process.
    let supported = unsafe {
        libc::madvise(page, size, -1) != 0 && libc::madvise(page, size, libc::MADV_WIPEONFORK) == 0
    };
    if supported {
        return Some(page.cast());
    }
    // SAFETY: this function mapped the page, and nothing else knows its address.
    unsafe { libc::munmap(page, size) };
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exit status of a child of fork that runs `body`, which must not allocate or lock: other
    /// threads of the test program may hold locks at the moment of the fork.
    fn in_a_child(body: impl Fn() -> bool) -> bool {
        // SAFETY: the child only runs `body` and `_exit`.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            let passed = body();
            // SAFETY: ends the child without running destructors or exit handlers.
            unsafe { libc::_exit(i32::from(!passed)) };
        }
        let mut status = 0;
        // SAFETY: the child above, and the address of a number.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }

    #[test]
    fn every_thread_of_a_process_sees_one_generation() {
        let own = fork_generation();
        let seen: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(fork_generation)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(seen, [own; 8]);
    }

    #[test]
    fn a_child_and_its_own_child_differ_from_their_parents() {
        let parent = fork_generation();
        assert!(in_a_child(|| {
            let child = fork_generation();
            child != parent
                && child == fork_generation()
                && in_a_child(|| ![parent, child].contains(&fork_generation()))
        }));
        assert_eq!(fork_generation(), parent);
    }

    /// A child that was forked before its parent asked for a generation.
    #[test]
    fn the_mark_is_wiped_in_a_child() {
        let mark = map_wiped_on_fork().map(|page| {
            // SAFETY: a mapped page, aligned and zeroed, which is never unmapped.
            unsafe { &*page }
        });
        let Some(mark) = mark else { return };
        let last = AtomicU64::new(0);
        assert_eq!(generation_of_mark(mark, &last), 1);
        assert_eq!(generation_of_mark(mark, &last), 1);
        assert!(in_a_child(|| {
            mark.load(Ordering::Relaxed) == 0 && generation_of_mark(mark, &last) == 2
        }));
        assert_eq!(generation_of_mark(mark, &last), 1);
    }

    #[test]
    fn without_the_kernels_help_a_handler_detects_a_child_with_the_same_id() {
        count_forks();
        let parent = generation_of_pid(7, &LAST_OF_PID);
        assert!(in_a_child(|| {
            let child = generation_of_pid(7, &LAST_OF_PID);
            child != parent
                && child == generation_of_pid(7, &LAST_OF_PID)
                && in_a_child(|| ![parent, child].contains(&generation_of_pid(7, &LAST_OF_PID)))
        }));
        assert_eq!(generation_of_pid(7, &LAST_OF_PID), parent);
    }

    #[test]
    fn without_the_kernels_help_the_process_id_decides() {
        let last = AtomicU64::new(0);
        let parent = generation_of_pid(7, &last);
        assert_eq!(generation_of_pid(7, &last), parent);
        let child = generation_of_pid(8, &last);
        assert_ne!(child, parent);
        // A descendant with the ID of its ancestor.
        assert!(![parent, child].contains(&generation_of_pid(7, &last)));
    }
}
