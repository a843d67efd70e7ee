//! An HTTP response, and how it is written to a connection.

use std::io::{self, Write};
use std::time::SystemTime;

use serde::Serialize;
use zeroize::Zeroizing;

use super::chunks::ChunkWriter;
use super::request::find_header;

/// The idle timeout that responses announce. The server itself waits a little longer, so that a
/// client never sends a request on a connection that is being closed.
pub(super) const KEEP_ALIVE_SECONDS: u64 = 25;

/// The length in bytes above which a body is sent by itself.
const LONG_BODY: usize = 64 * 1024;

/// A response. Its body is wiped on drop: `SignatureDoesNotMatch` echoes the private key.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) request_id: String,
    /// Headers in addition to those that every response has. A `Date` replaces the server's own.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Zeroizing<String>,
    /// Writes the whole body instead, if that is too long for memory.
    pub(crate) stream: Option<Stream>,
    pub(crate) delivery: Delivery,
    /// The request was an upload: the next one of its connection may be another.
    pub(crate) is_upload: bool,
}

/// Writes a body to a connection, piece by piece. After an error, the client receives an incomplete
/// body.
pub(crate) type Stream = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + Send>;

/// How the client wants a response.
#[derive(Clone, Copy, Default)]
pub(super) struct Framing {
    /// The connection stays open.
    pub(super) keep_alive: bool,
    /// The request was `HEAD`.
    pub(super) head_only: bool,
    /// The client knows chunks. For others, the end of the connection is that of a stream.
    pub(super) chunked: bool,
}

/// How much of a response is sent. The connection stays open only after a complete one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Delivery {
    #[default]
    Complete,
    /// All headers and the first half of the body, so that `Content-Length` promises too much.
    Half,
    Nothing,
    /// Nothing, and the connection is reset instead of closed.
    Reset,
    /// The head of a response to `CONNECT`. Then the connection is a tunnel to the host and port
    /// that it named.
    Tunnel,
}

/// The body of an error of the server itself, not of the API.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
}

impl Response {
    /// A JSON response of the server itself, not of the API.
    pub(crate) fn json(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: "application/json;charset=utf-8",
            request_id: new_request_id(),
            headers: Vec::new(),
            body: body.into(),
            stream: None,
            delivery: Delivery::Complete,
            is_upload: false,
        }
    }

    /// The response to a `CONNECT` that is accepted.
    pub(crate) fn tunnel() -> Self {
        Self { delivery: Delivery::Tunnel, ..Self::json(200, String::new()) }
    }

    /// An error of the server itself, not of the API: `{"error": message}`.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        // A struct with one string always serialises.
        let body = serde_json::to_string(&ErrorBody { error: message }).unwrap_or_default();
        Self::json(status, body)
    }

    /// The status that the client receives, if it receives one.
    pub(crate) fn status_sent(&self) -> Option<u16> {
        matches!(self.delivery, Delivery::Complete | Delivery::Half).then_some(self.status)
    }

    /// Writes what `delivery` says, in a single call unless the body is long.
    pub(super) fn write_to(
        &self,
        stream: &mut impl Write,
        now: SystemTime,
        framing: Framing,
    ) -> io::Result<()> {
        if self.delivery == Delivery::Tunnel {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            return stream.flush();
        }
        let connection = if framing.keep_alive {
            format!("connection: keep-alive\r\nkeep-alive: timeout={KEEP_ALIVE_SECONDS}")
        } else {
            "connection: close".to_owned()
        };
        let date = find_header(&self.headers, "date");
        let mut message = Zeroizing::new(Vec::with_capacity(1024 + self.body.len().min(LONG_BODY)));
        write!(
            message,
            "HTTP/1.1 {status} {reason}\r\ndate: {date}\r\ncontent-type: {content_type}\r\n\
             {connection}\r\nx-acs-request-id: {request_id}\r\n",
            status = self.status,
            reason = reason(self.status),
            date = date.map_or_else(|| httpdate::fmt_http_date(now), str::to_owned),
            content_type = self.content_type,
            request_id = self.request_id,
        )?;
        let others = self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
        for (name, value) in others {
            write!(message, "{name}: {value}\r\n")?;
        }
        match &self.stream {
            None => write!(message, "content-length: {}\r\n\r\n", self.body.len())?,
            Some(_) if framing.head_only => message.extend_from_slice(b"\r\n"),
            Some(write_body) => {
                let mut chunks = ChunkWriter::new(stream, &message, framing.chunked);
                write_body(&mut chunks)?;
                return chunks.end();
            }
        }
        let body = self.body.as_bytes();
        match self.delivery {
            Delivery::Nothing | Delivery::Reset | Delivery::Tunnel => return Ok(()),
            _ if framing.head_only => {}
            Delivery::Half => message.extend_from_slice(&body[..body.len() / 2]),
            // Not copied, and after the head, which then has a segment of its own.
            Delivery::Complete if body.len() > LONG_BODY => {
                stream.write_all(&message)?;
                stream.write_all(body)?;
                return stream.flush();
            }
            Delivery::Complete => message.extend_from_slice(body),
        }
        stream.write_all(&message)?;
        stream.flush()
    }
}

/// A new request ID: an upper-case UUID, like the service's.
pub(crate) fn new_request_id() -> String {
    let mut buffer = uuid::Uuid::encode_buffer();
    uuid::Uuid::new_v4().as_hyphenated().encode_upper(&mut buffer).to_owned()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}
