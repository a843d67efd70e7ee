//! The bytes of a connection: plain, in TLS, or in TLS through a tunnel in TLS.

use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use zeroize::Zeroizing;

use super::pace::Pace;

/// How many bytes are read while a connection is idle, which needs no other memory.
const FIRST_READ: usize = 1024;

/// The socket of a connection. Reads and writes fail when the time of its pace is over.
pub(super) struct Socket {
    socket: Arc<socket2::Socket>,
    pace: Rc<Pace>,
}

impl Socket {
    pub(super) fn new(socket: Arc<socket2::Socket>, pace: Rc<Pace>) -> Self {
        Self { socket, pace }
    }

    fn time_left(&self) -> io::Result<Duration> {
        self.pace.left(Instant::now()).ok_or(io::ErrorKind::TimedOut.into())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.time_left()?))?;
        let count = (&*self.socket).read(buffer)?;
        self.pace.advance(count);
        Ok(count)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.time_left()?))?;
        let count = (&*self.socket).write(bytes)?;
        self.pace.advance(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection, with or without TLS.
pub(super) struct Stream {
    layer: Layer,
    /// Bytes that were received and are read again first.
    unread: Zeroizing<Vec<u8>>,
}

enum Layer {
    Plain(Socket),
    Tls(Box<StreamOwned<ServerConnection, Stream>>),
}

impl Stream {
    pub(super) fn plain(socket: Socket) -> Self {
        Self { layer: Layer::Plain(socket), unread: Zeroizing::default() }
    }

    /// The first byte that the client sends, which stays to be read. `None` at the end.
    pub(super) fn first_byte(&mut self) -> io::Result<Option<u8>> {
        while self.unread.is_empty() {
            let mut bytes = Zeroizing::new([0; FIRST_READ]);
            match self.read(&mut *bytes) {
                Ok(0) => return Ok(None),
                Ok(count) => self.unread.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.unread.first().copied())
    }

    /// Has `bytes`, which were received, read again first.
    pub(super) fn unread(&mut self, bytes: Zeroizing<Vec<u8>>) {
        self.unread = bytes;
    }

    /// Continues in TLS, after a handshake.
    pub(super) fn start_tls(mut self, config: Arc<ServerConfig>) -> io::Result<Self> {
        let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(&mut self) {
                // The alert that tells the client why.
                while connection.wants_write() && connection.write_tls(&mut self).is_ok() {}
                return Err(error);
            }
        }
        let layer = Layer::Tls(Box::new(StreamOwned::new(connection, self)));
        Ok(Self { layer, unread: Zeroizing::default() })
    }

    /// Sends a TLS client `close_notify`, so that it can tell a complete response from a cut one.
    pub(super) fn finish(&mut self) {
        if let Layer::Tls(stream) = &mut self.layer {
            stream.conn.send_close_notify();
            let _ = stream.flush(); // fails if the client has closed the connection
            stream.sock.finish();
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.unread.is_empty() {
            let count = buffer.len().min(self.unread.len());
            buffer[..count].copy_from_slice(&self.unread[..count]);
            self.unread.drain(..count);
            if self.unread.is_empty() {
                self.unread = Zeroizing::default();
            }
            return Ok(count);
        }
        match &mut self.layer {
            Layer::Plain(stream) => stream.read(buffer),
            Layer::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Plain(stream) => stream.write(bytes),
            Layer::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.layer {
            Layer::Plain(stream) => stream.flush(),
            Layer::Tls(stream) => stream.flush(),
        }
    }
}
