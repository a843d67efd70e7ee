//! Proxies: which one a request goes through, and how it is asked for a connection.
//!
//! The program chooses one, or the environment does, which libcas reads as curl and the official
//! SDKs do. Uses `endpoint`, `resolver`, `deadline` and `failure` of `http`, and `base`.

mod connect;
mod messages;
mod no_proxy;
mod policy;
mod socks5;
mod stream;
pub(crate) mod tunnel;
mod url;

pub(crate) use policy::{METADATA, ProxyPolicy, invalid_proxy};
pub(crate) use url::Proxy;
