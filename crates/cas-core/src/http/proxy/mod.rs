//! Proxies: which one a request goes through, and how it is asked for a connection, or to forward
//! plain HTTP.
//!
//! The program chooses one, or the environment does, which libcas reads as curl and the official
//! SDKs do. Uses `endpoint`, `resolver`, `deadline` and `failure` of `http`, and `base`.

mod absolute_form;
mod connect;
mod messages;
mod no_proxy;
mod policy;
mod socks5;
mod stream;
pub(crate) mod tunnel;
mod url;

pub(crate) use absolute_form::AbsoluteForm;
pub(crate) use messages::{not_tls, proxy_auth_failed};
pub(crate) use policy::{METADATA, ProxyPolicy, invalid_proxy};
pub(crate) use url::Proxy;
