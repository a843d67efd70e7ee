//! Reads files and pipes that may hold secrets, into buffers that are wiped.

use std::io::{self, Read};

use zeroize::Zeroizing;

/// Reads everything, at most `max` bytes: [`io::ErrorKind::FileTooLarge`] if there is more.
/// `expected` is the likely size. Unlike [`Read::read_to_end`], it leaves no copy behind when a
/// buffer grows.
pub(crate) fn read_bounded(
    mut reader: impl Read,
    expected: usize,
    max: usize,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(vec![0; expected.min(max) + 1]);
    let mut filled = 0;
    loop {
        if filled > max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if filled == buffer.len() {
            let mut larger = Zeroizing::new(vec![0; max + 1]);
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

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
