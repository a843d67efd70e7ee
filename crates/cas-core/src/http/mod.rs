//! One request over HTTP or HTTPS, and an exact account of how far it got when it fails.
//!
//! HTTP is ureq's; sockets, TLS and name look-up are plugged into it from here, for four reasons: a request
//! leaves in one write; buffers that held a key are wiped; no thread is started for an IP address or an
//! open connection; and whether any byte left is known for certain.
//!
//! Uses `inspect`, to say what is wrong with a server's certificate, and `base`.

mod buffers;
pub(crate) mod client;
mod deadline;
pub(crate) mod endpoint;
pub(crate) mod failure;
mod per_process;
pub(crate) mod proxy;
mod resolver;
pub(crate) mod response;
pub(crate) mod roots;
mod settings;
mod tcp;
mod tls;
