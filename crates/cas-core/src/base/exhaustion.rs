//! Resources of the system that are used up: file descriptors, memory, threads.
//!
//! Such a failure says nothing about the file, server or program that was about to be used, and it
//! may be over in a moment. Everything that turns an [`io::Error`] into a message asks here first.

use std::fs::File;
use std::{fmt, io};

/// A resource that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhaustion {
    /// This process has opened as many files and sockets as it may.
    Descriptors,
    /// All processes together have.
    SystemDescriptors,
    /// The memory of this process or of the system.
    Memory,
    /// The memory of the kernel for sockets.
    Buffers,
    /// The same, for a block of that many bytes.
    MemoryFor(usize),
    /// The number of threads and processes.
    Threads,
}

impl Exhaustion {
    /// The resource whose exhaustion is the cause of `error`, if that is the cause.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        match error.raw_os_error() {
            Some(libc::EMFILE) => Some(Self::Descriptors),
            Some(libc::ENFILE) => Some(Self::SystemDescriptors),
            Some(libc::ENOMEM) => Some(Self::Memory),
            Some(libc::ENOBUFS) => Some(Self::Buffers),
            _ => error.get_ref().and_then(|inner| inner.downcast_ref()).copied(),
        }
    }

    /// Like [`of`](Self::of), for an error of starting a thread or a process. For these, `EAGAIN`
    /// is a limit.
    pub(crate) fn of_start(error: &io::Error) -> Option<Self> {
        match error.raw_os_error() {
            Some(libc::EAGAIN) => Some(Self::Threads),
            _ => Self::of(error),
        }
    }

    /// Whether file descriptors are used up now. For the look-up of a host name, which reports only
    /// that it failed: it needs up to two at a time.
    pub(crate) fn of_descriptors() -> Option<Self> {
        let open = || File::open("/");
        let opened = open().and_then(|one| open().map(|two| (one, two)));
        opened.err().as_ref().and_then(Self::of)
    }

    /// How to get more of it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Descriptors => {
                "Close files and sockets that the program no longer needs, or raise its limit: \
                 ulimit -n (RLIMIT_NOFILE), or LimitNOFILE= of a systemd service."
            }
            Self::SystemDescriptors => {
                "Raise the limit of the system, sysctl fs.file-max, or stop programs that have \
                 many files open."
            }
            Self::Buffers => {
                "Close sockets that are no longer needed, or give the system more memory for \
                 sockets: sysctl net.core and net.ipv4.tcp_mem."
            }
            Self::Memory | Self::MemoryFor(_) => {
                "Free memory, or raise the limit: ulimit -v (RLIMIT_AS), or MemoryMax= of a \
                 systemd service or the memory limit of the container."
            }
            Self::Threads => {
                "Stop threads or processes, or raise the limit: ulimit -u (RLIMIT_NPROC), or \
                 TasksMax= of a systemd service or the pids limit of the container. Memory for the \
                 stack may be missing as well."
            }
        }
    }
}

/// A clause.
impl fmt::Display for Exhaustion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptors => f.write_str("this process has too many open files (EMFILE)"),
            Self::SystemDescriptors => f.write_str("the system has too many open files (ENFILE)"),
            Self::Memory => f.write_str("not enough memory (ENOMEM)"),
            Self::Buffers => f.write_str("no buffer space for a socket (ENOBUFS)"),
            Self::MemoryFor(bytes) => write!(f, "not enough memory for {bytes} bytes"),
            Self::Threads => f.write_str("too many threads or processes (EAGAIN)"),
        }
    }
}

impl std::error::Error for Exhaustion {}

impl From<Exhaustion> for io::Error {
    fn from(exhaustion: Exhaustion) -> Self {
        Self::other(exhaustion)
    }
}

/// What `error` says, as a clause.
pub(crate) fn clause_of(error: &io::Error) -> String {
    Exhaustion::of(error).map_or_else(|| error.to_string(), |exhaustion| exhaustion.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exhausted_resources_are_recognised_by_number_and_after_conversion() {
        for (number, expected) in [
            (libc::EMFILE, Exhaustion::Descriptors),
            (libc::ENFILE, Exhaustion::SystemDescriptors),
            (libc::ENOMEM, Exhaustion::Memory),
            (libc::ENOBUFS, Exhaustion::Buffers),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(Exhaustion::of(&error), Some(expected));
            assert_eq!(Exhaustion::of_start(&error), Some(expected));
            assert_eq!(Exhaustion::of(&expected.into()), Some(expected));
            assert_eq!(clause_of(&error), expected.to_string());
            assert!(!expected.hint().is_empty());
        }
        let again = io::Error::from_raw_os_error(libc::EAGAIN);
        assert_eq!(Exhaustion::of(&again), None);
        assert_eq!(Exhaustion::of_start(&again), Some(Exhaustion::Threads));
        for other in [io::Error::from_raw_os_error(libc::ENOENT), io::Error::other("x")] {
            assert_eq!(Exhaustion::of_start(&other), None);
            assert_eq!(clause_of(&other), other.to_string());
        }
        assert_eq!(Exhaustion::of_descriptors(), None);
    }
}
