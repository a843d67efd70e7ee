//! Reads HTTP/1.1 requests from a connection.
//!
//! Built on `httparse`, because the official SDKs put a whole certificate chain and its key into
//! the URL, and general-purpose servers limit the request target to 64 KiB.

use std::io::{self, Read, Write};

use zeroize::{Zeroize, Zeroizing};

use super::request::{Request, find_header};

/// Longest request target, in bytes.
const MAX_TARGET: usize = 256 * 1024;
/// Longest request line and headers together, in bytes.
const MAX_HEAD: usize = MAX_TARGET + 64 * 1024;
/// Longest body, in bytes.
const MAX_BODY: usize = 4 * 1024 * 1024;
const MAX_HEADERS: usize = 100;
const READ_SIZE: usize = 8 * 1024;

/// The first byte that a TLS client sends. It gets an error at once; without one it would wait for
/// its own timeout.
const TLS_HANDSHAKE: u8 = 0x16;

/// Why no request could be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The client closed the connection, or sent nothing for too long.
    Closed,
    /// The request is invalid. The server responds with this status and message, then closes the
    /// connection.
    Invalid(u16, &'static str),
}

impl From<io::Error> for ReadError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

const BAD_HEAD: ReadError = ReadError::Invalid(400, "The request line or a header is malformed.");
const BAD_LENGTH: ReadError =
    ReadError::Invalid(400, "Content-Length or Transfer-Encoding is invalid.");
const BAD_CHUNK: ReadError = ReadError::Invalid(400, "The chunked body is malformed.");
const BODY_TOO_LONG: ReadError = ReadError::Invalid(413, "The body is longer than 4 MiB.");
const TARGET_TOO_LONG: ReadError =
    ReadError::Invalid(414, "The request target is longer than 256 KiB.");
const HEAD_TOO_LONG: ReadError = ReadError::Invalid(431, "The headers are too long or too many.");

/// Reads the requests of one connection, and buffers what arrives beyond the current one.
#[derive(Default)]
pub(crate) struct Reader {
    buffer: Zeroizing<Vec<u8>>,
}

impl Reader {
    /// No byte of the next request has been received.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Reads the next request. Calls `started` as soon as its first byte has arrived.
    pub(crate) fn read(
        &mut self,
        stream: &mut (impl Read + Write),
        started: impl FnOnce(),
    ) -> Result<Request, ReadError> {
        if self.buffer.is_empty() {
            self.fill(stream)?;
        }
        started();
        if self.buffer.first() == Some(&TLS_HANDSHAKE) {
            return Err(ReadError::Invalid(400, "This port serves HTTP, not HTTPS."));
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
                keep_alive: if http_1_1 { !has_token("close") } else { has_token("keep-alive") },
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
        let body = Zeroizing::new(self.buffer[..length].to_vec());
        self.consume(length);
        Ok(body)
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
                // Trailers are ignored.
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
        let length = self.buffer.len();
        self.buffer.resize(length + READ_SIZE, 0);
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
