//! The connection to a proxy while it opens a tunnel.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::http::deadline::{RequestDeadline, is_interruption};

/// A socket whose reads and writes end at the deadline of the request.
pub(super) struct DeadlineStream<'a>(pub(super) &'a mut TcpStream);

impl DeadlineStream<'_> {
    /// Writes all of `bytes`.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.0.set_write_timeout(Some(RequestDeadline::tick()?))?;
            match self.0.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if is_interruption(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fills `bytes`. Reads no further: what follows belongs to the tunnel.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            self.0.set_read_timeout(Some(RequestDeadline::tick()?))?;
            match self.0.read(&mut bytes[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if is_interruption(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fills an array.
    pub(super) fn read_array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        Ok(bytes)
    }
}
