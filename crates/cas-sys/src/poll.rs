//! Waiting until a file descriptor can be used.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// A read does not block: there are bytes, the end of the file, or an error.
    Readable,
    /// A write does not block, or a connection that was begun is established or has failed.
    Writable,
}

/// Waits until `descriptor` is ready, for at most `timeout`, rounded up to whole milliseconds.
///
/// Returns whether it is ready. Returns false early if a signal arrives: ask again with the time
/// that is left. A FIFO that no process has opened for writing is not ready, unlike for `read`,
/// which reports the end of the file at once.
pub fn wait_until_ready(
    descriptor: BorrowedFd<'_>,
    readiness: Readiness,
    timeout: Duration,
) -> io::Result<bool> {
    let events = match readiness {
        Readiness::Readable => libc::POLLIN,
        Readiness::Writable => libc::POLLOUT,
    };
    let mut polled = libc::pollfd { fd: descriptor.as_raw_fd(), events, revents: 0 };
    let ms = timeout.as_nanos().div_ceil(1_000_000);
    let ms = libc::c_int::try_from(ms).unwrap_or(libc::c_int::MAX);
    // SAFETY: the address of one `pollfd`, which `poll` reads and writes.
    match unsafe { libc::poll(&raw mut polled, 1, ms) } {
        0 => Ok(false),
        1 => Ok(true),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    const SOON: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_socket_is_ready_once_it_can_be_used() {
        let (mut one, two) = UnixStream::pair().unwrap();
        assert!(wait_until_ready(two.as_fd(), Readiness::Writable, LONG).unwrap());
        assert!(!wait_until_ready(two.as_fd(), Readiness::Readable, SOON).unwrap());
        assert!(!wait_until_ready(two.as_fd(), Readiness::Readable, Duration::ZERO).unwrap());
        one.write_all(b"x").unwrap();
        assert!(wait_until_ready(two.as_fd(), Readiness::Readable, LONG).unwrap());
        drop(two);
        // The end of the file, which a read reports without blocking.
        assert!(wait_until_ready(one.as_fd(), Readiness::Readable, LONG).unwrap());
    }
}
