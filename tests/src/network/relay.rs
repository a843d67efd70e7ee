//! A relay that shows how many connections clients open, and how each of them begins.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::limits;

/// A relay on a free port of the loopback interface.
pub struct Relay {
    port: u16,
    beginnings: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Relay {
    /// Forwards everything between clients and `port`.
    pub fn start(port: u16) -> Self {
        limits::arm();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let beginnings = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&beginnings);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, log) = (client.unwrap(), Arc::clone(&log));
                thread::spawn(move || relay(client, port, &log));
            }
        });
        Self { port: own, beginnings }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first bytes that each connection carried, up to the first pause of its client.
    pub fn beginnings(&self) -> Vec<Vec<u8>> {
        self.beginnings.lock().unwrap().clone()
    }
}

fn relay(mut client: TcpStream, port: u16, log: &Mutex<Vec<Vec<u8>>>) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut first = vec![0; 1 << 14];
    let length = client.read(&mut first).unwrap_or(0);
    first.truncate(length);
    let sent = server.write_all(&first);
    log.lock().unwrap().push(first);
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = copy(&mut from, &mut to); // until one side is gone
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = sent.and_then(|()| copy(&mut client, &mut server));
    let _ = server.shutdown(Shutdown::Both);
}
