//! Random numbers from the operating system.

use ring::rand::{SecureRandom, SystemRandom};

use crate::base::error::{Error, ErrorKind};

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
pub(crate) fn nonce() -> Result<String, Error> {
    random_bytes().map(|bytes| format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_32_hexadecimal_digits_and_differ() {
        let (one, two) = (nonce().unwrap(), nonce().unwrap());
        assert!(one.len() == 32 && one.bytes().all(|b| b.is_ascii_hexdigit()), "{one}");
        assert_ne!(one, two);
    }
}
