//! The buffers of a connection: output is collected until it is sent, and wiped when it is; input, which may
//! echo a request, is wiped when it is consumed.

use ureq::unversioned::transport::Buffers;
use zeroize::Zeroize;

/// Room for a request: name, a long chain and a large key, encoded, fit with ease. Pages are touched only
/// as far as they are used.
const OUTPUT: usize = 64 * 1024;

/// Output is sent early when less than this is left: enough for any header line.
const MIN_OUTPUT: usize = 8 * 1024;

/// Input is read in steps of this.
const INPUT: usize = 16 * 1024;

pub(crate) struct WireBuffers {
    input: Vec<u8>,
    /// What of `input` was received and not yet consumed.
    unread: std::ops::Range<usize>,
    consumed_last: bool,
    output: Vec<u8>,
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

    /// Counts `amount` bytes that were written into `output()` as waiting to be sent; `true` when there
    /// is so little room left that they have to go now.
    pub(crate) fn collect(&mut self, amount: usize) -> bool {
        self.pending += amount;
        self.output.len() - self.pending < MIN_OUTPUT
    }

    /// Passes what waits to `send`, and wipes it whatever becomes of it: it may hold a private key.
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
    fn what_was_sent_is_wiped() {
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
    fn output_is_sent_before_its_room_ends() {
        let mut buffers = WireBuffers::new();
        assert!(!buffers.collect(OUTPUT - MIN_OUTPUT));
        assert!(buffers.collect(1));
    }

    #[test]
    fn input_grows_until_it_is_consumed() {
        let mut buffers = WireBuffers::new();
        for _ in 0..3 {
            let room = buffers.input_append_buf().len();
            assert!(room > 0);
            buffers.input_appended(room);
        }
        assert_eq!(buffers.input().len(), 3 * INPUT);
        assert!(!buffers.can_use_input());
        buffers.input_consume(3 * INPUT);
        assert_eq!(buffers.input_append_buf().len(), 3 * INPUT);
    }
}
