//! Accepts connections, serves each on its own thread, and stops without losing a response.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::Socket;

use super::connections::Connections;
use super::listeners::{Listeners, SocketFile};
use super::reader;
use super::response::{Framing, Response};
use super::serve::{Ending, Handler, Peer, Shared, Streamed, serve};
use super::shutdown::ShutdownSignal;
use super::tls::Tls;
use super::tls_failures::{Report, TlsFailures};
use crate::clock::Clock;

/// How long stopping waits for requests in flight before it closes their connections.
const GRACE: Duration = Duration::from_secs(5);

/// The most connections, each with a thread.
const MAX_CONNECTIONS: usize = 800;
/// How many files the process has open at most, other than connections and with those that are
/// being closed.
const OTHER_FILES: usize = 64;
/// How many connections beyond the limit stay open until their clients have read the response.
const MAX_REFUSED: usize = 8;

/// A running server. Dropping it stops it.
pub(crate) struct Server {
    shared: Arc<Shared>,
    listeners: Arc<Vec<Socket>>,
    shutdown: Arc<ShutdownSignal>,
    acceptors: Vec<JoinHandle<()>>,
    _file: Option<SocketFile>,
}

impl Server {
    /// Accepts connections and passes every request to `handler`, and sentences about connections
    /// on which TLS fails to `report`.
    pub(crate) fn start(
        listeners: Listeners,
        tls: Tls,
        clock: Clock,
        shutdown: Arc<ShutdownSignal>,
        streamed: Streamed,
        report: Box<Report>,
        handler: Box<Handler>,
    ) -> io::Result<Self> {
        let (listeners, file) = listeners.into_parts();
        let listeners = Arc::new(listeners);
        let shared = Arc::new(Shared {
            handler,
            streamed,
            tls,
            tls_failures: TlsFailures::new(report),
            clock,
            stopping: AtomicBool::new(false),
            accepted: AtomicU64::new(0),
            connections: Connections::new(max_connections()),
            budget: reader::budget(),
        });
        let acceptors = Vec::new();
        let mut server = Self { shared, listeners, shutdown, acceptors, _file: file };
        for index in 0..server.listeners.len() {
            let (shared, listeners) = (Arc::clone(&server.shared), Arc::clone(&server.listeners));
            let accept = move || accept(&listeners[index], &shared);
            let thread = thread::Builder::new().name("cas-emulator accept".to_owned());
            server.acceptors.push(thread.spawn(accept)?);
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shutdown.send();
        self.shared.budget.close();
        self.shared.connections.end_idle();
        for listener in self.listeners.iter() {
            // Wakes accept() and refuses new connections. Fails for an invalid socket only.
            let _ = listener.shutdown(Shutdown::Both);
        }
        self.shared.connections.wait_until_closed(GRACE);
        for acceptor in self.acceptors.drain(..) {
            let _ = acceptor.join(); // the panic hook has reported a panic
        }
    }
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

/// Accepts connections until the server stops. The scope then waits for the threads of all
/// connections.
fn accept(listener: &Socket, shared: &Shared) {
    thread::scope(move |scope| {
        let mut refused = VecDeque::new();
        loop {
            let accepted = listener.accept();
            if shared.stopping() {
                return;
            }
            let Ok((socket, address)) = accepted else {
                // Most likely out of file descriptors: one becomes free when a connection closes.
                shared.connections.make_room();
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            let number = shared.accepted.fetch_add(1, Ordering::Relaxed) + 1;
            let peer =
                Peer { address: address.as_socket(), connection: number, other_uploaders: 0 };
            let connection = match shared.connections.add(number, socket) {
                Ok(connection) => connection,
                Err(socket) => {
                    refuse(&socket, shared);
                    refused.push_front(socket);
                    refused.truncate(MAX_REFUSED);
                    continue;
                }
            };
            let serve = move || {
                let served = catch_unwind(AssertUnwindSafe(|| serve(&connection, peer, shared)));
                // The panic hook has reported a panic.
                if served.is_err() || served.is_ok_and(|ending| ending == Ending::Shut) {
                    // Fails if the client has closed it.
                    let _ = connection.socket.shutdown(Shutdown::Both);
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

/// Tells the client of a connection that is one too many. The caller keeps the socket open for a
/// while: closing it with unread data would reset the connection.
fn refuse(mut socket: &Socket, shared: &Shared) {
    if !matches!(shared.tls, Tls::Always(_)) && socket.set_nonblocking(true).is_ok() {
        let response = Response::error(503, "All connections are in a request.");
        // Fails if the client has closed it.
        let _ = response.write_to(&mut socket, shared.clock.now(), Framing::default());
    }
    let _ = socket.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpStream};

    use crate::http::Request;

    #[test]
    fn a_panic_is_an_error_of_its_own_request_only() {
        let handler = |request: &Request, _: Peer, _: &mut dyn Read| match request.path() {
            "/panic" => panic!("on purpose"),
            _ => Response::error(404, "not found"),
        };
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listeners = Listeners::bind(&any.into(), &[any]).unwrap();
        let address = listeners.addresses()[0];
        let clock = Clock::default();
        let (report, handler) = (Box::new(|_: &str| ()), Box::new(handler));
        let shutdown = Arc::default();
        let server =
            Server::start(listeners, Tls::Off, clock, shutdown, |_| false, report, handler);
        let _server = server.unwrap();
        let ask = |path: &str| {
            let mut tcp = TcpStream::connect(address).unwrap();
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
