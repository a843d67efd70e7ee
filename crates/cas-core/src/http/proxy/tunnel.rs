//! Asks a proxy for a connection to somebody else: CONNECT (RFC 9110, 9.3.6) or SOCKS 5 (RFC 1928, 1929). What goes
//! through it then is TLS with that somebody, or plain HTTP where that is allowed.

use std::net::TcpStream;

use crate::http::failure::TransportError;
use crate::http::proxy::connect::connect;
use crate::http::proxy::socks5::socks;
use crate::http::proxy::url::{Protocol, Proxy};

/// Opens a tunnel to `host` (IPv6 in brackets) and `port` through a connection to `proxy`.
pub(crate) fn open(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), TransportError> {
    match proxy.protocol {
        Protocol::Http => connect(stream, proxy, host, port),
        Protocol::Socks5 | Protocol::Socks5h => socks(stream, proxy, host, port),
    }
}
