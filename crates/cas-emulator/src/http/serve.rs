//! Serves one connection, and the tunnel that it becomes after a `CONNECT`.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::body::Body;
use super::budget::Budget;
use super::connections::{Connection, Connections};
use super::pace::Pace;
use super::reader::{ReadError, Reader, TLS_HANDSHAKE};
use super::request::Request;
use super::response::{Delivery, Framing, Response};
use super::stream::{Socket, Stream};
use super::tls::Tls;
use super::tls_failures::TlsFailures;
use crate::clock::Clock;

/// The client that sent a request.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    /// `None` for a Unix socket.
    pub(crate) address: Option<SocketAddr>,
    /// The number of the connection, counted from 1.
    pub(crate) connection: u64,
    /// How many other connections upload: their last request did, and they are in use.
    pub(crate) other_uploaders: usize,
}

/// Responds to requests. After a panic, the response is 500.
///
/// It may read the body of a request that [`Streamed`] selects.
pub(crate) type Handler = dyn Fn(&Request, Peer, &mut dyn Read) -> Response + Send + Sync;

/// Selects requests, by all but their bodies, whose bodies the handler reads piece by piece.
pub(crate) type Streamed = fn(&Request) -> bool;

/// What all connections share.
pub(super) struct Shared {
    pub(super) handler: Box<Handler>,
    pub(super) streamed: Streamed,
    pub(super) tls: Tls,
    pub(super) tls_failures: TlsFailures,
    pub(super) clock: Clock,
    pub(super) stopping: AtomicBool,
    /// How many connections were accepted.
    pub(super) accepted: AtomicU64,
    pub(super) connections: Connections,
    /// The memory of long requests.
    pub(super) budget: Arc<Budget>,
}

impl Shared {
    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// How the server ends a connection.
#[derive(PartialEq, Eq)]
pub(super) enum Ending {
    Shut,
    /// The socket is closed without a shutdown, which resets the connection.
    Reset,
}

/// What follows the requests of a connection.
enum Next {
    End(Ending),
    /// A tunnel to the host and port of a `CONNECT`.
    Tunnel(Stream, Arc<str>),
}

struct Session<'a> {
    connection: &'a Connection,
    peer: Peer,
    shared: &'a Shared,
    pace: Rc<Pace>,
}

/// Serves the requests of one connection until either side closes it.
pub(super) fn serve(connection: &Connection, peer: Peer, shared: &Shared) -> Ending {
    let socket = &connection.socket;
    // Unix sockets do not have it.
    if peer.address.is_some() && socket.set_tcp_nodelay(true).is_err() {
        return Ending::Shut;
    }
    let pace = Rc::new(Pace::new());
    let mut stream = Stream::plain(Socket::new(Arc::clone(socket), Rc::clone(&pace)));
    let session = Session { connection, peer, shared, pace };
    let mut tunnel = None;
    loop {
        stream = match session.secure(stream, tunnel.as_deref()) {
            Ok(Some(stream)) => stream,
            Ok(None) => return Ending::Shut,
            Err(_) => {
                // So that the client receives the alert that tells it why.
                drain(socket);
                return Ending::Shut;
            }
        };
        match session.serve_requests(stream, tunnel.as_ref()) {
            Next::End(ending) => return ending,
            Next::Tunnel(inside, host) => (stream, tunnel) = (inside, Some(host)),
        }
    }
}

impl Session<'_> {
    /// Continues in TLS if the server or the client wants it. `None` if the client sends nothing.
    fn secure(&self, mut stream: Stream, tunnel: Option<&str>) -> io::Result<Option<Stream>> {
        self.connection.idle();
        match tunnel {
            // Its client has asked for it to use it at once.
            Some(_) => self.pace.start(),
            None => self.pace.idle(),
        }
        if matches!(self.shared.tls, Tls::Off) {
            return Ok(Some(stream));
        }
        if self.shared.stopping() {
            return Ok(None);
        }
        let Ok(Some(first)) = stream.first_byte() else { return Ok(None) };
        self.connection.receiving();
        self.pace.start();
        let config = match &self.shared.tls {
            Tls::Always(config) if first == TLS_HANDSHAKE => Arc::clone(config),
            Tls::Always(config) => {
                self.shared.tls_failures.plain_http();
                let _ = stream.start_tls(Arc::clone(config)); // sends the alert
                return Err(io::ErrorKind::InvalidData.into());
            }
            Tls::Either(on_demand) if first == TLS_HANDSHAKE => {
                let local = self.connection.socket.local_addr().ok();
                let local = local.and_then(|address| Some(address.as_socket()?.ip().to_string()));
                let host = tunnel.and_then(|authority| Some(authority.rsplit_once(':')?.0));
                on_demand.config(host.or(local.as_deref()).unwrap_or_default())
            }
            Tls::Off | Tls::Either(_) => return Ok(Some(stream)),
        };
        let started = stream.start_tls(config);
        if let Err(error) = &started {
            self.shared.tls_failures.handshake(error, &self.shared.tls);
        }
        started.map(Some)
    }

    fn serve_requests(&self, mut stream: Stream, tunnel: Option<&Arc<str>>) -> Next {
        let Self { connection, peer, shared, pace } = self;
        // Its thread reads the end of the stream. Fails if the client has closed it.
        let socket = Arc::clone(&connection.socket);
        let abort = Arc::new(move || drop(socket.shutdown(Shutdown::Both)));
        let mut reader = Reader::new(Arc::clone(&shared.budget), abort);
        loop {
            connection.idle();
            pace.idle();
            // Stopping sets `stopping` and then looks at the phase; this sets the phase and then
            // reads `stopping`. So at least one side sees the other.
            if shared.stopping() && reader.is_empty() {
                break;
            }
            if reader.is_empty() {
                match stream.first_byte() {
                    Ok(Some(TLS_HANDSHAKE)) => shared.tls_failures.not_served(),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => break,
                }
            }
            let started = || {
                connection.receiving();
                pace.start();
            };
            let read = reader.read(&mut stream, started, shared.streamed);
            if !connection.responding() {
                return Next::End(Ending::Shut);
            }
            match read {
                Ok(mut request) => {
                    request.tunnel = tunnel.cloned();
                    let other_uploaders = shared.connections.count_other_uploaders(peer.connection);
                    let peer = Peer { other_uploaders, ..*peer };
                    let mut body = Body::of_last(&mut reader, &mut stream);
                    if !body.is_complete() {
                        pace.start_stream();
                    }
                    let response = respond(shared, &request, peer, &mut body);
                    connection.responded(response.is_upload);
                    let complete = body.is_complete();
                    let chunked = request.http_1_1;
                    let keep_alive = request.keep_alive
                        && complete
                        && !(shared.stopping() && reader.is_empty())
                        && (chunked || response.stream.is_none());
                    let head_only = request.method == "HEAD";
                    let framing = Framing { keep_alive, head_only, chunked };
                    let is_tunnel = response.delivery == Delivery::Tunnel;
                    let target = is_tunnel.then(|| request.target.as_str().into());
                    drop(request); // its memory does not wait for who reads the response
                    let now = shared.clock.now();
                    match response.stream {
                        Some(_) => pace.start_stream(),
                        None => pace.start(),
                    }
                    if response.write_to(&mut stream, now, framing).is_err() {
                        return Next::End(Ending::Shut);
                    }
                    match response.delivery {
                        Delivery::Complete if keep_alive => {}
                        Delivery::Complete if !complete => {
                            stream.finish();
                            drain(&connection.socket);
                            return Next::End(Ending::Shut);
                        }
                        Delivery::Complete => break,
                        // Without close_notify, so that a TLS client sees a truncated stream.
                        Delivery::Half | Delivery::Nothing => return Next::End(Ending::Shut),
                        Delivery::Reset => {
                            let reset = connection.socket.set_linger(Some(Duration::ZERO)).is_ok();
                            return Next::End(if reset { Ending::Reset } else { Ending::Shut });
                        }
                        Delivery::Tunnel => {
                            stream.unread(reader.into_rest());
                            return Next::Tunnel(stream, target.unwrap_or_default());
                        }
                    }
                }
                Err(ReadError::Closed) => break,
                Err(ReadError::Invalid(status, message)) => {
                    let response = Response::error(status, message);
                    pace.start();
                    let now = shared.clock.now();
                    if response.write_to(&mut stream, now, Framing::default()).is_ok() {
                        stream.finish();
                        drain(&connection.socket);
                    }
                    return Next::End(Ending::Shut);
                }
            }
        }
        pace.start();
        stream.finish();
        Next::End(Ending::Shut)
    }
}

/// The handler's response, or 500 if it panics. The panic hook has reported the panic.
fn respond(shared: &Shared, request: &Request, peer: Peer, body: &mut dyn Read) -> Response {
    let response = catch_unwind(AssertUnwindSafe(|| (shared.handler)(request, peer, body)));
    response.unwrap_or_else(|_| Response::error(500, "Internal error of the emulator."))
}

/// How much of a request that is not served is read without a pause, in bytes, and how long each
/// further piece waits. A client that sends very much does not keep a processor from the others.
const PROMPTLY_DRAINED: usize = 16 * 1024 * 1024;
const DRAIN_PAUSE: Duration = Duration::from_millis(10);

/// Reads for up to a second. Closing a socket with unread data resets the connection, and the reset
/// may reach the client before the response.
fn drain(mut socket: &socket2::Socket) {
    let _ = socket.shutdown(Shutdown::Write); // fails if the client has closed it
    let deadline = Instant::now() + Duration::from_secs(1);
    if socket.set_read_timeout(Some(Duration::from_millis(500))).is_err() {
        return;
    }
    let (mut piece, mut drained) = (vec![0; 64 * 1024], 0);
    while Instant::now() < deadline {
        match socket.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => drained += count,
        }
        if drained > PROMPTLY_DRAINED {
            thread::sleep(DRAIN_PAUSE);
        }
    }
}
