//! A relay that holds a response back until a test lets it pass. It works on bytes, so also for
//! TLS.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::limits::{self, WAIT};

/// A relay on a free port of the loopback interface.
pub struct Hold {
    port: u16,
    held: Receiver<usize>,
    release: Sender<usize>,
    delivered: Receiver<()>,
}

/// The ends of the channels that the thread of the held connection has.
struct Gate {
    held: Sender<usize>,
    released: Receiver<usize>,
    delivered: Sender<()>,
}

impl Hold {
    /// Forwards everything between clients and `port`, except what the server sends on the first
    /// connection after its client has sent `request` bytes. That is held as soon as there are
    /// `response` bytes of it.
    pub fn start(port: u16, request: usize, response: usize) -> Self {
        limits::arm();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let ((held_tx, held), (release, released), (delivered_tx, delivered)) =
            (channel(), channel(), channel());
        thread::spawn(move || {
            let mut gate = Some(Gate { held: held_tx, released, delivered: delivered_tx });
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                for stream in [&client, &server] {
                    stream.set_read_timeout(Some(WAIT)).unwrap();
                }
                let sent = Arc::new(AtomicUsize::new(0));
                let requests = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let counted = Arc::clone(&sent);
                thread::spawn(move || forward(requests.0, requests.1, &counted));
                let gate = gate.take();
                thread::spawn(move || match gate {
                    Some(gate) => hold(server, client, (&sent, request), response, &gate),
                    None => forward(server, client, &AtomicUsize::new(0)),
                });
            }
        });
        Self { port: own, held, release, delivered }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until the response is held.
    #[track_caller]
    pub fn wait(&self) {
        self.held.recv_timeout(WAIT).expect("no response");
    }

    /// Lets the response pass except for its last bytes, and returns when the kernel has it.
    #[track_caller]
    pub fn release(&self, except: usize) {
        self.release.send(except).unwrap();
        self.delivered.recv_timeout(WAIT).expect("not delivered");
    }
}

/// Counts the bytes before it forwards them.
fn forward(mut from: TcpStream, mut to: TcpStream, count: &AtomicUsize) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count.fetch_add(length, Ordering::SeqCst);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write); // gone already
}

fn hold(
    mut server: TcpStream,
    mut client: TcpStream,
    (sent, request): (&AtomicUsize, usize),
    response: usize,
    gate: &Gate,
) {
    let mut buffer = vec![0; 1 << 16];
    let mut kept = Vec::new();
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        if sent.load(Ordering::SeqCst) < request {
            let _ = client.write_all(&buffer[..length]); // the client may be gone
            continue;
        }
        kept.extend_from_slice(&buffer[..length]);
        if kept.len() >= response {
            break;
        }
    }
    let _ = gate.held.send(kept.len()); // the test may have ended
    let Ok(except) = gate.released.recv() else { return };
    let _ = client.write_all(&kept[..kept.len().saturating_sub(except)]);
    let _ = gate.delivered.send(());
    let _ = copy(&mut server, &mut client);
}
