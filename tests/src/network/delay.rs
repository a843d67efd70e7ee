//! A network with latency: a proxy that forwards everything later, and counts round trips.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The sender of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// A proxy on a free port of the loopback interface.
pub struct Delay {
    port: u16,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    connections: usize,
    /// The senders, in the order in which bytes arrived.
    sent: Vec<Side>,
}

impl Delay {
    /// Forwards everything between clients and `port` after `one_way`.
    pub fn start(port: u16, one_way: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Log::default()));
        let for_proxy = Arc::clone(&log);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                for_proxy.lock().unwrap().connections += 1;
                let (client_too, server_too) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                forward(Side::Client, client, server, one_way, &for_proxy);
                forward(Side::Server, server_too, client_too, one_way, &for_proxy);
            }
        });
        Self { port: own, log }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The number of round trips: one for each connection, which TCP opens with one, and one for
    /// each time that the server responded to what the client had sent.
    pub fn round_trips(&self) -> usize {
        let log = self.log.lock().unwrap();
        let responses =
            log.sent.windows(2).filter(|two| *two == [Side::Client, Side::Server]).count();
        log.connections + responses
    }
}

/// Reads at once, so that the log has the true order, and writes when `one_way` has passed.
fn forward(
    side: Side,
    mut from: TcpStream,
    mut to: TcpStream,
    one_way: Duration,
    log: &Arc<Mutex<Log>>,
) {
    let (sender, receiver) = channel::<(Instant, Vec<u8>)>();
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            log.lock().unwrap().sent.push(side);
            if sender.send((Instant::now() + one_way, buffer[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write); // gone already
    });
}
