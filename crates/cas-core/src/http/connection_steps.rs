//! The steps of a connection one by one, for diagnostics: the same that a request takes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::base::deadline::Deadline;
use crate::http::deadline::{Connection, RequestDeadline, is_interruption};
use crate::http::endpoint::Endpoint;
use crate::http::failure::TransportError;
use crate::http::messages::connect_failed;
use crate::http::proxy::{Proxy, tunnel};
use crate::http::resolver;
use crate::http::roots::LoadedRoots;
use crate::http::tcp;
use crate::http::tls::{Handshake, shake_hands};

/// Looks up a host, as for a new connection.
pub(crate) fn look_up(
    host: &str,
    port: u16,
    limit: &Deadline,
) -> Result<Vec<SocketAddr>, TransportError> {
    resolver::addresses(host, port, limit)
}

/// Connects to one of the addresses of a server or proxy.
pub(crate) fn connect(
    addresses: &[SocketAddr],
    (host, port): (&str, u16),
    is_proxy: bool,
    limit: &Deadline,
) -> Result<TcpStream, TransportError> {
    let _request = RequestDeadline::begin(limit, Connection::New);
    tcp::connect_first(addresses, limit)
        .map_err(|error| connect_failed(host, port, is_proxy, &error))
}

/// Asks the proxy at the other end of `stream` for a connection to `target`.
pub(crate) fn open_tunnel(
    stream: &mut TcpStream,
    proxy: &Proxy,
    target: &Endpoint,
    limit: &Deadline,
) -> Result<(), TransportError> {
    let _request = RequestDeadline::begin(limit, Connection::New);
    tunnel::open(stream, proxy, target.host(), target.port_or_default())
}

/// Makes a TLS handshake with `target`.
pub(crate) fn handshake(
    stream: TcpStream,
    target: &Endpoint,
    proxy: Option<&Proxy>,
    roots: &LoadedRoots,
    limit: &Deadline,
) -> Result<Handshake, TransportError> {
    let _request = RequestDeadline::begin(limit, Connection::New);
    shake_hands(LimitedStream(stream), target, proxy, roots)
}

/// A socket whose reads and writes end at the deadline of the request.
struct LimitedStream(TcpStream);

impl Read for LimitedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.0.set_read_timeout(Some(RequestDeadline::tick()?))?;
            match self.0.read(buffer) {
                Err(error) if is_interruption(&error) => {}
                result => return result,
            }
        }
    }
}

impl Write for LimitedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.0.set_write_timeout(Some(RequestDeadline::tick()?))?;
            match self.0.write(bytes) {
                Err(error) if is_interruption(&error) => {}
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
