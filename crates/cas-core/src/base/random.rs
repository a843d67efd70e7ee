//! Randomness of the operating system.

use ring::rand::{SecureRandom, SystemRandom};

use crate::base::error::{Error, ErrorKind};

fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Error::new(ErrorKind::Internal, "The system gave no random numbers.")
            .with_hint("Check that getrandom or /dev/urandom works in this environment.")
    })?;
    Ok(bytes)
}

pub(crate) fn random() -> Result<u64, Error> {
    random_bytes().map(u64::from_ne_bytes)
}

/// 128 random bits as 32 hex digits: as long as the official SDKs' nonces.
pub(crate) fn nonce() -> Result<String, Error> {
    random_bytes().map(|bytes| format!("{:032x}", u128::from_ne_bytes(bytes)))
}
