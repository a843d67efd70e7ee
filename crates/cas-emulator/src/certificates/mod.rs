//! X.509 certificates and private keys: PEM, DER, and whether a key matches a certificate.
//!
//! Knows nothing of the API. May use `hex`.

pub(crate) mod certificate;
pub(crate) mod domain;
mod pem;
pub(crate) mod private_key;
pub(crate) mod public_key;
