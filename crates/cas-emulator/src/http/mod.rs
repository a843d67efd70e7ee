//! HTTP/1.1 over TCP, Unix sockets and TLS: accepts connections, reads requests and writes
//! responses.
//!
//! Knows nothing of the API or of the emulator's options. May use `clock`.

mod body;
mod budget;
mod chunks;
mod connections;
mod listen_address;
mod listeners;
mod pace;
mod reader;
mod request;
mod response;
mod serve;
mod server;
mod shutdown;
mod stream;
pub(crate) mod tls;
mod tls_failures;

pub use listen_address::{ListenAddress, ParseListenAddressError};
pub(crate) use listeners::Listeners;
#[cfg(test)]
pub(crate) use reader::Reader;
pub(crate) use request::Request;
pub(crate) use response::{Delivery, Response, Stream, new_request_id};
pub(crate) use serve::Peer;
pub(crate) use server::Server;
pub(crate) use shutdown::ShutdownSignal;
