//! TCP connections, direct or through a proxy. A request is collected and leaves in one write.

use std::fmt;
use std::io::{self, Read, Write};
use std::mem::{self, MaybeUninit};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

use cas_sys::{FileId, Readiness, wait_until_ready};
use socket2::{Domain, SockRef, Socket, Type};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::base::deadline::{Deadline, TICK};
use crate::base::exhaustion::Exhaustion;
use crate::http::buffers::WireBuffers;
use crate::http::deadline::{RequestDeadline, is_interruption};
use crate::http::endpoint::Endpoint;
use crate::http::failure::TransportError;
use crate::http::messages::{connect_failed, unasked};
use crate::http::proxy::{AbsoluteForm, Proxy, tunnel};
use crate::http::resolver;
use crate::http::settings::Settings;

/// Opens connections within the connect timeout.
#[derive(Debug)]
pub(crate) struct TcpConnector(pub(super) Arc<Settings>);

impl Connector<()> for TcpConnector {
    type Out = Tcp;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Tcp>, ureq::Error> {
        RequestDeadline::connecting(self.0.connect_timeout);
        let (target, proxy) = self.0.route(details.uri)?;
        let proxy = proxy.as_ref();
        let stream = open(&target, proxy)?;
        let mut buffers = WireBuffers::new(!details.needs_tls());
        if let Some(proxy) = proxy.filter(|proxy| proxy.forwards(&target)) {
            buffers = buffers.forwarded(AbsoluteForm::new(proxy, &target));
        }
        let failed = |error: io::Error| {
            let (host, port) = next_hop(&target, proxy);
            connect_failed(host, port, proxy.is_some(), &error)
        };
        Ok(Some(Tcp::new(stream, buffers, !details.needs_tls()).map_err(failed)?))
    }
}

/// Opens a connection to `target`, or through a tunnel of the proxy, before the deadline of the
/// request. A proxy that forwards requests gets no tunnel.
pub(super) fn open(target: &Endpoint, proxy: Option<&Proxy>) -> Result<TcpStream, TransportError> {
    let (host, port) = next_hop(target, proxy);
    let failed = |error: io::Error| connect_failed(host, port, proxy.is_some(), &error);
    let limit = RequestDeadline::limit().map_err(failed)?;
    let addresses = resolver::addresses(host, port, &limit)?;
    let mut stream = connect_first(&addresses, &limit).map_err(failed)?;
    if let Some(proxy) = proxy.filter(|proxy| !proxy.forwards(target)) {
        tunnel::open(&mut stream, proxy, target.host(), target.port_or_default())?;
    }
    Ok(stream)
}

/// Where the connection goes: to the proxy, if there is one.
fn next_hop<'a>(target: &'a Endpoint, proxy: Option<&'a Proxy>) -> (&'a str, u16) {
    proxy.map_or((target.host(), target.port_or_default()), |proxy| (&proxy.host, proxy.port))
}

/// Connects to the first address that accepts.
pub(super) fn connect_first(addresses: &[SocketAddr], limit: &Deadline) -> io::Result<TcpStream> {
    connect_any(addresses, limit, connect)
}

/// Connects to the first address that accepts. Each gets an equal share of the time that is left.
fn connect_any<T>(
    addresses: &[SocketAddr],
    limit: &Deadline,
    connect: impl Fn(SocketAddr, &Deadline) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (address, remaining) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = u32::try_from(remaining).unwrap_or(u32::MAX);
        limit.tick()?;
        match connect(*address, &limit.within(limit.time_left() / share)) {
            Ok(stream) => return Ok(stream),
            // No other address is the remedy.
            Err(error) if Exhaustion::of(&error).is_some() => return Err(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Like [`TcpStream::connect_timeout`], which cannot be cancelled.
fn connect(address: SocketAddr, limit: &Deadline) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        // After a signal, too, the kernel goes on connecting.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => {
            while !wait_until_ready(socket.as_fd(), Readiness::Writable, limit.tick()?)? {}
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    socket.set_nonblocking(false)?;
    above_standard_streams(socket.into())
}

/// If the program has closed its standard input, output or error, a socket may get its number, and
/// what the program prints would be sent.
fn above_standard_streams(stream: TcpStream) -> io::Result<TcpStream> {
    // A duplicate is never below 3.
    if stream.as_raw_fd() > libc::STDERR_FILENO { Ok(stream) } else { stream.try_clone() }
}

/// A TCP connection.
pub(crate) struct Tcp {
    stream: Arc<TcpStream>,
    /// By which its descriptor is known again.
    id: FileId,
    buffers: WireBuffers,
    /// Whether the next request is the first, and plain HTTP.
    first_request: bool,
    /// Whether the last operation was a read that returned bytes.
    just_read: bool,
    read_timeout: Duration,
    write_timeout: Duration,
}

impl Tcp {
    fn new(stream: TcpStream, buffers: WireBuffers, http: bool) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(TICK))?;
        Ok(Self {
            id: FileId::of(stream.as_fd())?,
            stream: Arc::new(stream),
            buffers,
            first_request: http,
            just_read: false,
            read_timeout: TICK,
            write_timeout: TICK,
        })
    }

    /// Whether the descriptor is still that of this connection. A program that closes all
    /// descriptors, as daemons do, may have opened another socket or file under its number.
    fn is_own(&self) -> bool {
        FileId::of(self.stream.as_fd()).is_ok_and(|id| id == self.id)
    }

    /// Whether the server has sent nothing that was not read, and has not closed the connection.
    fn is_silent(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let peeked = SockRef::from(&*self.stream)
            .recv_with_flags(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A proxy, for one, may send more than its response to CONNECT.
        if self.buffers.has_pending() && mem::take(&mut self.first_request) && !self.is_silent() {
            return Err(unasked());
        }
        let Self { stream, buffers, write_timeout, .. } = self;
        let mut stream = &**stream;
        buffers.send_pending(|mut bytes| {
            while !bytes.is_empty() {
                limit_timeout(write_timeout, |timeout| stream.set_write_timeout(Some(timeout)))?;
                match stream.write(bytes) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(sent) => {
                        RequestDeadline::sent(sent);
                        bytes = &bytes[sent..];
                    }
                    Err(error) if is_interruption(&error) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }
}

/// Sets the timeout of a socket to the time that is left, at most [`TICK`]: a socket that wakes up
/// checks the deadline of the request, so that the timeout is rarely set again.
fn limit_timeout(
    current: &mut Duration,
    set: impl FnOnce(Duration) -> io::Result<()>,
) -> io::Result<()> {
    let timeout = RequestDeadline::tick()?;
    if timeout != *current {
        set(timeout)?;
        *current = timeout;
    }
    Ok(())
}

impl Transport for Tcp {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Only collects output. It is sent in one write when a response is awaited.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.just_read = false;
        if self.buffers.collect(amount) {
            self.flush()?;
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        self.flush()?;
        let Self { stream, buffers, read_timeout, .. } = self;
        let mut stream = &**stream;
        let received = loop {
            let in_time =
                limit_timeout(read_timeout, |timeout| stream.set_read_timeout(Some(timeout)));
            if let Err(error) = in_time {
                let has_arrived = RequestDeadline::may_read_late()
                    && wait_until_ready(stream.as_fd(), Readiness::Readable, Duration::ZERO)?;
                if !has_arrived {
                    return Err(error.into());
                }
            }
            match stream.read(buffers.input_append_buf()) {
                Ok(received) if buffers.received(received) => break received,
                Ok(_) => {}
                Err(error) if is_interruption(&error) => {}
                Err(error) => return Err(error.into()),
            }
        };
        self.just_read = received > 0;
        Ok(received > 0)
    }

    /// Whether the connection can carry another request: the request may use it, and the server has
    /// sent nothing and has not closed it. ureq asks after a response and again before the next
    /// request. Only the second time needs system calls.
    fn is_open(&mut self) -> bool {
        if !RequestDeadline::may_reuse() {
            return false;
        }
        if mem::take(&mut self.just_read) {
            return true;
        }
        self.is_own() && self.is_silent()
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        if !self.is_own() {
            // Never closed: the descriptor belongs to the program.
            mem::forget(Arc::clone(&self.stream));
        }
    }
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tcp").field(&self.stream).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn each_address_gets_an_equal_share_of_the_time() {
        const HOUR: Duration = Duration::from_secs(3600);
        let limit = Deadline::after(HOUR);
        let addresses = [1, 2, 3, 4].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let shares = RefCell::new(Vec::new());
        // Addresses that fail at once leave their share to the others.
        let port = connect_any(&addresses, &limit, |address, limit| {
            shares.borrow_mut().push(limit.time_left());
            if address.port() < 3 { Err(io::Error::other("refused")) } else { Ok(address.port()) }
        });
        assert_eq!(port.unwrap(), 3);
        let expected = [HOUR / 4, HOUR / 3, HOUR / 2];
        assert_eq!(shares.borrow().len(), expected.len());
        for (share, expected) in shares.borrow().iter().zip(expected) {
            assert!(*share <= expected && *share > expected * 9 / 10, "{share:?} of {expected:?}");
        }
        let error = connect_any(&addresses, &limit, |address, _| {
            Err::<(), _>(io::Error::other(address.port().to_string()))
        });
        assert_eq!(error.unwrap_err().to_string(), "4");
        assert!(connect_any(&[], &limit, |_, _| Ok(())).is_err());
        let over = Deadline::over();
        let error = connect_any(&addresses, &over, |_, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
