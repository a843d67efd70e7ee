//! The buffers of a connection. Output is collected until it is sent and is then wiped. Input,
//! which may echo a request, is wiped when it is consumed.
//!
//! ureq refuses two forms of a response that are legal: interim responses with header fields, and
//! folded header lines. They are taken out of the input before ureq reads it.

use ureq::unversioned::transport::Buffers;
use zeroize::Zeroize;

use crate::http::proxy::AbsoluteForm;

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
    /// Whether they are HTTP, and not TLS.
    http: bool,
    /// Whether a request was sent and ureq has not taken the head of its response.
    awaits_head: bool,
    /// How requests are changed for a proxy that forwards them.
    absolute_form: Option<AbsoluteForm>,
}

impl WireBuffers {
    /// The buffers of HTTP, or else of the TLS below it.
    pub(crate) fn new(http: bool) -> Self {
        Self {
            input: Vec::new(),
            unread: 0..0,
            consumed_last: false,
            output: vec![0; OUTPUT],
            pending: 0,
            http,
            awaits_head: false,
            absolute_form: None,
        }
    }

    /// The buffers of HTTP to a proxy that forwards the requests.
    pub(crate) fn forwarded(mut self, form: AbsoluteForm) -> Self {
        self.output = vec![0; OUTPUT + form.growth()];
        self.absolute_form = Some(form);
        self
    }

    /// Whether what is written next is the beginning of a request.
    fn begins_request(&self) -> bool {
        self.pending == 0 && !self.awaits_head
    }

    /// Adds `received` bytes, read into `input_append_buf()`. Returns whether ureq can go on: there
    /// is more of a response, or the connection has ended.
    pub(crate) fn received(&mut self, received: usize) -> bool {
        self.unread.end += received;
        while self.awaits_head {
            let input = &mut self.input[self.unread.clone()];
            match unfold(input) {
                Some(end) if is_interim(input) => {
                    input[..end].zeroize();
                    self.unread.start += end;
                }
                _ => break,
            }
        }
        received == 0 || !self.unread.is_empty()
    }

    /// Whether output waits to be sent.
    pub(crate) fn has_pending(&self) -> bool {
        self.pending > 0
    }

    /// Adds `amount` bytes, written into `output()`, to those that wait to be sent. Returns `true`
    /// if so little space is left that they must be sent now.
    pub(crate) fn collect(&mut self, amount: usize) -> bool {
        let added = match &self.absolute_form {
            Some(form) if self.begins_request() && amount > 0 => {
                form.apply(&mut self.output, amount)
            }
            _ => amount,
        };
        self.pending += added;
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
        self.awaits_head = self.http;
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
        let growth = match &self.absolute_form {
            Some(form) if self.begins_request() => form.growth(),
            _ => 0,
        };
        let end = self.output.len() - growth;
        &mut self.output[self.pending..end]
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
        self.awaits_head &= amount == 0;
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

/// Joins the folded lines of a head with spaces (RFC 9112, section 5.2). Returns where the head
/// ends, if all of it is there.
fn unfold(input: &mut [u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(length) = memchr::memchr(b'\n', &input[start..]) {
        let end = start + length;
        let text_end = if input[start..end].ends_with(b"\r") { end - 1 } else { end };
        if text_end == start {
            return Some(end + 1);
        }
        if matches!(input.get(end + 1), Some(b' ' | b'\t')) {
            input[text_end..=end].fill(b' ');
        }
        start = end + 1;
    }
    None
}

/// Whether a head is that of a response that another one follows (RFC 9110, section 15.2). None
/// follows 101.
fn is_interim(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/1.") && head[8..].starts_with(b" 1") && !head[9..].starts_with(b"101")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::endpoint::Endpoint;
    use crate::http::proxy::Proxy;

    #[test]
    fn output_is_wiped_after_sending() {
        let mut buffers = WireBuffers::new(true);
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
        let mut buffers = WireBuffers::new(true);
        assert!(!buffers.collect(OUTPUT - MIN_OUTPUT));
        assert!(buffers.collect(1));
    }

    #[test]
    fn input_is_wiped_when_it_is_consumed() {
        let mut buffers = WireBuffers::new(true);
        buffers.input_append_buf()[..6].copy_from_slice(b"secret");
        buffers.input_appended(6);
        buffers.input_consume(4);
        assert_eq!(buffers.input(), b"et");
        assert_eq!(&buffers.input[..6], b"\0\0\0\0et");
        assert!(buffers.can_use_input());
    }

    #[test]
    fn each_request_to_a_proxy_is_changed_once() {
        let target = Endpoint::parse("http://host").unwrap();
        let form = AbsoluteForm::new(&Proxy::parse("u:p@proxy").unwrap(), &target);
        let mut buffers = WireBuffers::new(true).forwarded(form);
        let write = |buffers: &mut WireBuffers, text: &[u8]| {
            buffers.output()[..text.len()].copy_from_slice(text);
            buffers.collect(text.len())
        };
        for _ in 0..2 {
            assert_eq!(buffers.output().len(), OUTPUT);
            let (mut wire, mut body) = (Vec::new(), vec![b'x'; OUTPUT]);
            let mut send = |buffers: &mut WireBuffers| {
                let sent = buffers.send_pending(|bytes| {
                    wire.extend_from_slice(bytes);
                    Ok::<_, ()>(())
                });
                sent.unwrap();
            };
            assert!(!write(&mut buffers, b"POST / HTTP/1.1\r\n\r\n"));
            // The body leaves in parts, none of which is taken for another request.
            while !body.is_empty() {
                let part = body.split_off(body.len().saturating_sub(buffers.output().len()));
                if write(&mut buffers, &part) {
                    send(&mut buffers);
                }
            }
            send(&mut buffers);
            let head = "POST http://host/ HTTP/1.1\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
            assert!(wire.starts_with(head.as_bytes()) && wire.len() == head.len() + OUTPUT);
            let response = b"HTTP/1.1 200 OK\r\n\r\n";
            buffers.input_append_buf()[..response.len()].copy_from_slice(response);
            assert!(buffers.received(response.len()));
            buffers.input_consume(response.len());
        }
    }

    /// What ureq sees of a response, however it is split.
    fn seen(response: &str, http: bool) -> Vec<String> {
        let split = |at: usize| {
            let mut buffers = WireBuffers::new(http);
            buffers.collect(1);
            buffers.send_pending(|_| Ok::<_, ()>(())).unwrap();
            for part in [&response[..at], &response[at..]] {
                buffers.input_append_buf()[..part.len()].copy_from_slice(part.as_bytes());
                let shown = buffers.received(part.len());
                assert_eq!(shown, part.is_empty() || !buffers.input().is_empty());
            }
            String::from_utf8(buffers.input().to_vec()).unwrap()
        };
        let mut seen: Vec<_> = (0..=response.len()).map(split).collect();
        seen.dedup();
        seen
    }

    #[test]
    fn interim_responses_are_dropped() {
        let last = "HTTP/1.1 200 OK\r\nA: b\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        for interim in [
            "",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 100 Continue\r\nServer: a\r\nB: c\r\n\r\n",
            "HTTP/1.0 103 Early Hints\nLink: <a>;\n b\n\nHTTP/1.1 102 \r\n\r\n",
        ] {
            assert_eq!(seen(&format!("{interim}{last}"), true), [last], "{interim}");
        }
        for kept in ["HTTP/1.1 101 Switching\r\n\r\n", "HTTP/1.1 1", "\r\n\r\n", "\n", "100 \n\n"] {
            assert_eq!(seen(kept, true), [kept]);
        }
    }

    #[test]
    fn folded_lines_of_a_head_are_joined() {
        assert_eq!(
            seen("HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\n \r\nD: e\n f\r\n\r\nbody\n body", true),
            ["HTTP/1.1 200 OK\r\nA: b  \tc   \r\nD: e  f\r\n\r\nbody\n body"]
        );
        // In TLS, nothing is a line.
        assert_eq!(seen("HTTP/1.1 100 A\n b\n\n", false), ["HTTP/1.1 100 A\n b\n\n"]);
    }

    #[test]
    fn only_the_head_is_changed() {
        let mut buffers = WireBuffers::new(true);
        buffers.collect(1);
        buffers.send_pending(|_| Ok::<_, ()>(())).unwrap();
        let mut receive = |text: &str, consumed: usize| {
            buffers.input_append_buf()[..text.len()].copy_from_slice(text.as_bytes());
            assert!(buffers.received(text.len()));
            let input = String::from_utf8(buffers.input().to_vec()).unwrap();
            buffers.input_consume(consumed);
            input
        };
        receive("HTTP/1.1 200 OK\n\n", 17);
        assert_eq!(receive("HTTP/1.1 100 A\n b\n\n", 0), "HTTP/1.1 100 A\n b\n\n");
    }

    #[test]
    fn input_grows_until_it_is_consumed() {
        let mut buffers = WireBuffers::new(true);
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
