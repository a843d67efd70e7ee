//! Which proxy requests go through, if any: the program's, or the environment's as curl and the
//! official SDKs read it.

pub(crate) mod tunnel;
mod url;

pub(crate) use url::{METADATA, Proxy, ProxyPolicy, refused};
