//! Servers between a client and its endpoint: a proxy that delays, real proxies, a server of one
//! TLS version.

pub mod delay;
pub mod proxy;
pub mod tls;
