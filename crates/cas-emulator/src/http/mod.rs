//! HTTP/1.1 over TCP or TLS: accepts connections, reads requests and writes responses.
//!
//! Knows nothing of the API or of the emulator's options. May use `clock`.

mod budget;
mod connections;
mod pace;
mod reader;
mod request;
mod response;
mod server;
mod shutdown;
pub(crate) mod tls;

#[cfg(test)]
pub(crate) use reader::Reader;
pub(crate) use request::Request;
pub(crate) use response::{Delivery, Response, new_request_id};
pub(crate) use server::{Peer, Server};
pub(crate) use shutdown::ShutdownSignal;
