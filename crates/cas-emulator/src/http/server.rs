//! Accepts connections, serves each on its own thread, and stops without losing a response.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use socket2::{Domain, SockRef, Socket as Socket2, Type};

use super::budget::Budget;
use super::connections::{Connection, Connections};
use super::pace::Pace;
use super::reader::{self, ReadError, Reader};
use super::request::Request;
use super::response::{Delivery, Response};
use super::shutdown::ShutdownSignal;
use super::tls::{Socket, Stream};
use crate::clock::Clock;

/// How long stopping waits for requests in flight before it closes their connections.
const GRACE: Duration = Duration::from_secs(5);

/// How many connections wait to be accepted.
const BACKLOG: i32 = 1_024;
/// The most connections, each with a thread.
const MAX_CONNECTIONS: usize = 1_000;
/// How many files the process has open at most, other than connections and with those that are
/// being closed.
const OTHER_FILES: usize = 64;
/// How many connections beyond the limit stay open until their clients have read the response.
const MAX_REFUSED: usize = 8;

/// The client that sent a request.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The number of the TCP connection, counted from 1.
    pub(crate) connection: u64,
    /// How many other connections are in use: in a request, or just after one.
    pub(crate) other_clients: usize,
}

/// Responds to requests. After a panic, the response is 500.
pub(crate) type Handler = dyn Fn(&Request, Peer) -> Response + Send + Sync;

/// A running server. Dropping it stops it.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    tls: Option<Arc<ServerConfig>>,
    clock: Clock,
    shutdown: Arc<ShutdownSignal>,
    stopping: AtomicBool,
    connections: Connections,
    /// The memory of long requests.
    budget: Arc<Budget>,
}

impl Server {
    /// Listens on `address` and passes every request to `handler`.
    pub(crate) fn start(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        clock: Clock,
        shutdown: Arc<ShutdownSignal>,
        handler: Box<Handler>,
    ) -> io::Result<Self> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            handler,
            tls,
            clock,
            shutdown,
            stopping: AtomicBool::new(false),
            connections: Connections::new(max_connections()),
            budget: reader::budget(),
        });
        let for_acceptor = Arc::clone(&shared);
        let acceptor = thread::Builder::new()
            .name("cas-emulator accept".to_owned())
            .spawn(move || accept(listener, &for_acceptor))?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// The address that the server listens on. The port is never 0.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.shutdown.send();
        self.shared.budget.close();
        self.shared.connections.end_idle();
        // Only a new connection wakes a blocked accept().
        let woken = TcpStream::connect(connectable(self.address)).is_ok();
        self.shared.connections.wait_until_closed(GRACE);
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _ = acceptor.join(); // the panic hook has reported a panic
        }
    }
}

/// An address to connect to: `0.0.0.0` and `[::]` are addresses to listen on only.
fn connectable(mut address: SocketAddr) -> SocketAddr {
    let loopback: Option<IpAddr> = match address {
        SocketAddr::V4(v4) => v4.ip().is_unspecified().then(|| Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(v6) => v6.ip().is_unspecified().then(|| Ipv6Addr::LOCALHOST.into()),
    };
    if let Some(loopback) = loopback {
        address.set_ip(loopback);
    }
    address
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// A listener with a longer queue than that of `std`, which a burst of connections overflows: their
/// clients then wait for a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket2::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The most connections: [`MAX_CONNECTIONS`], or fewer if the process may not open as many files.
fn max_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    files.map_or(MAX_CONNECTIONS, |files: usize| {
        MAX_CONNECTIONS.min(files.saturating_sub(OTHER_FILES).max(1))
    })
}

/// Accepts connections until the server stops. Then the listener closes, and the scope waits for
/// the threads of all connections.
fn accept(listener: TcpListener, shared: &Shared) {
    thread::scope(move |scope| {
        let mut number = 0;
        let mut refused = VecDeque::new();
        loop {
            let accepted = listener.accept();
            if shared.stopping() {
                return;
            }
            let Ok((tcp, address)) = accepted else {
                // Most likely out of file descriptors: one becomes free when a connection closes.
                shared.connections.make_room();
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            number += 1;
            let peer = Peer { address, connection: number, other_clients: 0 };
            let connection = match shared.connections.add(number, tcp) {
                Ok(connection) => connection,
                Err(tcp) => {
                    refuse(&tcp, shared);
                    refused.push_front(tcp);
                    refused.truncate(MAX_REFUSED);
                    continue;
                }
            };
            let serve = move || {
                let served = catch_unwind(AssertUnwindSafe(|| serve(&connection, peer, shared)));
                // The panic hook has reported a panic.
                if served.is_err() || served.is_ok_and(|ending| ending == Ending::Shut) {
                    // Fails if the client has closed it.
                    let _ = connection.tcp.shutdown(Shutdown::Both);
                }
                shared.connections.remove(peer.connection, connection);
            };
            let thread = thread::Builder::new().name(format!("cas-emulator connection {number}"));
            if thread.spawn_scoped(scope, serve).is_err() {
                shared.connections.forget(number);
            }
        }
    });
}

/// How the server ends a connection.
#[derive(PartialEq, Eq)]
enum Ending {
    Shut,
    /// The socket is closed without a shutdown, which resets the connection.
    Reset,
}

/// Tells the client of a connection that is one too many. The caller keeps the socket open for a
/// while: closing it with unread data would reset the connection.
fn refuse(mut tcp: &TcpStream, shared: &Shared) {
    if shared.tls.is_none() && tcp.set_nonblocking(true).is_ok() {
        let response = Response::error(503, "All connections are in a request.");
        // Fails if the client has closed it.
        let _ = response.write_to(&mut tcp, shared.clock.now(), false, false);
    }
    let _ = tcp.shutdown(Shutdown::Write);
}

/// Serves the requests of one connection until either side closes it.
fn serve(connection: &Connection, peer: Peer, shared: &Shared) -> Ending {
    let tcp = &connection.tcp;
    if tcp.set_nodelay(true).is_err() {
        return Ending::Shut;
    }
    let pace = Rc::new(Pace::new());
    let socket = Socket::new(Arc::clone(tcp), Rc::clone(&pace));
    let Ok(mut stream) = Stream::new(socket, shared.tls.as_ref()) else {
        return Ending::Shut;
    };
    let mut reader = Reader::new(Arc::clone(&shared.budget));
    loop {
        connection.idle();
        pace.idle();
        // Stopping sets `stopping` and then looks at the phase; this sets the phase and then reads
        // `stopping`. So at least one side sees the other.
        if shared.stopping() && reader.is_empty() {
            break;
        }
        let started = || {
            connection.receiving();
            pace.start();
        };
        let read = reader.read(&mut stream, started);
        connection.responding();
        match read {
            Ok(request) => {
                let other_clients = shared.connections.count_in_use().saturating_sub(1);
                let response = respond(shared, &request, Peer { other_clients, ..peer });
                let keep_alive = request.keep_alive && !(shared.stopping() && reader.is_empty());
                let head_only = request.method == "HEAD";
                let now = shared.clock.now();
                pace.start();
                if response.write_to(&mut stream, now, keep_alive, head_only).is_err() {
                    return Ending::Shut;
                }
                match response.delivery {
                    Delivery::Complete if keep_alive => {}
                    Delivery::Complete => break,
                    // Without close_notify, so that a TLS client sees a truncated stream.
                    Delivery::Half | Delivery::Nothing => return Ending::Shut,
                    Delivery::Reset => {
                        let set = SockRef::from(&**tcp).set_linger(Some(Duration::ZERO));
                        return if set.is_ok() { Ending::Reset } else { Ending::Shut };
                    }
                }
            }
            Err(ReadError::Closed) => break,
            Err(ReadError::Invalid(status, message)) => {
                let response = Response::error(status, message);
                pace.start();
                if response.write_to(&mut stream, shared.clock.now(), false, false).is_ok() {
                    stream.finish();
                    drain(tcp);
                }
                return Ending::Shut;
            }
        }
    }
    pace.start();
    stream.finish();
    Ending::Shut
}

/// The handler's response, or 500 if it panics. The panic hook has reported the panic.
fn respond(shared: &Shared, request: &Request, peer: Peer) -> Response {
    let response = catch_unwind(AssertUnwindSafe(|| (shared.handler)(request, peer)));
    response.unwrap_or_else(|_| Response::error(500, "Internal error of the emulator."))
}

/// Reads for up to a second. Closing a socket with unread data resets the connection, and the reset
/// may reach the client before the response.
fn drain(mut tcp: &TcpStream) {
    let _ = tcp.shutdown(Shutdown::Write); // fails if the client has closed it
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut rest = [0; 16 * 1024];
    if tcp.set_read_timeout(Some(Duration::from_millis(500))).is_ok() {
        while Instant::now() < deadline && matches!(tcp.read(&mut rest), Ok(count) if count > 0) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_panic_is_an_error_of_its_own_request_only() {
        let handler = |request: &Request, _| match request.path() {
            "/panic" => panic!("on purpose"),
            _ => Response::error(404, "not found"),
        };
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server =
            Server::start(any, None, Clock::default(), Arc::default(), Box::new(handler)).unwrap();
        let ask = |path: &str| {
            let mut tcp = TcpStream::connect(server.address()).unwrap();
            tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            write!(tcp, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
            let mut response = String::new();
            tcp.read_to_string(&mut response).unwrap();
            response
        };
        assert!(ask("/panic").starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
        assert!(ask("/").starts_with("HTTP/1.1 404 Not Found\r\n"));
    }
}
