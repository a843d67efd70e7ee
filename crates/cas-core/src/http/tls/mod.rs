//! TLS by rustls. Certificates are always verified; there is no switch that turns this off.
//!
//! Uses `inspect`, to explain why a certificate is rejected, and `buffers`, `deadline`, `endpoint`,
//! `failure`, `proxy`, `roots` and `settings` of `http`.

mod connector;
mod handshake;
mod messages;
mod verifier;

pub(crate) use connector::TlsConnector;
pub(crate) use handshake::{Handshake, shake_hands};
pub(crate) use messages::client_certificate_required;

#[cfg(test)]
mod tests;
