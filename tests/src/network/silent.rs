//! Servers that never respond.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use socket2::{Domain, Socket, Type};

use crate::limits;

/// Accepts every connection and reads what comes, on a free port of the loopback interface.
pub struct Silent {
    port: u16,
    heard: Arc<AtomicUsize>,
}

impl Silent {
    /// Starts one.
    pub fn start() -> Self {
        limits::arm();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, count) = (stream.unwrap(), Arc::clone(&count));
                thread::spawn(move || {
                    let mut buffer = vec![0; 1 << 16];
                    if matches!(stream.read(&mut buffer), Ok(1..)) {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    while matches!(stream.read(&mut buffer), Ok(1..)) {}
                });
            }
        });
        Self { port, heard }
    }

    /// Where it listens: "127.0.0.1:port".
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The number of connections on which something arrived.
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }
}

/// Accepts no connection: its queue is full, and the kernel drops the packets that open one more.
pub struct Full {
    port: u16,
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl Full {
    /// Starts one.
    pub fn start() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        // A queue of length 0 has room for one.
        let queue = vec![TcpStream::connect(address).unwrap()];
        Self { port: address.port(), _listener: listener, _queue: queue }
    }

    /// Where it listens: "127.0.0.1:port".
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
