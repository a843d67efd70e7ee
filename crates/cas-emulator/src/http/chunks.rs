//! A body whose length is not known when it begins.

use std::io::{self, Write};

use zeroize::Zeroizing;

/// The length in bytes up to which a body is sent as a whole, and of the chunks of a longer one.
/// Every connection may have one, for as long as its client reads slowly.
const CHUNK: usize = 16 * 1024;

/// Writes a response whose body comes piece by piece: a short body with its length, because every
/// client understands that, and a longer one in chunks.
pub(super) struct ChunkWriter<'a> {
    to: &'a mut dyn Write,
    /// The status line and all headers but the one that tells the length. Empty once it is sent.
    head: &'a [u8],
    /// Whether the client knows chunks. For others, the end of the connection is that of the body.
    chunked: bool,
    /// Of a fixed capacity, and wiped.
    chunk: Zeroizing<Vec<u8>>,
}

impl<'a> ChunkWriter<'a> {
    pub(super) fn new(to: &'a mut dyn Write, head: &'a [u8], chunked: bool) -> Self {
        Self { to, head, chunked, chunk: Zeroizing::new(Vec::with_capacity(CHUNK)) }
    }

    /// Writes what is left and marks the end. A body without the mark is incomplete.
    pub(super) fn end(mut self) -> io::Result<()> {
        if !self.head.is_empty() {
            self.to.write_all(self.head)?;
            write!(self.to, "content-length: {}\r\n\r\n", self.chunk.len())?;
            self.to.write_all(&self.chunk)?;
            return self.to.flush();
        }
        self.write_chunk()?;
        if self.chunked {
            self.to.write_all(b"0\r\n\r\n")?;
        }
        self.to.flush()
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        if !self.head.is_empty() {
            self.to.write_all(self.head)?;
            self.to.write_all(if self.chunked {
                b"transfer-encoding: chunked\r\n\r\n"
            } else {
                b"\r\n"
            })?;
            self.head = &[];
        }
        if self.chunk.is_empty() {
            return Ok(()); // an empty chunk would be the end
        }
        if self.chunked {
            write!(self.to, "{:x}\r\n", self.chunk.len())?;
        }
        self.to.write_all(&self.chunk)?;
        if self.chunked {
            self.to.write_all(b"\r\n")?;
        }
        self.chunk.clear();
        Ok(())
    }
}

impl Write for ChunkWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() == CHUNK {
            self.write_chunk()?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Chunks are written when they are full, and at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &[u8], chunked: bool) -> Vec<u8> {
        let mut written = Vec::new();
        let mut writer = ChunkWriter::new(&mut written, b"HEAD\r\n", chunked);
        writer.write_all(text).unwrap();
        writer.end().unwrap();
        written
    }

    #[test]
    fn only_a_long_body_is_split_into_chunks() {
        for chunked in [true, false] {
            assert_eq!(written(b"", chunked), b"HEAD\r\ncontent-length: 0\r\n\r\n");
            assert_eq!(written(b"abc", chunked), b"HEAD\r\ncontent-length: 3\r\n\r\nabc");
        }
        let long = vec![b'x'; CHUNK + 1];
        let head = b"HEAD\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunks = [head, &b"4000\r\n"[..], &long[1..], b"\r\n1\r\nx\r\n0\r\n\r\n"].concat();
        assert_eq!(written(&long, true), chunks);
        assert_eq!(written(&long, false), [b"HEAD\r\n\r\n", &*long].concat());
    }
}
