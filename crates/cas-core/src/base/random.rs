//! Random numbers from the operating system.

use std::sync::{Arc, Mutex, PoisonError};

use once_cell::race::OnceBox;
use ring::rand::{SecureRandom, SystemRandom};

use crate::base::error::{Error, ErrorKind};
use crate::base::per_process::PerProcess;

/// How many nonces are made at once. A call of the operating system takes longer than the copy.
const NONCES: usize = 32;

/// The bytes of a nonce.
const NONCE_BYTES: usize = 16;

fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Error::new(ErrorKind::Internal, "Failed to read random bytes from the operating system.")
            .with_hint("Check that getrandom or /dev/urandom works in this environment.")
    })?;
    Ok(bytes)
}

/// A random number, for backoff.
pub(crate) fn random() -> Result<u64, Error> {
    random_bytes().map(u64::from_ne_bytes)
}

/// A nonce: 128 random bits as 32 hexadecimal digits, as long as in the official SDKs.
///
/// A child of fork does not use those that its parent has made in advance: the service refuses a
/// nonce that it has seen.
pub(crate) fn nonce() -> Result<String, Error> {
    static IN_ADVANCE: OnceBox<PerProcess<Arc<Nonces>>> = OnceBox::new();
    let nonces = IN_ADVANCE.get_or_init(|| Box::new(PerProcess::new(Arc::default())));
    nonces.get(Arc::default).next().map(|nonce| format!("{nonce:032x}"))
}

/// Nonces that nobody has used.
#[derive(Default)]
struct Nonces(Mutex<Vec<u128>>);

impl Nonces {
    fn next(&self) -> Result<u128, Error> {
        let mut unused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(nonce) = unused.pop() {
            return Ok(nonce);
        }
        let bytes: [u8; NONCES * NONCE_BYTES] = random_bytes()?;
        let (nonces, _) = bytes.as_chunks::<NONCE_BYTES>();
        let [first, rest @ ..] = nonces else { unreachable!("there are {NONCES}") };
        unused.extend(rest.iter().map(|bytes| u128::from_ne_bytes(*bytes)));
        Ok(u128::from_ne_bytes(*first))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nonces_are_32_hexadecimal_digits_and_differ() {
        let count = 3 * NONCES;
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(move || (0..count).map(|_| nonce().unwrap()).collect()))
            .collect();
        let nonces = threads.into_iter().flat_map(|thread| -> Vec<_> { thread.join().unwrap() });
        let mut seen = HashSet::new();
        for nonce in nonces {
            assert!(nonce.len() == 32 && nonce.bytes().all(|b| b.is_ascii_hexdigit()), "{nonce}");
            assert!(seen.insert(nonce), "the same twice");
        }
        assert_eq!(seen.len(), 4 * count);
    }
}
