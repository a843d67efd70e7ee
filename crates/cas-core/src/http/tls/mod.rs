//! TLS by rustls, always verified: there is no switch that turns it off.

mod connector;

pub(crate) use connector::TlsConnector;
