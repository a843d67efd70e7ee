//! Accepts connections, serves each on its own thread, and stops without losing a response.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use socket2::SockRef;

use super::reader::{ReadError, Reader};
use super::request::Request;
use super::response::{Delivery, KEEP_ALIVE_SECONDS, Response};
use super::shutdown::ShutdownSignal;
use super::tls::{Socket, Stream};
use crate::clock::Clock;

/// How long stopping waits for requests in flight before it closes their connections.
const GRACE: Duration = Duration::from_secs(5);

/// The client that sent a request.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The number of the TCP connection, counted from 1.
    pub(crate) connection: u64,
}

/// Responds to requests. A panic closes the connection without a response.
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
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    connection_closed: Condvar,
}

/// An open connection.
struct Connection {
    socket: Socket,
    /// A request is being read or processed.
    busy: AtomicBool,
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
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            handler,
            tls,
            clock,
            shutdown,
            stopping: AtomicBool::new(false),
            connections: Mutex::default(),
            connection_closed: Condvar::new(),
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
        for connection in self.shared.connections().values() {
            if !connection.busy.load(Ordering::SeqCst) {
                // Its thread reads the requests that have arrived, and then the end of the stream.
                // Fails if the client has closed it.
                let _ = connection.socket.0.shutdown(Shutdown::Read);
            }
        }
        // Only a new connection wakes a blocked accept().
        let woken = TcpStream::connect(connectable(self.address)).is_ok();

        let deadline = Instant::now() + GRACE;
        let mut connections = self.shared.connections();
        while !connections.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                for connection in connections.values() {
                    // Fails if the client has closed it.
                    let _ = connection.socket.0.shutdown(Shutdown::Both);
                }
                break;
            }
            let waited = self.shared.connection_closed.wait_timeout(connections, left);
            connections = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(connections);
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
    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// Accepts connections until the server stops. Then the listener closes, and the scope waits for
/// the threads of all connections.
fn accept(listener: TcpListener, shared: &Shared) {
    thread::scope(move |scope| {
        let mut number = 0;
        loop {
            let accepted = listener.accept();
            if shared.stopping() {
                return;
            }
            let Ok((tcp, address)) = accepted else {
                // Most likely out of file descriptors: wait for a connection to close.
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            number += 1;
            let peer = Peer { address, connection: number };
            let socket = Socket(Arc::new(tcp));
            let connection = Arc::new(Connection { socket, busy: AtomicBool::new(false) });
            shared.connections().insert(number, Arc::clone(&connection));
            let serve = move || {
                let served = catch_unwind(AssertUnwindSafe(|| serve(&connection, peer, shared)));
                // The panic hook has reported a panic.
                if served.is_err() || served.is_ok_and(|ending| ending == Ending::Shut) {
                    // Fails if the client has closed it.
                    let _ = connection.socket.0.shutdown(Shutdown::Both);
                }
                shared.connections().remove(&peer.connection);
                drop(connection);
                shared.connection_closed.notify_all();
            };
            let thread = thread::Builder::new().name(format!("cas-emulator connection {number}"));
            if thread.spawn_scoped(scope, serve).is_err() {
                shared.connections().remove(&number);
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

/// Serves the requests of one connection until either side closes it.
fn serve(connection: &Connection, peer: Peer, shared: &Shared) -> Ending {
    let tcp = &connection.socket.0;
    let idle = Duration::from_secs(KEEP_ALIVE_SECONDS + 5);
    let configured = tcp.set_nodelay(true).and_then(|()| tcp.set_read_timeout(Some(idle)));
    if configured.and_then(|()| tcp.set_write_timeout(Some(idle))).is_err() {
        return Ending::Shut;
    }
    let Ok(mut stream) = Stream::new(connection.socket.clone(), shared.tls.as_ref()) else {
        return Ending::Shut;
    };
    let mut reader = Reader::default();
    loop {
        connection.busy.store(false, Ordering::SeqCst);
        // Stopping sets `stopping` and then reads `busy`; this clears `busy` and then reads
        // `stopping`. So at least one side sees the other.
        if shared.stopping() && reader.is_empty() {
            break;
        }
        match reader.read(&mut stream, || connection.busy.store(true, Ordering::SeqCst)) {
            Ok(request) => {
                let response = (shared.handler)(&request, peer);
                let keep_alive = request.keep_alive && !(shared.stopping() && reader.is_empty());
                let head_only = request.method == "HEAD";
                let now = shared.clock.now();
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
                if response.write_to(&mut stream, shared.clock.now(), false, false).is_ok() {
                    stream.finish();
                    drain(tcp);
                }
                return Ending::Shut;
            }
        }
    }
    stream.finish();
    Ending::Shut
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
    fn a_panic_closes_only_its_own_connection() {
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
        assert_eq!(ask("/panic"), "");
        assert!(ask("/").starts_with("HTTP/1.1 404 Not Found\r\n"));
    }
}
