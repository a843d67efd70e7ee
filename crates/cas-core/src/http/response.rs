//! An HTTP response as it arrived.

use std::fmt;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

/// Largest answer that is read, in bytes. A list page is a hundred times smaller.
pub(crate) const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// An HTTP answer as it arrived. `Debug` shows its status and size: the rest may echo the request.
#[derive(Default)]
pub(crate) struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Header `x-acs-request-id`.
    pub request_id: Option<String>,
    /// Header `x-acs-retry-after`, milliseconds.
    pub retry_after: Option<Duration>,
    /// Header `Date`: the time of whoever answered.
    pub date: Option<SystemTime>,
    /// Header `Location` of a redirect.
    pub location: Option<String>,
    /// At most [`MAX_RESPONSE_BYTES`] bytes. Wiped when it goes: it may echo the request.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpAnswer(HTTP {}, {} bytes)", self.status, self.body.len())
    }
}

impl HttpResponse {
    /// Overwrites private keys in the body: the service hands them out with a certificate's details, and
    /// nobody here wants them.
    pub(crate) fn scrub_private_keys(&mut self) {
        const BEGIN: &[u8] = b"-----BEGIN ";
        let ends: Vec<usize> =
            memchr::memmem::find_iter(&self.body, BEGIN).map(|at| at + BEGIN.len()).collect();
        for start in ends {
            let block = &mut self.body[start..];
            let Some(label) = memchr::memmem::find(block, b"-----") else { continue };
            if block[..label].ends_with(b"PRIVATE KEY") {
                let end = memchr::memmem::find(block, b"-----END ").unwrap_or(block.len());
                block[(label + 5).min(end)..end].fill(b' ');
            }
        }
    }

    /// Header `x-acs-request-id`, where it can be an id.
    #[must_use]
    pub(crate) fn request_id(&self) -> Option<String> {
        self.request_id.clone().filter(|id| is_request_id(id))
    }
}

/// Whether a server may have meant this as the id of a request.
pub(crate) fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
