//! The home directory in the password database.

use std::ffi::{CStr, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;

use crate::effective_user;

/// The sizes of the buffer for an entry. The second one is for a user with very long fields.
const MIN_BYTES: usize = 4 << 10;
const MAX_BYTES: usize = 1 << 20;

/// The home directory of the effective user, as the password database has it. `None` if it has no
/// entry for that user, or an empty one.
///
/// The database may be a service on the network, which the C library waits for.
pub fn home_directory() -> io::Result<Option<PathBuf>> {
    let user = effective_user();
    let mut size = MIN_BYTES;
    loop {
        let mut buffer = vec![0_u8; size];
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found = ptr::null_mut();
        // SAFETY: the addresses of an entry, of `size` bytes and of a pointer, all writable.
        let error = unsafe {
            let bytes = buffer.as_mut_ptr().cast();
            libc::getpwuid_r(user, entry.as_mut_ptr(), bytes, size, &raw mut found)
        };
        match error {
            0 if found.is_null() => return Ok(None),
            0 => {
                // SAFETY: the call succeeded and found an entry, so it initialised `entry`. The
                // field is NULL or a string that ends in NUL in `buffer`, which is still there.
                let home = unsafe {
                    let home = entry.assume_init_ref().pw_dir;
                    if home.is_null() { c"" } else { CStr::from_ptr(home) }
                };
                let home = OsStr::from_bytes(home.to_bytes());
                return Ok((!home.is_empty()).then(|| PathBuf::from(home)));
            }
            libc::EINTR => {}
            libc::ERANGE if size < MAX_BYTES => size = MAX_BYTES,
            // Systems report a missing entry by these too: see getpwuid_r(3).
            libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => return Ok(None),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_this_user_is_found() {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        // SAFETY: has no preconditions and never fails.
        let user = unsafe { libc::geteuid() }.to_string();
        let fields: Vec<Vec<_>> = passwd.lines().map(|line| line.split(':').collect()).collect();
        let own = fields.iter().find(|fields| fields.len() > 5 && fields[2] == user);
        if let Some(own) = own {
            assert_eq!(home_directory().unwrap(), Some(PathBuf::from(own[5])));
        }
    }
}
