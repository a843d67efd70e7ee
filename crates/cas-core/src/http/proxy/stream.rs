//! The connection to a proxy while a tunnel is opened.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::http::deadline::RequestDeadline;

/// A socket that is read from and written to before the deadline.
pub(super) struct DeadlineStream<'a>(pub(super) &'a mut TcpStream);

impl DeadlineStream<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.set_write_timeout(Some(left()?))?;
        self.0.write_all(bytes)
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            self.0.set_read_timeout(Some(left()?))?;
            match self.0.read(&mut bytes[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

pub(super) fn left() -> io::Result<Duration> {
    RequestDeadline::time_left().map(|left| left.max(Duration::from_millis(1)))
}
