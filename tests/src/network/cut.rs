//! A proxy that stops forwarding at a chosen point of an upload.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::limits::{self, WAIT};

/// The point after which the proxy forwards nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutPoint {
    /// The server has received this many bytes of the request, and the client none of the response.
    Sent(usize),
    /// The client has received this many bytes of the response.
    ResponseStarted(usize),
}

/// A proxy for one connection, on a free port of the loopback interface.
pub struct Cut {
    port: u16,
    reached: Receiver<()>,
}

impl Cut {
    /// Forwards one connection to `port` until `point`.
    pub fn start(port: u16, point: CutPoint) -> Self {
        limits::arm();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let (sender, reached) = channel();
        thread::spawn(move || {
            let client = listener.accept().unwrap().0;
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            for stream in [&client, &server] {
                stream.set_read_timeout(Some(WAIT)).unwrap();
                stream.set_write_timeout(Some(WAIT)).unwrap();
            }
            let streams = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let (request, response, is_sent) = match point {
                CutPoint::Sent(bytes) => (bytes, 0, true),
                CutPoint::ResponseStarted(bytes) => (usize::MAX, bytes, false),
            };
            let of_request = sender.clone();
            thread::spawn(move || {
                forward(client, &server, request, || {
                    let _ = of_request.send(());
                });
                let _ = server.shutdown(Shutdown::Both);
            });
            forward(streams.0, &streams.1, response, || {
                let _ = (!is_sent).then(|| sender.send(()));
            });
        });
        Self { port: own, reached }
    }

    /// The URL of the proxy.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until the connection is cut.
    #[track_caller]
    pub fn wait(&self) {
        self.reached.recv_timeout(WAIT).expect("the upload does not get that far");
    }
}

/// Forwards `limit` bytes, calls `reached`, and discards what comes after them.
fn forward(mut from: TcpStream, mut to: &TcpStream, limit: usize, reached: impl FnOnce()) {
    let (mut total, mut buffer, mut reached) = (0_usize, vec![0; 1 << 16], Some(reached));
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let _ = to.write_all(&buffer[..length.min(limit.saturating_sub(total))]); // killed already
        total += length;
        if total >= limit
            && let Some(reached) = reached.take()
        {
            reached();
        }
    }
}
