//! The error of starting an emulator.

use std::fmt;

/// Why an emulator did not start. Displayed as a sentence; it contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// An option is invalid: for example, an address that is not loopback, a duplicate access key
    /// ID, or a TLS key that does not match its certificate.
    Option(String),
    /// The data file is unusable: not readable, created by another program or by a newer version,
    /// or without its key file.
    Data(String),
    /// The emulator cannot listen on the address.
    Listen(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Option(message) | Self::Data(message) | Self::Listen(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for StartError {}
