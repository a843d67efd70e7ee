//! HTTP/1.1: one request read from a stream, one answer written to it.
//!
//! By hand over `httparse`: the official SDKs put a whole chain and its key into the URL, and general-purpose
//! servers stop at 64 KiB of request target.

use std::io::{self, Read, Write};
use std::time::SystemTime;

use zeroize::{Zeroize, Zeroizing};

/// Longest request target.
const MAX_TARGET: usize = 256 * 1024;
/// Longest request line and headers together.
const MAX_HEAD: usize = MAX_TARGET + 64 * 1024;
/// Longest body.
const MAX_BODY: usize = 4 * 1024 * 1024;
const MAX_HEADERS: usize = 100;
const READ_AT_ONCE: usize = 8 * 1024;
/// What an idle client is told; the server itself waits a little longer, so that the two do not race.
pub(crate) const KEEP_ALIVE_SECONDS: u64 = 25;

/// The first byte of whoever speaks TLS to a plain port. Without an answer it would wait for its own timeout.
const TLS_HANDSHAKE: u8 = 0x16;

/// A request as it was received.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Wiped when dropped: it may hold a private key.
    pub(crate) target: Zeroizing<String>,
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// The client wants to go on with this connection.
    pub(crate) keep_alive: bool,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The first header called `name`, in whatever case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// All headers called `name`, in whatever case.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let all = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        all.map(|(_, value)| value.as_str())
    }

    /// The target up to its query; a proxy's absolute form loses scheme and host.
    pub(crate) fn path(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        match path.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => path,
        }
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// An answer. The body may echo a private key (`SignatureDoesNotMatch` does), so it is wiped too.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) request_id: String,
    /// Headers beside those that every answer has; a `Date` stands in place of its own.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Zeroizing<String>,
    pub(crate) delivery: Delivery,
}

/// How much of an answer is sent. After anything but a whole one the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Delivery {
    #[default]
    Whole,
    /// The whole head, and half of the body that it promises.
    Half,
    Nothing,
    /// Nothing, and the connection is reset rather than closed.
    Reset,
}

impl Response {
    /// The status that the client gets to see.
    pub(crate) fn status_sent(&self) -> Option<u16> {
        matches!(self.delivery, Delivery::Whole | Delivery::Half).then_some(self.status)
    }

    /// An answer of the server itself, not of the API.
    pub(crate) fn plain_error(status: u16, reason: &str) -> Self {
        let body = serde_json::json!({ "error": reason }).to_string();
        Self {
            status,
            content_type: "application/json;charset=utf-8",
            request_id: request_id(),
            headers: Vec::new(),
            body: body.into(),
            delivery: Delivery::Whole,
        }
    }
}

/// An upper-case UUID, as the service makes them.
pub(crate) fn request_id() -> String {
    uuid::Uuid::new_v4().as_hyphenated().encode_upper(&mut uuid::Uuid::encode_buffer()).to_owned()
}

/// Why no request came out of a stream.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The client is gone, or was silent for too long.
    Closed,
    /// What was sent is no request; to be answered with this status and reason, then closed.
    Refused(u16, &'static str),
}

impl From<io::Error> for ReadError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

const BAD_HEAD: ReadError = ReadError::Refused(400, "The request line or a header is malformed.");
const BAD_LENGTH: ReadError = ReadError::Refused(400, "The length of the body is malformed.");
const BAD_CHUNK: ReadError = ReadError::Refused(400, "The chunked body is malformed.");
const BODY_TOO_LONG: ReadError = ReadError::Refused(413, "The body is longer than 4 MiB.");
const TARGET_TOO_LONG: ReadError =
    ReadError::Refused(414, "The request target is longer than 256 KiB.");
const HEAD_TOO_LONG: ReadError = ReadError::Refused(431, "The headers are too long or too many.");

/// Reads requests one after the other and keeps what was received beyond the current one.
#[derive(Default)]
pub(crate) struct Reader {
    buffer: Zeroizing<Vec<u8>>,
}

impl Reader {
    /// Nothing of a next request has been received yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next request. `begun` is called as soon as its first byte is there.
    pub(crate) fn read(
        &mut self,
        stream: &mut (impl Read + Write),
        begun: impl FnOnce(),
    ) -> Result<Request, ReadError> {
        if self.buffer.is_empty() {
            self.fill(stream)?;
        }
        begun();
        if self.buffer.first() == Some(&TLS_HANDSHAKE) {
            return Err(ReadError::Refused(400, "This port speaks http, not https."));
        }
        let end = self.find_head_end(stream)?;
        let head = self.parse_head(end)?;
        self.consume(end);
        if head.expects_continue && self.buffer.len() < head.length.at_least() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            stream.flush()?;
        }
        let body = match head.length {
            Length::Known(length) => self.take(stream, length)?,
            Length::Chunked => self.take_chunks(stream)?,
        };
        Ok(Request { body, ..head.request })
    }

    fn find_head_end(&mut self, stream: &mut impl Read) -> Result<usize, ReadError> {
        let mut searched = 0;
        loop {
            // Empty lines before a request are allowed and mean nothing.
            while searched == 0 && matches!(self.buffer.first(), Some(b'\r' | b'\n')) {
                self.consume(1);
            }
            let newline = |from: usize| self.buffer[from..].iter().position(|&byte| byte == b'\n');
            let mut at = searched;
            while let Some(found) = newline(at) {
                at += found + 1;
                match self.buffer[at..] {
                    [b'\n', ..] => return Ok(at + 1),
                    [b'\r', b'\n', ..] => return Ok(at + 2),
                    _ => {}
                }
            }
            if self.buffer.len() > MAX_HEAD {
                let first_line = newline(0);
                return Err(if first_line.is_none() { TARGET_TOO_LONG } else { HEAD_TOO_LONG });
            }
            searched = self.buffer.len().saturating_sub(2);
            self.fill(stream)?;
        }
    }

    fn parse_head(&self, end: usize) -> Result<Head, ReadError> {
        let mut parsed = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut parsed);
        match request.parse(&self.buffer[..end]) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(HEAD_TOO_LONG),
            Ok(httparse::Status::Partial) | Err(_) => return Err(BAD_HEAD),
        }
        let target = request.path.unwrap_or_default();
        if target.len() > MAX_TARGET {
            return Err(TARGET_TOO_LONG);
        }
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|header| (header.name.to_owned(), text(header.value)))
            .collect();
        let connection = header(&headers, "connection").unwrap_or_default().to_ascii_lowercase();
        let says = |word: &str| connection.split(',').any(|token| token.trim() == word);
        let modern = request.version == Some(1);
        let expect = header(&headers, "expect").unwrap_or_default();
        Ok(Head {
            length: body_length(&headers)?,
            expects_continue: modern && expect.eq_ignore_ascii_case("100-continue"),
            request: Request {
                method: request.method.unwrap_or_default().to_owned(),
                target: Zeroizing::new(target.to_owned()),
                body: Zeroizing::default(),
                keep_alive: if modern { !says("close") } else { says("keep-alive") },
                headers,
            },
        })
    }

    fn take(
        &mut self,
        stream: &mut impl Read,
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        while self.buffer.len() < length {
            self.fill(stream)?;
        }
        let taken = Zeroizing::new(self.buffer[..length].to_vec());
        self.consume(length);
        Ok(taken)
    }

    fn take_chunks(&mut self, stream: &mut impl Read) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        let mut body = Zeroizing::new(Vec::new());
        loop {
            let length = loop {
                match httparse::parse_chunk_size(&self.buffer).map_err(|_| BAD_CHUNK)? {
                    httparse::Status::Complete((line, length)) => {
                        self.consume(line);
                        break usize::try_from(length).unwrap_or(usize::MAX);
                    }
                    httparse::Status::Partial => self.fill_line(stream)?,
                }
            };
            if length == 0 {
                // Trailers say nothing to this server.
                while !self.take_line(stream)?.is_empty() {}
                return Ok(body);
            }
            if length > MAX_BODY - body.len() {
                return Err(BODY_TOO_LONG);
            }
            body.extend_from_slice(&self.take(stream, length)?);
            if !self.take_line(stream)?.is_empty() {
                return Err(BAD_CHUNK);
            }
        }
    }

    /// A line without its end.
    fn take_line(&mut self, stream: &mut impl Read) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        loop {
            if let Some(newline) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line =
                    self.buffer[..newline].strip_suffix(b"\r").unwrap_or(&self.buffer[..newline]);
                let line = Zeroizing::new(line.to_vec());
                self.consume(newline + 1);
                return Ok(line);
            }
            self.fill_line(stream)?;
        }
    }

    /// More of a line between chunks, which has no business being long.
    fn fill_line(&mut self, stream: &mut impl Read) -> Result<(), ReadError> {
        if self.buffer.len() > READ_AT_ONCE { Err(BAD_CHUNK) } else { self.fill(stream) }
    }

    fn fill(&mut self, stream: &mut impl Read) -> Result<(), ReadError> {
        let length = self.buffer.len();
        self.buffer.resize(length + READ_AT_ONCE, 0);
        let read = loop {
            match stream.read(&mut self.buffer[length..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(length + read.as_ref().map_or(0, |&count| count));
        if read? == 0 { Err(ReadError::Closed) } else { Ok(()) }
    }

    fn consume(&mut self, count: usize) {
        if count >= self.buffer.len() {
            self.buffer.zeroize();
        } else {
            self.buffer.drain(..count);
        }
    }
}

struct Head {
    request: Request,
    length: Length,
    expects_continue: bool,
}

enum Length {
    Known(usize),
    Chunked,
}

impl Length {
    fn at_least(&self) -> usize {
        match *self {
            Self::Known(length) => length,
            Self::Chunked => 1,
        }
    }
}

fn body_length(headers: &[(String, String)]) -> Result<Length, ReadError> {
    let all = |name: &'static str| {
        headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let mut encodings = all("transfer-encoding");
    let mut lengths = all("content-length");
    match (encodings.next(), lengths.next()) {
        (None, None) => Ok(Length::Known(0)),
        (Some(encoding), None)
            if encoding.eq_ignore_ascii_case("chunked") && encodings.next().is_none() =>
        {
            Ok(Length::Chunked)
        }
        (None, Some(length)) if lengths.all(|other| other == length) => {
            if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(BAD_LENGTH);
            }
            match length.parse() {
                Ok(length) if length <= MAX_BODY => Ok(Length::Known(length)),
                _ => Err(BODY_TOO_LONG),
            }
        }
        _ => Err(BAD_LENGTH),
    }
}

/// Writes what of `response` is to be sent, in one go. `keep_alive` says whether the connection stays; `head_only` leaves the body out.
pub(crate) fn write(
    stream: &mut impl Write,
    response: &Response,
    now: SystemTime,
    keep_alive: bool,
    head_only: bool,
) -> io::Result<()> {
    let connection = if keep_alive {
        format!("connection: keep-alive\r\nkeep-alive: timeout={KEEP_ALIVE_SECONDS}")
    } else {
        "connection: close".to_owned()
    };
    let mut message = Zeroizing::new(Vec::with_capacity(512 + response.body.len()));
    write!(
        message,
        "HTTP/1.1 {status} {reason}\r\ndate: {date}\r\ncontent-type: {content_type}\r\n\
         content-length: {length}\r\n{connection}\r\nx-acs-request-id: {request_id}\r\n",
        status = response.status,
        reason = reason(response.status),
        date = header(&response.headers, "date")
            .map_or_else(|| httpdate::fmt_http_date(now), str::to_owned),
        content_type = response.content_type,
        length = response.body.len(),
        request_id = response.request_id,
    )?;
    for (name, value) in
        response.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date"))
    {
        write!(message, "{name}: {value}\r\n")?;
    }
    message.extend_from_slice(b"\r\n");
    let body = response.body.as_bytes();
    match response.delivery {
        Delivery::Nothing | Delivery::Reset => return Ok(()),
        _ if head_only => {}
        Delivery::Half => message.extend_from_slice(&body[..body.len() / 2]),
        Delivery::Whole => message.extend_from_slice(body),
    }
    stream.write_all(&message)?;
    stream.flush()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}
