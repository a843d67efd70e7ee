//! Reads HTTP/1.1 requests from a connection.
//!
//! Built on `httparse`, because the official SDKs put a whole certificate chain and its key into
//! the URL, and general-purpose servers limit the request target to 64 KiB.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use super::budget::{Abort, Budget, Permit};
use super::request::{Request, find_header};

/// Longest request target, in bytes.
const MAX_TARGET: usize = 256 * 1024;
/// Longest request line and headers together, in bytes.
const MAX_HEAD: usize = MAX_TARGET + 64 * 1024;
/// Longest body, in bytes.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// The length in bytes up to which a head or a body needs no permit: most have this.
const SHORT: usize = 16 * 1024;
/// How long a long request waits for the memory of others.
const PATIENCE: Duration = Duration::from_secs(60);
const MAX_HEADERS: usize = 100;
const READ_SIZE: usize = 8 * 1024;
const BODY_READ_SIZE: usize = 64 * 1024;

/// The first byte that a TLS client sends. Where TLS is not served, it gets an error at once;
/// without one it would wait for its own timeout.
pub(super) const TLS_HANDSHAKE: u8 = 0x16;

/// Why no request could be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The client closed the connection, or sent no request for too long.
    Closed,
    /// The request is invalid. The server responds with this status and message, then closes the
    /// connection.
    Invalid(u16, &'static str),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A socket reports the end of its timeout as the first of these.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => TOO_SLOW,
            _ => Self::Closed,
        }
    }
}

const BAD_HEAD: ReadError = ReadError::Invalid(400, "The request line or a header is malformed.");
const BAD_LENGTH: ReadError =
    ReadError::Invalid(400, "Content-Length or Transfer-Encoding is invalid.");
const BAD_CHUNK: ReadError = ReadError::Invalid(400, "The chunked body is malformed.");
const TOO_SLOW: ReadError = ReadError::Invalid(408, "The request took too long to arrive.");
const BODY_TOO_LONG: ReadError = ReadError::Invalid(413, "The body is longer than 4 MiB.");
const TARGET_TOO_LONG: ReadError =
    ReadError::Invalid(414, "The request target is longer than 256 KiB.");
const BUSY: ReadError =
    ReadError::Invalid(503, "Too many long requests are being received at once.");
const HEAD_TOO_LONG: ReadError = ReadError::Invalid(431, "The headers are too long or too many.");

/// Reads the requests of one connection, and buffers what arrives beyond the current one.
pub(crate) struct Reader {
    buffer: Zeroizing<Vec<u8>>,
    budget: Arc<Budget>,
    /// Ends the connection, to make room for others.
    abort: Abort,
    /// For the current request, if it is long.
    permit: Option<Permit>,
    /// The body that was left to the handler, and whether the client waits for permission.
    body: (Length, bool),
}

/// The memory of the long requests of all connections: that of the longest one, and of a few that
/// are not as long.
pub(super) fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(MAX_HEAD + MAX_BODY + MAX_HEAD))
}

impl Default for Reader {
    /// With a budget of its own.
    fn default() -> Self {
        Self::new(budget(), Arc::new(|| ()))
    }
}

impl Reader {
    pub(super) fn new(budget: Arc<Budget>, abort: Abort) -> Self {
        let body = (Length::Known(0), false);
        Self { buffer: Zeroizing::default(), budget, abort, permit: None, body }
    }

    /// No byte of the next request has been received.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What was received after the last request.
    pub(super) fn into_rest(self) -> Zeroizing<Vec<u8>> {
        self.buffer
    }

    /// Reads the next request. Calls `started` as soon as its first byte has arrived, and again
    /// whenever the client had to wait for the server. A request that `streamed` selects has no
    /// body: that is left to `Body`.
    pub(crate) fn read(
        &mut self,
        stream: &mut (impl Read + Write),
        started: impl Fn(),
        streamed: impl Fn(&Request) -> bool,
    ) -> Result<Request, ReadError> {
        let read = self.read_request(stream, &started, &streamed);
        let permit = self.permit.take();
        if permit.as_ref().is_some_and(|permit| !permit.complete()) && read.is_ok() {
            return Err(ReadError::Closed);
        }
        self.free_buffer(); // an idle connection needs no memory
        Ok(Request { permit, ..read? })
    }

    fn free_buffer(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Zeroizing::default();
        }
    }

    /// What is left of the body of the last request, and whether the client waits for permission.
    pub(super) fn take_body(&mut self) -> (Length, bool) {
        std::mem::replace(&mut self.body, (Length::Known(0), false))
    }

    /// Reads up to `most` bytes of a body.
    pub(super) fn read_some(
        &mut self,
        stream: &mut impl Read,
        buffer: &mut [u8],
        most: usize,
    ) -> Result<usize, ReadError> {
        if self.buffer.is_empty() {
            self.fill(stream)?;
        }
        let count = most.min(buffer.len()).min(self.buffer.len());
        buffer[..count].copy_from_slice(&self.buffer[..count]);
        self.consume(count);
        Ok(count)
    }

    fn read_request(
        &mut self,
        stream: &mut (impl Read + Write),
        started: &impl Fn(),
        streamed: &impl Fn(&Request) -> bool,
    ) -> Result<Request, ReadError> {
        if self.buffer.is_empty() {
            match self.fill(stream) {
                Err(TOO_SLOW) => return Err(ReadError::Closed),
                other => other?,
            }
        }
        started();
        if self.buffer.first() == Some(&TLS_HANDSHAKE) {
            return Err(ReadError::Invalid(400, "This port serves HTTP, not HTTPS."));
        }
        let end = self.find_head_end(stream, started)?;
        let head = self.parse_head(end)?;
        self.consume(end);
        self.free_buffer(); // a body that hardly arrives needs no second one
        if streamed(&head.request) {
            self.body = (head.length, head.expects_continue);
            return Ok(head.request);
        }
        if matches!(head.length, Length::Known(length) if length > MAX_BODY) {
            return Err(BODY_TOO_LONG);
        }
        if let Some(permit) = &mut self.permit {
            let body = if let Length::Known(length) = head.length { length } else { MAX_BODY };
            permit.shrink(MAX_HEAD + body);
        }
        if head.expects_continue && self.buffer.len() < head.length.at_least() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            stream.flush()?;
        }
        let body = match head.length {
            Length::Known(length) => {
                let mut body = Zeroizing::new(Vec::with_capacity(length.min(SHORT)));
                self.take(stream, &mut body, length.min(SHORT))?;
                if length > SHORT {
                    self.lengthen(&mut body, length, started)?;
                    self.take(stream, &mut body, length - SHORT)?;
                }
                body
            }
            Length::Chunked => self.take_chunks(stream, started)?,
        };
        Ok(Request { body, ..head.request })
    }

    /// Waits for the memory of a body that may come to `length`, and moves `body` there.
    fn lengthen(
        &mut self,
        body: &mut Zeroizing<Vec<u8>>,
        length: usize,
        started: &impl Fn(),
    ) -> Result<(), ReadError> {
        if self.permit.is_none() {
            self.permit = Some(self.wait_for_memory(length, started)?);
        }
        let short = std::mem::replace(body, Vec::with_capacity(length).into());
        body.extend_from_slice(&short);
        Ok(())
    }

    fn wait_for_memory(&self, bytes: usize, started: &impl Fn()) -> Result<Permit, ReadError> {
        let permit = self.budget.take(bytes, PATIENCE, &self.abort).ok_or(BUSY)?;
        started();
        Ok(permit)
    }

    fn find_head_end(
        &mut self,
        stream: &mut impl Read,
        started: &impl Fn(),
    ) -> Result<usize, ReadError> {
        let mut searched = 0;
        loop {
            // Empty lines before a request are allowed and ignored.
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
            if self.buffer.len() > SHORT && self.permit.is_none() {
                // With that of the longest body, so that it waits only once.
                self.permit = Some(self.wait_for_memory(MAX_HEAD + MAX_BODY, started)?);
                // So that it does not grow, which would leave copies of a private key behind.
                let rest = MAX_HEAD + READ_SIZE - self.buffer.len();
                self.buffer.reserve_exact(rest);
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
        let connection =
            find_header(&headers, "connection").unwrap_or_default().to_ascii_lowercase();
        let has_token = |word: &str| connection.split(',').any(|token| token.trim() == word);
        let http_1_1 = request.version == Some(1);
        let expect = find_header(&headers, "expect").unwrap_or_default();
        Ok(Head {
            length: body_length(&headers)?,
            expects_continue: http_1_1 && expect.eq_ignore_ascii_case("100-continue"),
            request: Request {
                method: request.method.unwrap_or_default().to_owned(),
                target: Zeroizing::new(target.to_owned()),
                body: Zeroizing::default(),
                http_1_1,
                keep_alive: if http_1_1 { !has_token("close") } else { has_token("keep-alive") },
                headers,
                tunnel: None,
                permit: None,
            },
        })
    }

    /// Appends the next `length` bytes to `body`: those in the buffer, then from `stream`.
    fn take(
        &mut self,
        stream: &mut impl Read,
        body: &mut Vec<u8>,
        length: usize,
    ) -> Result<(), ReadError> {
        let buffered = length.min(self.buffer.len());
        body.extend_from_slice(&self.buffer[..buffered]);
        self.consume(buffered);
        let mut left = length - buffered;
        while left > 0 {
            let most = if body.len() < SHORT { READ_SIZE } else { BODY_READ_SIZE };
            left -= self.advance(append(stream, body, left.min(most))?);
        }
        Ok(())
    }

    fn take_chunks(
        &mut self,
        stream: &mut impl Read,
        started: &impl Fn(),
    ) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        let mut body = Zeroizing::new(Vec::with_capacity(SHORT));
        let mut first = true;
        loop {
            let length = self.next_chunk(stream, !first)?;
            first = false;
            if length == 0 {
                return Ok(body);
            }
            if length > MAX_BODY - body.len() {
                return Err(BODY_TOO_LONG);
            }
            let short = length.min(SHORT.saturating_sub(body.len()));
            self.take(stream, &mut body, short)?;
            if length > short {
                if body.len() == SHORT {
                    // Its length is not known: it may become the longest.
                    self.lengthen(&mut body, MAX_BODY, started)?;
                }
                self.take(stream, &mut body, length - short)?;
            }
        }
    }

    /// Takes the end of a chunk, unless the next is the first, and the length of the next one.
    /// After a length of 0, the body is over.
    pub(super) fn next_chunk(
        &mut self,
        stream: &mut impl Read,
        after_another: bool,
    ) -> Result<usize, ReadError> {
        if after_another && !self.take_line(stream)?.is_empty() {
            return Err(BAD_CHUNK);
        }
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
            // Trailers are ignored.
            while !self.take_line(stream)?.is_empty() {}
        }
        Ok(length)
    }

    /// Takes a line, and drops its line ending.
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

    /// Reads more of a line between chunks, which must be short.
    fn fill_line(&mut self, stream: &mut impl Read) -> Result<(), ReadError> {
        if self.buffer.len() > READ_SIZE { Err(BAD_CHUNK) } else { self.fill(stream) }
    }

    fn fill(&mut self, stream: &mut impl Read) -> Result<(), ReadError> {
        let count = append(stream, &mut self.buffer, READ_SIZE)?;
        self.advance(count);
        Ok(())
    }

    /// Tells the permit, if there is one, that `count` bytes have arrived. Returns them.
    fn advance(&self, count: usize) -> usize {
        if let Some(permit) = &self.permit {
            permit.advance(count);
        }
        count
    }

    fn consume(&mut self, count: usize) {
        if count >= self.buffer.len() {
            self.buffer.zeroize();
        } else {
            self.buffer.drain(..count);
        }
    }
}

/// Reads up to `most` bytes from `stream` and appends them to `bytes`. Returns how many.
fn append(stream: &mut impl Read, bytes: &mut Vec<u8>, most: usize) -> Result<usize, ReadError> {
    let length = bytes.len();
    bytes.resize(length + most, 0);
    let read = loop {
        match stream.read(&mut bytes[length..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    bytes.truncate(length + read.as_ref().map_or(0, |&count| count));
    match read? {
        0 => Err(ReadError::Closed),
        count => Ok(count),
    }
}

struct Head {
    request: Request,
    length: Length,
    expects_continue: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Length {
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
                Ok(length) => Ok(Length::Known(length)),
                Err(_) => Err(BODY_TOO_LONG),
            }
        }
        _ => Err(BAD_LENGTH),
    }
}
