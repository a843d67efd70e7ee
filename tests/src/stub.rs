//! A server whose responses a test gives byte for byte.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use crate::limits::{self, WAIT};

/// A server on a free port of the loopback interface.
pub struct Stub {
    port: u16,
    requests: Receiver<Request>,
    closed: Receiver<()>,
}

/// A request as it arrived.
pub struct Request {
    /// Request line and headers.
    pub head: String,
    /// The body.
    pub body: String,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

/// What to do with a request.
#[derive(Clone)]
pub enum Reply {
    /// Send these bytes and keep the connection.
    Send(Vec<u8>),
    /// Send these bytes and close the connection.
    SendAndClose(Vec<u8>),
    /// Say nothing until the client goes.
    Nothing,
}

impl Reply {
    /// The bytes to send.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Send(bytes) | Self::SendAndClose(bytes) => bytes,
            Self::Nothing => &[],
        }
    }

    /// An HTTP response.
    pub fn http(status: &str, headers: &str, body: &str) -> Self {
        Self::Send(
            format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
                .into_bytes(),
        )
    }
}

impl Stub {
    /// Responds to request number n, counted over all connections, with reply number n; the last
    /// reply is repeated.
    pub fn start(replies: Vec<Reply>) -> Self {
        limits::arm();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, requests) = channel();
        let (closing, closed) = channel();
        thread::spawn(move || {
            let mut replies = replies.into_iter().peekable();
            for (connection, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(WAIT)).unwrap();
                while let Some((head, body)) = read_message(&mut stream) {
                    if sender.send(Request { head, body, connection }).is_err() {
                        return;
                    }
                    let reply = replies.next().unwrap();
                    if replies.peek().is_none() {
                        replies = vec![reply.clone()].into_iter().peekable();
                    }
                    match reply {
                        Reply::Send(bytes) => stream.write_all(&bytes).unwrap(),
                        Reply::SendAndClose(bytes) => {
                            stream.write_all(&bytes).unwrap();
                            break;
                        }
                        Reply::Nothing => {
                            let _ = stream.read(&mut [0]);
                            break;
                        }
                    }
                }
                drop(stream);
                if closing.send(()).is_err() {
                    return;
                }
            }
        });
        Self { port, requests, closed }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until one more connection is closed on this side, and the client's kernel knows.
    pub fn wait_for_close(&self) {
        self.closed.recv_timeout(WAIT).expect("no connection was closed");
        let remote = format!("0100007F:{:04X}", self.port);
        let waits_to_close = |line: &str| {
            let mut columns = line.split_whitespace().skip(2);
            columns.next() == Some(&remote) && columns.next() == Some("08")
        };
        let started = Instant::now();
        while !std::fs::read_to_string("/proc/net/tcp").unwrap().lines().any(waits_to_close) {
            assert!(started.elapsed() < WAIT, "the client does not see the close");
            thread::yield_now();
        }
    }

    /// The requests that came so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

/// Head and body of a request or a response; `None` when the connection was closed before its end.
pub(crate) fn read_message(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let received = stream.read(&mut buffer).unwrap_or(0);
        if received == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..received]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .map(|n| n.trim().to_owned())
                })
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
    }
}
