//! The connection to a proxy while it opens a tunnel.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::http::deadline::RequestDeadline;

/// A socket whose reads and writes end at the deadline of the request.
pub(super) struct DeadlineStream<'a>(pub(super) &'a mut TcpStream);

impl DeadlineStream<'_> {
    /// Writes all of `bytes`.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.set_write_timeout(Some(time_left()?))?;
        self.0.write_all(bytes)
    }

    /// Fills `bytes`. Reads no further: what follows belongs to the tunnel.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            self.0.set_read_timeout(Some(time_left()?))?;
            match self.0.read(&mut bytes[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
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

/// The time that is left, in a form that a socket accepts: not less than a millisecond.
pub(super) fn time_left() -> io::Result<Duration> {
    RequestDeadline::time_left().map(|left| left.max(Duration::from_millis(1)))
}
