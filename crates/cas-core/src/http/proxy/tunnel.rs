//! Asks a proxy to connect to a server. The connection then carries TLS with that server, or, with
//! SOCKS, plain HTTP if that is allowed.

use std::net::TcpStream;

use crate::http::failure::TransportError;
use crate::http::proxy::url::{Protocol, Proxy};
use crate::http::proxy::{connect, socks5};

/// Opens a tunnel to `host` (IPv6 in brackets) and `port` through `stream`, which is connected to
/// `proxy`. It must be open before the deadline of the request.
pub(crate) fn open(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), TransportError> {
    match proxy.protocol {
        Protocol::Http => connect::open(stream, proxy, host, port),
        Protocol::Socks5 | Protocol::Socks5h => socks5::open(stream, proxy, host, port),
    }
}

#[cfg(test)]
mod tests;
