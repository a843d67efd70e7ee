//! Opens and reads files, which may hold secrets: whole, up to a limit, into buffers that are
//! wiped. Nothing else in this crate opens a file to read it.
//!
//! A file is a regular file or a pipe; symbolic links are followed. libcas never waits for a pipe
//! beyond a deadline, whether nothing writes to it, nothing has opened it to write, or it is never
//! closed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use cas_sys::{Readiness, wait_until_ready};
use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::base::exhaustion::{Exhaustion, clause_of};
use crate::base::memory::zeroed;

/// Largest file that is read, in bytes, unless it holds root certificates.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// Largest file or text with root certificates, in bytes.
pub const MAX_ROOTS_BYTES: usize = 32 << 20;

/// How long a function without a deadline waits for a pipe.
pub(crate) const PIPE_TIME: Duration = Duration::from_secs(5);

/// What a pipe of Linux holds: the buffer for one begins with that size.
const PIPE_BYTES: usize = 64 * 1024;

/// The device number of `/dev/null`, which programs name to give an empty file.
const NULL_DEVICE: u64 = 0x103;

/// The content of a file.
pub(crate) struct Contents {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Whether a regular file is longer than it was when it was opened.
    pub(crate) grew: bool,
}

/// Reads the file at `path`: [`io::ErrorKind::FileTooLarge`] if it has more than `max` bytes,
/// [`io::ErrorKind::TimedOut`] if a pipe is not closed before `deadline`. The error is a clause
/// about "it": the file.
pub(crate) fn read(path: &Path, max: usize, deadline: &Deadline) -> io::Result<Contents> {
    let (file, metadata) = open(path)?;
    if metadata.file_type().is_fifo() {
        let bytes = read_pipe(&file, max, deadline)?;
        return Ok(Contents { bytes, grew: false });
    }
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if size > max {
        return Err(too_large(max));
    }
    let bytes = read_bounded(file, size, max)?;
    // The files of /proc have size 0.
    let grew = size > 0 && bytes.len() > size;
    Ok(Contents { bytes, grew })
}

/// Opens a regular file or a pipe, without waiting for a process that writes to it.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let not_a_file =
        || io::Error::new(io::ErrorKind::Unsupported, "it is not a regular file or a pipe");
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path).map_err(|error| match error.raw_os_error() {
        // A socket, or a device without a driver.
        Some(libc::ENXIO | libc::ENODEV) => not_a_file(),
        _ => error,
    })?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    let is_null = kind.is_char_device() && metadata.rdev() == NULL_DEVICE;
    if kind.is_file() || kind.is_fifo() || is_null {
        Ok((file, metadata))
    } else {
        Err(not_a_file())
    }
}

/// Reads a pipe that does not block until it is closed, like [`read`].
pub(crate) fn read_pipe(
    pipe: &File,
    max: usize,
    deadline: &Deadline,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let pipe = Pipe { file: pipe, deadline };
    // A FIFO that no process has opened yet reads as empty.
    pipe.wait("nothing was written to this pipe before the deadline")?;
    read_bounded(pipe, PIPE_BYTES, max)
}

struct Pipe<'a> {
    file: &'a File,
    deadline: &'a Deadline,
}

impl Pipe<'_> {
    fn wait(&self, otherwise: &'static str) -> io::Result<()> {
        loop {
            let tick = self
                .deadline
                .tick()
                .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, otherwise))?;
            if wait_until_ready(self.file.as_fd(), Readiness::Readable, tick)? {
                return Ok(());
            }
        }
    }
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait("this pipe was not closed before the deadline")?;
                }
                result => return result,
            }
        }
    }
}

/// Reads everything, at most `max` bytes. `expected` is the likely size. Unlike
/// [`Read::read_to_end`], it leaves no copy behind when a buffer grows.
fn read_bounded(
    mut reader: impl Read,
    expected: usize,
    max: usize,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut buffer = zeroed(expected.min(max) + 1)?;
    let mut filled = 0;
    loop {
        if filled > max {
            return Err(too_large(max));
        }
        if filled == buffer.len() {
            let mut larger = zeroed((2 * filled).max(PIPE_BYTES).min(max + 1))?;
            larger[..filled].copy_from_slice(&buffer);
            buffer = larger;
        }
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}

fn too_large(max: usize) -> io::Error {
    let message = match max >> 20 {
        0 => format!("it is larger than {} KiB", max >> 10),
        mib => format!("it is larger than {mib} MiB"),
    };
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

/// How to fix an error of [`read`]: `otherwise`, unless the file is not the cause.
pub(crate) fn hint<'a>(error: &io::Error, otherwise: &'a str) -> &'a str {
    match Exhaustion::of(error) {
        Some(exhaustion) => exhaustion.hint(),
        None if error.kind() == io::ErrorKind::TimedOut => {
            "Check the program that writes to the pipe: it must write everything and close it."
        }
        None => otherwise,
    }
}

/// The error of a function that reads `what`, such as "the file x".
pub(crate) fn read_error(what: &str, cause: &io::Error, otherwise: &str) -> Error {
    let message = format!("Failed to read {what}: {}.", clause_of(cause));
    let error = Error::new(ErrorKind::Io, message).with_retryable(is_retryable(cause));
    match Exhaustion::of(cause) {
        Some(exhaustion) => error.with_exhaustion(exhaustion),
        None => error.with_hint(hint(cause, otherwise)),
    }
}

/// Whether a later attempt to read the unchanged file may succeed.
pub(crate) fn is_retryable(error: &io::Error) -> bool {
    Exhaustion::of(error).is_some() || error.kind() == io::ErrorKind::TimedOut
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use std::process::Command;
    use std::thread;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Returns one byte at a time, after an interruption.
    struct Slow<'a>(&'a [u8], bool);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn everything_is_read_up_to_the_limit() {
        for expected in [0, 3, 5, 9, usize::MAX] {
            for max in [5, 6, 100] {
                let read = read_bounded(Slow(b"12345", false), expected, max).unwrap();
                assert_eq!(*read, b"12345", "{expected} {max}");
            }
            let error = read_bounded(Slow(b"12345", false), expected, 4).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        }
        let long = vec![7; 3 * PIPE_BYTES];
        assert_eq!(*read_bounded(&long[..], 0, MAX_BYTES).unwrap(), long);
        assert_eq!(too_large(MAX_BYTES).to_string(), "it is larger than 1 MiB");
        assert_eq!(too_large(PIPE_BYTES).to_string(), "it is larger than 64 KiB");
    }

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("libcas-{}-file-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    fn fifo(name: &str) -> PathBuf {
        let path = scratch(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    fn kind_of(path: &Path) -> io::ErrorKind {
        read(path, 5, &Deadline::after(Duration::from_millis(1))).map(drop).unwrap_err().kind()
    }

    #[test]
    fn only_files_and_pipes_are_read() {
        assert_eq!(kind_of(Path::new("/dev/zero")), io::ErrorKind::Unsupported);
        assert_eq!(kind_of(Path::new("/")), io::ErrorKind::IsADirectory);
        assert_eq!(kind_of(Path::new("/nonexistent")), io::ErrorKind::NotFound);
        let socket = scratch("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(kind_of(&socket), io::ErrorKind::Unsupported);
        drop(listener);
        fs::remove_file(&socket).unwrap();
        let over = &Deadline::over();
        assert!(read(Path::new("/dev/null"), 5, over).unwrap().bytes.is_empty());
        assert!(!read(Path::new("/proc/self/stat"), 9999, over).unwrap().bytes.is_empty());
        let file = scratch("regular");
        fs::write(&file, "12345").unwrap();
        let contents = read(&file, 5, over).unwrap();
        assert!(*contents.bytes == *b"12345" && !contents.grew);
        fs::write(&file, "123456").unwrap();
        assert_eq!(kind_of(&file), io::ErrorKind::FileTooLarge);
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn pipes_are_read_until_they_are_closed_or_the_deadline() {
        let path = fifo("fifo");
        assert_eq!(kind_of(&path), io::ErrorKind::TimedOut);
        let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path).unwrap();
        let mut held = open(&path);
        assert_eq!(kind_of(&path), io::ErrorKind::TimedOut);
        held.write_all(b"123").unwrap();
        // Never closed. What was read is lost.
        assert_eq!(kind_of(&path), io::ErrorKind::TimedOut);
        held.write_all(b"123456").unwrap();
        assert_eq!(kind_of(&path), io::ErrorKind::FileTooLarge);
        drop(held);
        let read = thread::scope(|scope| {
            let reader = scope.spawn(|| read(&path, 9, &Deadline::after(HOUR)).unwrap().bytes);
            // Waits for the reader.
            let mut late = OpenOptions::new().write(true).open(&path).unwrap();
            for part in [b"12", b"34", b"56"] {
                late.write_all(part).unwrap();
                thread::yield_now();
            }
            drop(late);
            reader.join().unwrap()
        });
        assert_eq!(*read, *b"123456");
        fs::remove_file(path).unwrap();
    }
}
