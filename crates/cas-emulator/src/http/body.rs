//! The body of a request that is read while the request is processed.

use std::io::{self, Read, Write};

use super::reader::{Length, ReadError, Reader};

/// The rest of a body: nothing, unless the server was told to leave the body to the handler.
pub(super) struct Body<'a, S> {
    reader: &'a mut Reader,
    stream: &'a mut S,
    left: Length,
    /// The client waits until it is told to go on.
    expects_continue: bool,
    /// For a body in chunks: how much of the current one is left. `None` before the first.
    chunk: Option<usize>,
}

impl<'a, S: Read + Write> Body<'a, S> {
    /// What is left of the body of the last request. It must be read before the next request.
    pub(super) fn of_last(reader: &'a mut Reader, stream: &'a mut S) -> Self {
        let (left, expects_continue) = reader.take_body();
        Self { reader, stream, left, expects_continue, chunk: None }
    }

    /// Whether everything was read, so that the next request can follow.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.left, Length::Known(0))
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        if self.expects_continue && !self.is_complete() {
            self.expects_continue = false;
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            self.stream.flush()?;
        }
        match self.left {
            Length::Known(left) => {
                let count = self.reader.read_some(self.stream, buffer, left)?;
                self.left = Length::Known(left - count);
                Ok(count)
            }
            Length::Chunked => {
                let left = match self.chunk {
                    Some(left) if left > 0 => left,
                    previous => self.reader.next_chunk(self.stream, previous.is_some())?,
                };
                if left == 0 {
                    self.left = Length::Known(0);
                    return Ok(0);
                }
                let count = self.reader.read_some(self.stream, buffer, left)?;
                self.chunk = Some(left - count);
                Ok(count)
            }
        }
    }
}

impl<S: Read + Write> Read for Body<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.is_complete() {
            return Ok(0);
        }
        self.read_some(buffer).map_err(|error| match error {
            ReadError::Closed => io::ErrorKind::UnexpectedEof.into(),
            ReadError::Invalid(_, message) => io::Error::other(message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most three bytes at a time.
    struct Slow(Vec<u8>, Vec<u8>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(3).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_body_is_read_piece_by_piece() {
        for (length, body) in [
            ("Content-Length: 7", "abcdefg"),
            ("Transfer-Encoding: chunked", "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: x\r\n\r\n"),
        ] {
            let text = format!("PUT / HTTP/1.1\r\n{length}\r\nExpect: 100-continue\r\n\r\n");
            let mut stream = Slow(text.into_bytes(), Vec::new());
            let mut reader = Reader::default();
            let request = reader.read(&mut stream, || (), |_| true).unwrap();
            assert!(request.body.is_empty());
            assert!(stream.1.is_empty(), "told to go on before the body is wanted");
            stream.0.extend_from_slice(body.as_bytes());
            stream.0.extend_from_slice(b"GET /next HTTP/1.1\r\n\r\n");
            let mut read = Body::of_last(&mut reader, &mut stream);
            let mut received = String::new();
            read.read_to_string(&mut received).unwrap();
            assert_eq!((&*received, read.is_complete()), ("abcdefg", true));
            assert_eq!(stream.1, b"HTTP/1.1 100 Continue\r\n\r\n");
            let next = reader.read(&mut stream, || (), |_| true).unwrap();
            assert_eq!(next.path(), "/next");
            assert!(Body::of_last(&mut reader, &mut stream).is_complete());
        }
        let cut = "PUT / HTTP/1.1\r\nContent-Length: 7\r\n\r\nabc";
        let mut stream = Slow(cut.as_bytes().to_vec(), Vec::new());
        let mut reader = Reader::default();
        reader.read(&mut stream, || (), |_| true).unwrap();
        assert!(Body::of_last(&mut reader, &mut stream).read_to_end(&mut Vec::new()).is_err());
        let mut broken =
            Slow(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx".to_vec(), vec![]);
        let mut reader = Reader::default();
        reader.read(&mut broken, || (), |_| true).unwrap();
        assert!(Body::of_last(&mut reader, &mut broken).read_to_end(&mut Vec::new()).is_err());
    }
}
