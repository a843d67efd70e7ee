//! The open connections: how many there may be, and which one makes room for a new one.

use std::collections::HashMap;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket2::Socket;

/// How long a request may be incomplete before its connection counts as one that can be closed.
const PROMPT: Duration = Duration::from_millis(250);
/// How long a connection is idle before it is the first choice: a new one is about to be used.
const SETTLED: Duration = Duration::from_millis(25);

/// How long after a request its connection counts as in use: another one is likely.
const RECENT: Duration = Duration::from_secs(2);

/// The open connections, by number.
pub(super) struct Connections {
    limit: usize,
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    closed: Condvar,
}

/// An open connection.
pub(super) struct Connection {
    pub(super) socket: Arc<Socket>,
    phase: Mutex<Phase>,
    /// Whether the last request was an upload.
    uploads: AtomicBool,
}

/// What a connection is doing, and since when.
#[derive(Clone, Copy)]
enum Phase {
    /// Waiting for a request.
    Idle(Instant),
    /// Receiving a request.
    Receiving(Instant),
    /// Processing a request or sending its response.
    Responding,
    /// Closed to make room for another connection.
    Evicted,
}

impl Connections {
    /// At most `limit` connections.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, open: Mutex::default(), closed: Condvar::new() }
    }

    /// Adds a connection, if necessary in place of the one that has been idle for longest, or that
    /// has not completed its request for longest. Waits a moment if all have only just become so.
    /// The error returns the socket: all others are in a request.
    pub(super) fn add(&self, number: u64, socket: Socket) -> Result<Arc<Connection>, Socket> {
        let deadline = Instant::now() + PROMPT + SETTLED;
        let mut open = self.lock();
        while open.len() >= self.limit {
            let now = Instant::now();
            let most = if now < deadline { Choice::Slow } else { Choice::Recent };
            if evict(&mut open, now, most) {
                break;
            }
            if now >= deadline || !open.values().any(|connection| connection.waits()) {
                return Err(socket);
            }
            let waited = self.closed.wait_timeout(open, SETTLED / 10);
            (open, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let phase = Mutex::new(Phase::Idle(Instant::now()));
        let (socket, uploads) = (Arc::new(socket), AtomicBool::new(false));
        let connection = Arc::new(Connection { socket, phase, uploads });
        open.insert(number, Arc::clone(&connection));
        Ok(connection)
    }

    /// Closes a connection as [`add`](Self::add) does, for example because there are no more file
    /// descriptors.
    pub(super) fn make_room(&self) {
        evict(&mut self.lock(), Instant::now(), Choice::Recent);
    }

    /// Forgets a connection that has ended, after its socket is closed.
    pub(super) fn remove(&self, number: u64, connection: Arc<Connection>) {
        drop(connection);
        self.forget(number);
    }

    /// Forgets a connection that is not served.
    pub(super) fn forget(&self, number: u64) {
        self.lock().remove(&number);
        self.closed.notify_all();
    }

    /// How many connections beside `number` upload: their last request did, and they are in the
    /// next one or have been idle for a short time.
    pub(super) fn count_other_uploaders(&self, number: u64) -> usize {
        let is_in_use = |connection: &Connection| match *connection.phase() {
            Phase::Idle(since) => since.elapsed() < RECENT,
            Phase::Receiving(_) | Phase::Responding => true,
            Phase::Evicted => false,
        };
        let uploads = |(other, connection): &(&u64, &Arc<Connection>)| {
            **other != number && connection.uploads.load(Ordering::Relaxed) && is_in_use(connection)
        };
        self.lock().iter().filter(uploads).count()
    }

    /// Ends the connections that are idle.
    pub(super) fn end_idle(&self) {
        for connection in self.lock().values() {
            if matches!(*connection.phase(), Phase::Idle(_)) {
                // Its thread reads the requests that have arrived, and then the end of the stream.
                // Fails if the client has closed it.
                let _ = connection.socket.shutdown(Shutdown::Read);
            }
        }
    }

    /// Waits up to `timeout` until all connections have ended, and then closes the rest.
    pub(super) fn wait_until_closed(&self, timeout: Duration) {
        let open = self.lock();
        let waited = self.closed.wait_timeout_while(open, timeout, |open| !open.is_empty());
        let (open, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for connection in open.values() {
            // Fails if the client has closed it.
            let _ = connection.socket.shutdown(Shutdown::Both);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which connections make room, the first choice first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Choice {
    /// Idle for some time.
    Settled,
    /// In a request that has been incomplete for some time.
    Slow,
    /// Idle since just now.
    Recent,
}

/// Closes the connection that has waited for its client for longest, of those up to `most`.
/// Returns whether there is one.
fn evict(open: &mut HashMap<u64, Arc<Connection>>, now: Instant, most: Choice) -> bool {
    let oldest = open.iter().filter_map(|(number, connection)| {
        let is_longer = |since, time| now.saturating_duration_since(since) > time;
        let (choice, since) = match *connection.phase() {
            Phase::Idle(since) if is_longer(since, SETTLED) => (Choice::Settled, since),
            Phase::Receiving(since) if is_longer(since, PROMPT) => (Choice::Slow, since),
            Phase::Idle(since) => (Choice::Recent, since),
            Phase::Receiving(_) | Phase::Responding | Phase::Evicted => return None,
        };
        (choice <= most).then_some(((choice, since), *number))
    });
    let Some((_, number)) = oldest.min() else { return false };
    let Some(connection) = open.remove(&number) else { return false };
    *connection.phase() = Phase::Evicted;
    // Its thread reads the end of the stream. Fails if the client has closed it.
    let _ = connection.socket.shutdown(Shutdown::Both);
    true
}

impl Connection {
    /// Waits for a request from now on.
    pub(super) fn idle(&self) {
        self.enter(Phase::Idle(Instant::now()));
    }

    /// Receives a request from now on.
    pub(super) fn receiving(&self) {
        self.enter(Phase::Receiving(Instant::now()));
    }

    /// Processes a request from now on. False if it has been closed to make room: the client will
    /// not get a response, so the request must not be processed.
    pub(super) fn responding(&self) -> bool {
        self.enter(Phase::Responding)
    }

    /// The request that it was in was an upload, or not.
    pub(super) fn responded(&self, to_upload: bool) {
        self.uploads.store(to_upload, Ordering::Relaxed);
    }

    /// Whether it waits for its client.
    fn waits(&self) -> bool {
        matches!(*self.phase(), Phase::Idle(_) | Phase::Receiving(_))
    }

    /// Whether it has entered the phase: one that has been closed does not.
    fn enter(&self, next: Phase) -> bool {
        let mut phase = self.phase();
        let is_open = !matches!(*phase, Phase::Evicted);
        if is_open {
            *phase = next;
        }
        is_open
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    use socket2::{Domain, Type};

    #[test]
    fn the_oldest_idle_connection_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            (client, Socket::from(listener.accept().unwrap().0))
        };
        let connections = Connections::new(2);
        let (_first_client, first) = connect();
        let (mut second_client, second) = connect();
        let first = connections.add(1, first).ok().unwrap();
        let second = connections.add(2, second).ok().unwrap();
        first.responding();
        let third = connections.add(3, connect().1).ok().unwrap();
        assert_eq!(second_client.read(&mut [0]).unwrap(), 0, "the idle one is closed");
        second.idle(); // too late
        assert!(matches!(*second.phase(), Phase::Evicted));
        third.responding();
        let refused = connections.add(4, connect().1);
        assert!(refused.is_err(), "both are in a request");
        connections.remove(1, first);
        assert!(connections.add(5, refused.err().unwrap()).is_ok());
        // One that does not complete its request is closed only if none is idle.
        third.receiving();
        let now = Instant::now();
        let later = now + PROMPT + Duration::from_millis(1);
        let make_room = |now, most| evict(&mut connections.lock(), now, most);
        assert!(!make_room(now, Choice::Slow));
        assert!(make_room(later, Choice::Slow));
        assert!(connections.lock().contains_key(&3));
        assert!(make_room(later, Choice::Slow));
        assert!(!make_room(later, Choice::Recent));
    }

    #[test]
    fn only_connections_that_upload_count_as_uploaders() {
        let connections = Connections::new(3);
        let [first, second, third] = [1, 2, 3].map(|number| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            connections.add(number, socket).ok().unwrap()
        });
        third.receiving();
        assert_eq!(connections.count_other_uploaders(1), 0, "none has responded");
        for connection in [&first, &second, &third] {
            connection.responded(true);
        }
        assert_eq!(connections.count_other_uploaders(1), 2);
        second.responded(false);
        assert_eq!(connections.count_other_uploaders(1), 1);
        assert_eq!(connections.count_other_uploaders(2), 2);
        *first.phase() = Phase::Idle(Instant::now().checked_sub(RECENT).unwrap());
        assert_eq!(connections.count_other_uploaders(2), 1, "idle for too long");
    }
}
