//! Sends one HTTP or HTTPS request and reports exactly how far it got if it fails.
//!
//! ureq speaks HTTP. Sockets, TLS and name look-ups are plugged into it from here: a request leaves
//! in one write, buffers that held a key are wiped, an IP address or an open connection needs no
//! thread, and it is known for certain whether any byte was sent.
//!
//! Uses `inspect`, to explain why a server's certificate is rejected, `base`, and `cas-sys` for
//! forks and signals.

mod buffers;
pub(crate) mod client;
pub(crate) mod connection_steps;
pub(crate) mod deadline;
pub(crate) mod endpoint;
pub(crate) mod failure;
mod messages;
pub(crate) mod proxy;
mod resolver;
pub(crate) mod response;
pub(crate) mod roots;
mod settings;
mod tcp;
pub(crate) mod tls;
