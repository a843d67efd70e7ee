//! Accepting connections, one thread for each, and stopping without losing an answer.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use socket2::SockRef;

use crate::clock::Clock;
use crate::http::{self, Delivery, KEEP_ALIVE_SECONDS, ReadError, Reader, Request, Response};
use crate::pause::Pause;
use crate::tls::{Socket, Stream};

/// How long a stop waits for requests in flight before it cuts their connections.
const GRACE: Duration = Duration::from_secs(5);

/// Who sent a request.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The number of the TCP connection, counted from 1.
    pub(crate) connection: u64,
}

/// What answers requests. It must not panic: a panic costs the connection.
pub(crate) type Handler = dyn Fn(&Request, Peer) -> Response + Send + Sync;

/// A running server; it stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    tls: Option<Arc<ServerConfig>>,
    clock: Clock,
    /// What delayed answers wait on.
    pause: Arc<Pause>,
    stopping: AtomicBool,
    open: Mutex<HashMap<u64, Arc<Open>>>,
    closed: Condvar,
}

/// A connection as the stop sees it.
struct Open {
    socket: Socket,
    /// A request is being read or answered.
    busy: AtomicBool,
}

impl Server {
    /// Listens on `address` and answers with `handler` from now on.
    pub(crate) fn start(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        clock: Clock,
        pause: Arc<Pause>,
        handler: Box<Handler>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            handler,
            tls,
            clock,
            pause,
            stopping: AtomicBool::new(false),
            open: Mutex::default(),
            closed: Condvar::new(),
        });
        let for_acceptor = Arc::clone(&shared);
        let acceptor = thread::Builder::new()
            .name("cas-emulator accept".to_owned())
            .spawn(move || accept(listener, &for_acceptor))?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens; the port is the real one.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.pause.end();
        for open in self.shared.open().values() {
            if !open.busy.load(Ordering::SeqCst) {
                // The thread waiting there reads an end; what has arrived already it still gets.
                let _ = open.socket.0.shutdown(Shutdown::Read); // closed by the client meanwhile
            }
        }
        // A blocked accept() wakes up only for a connection.
        let woken = TcpStream::connect(reachable(self.address)).is_ok();

        let deadline = Instant::now() + GRACE;
        let mut open = self.shared.open();
        while !open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                for open in open.values() {
                    let _ = open.socket.0.shutdown(Shutdown::Both); // closed by the client meanwhile
                }
                break;
            }
            let waited = self.shared.closed.wait_timeout(open, left);
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(open);
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _ = acceptor.join(); // it has nothing to say
        }
    }
}

/// An unspecified address listens everywhere, but one cannot connect to it everywhere.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            address.set_ip(Ipv4Addr::LOCALHOST.into())
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            address.set_ip(Ipv6Addr::LOCALHOST.into())
        }
        _ => {}
    }
    address
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// Runs until the stop. The closure then closes the listener, and the scope waits for every connection's thread.
fn accept(listener: TcpListener, shared: &Shared) {
    thread::scope(move |scope| {
        let mut number = 0;
        loop {
            let accepted = listener.accept();
            if shared.stopping() {
                return;
            }
            let Ok((tcp, address)) = accepted else {
                // Out of file descriptors, most likely: let some connections end.
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            number += 1;
            let peer = Peer { address, connection: number };
            let open =
                Arc::new(Open { socket: Socket(Arc::new(tcp)), busy: AtomicBool::new(false) });
            shared.open().insert(number, Arc::clone(&open));
            let serve = move || {
                let served = catch_unwind(AssertUnwindSafe(|| serve(&open, peer, shared)));
                // The panic hook has reported a panic.
                if served.is_err() || served.is_ok_and(|ending| ending == Ending::Shut) {
                    let _ = open.socket.0.shutdown(Shutdown::Both); // closed by the client meanwhile
                }
                shared.open().remove(&peer.connection);
                drop(open);
                shared.closed.notify_all();
            };
            let thread = thread::Builder::new().name(format!("cas-emulator connection {number}"));
            if thread.spawn_scoped(scope, serve).is_err() {
                shared.open().remove(&number);
            }
        }
    });
}

/// How a connection ends on this side.
#[derive(PartialEq, Eq)]
enum Ending {
    Shut,
    /// By closing the socket without shutting it, which resets the connection.
    Reset,
}

/// Answers one connection's requests until either side ends it.
fn serve(open: &Open, peer: Peer, shared: &Shared) -> Ending {
    let tcp = &open.socket.0;
    let idle = Duration::from_secs(KEEP_ALIVE_SECONDS + 5);
    let set = tcp.set_nodelay(true).and_then(|()| tcp.set_read_timeout(Some(idle)));
    if set.and_then(|()| tcp.set_write_timeout(Some(idle))).is_err() {
        return Ending::Shut;
    }
    let Ok(mut stream) = Stream::new(open.socket.clone(), shared.tls.as_ref()) else {
        return Ending::Shut;
    };
    let mut reader = Reader::default();
    loop {
        open.busy.store(false, Ordering::SeqCst);
        // Asked after `busy` is cleared, as the stop looks at it after `stopping` is set: one sees the other.
        if shared.stopping() && reader.is_empty() {
            break;
        }
        match reader.read(&mut stream, || open.busy.store(true, Ordering::SeqCst)) {
            Ok(request) => {
                let response = (shared.handler)(&request, peer);
                let keep_alive = request.keep_alive && !(shared.stopping() && reader.is_empty());
                let head_only = request.method == "HEAD";
                let now = shared.clock.now();
                if http::write(&mut stream, &response, now, keep_alive, head_only).is_err() {
                    return Ending::Shut;
                }
                match response.delivery {
                    Delivery::Whole if keep_alive => {}
                    Delivery::Whole => break,
                    // A TLS client is not told of this end: it is a cut.
                    Delivery::Half | Delivery::Nothing => return Ending::Shut,
                    Delivery::Reset => {
                        let set = SockRef::from(&**tcp).set_linger(Some(Duration::ZERO));
                        return if set.is_ok() { Ending::Reset } else { Ending::Shut };
                    }
                }
            }
            Err(ReadError::Closed) => break,
            Err(ReadError::Refused(status, reason)) => {
                let response = Response::plain_error(status, reason);
                if http::write(&mut stream, &response, shared.clock.now(), false, false).is_ok() {
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

/// Closing a socket with unread data resets it, and the reset may overtake the answer: read some first.
fn drain(mut tcp: &TcpStream) {
    let _ = tcp.shutdown(Shutdown::Write); // closed by the client meanwhile
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
    fn a_panic_costs_one_connection() {
        let handler = |request: &Request, _| match request.path() {
            "/panic" => panic!("wanted by a test"),
            _ => Response::plain_error(404, "nothing here"),
        };
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server =
            Server::start(any, None, Clock::default(), Arc::default(), Box::new(handler)).unwrap();
        let ask = |path: &str| {
            let mut tcp = TcpStream::connect(server.address()).unwrap();
            write!(tcp, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = String::new();
            tcp.read_to_string(&mut answer).unwrap();
            answer
        };
        assert_eq!(ask("/panic"), "");
        assert!(ask("/").starts_with("HTTP/1.1 404 Not Found\r\n"));
    }
}
