//! Servers between a client and its endpoint.

pub mod cut;
pub mod delay;
pub mod filter;
pub mod odd;
pub mod proxy;
pub mod relay;
pub mod silent;
pub mod tls;
