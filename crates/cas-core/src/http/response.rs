//! An HTTP response.

use std::fmt;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

/// Largest body that is read, in bytes. A page of a list is a hundred times smaller.
pub(crate) const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// An HTTP response. `Debug` shows only status and size: the rest may echo the request.
#[derive(Default)]
pub(crate) struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Header `x-acs-request-id`.
    pub request_id: Option<String>,
    /// Header `x-acs-retry-after`, in milliseconds.
    pub retry_after: Option<Duration>,
    /// Header `Date` of an error: the server's time.
    pub date: Option<SystemTime>,
    /// Header `Location` of a redirect.
    pub location: Option<String>,
    /// At most [`MAX_RESPONSE_BYTES`] bytes. Wiped on drop: it may echo the request.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpResponse(HTTP {}, {} bytes)", self.status, self.body.len())
    }
}

impl HttpResponse {
    /// Overwrites the private keys in the body. The service returns them with the details of a
    /// certificate, and libcas never needs them.
    pub(crate) fn scrub_private_keys(&mut self) {
        const BEGIN: &[u8] = b"-----BEGIN ";
        const DASHES: &[u8] = b"-----";
        let labels: Vec<usize> =
            memchr::memmem::find_iter(&self.body, BEGIN).map(|at| at + BEGIN.len()).collect();
        for start in labels {
            let block = &mut self.body[start..];
            let Some(label) = memchr::memmem::find(block, DASHES) else { continue };
            if block[..label].ends_with(b"PRIVATE KEY") {
                let end = memchr::memmem::find(block, b"-----END ").unwrap_or(block.len());
                block[(label + DASHES.len()).min(end)..end].fill(b' ');
            }
        }
    }

    /// Header `x-acs-request-id`, if it looks like a request ID.
    #[must_use]
    pub(crate) fn request_id(&self) -> Option<String> {
        self.request_id.clone().filter(|id| is_request_id(id))
    }
}

/// Whether a text has the form of a request ID.
pub(crate) fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
