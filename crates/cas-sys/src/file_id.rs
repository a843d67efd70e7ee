//! Which file, pipe or socket a descriptor refers to.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A number for what a descriptor refers to: no other open file, pipe or socket has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(libc::dev_t, libc::ino_t);

impl FileId {
    /// Of an open descriptor.
    pub fn of(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
        let mut status = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the address of a `stat`, which `fstat` initialises if it returns 0.
        let status = unsafe {
            if libc::fstat(descriptor.as_raw_fd(), status.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            status.assume_init()
        };
        Ok(Self(status.st_dev, status.st_ino))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn each_socket_has_one_and_keeps_it() {
        let (one, two) = UnixStream::pair().unwrap();
        let id = FileId::of(one.as_fd()).unwrap();
        assert_eq!(FileId::of(one.try_clone().unwrap().as_fd()).unwrap(), id);
        assert_ne!(FileId::of(two.as_fd()).unwrap(), id);
    }
}
