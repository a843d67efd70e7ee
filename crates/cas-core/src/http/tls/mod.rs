//! TLS by rustls, always verified: there is no switch that turns it off.

mod connector;
mod messages;
mod verifier;

pub(crate) use connector::TlsConnector;

#[cfg(test)]
mod tests;
