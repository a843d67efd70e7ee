//! Which proxy requests go through, if any: the program's, or the environment's as curl and the official SDKs read it.

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
