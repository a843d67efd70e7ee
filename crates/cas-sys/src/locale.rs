//! The locale of the current thread.
//!
//! The C library translates its error messages and encodes them in the character set of the
//! locale. libcas promises messages in English and UTF-8, whatever locale the host program sets,
//! and std expects UTF-8 of the C library. So libcas works in the locale "C", which belongs to one
//! thread at a time, and the code of the host program never runs in it.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;

thread_local! {
    /// The locale of the host program while this thread is inside [`CLocale`]; otherwise NULL.
    static HOST: Cell<libc::locale_t> = const { Cell::new(ptr::null_mut()) };
}

/// `LC_ALL_MASK`, which the crate `libc` does not have for musl.
#[cfg(target_env = "musl")]
const ALL: libc::c_int = 0x7fff_ffff;
#[cfg(not(target_env = "musl"))]
const ALL: libc::c_int = libc::LC_ALL_MASK;

/// Sets the locale of the current thread to "C". Returns the previous one.
fn set_c() -> libc::locale_t {
    // SAFETY: a constant name and no base. glibc and musl return a static object, which is never
    // freed, so nothing leaks. A NULL, on a system where the call could fail, changes nothing.
    unsafe { libc::uselocale(libc::newlocale(ALL, c"C".as_ptr(), ptr::null_mut())) }
}

/// Sets the locale of the current thread.
fn set(locale: libc::locale_t) {
    // SAFETY: a locale that `uselocale` returned on this thread, which the host program keeps for
    // as long as it is set; NULL changes nothing.
    unsafe { libc::uselocale(locale) };
}

/// Switches the current thread to the locale "C" until it is dropped, which restores the locale of
/// the host program.
#[derive(Debug)]
#[must_use = "the locale is restored as soon as the guard is dropped"]
pub struct CLocale {
    /// What [`HOST`] was before.
    outer: libc::locale_t,
}

impl CLocale {
    /// Switches the current thread.
    #[allow(clippy::new_without_default)] // a default value with this effect would surprise
    pub fn new() -> Self {
        Self { outer: HOST.replace(set_c()) }
    }
}

impl Drop for CLocale {
    fn drop(&mut self) {
        set(HOST.replace(self.outer));
    }
}

/// Restores the locale of the host program until it is dropped, for a call of the host program's
/// code from within [`CLocale`]. Elsewhere it does nothing.
#[derive(Debug)]
#[must_use = "the locale \"C\" is set again as soon as the guard is dropped"]
pub struct HostLocale {
    this_thread: PhantomData<*const ()>,
}

impl HostLocale {
    /// Restores the locale.
    #[allow(clippy::new_without_default)] // as above
    pub fn new() -> Self {
        set(HOST.get());
        Self { this_thread: PhantomData }
    }
}

impl Drop for HostLocale {
    fn drop(&mut self) {
        if !HOST.get().is_null() {
            // The program may have set another locale, and freed the one that it had.
            HOST.set(set_c());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A locale that is not "C" even where the system has no other one.
    fn other() -> libc::locale_t {
        // SAFETY: a copy of a valid locale.
        let other = unsafe { libc::duplocale(current()) };
        assert!(!other.is_null());
        other
    }

    fn current() -> libc::locale_t {
        // SAFETY: NULL changes nothing.
        unsafe { libc::uselocale(ptr::null_mut()) }
    }

    #[test]
    fn the_host_program_gets_its_own_locale_back() {
        let (first, second) = (other(), other());
        let before = current();
        set(first);
        let c = {
            let _c = CLocale::new();
            let c = current();
            assert_ne!(c, first);
            {
                let _host = HostLocale::new();
                assert_eq!(current(), first);
                // A call from within the log function.
                drop(CLocale::new());
                assert_eq!(current(), first);
                set(second);
            }
            assert_eq!(current(), c);
            let nested = CLocale::new();
            assert_eq!(current(), c);
            drop(nested);
            c
        };
        assert_eq!(current(), second);
        assert_ne!(c, second);
        drop(HostLocale::new());
        assert_eq!(current(), second);
        set(before);
        for locale in [first, second] {
            // SAFETY: made above, and no longer set.
            unsafe { libc::freelocale(locale) };
        }
    }

    #[test]
    fn other_threads_keep_their_locale() {
        let own = std::thread::spawn(|| current().addr()).join().unwrap();
        let _c = CLocale::new();
        assert_eq!(std::thread::spawn(|| current().addr()).join().unwrap(), own);
    }
}
