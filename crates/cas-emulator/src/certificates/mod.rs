//! X.509 certificates and private keys: PEM, DER, and whether a key matches a certificate.
//!
//! Uses no other folder.

pub(crate) mod certificate;
pub(crate) mod key;
pub(crate) mod pem;
