//! TLS by rustls. Certificates are always verified before a request is sent; there is no switch
//! that turns this off. [`presented`] looks at what a server presents, and sends it nothing.
//!
//! Uses `inspect`, to explain why a certificate is rejected, and `buffers`, `deadline`, `endpoint`,
//! `failure`, `proxy`, `roots` and `settings` of `http`.

mod connector;
mod handshake;
mod messages;
mod presented;
mod verifier;

pub(crate) use connector::TlsConnector;
pub(crate) use handshake::{Handshake, shake_hands};
pub(crate) use messages::client_certificate_required;
pub(crate) use presented::{Presented, presented};

#[cfg(test)]
mod tests;
