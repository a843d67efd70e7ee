//! HTTP/1.1 over TCP or TLS: reads requests, writes responses, accepts and closes connections.
//!
//! Knows nothing about certificates or the API. May use `clock`.

pub(crate) mod reader;
pub(crate) mod server;
pub(crate) mod shutdown;
pub(crate) mod tls;
