//! How large a text may be that a program passes, so that the work on it is in proportion.

use zeroize::Zeroizing;

use crate::base::error::{Error, ErrorKind};
use crate::base::exhaustion::Exhaustion;
use crate::base::memory;

/// Largest PEM text that is read or sent, in bytes.
pub const MAX_PEM_BYTES: usize = 2 << 20;

/// The memory for the work on a text, in multiples of its size: `tests/certificate/hostile.rs`
/// measures 6. Sending one without checks takes more, since every byte may become three.
const WORK: usize = 16;

/// Texts up to this size need no check: less memory is missing just as soon anywhere else.
const SMALL: usize = 64 * 1024;

/// A copy of a text that `what` describes, such as "certificate".
pub(crate) fn copied(what: &str, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    check_size(what, text)?;
    memory::copied(text).map_err(|cause| no_memory(what, cause))
}

/// Checks that a text is not too large, and that there is memory for the work on it.
pub fn check_size(what: &str, text: &[u8]) -> Result<(), Error> {
    let size = text.len();
    if size > MAX_PEM_BYTES {
        let message = format!("Invalid {what}: {size} bytes are more than 2 MiB.");
        return Err(Error::new(ErrorKind::InvalidArgument, message).with_hint(
            "Check the length: a certificate chain or private key has a few kilobytes.",
        ));
    }
    if size <= SMALL {
        return Ok(());
    }
    memory::check(WORK * size).map_err(|cause| no_memory(what, cause))
}

fn no_memory(what: &str, cause: Exhaustion) -> Error {
    let message = format!("Failed to read the {what}: {cause}.");
    Error::new(ErrorKind::InvalidArgument, message).with_exhaustion(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_limited() {
        assert_eq!(*copied("key", b"abc").unwrap(), *b"abc");
        assert!(check_size("key", &vec![b'a'; MAX_PEM_BYTES]).is_ok());
        let error = copied("key", &vec![b'a'; MAX_PEM_BYTES + 1]).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.message(), "Invalid key: 2097153 bytes are more than 2 MiB.");
    }
}
