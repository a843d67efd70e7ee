//! What every other folder uses: errors, logging, secrets, time and text. It uses no other folder.

pub(crate) mod env;
pub(crate) mod error;
pub(crate) mod hex;
pub(crate) mod logger;
pub(crate) mod quote;
pub(crate) mod random;
pub(crate) mod secret;
pub(crate) mod time;
