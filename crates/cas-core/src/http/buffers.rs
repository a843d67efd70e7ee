//! The buffers of a connection. Output is collected until it is sent and is then wiped. Input,
//! which may echo a request, is wiped when it is consumed.

use ureq::unversioned::transport::Buffers;
use zeroize::Zeroize;

/// Size of the output buffer, in bytes. A request with a long chain and a large key fits. The
/// kernel provides only the pages that are used.
const OUTPUT: usize = 64 * 1024;

/// Output is sent early if less space than this is left. Any header line fits into it.
const MIN_OUTPUT: usize = 8 * 1024;

/// The input buffer grows in steps of this size.
const INPUT: usize = 16 * 1024;

/// ureq writes a request here and reads a response from here.
pub(crate) struct WireBuffers {
    input: Vec<u8>,
    /// The part of `input` that was received and is not consumed yet.
    unread: std::ops::Range<usize>,
    consumed_last: bool,
    output: Vec<u8>,
    /// Bytes at the start of `output` that wait to be sent.
    pending: usize,
}

impl WireBuffers {
    pub(crate) fn new() -> Self {
        Self {
            input: Vec::new(),
            unread: 0..0,
            consumed_last: false,
            output: vec![0; OUTPUT],
            pending: 0,
        }
    }

    /// Adds `amount` bytes, written into `output()`, to those that wait to be sent. Returns `true`
    /// if so little space is left that they must be sent now.
    pub(crate) fn collect(&mut self, amount: usize) -> bool {
        self.pending += amount;
        self.output.len() - self.pending < MIN_OUTPUT
    }

    /// Passes the waiting bytes to `send` and wipes them, even if `send` fails: they may hold a
    /// private key.
    pub(crate) fn send_pending<E>(
        &mut self,
        send: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.pending == 0 {
            return Ok(());
        }
        let result = send(&self.output[..self.pending]);
        self.wipe();
        result
    }

    fn wipe(&mut self) {
        self.output[..self.pending].zeroize();
        self.pending = 0;
    }
}

impl Drop for WireBuffers {
    fn drop(&mut self) {
        self.wipe();
        self.input[self.unread.clone()].zeroize();
    }
}

impl Buffers for WireBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output[self.pending..]
    }

    fn input(&self) -> &[u8] {
        &self.input[self.unread.clone()]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.unread.is_empty() {
            self.unread = 0..0;
        }
        if self.input.len() == self.unread.end {
            self.input.resize(self.unread.end + INPUT, 0);
        }
        &mut self.input[self.unread.end..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.unread.end += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        self.consumed_last = amount > 0;
        self.input[self.unread.start..self.unread.start + amount].zeroize();
        self.unread.start += amount;
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        if self.input.len() == self.unread.end {
            self.input.resize(self.unread.end + INPUT, 0);
        }
        (&mut self.input[self.unread.end..], &mut self.output[self.pending..])
    }

    fn can_use_input(&self) -> bool {
        !self.unread.is_empty() && self.consumed_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_wiped_after_sending() {
        let mut buffers = WireBuffers::new();
        for part in [b"secret ".as_slice(), b"key"] {
            buffers.output()[..part.len()].copy_from_slice(part);
            assert!(!buffers.collect(part.len()));
        }
        let sent: Result<(), ()> = buffers.send_pending(|bytes| {
            assert_eq!(bytes, b"secret key");
            Err(())
        });
        assert!(sent.is_err());
        assert!(buffers.output()[..16].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn output_is_sent_before_the_buffer_is_full() {
        let mut buffers = WireBuffers::new();
        assert!(!buffers.collect(OUTPUT - MIN_OUTPUT));
        assert!(buffers.collect(1));
    }

    #[test]
    fn input_is_wiped_when_it_is_consumed() {
        let mut buffers = WireBuffers::new();
        buffers.input_append_buf()[..6].copy_from_slice(b"secret");
        buffers.input_appended(6);
        buffers.input_consume(4);
        assert_eq!(buffers.input(), b"et");
        assert_eq!(&buffers.input[..6], b"\0\0\0\0et");
        assert!(buffers.can_use_input());
    }

    #[test]
    fn input_grows_until_it_is_consumed() {
        let mut buffers = WireBuffers::new();
        for _ in 0..3 {
            let space = buffers.input_append_buf().len();
            assert!(space > 0);
            buffers.input_appended(space);
        }
        assert_eq!(buffers.input().len(), 3 * INPUT);
        assert!(!buffers.can_use_input());
        buffers.input_consume(3 * INPUT);
        assert_eq!(buffers.input_append_buf().len(), 3 * INPUT);
    }
}
