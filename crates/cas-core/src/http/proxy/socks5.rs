//! SOCKS 5 proxies (RFC 1928), with a user name and password (RFC 1929).

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::{io, iter};

use zeroize::Zeroizing;

use crate::base::secret::Secret;
use crate::http::deadline::RequestDeadline;
use crate::http::endpoint::without_brackets;
use crate::http::failure::TransportError;
use crate::http::proxy::messages::{
    connection_failed, proxy_auth_failed, rejected_by_proxy, wrong_protocol,
};
use crate::http::proxy::stream::DeadlineStream;
use crate::http::proxy::url::{Protocol, Proxy};
use crate::http::resolver;

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
/// Authentication methods.
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
/// The command and the replies to it.
const CONNECT: u8 = 1;
const SUCCEEDED: u8 = 0;
/// Address types.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

pub(super) fn open(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), TransportError> {
    let target = address(proxy, host)?;
    let failed = |error: io::Error| connection_failed(proxy, &error);
    let mut stream = DeadlineStream(stream);

    // A login is only an offer. The proxy need not ask for it.
    let offer: &[u8] = match proxy.login {
        Some(_) => &[VERSION, 2, NO_LOGIN, LOGIN],
        None => &[VERSION, 1, NO_LOGIN],
    };
    stream.write(offer).map_err(failed)?;
    match (stream.read_array().map_err(failed)?, &proxy.login) {
        ([VERSION, NO_LOGIN], _) => {}
        ([VERSION, LOGIN], Some((user, password))) => {
            stream.write(&login(user, password)).map_err(failed)?;
            let [_, status] = stream.read_array().map_err(failed)?;
            if status != SUCCEEDED {
                return Err(proxy_auth_failed(proxy, iter::empty()));
            }
        }
        ([VERSION, _], _) => return Err(proxy_auth_failed(proxy, iter::empty())),
        _ => return Err(wrong_protocol(proxy, "SOCKS 5", "an HTTP proxy", "http")),
    }

    let port_bytes = port.to_be_bytes();
    let request = [&[VERSION, CONNECT, 0], target.as_slice(), &port_bytes].concat();
    stream.write(&request).map_err(failed)?;
    let [_, reply, _, address_type] = stream.read_array().map_err(failed)?;
    if reply != SUCCEEDED {
        return Err(rejected_by_proxy(proxy, host, port, cause(reply)));
    }
    // The address that the proxy connected from, and its port. libcas does not need them.
    let length = match address_type {
        IPV4 => 4,
        IPV6 => 16,
        _ => usize::from(stream.read_array::<1>().map_err(failed)?[0]),
    };
    stream.read(&mut vec![0; length + 2]).map_err(failed)
}

fn login(user: &Secret, password: &Secret) -> Zeroizing<Vec<u8>> {
    // Large enough, so that no copy is left behind.
    let mut login = Zeroizing::new(Vec::with_capacity(3 + 255 + 255));
    login.push(LOGIN_VERSION);
    for part in [user.expose(), password.expose()] {
        // At most 255: `Proxy::parse` checks this.
        login.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
        login.extend_from_slice(part.as_bytes());
    }
    login
}

/// Address type and address of `host`. A name is looked up here, or by the proxy if its URL starts
/// with `socks5h`.
fn address(proxy: &Proxy, host: &str) -> Result<Vec<u8>, TransportError> {
    let bare = without_brackets(host);
    let ip = match bare.parse() {
        Ok(ip) => Some(ip),
        Err(_) if proxy.protocol == Protocol::Socks5h => None,
        Err(_) => {
            let limit =
                RequestDeadline::limit().map_err(|error| connection_failed(proxy, &error))?;
            resolver::addresses(host, 0, &limit)?.first().map(SocketAddr::ip)
        }
    };
    Ok(match ip {
        Some(IpAddr::V4(v4)) => [&[IPV4][..], &v4.octets()].concat(),
        Some(IpAddr::V6(v6)) => [&[IPV6][..], &v6.octets()].concat(),
        None => {
            // At most 253: an endpoint has no longer host.
            let length = u8::try_from(bare.len()).unwrap_or(u8::MAX);
            [&[NAME, length], bare.as_bytes()].concat()
        }
    })
}

fn cause(reply: u8) -> &'static str {
    match reply {
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "timed out",
        8 => "address type not supported",
        _ => "general failure",
    }
}
