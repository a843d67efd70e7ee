//! SOCKS 5.

use std::io;
use std::net::{IpAddr, TcpStream};

use zeroize::Zeroizing;

use crate::http::endpoint::without_brackets;
use crate::http::failure::TransportError;
use crate::http::proxy::messages::{broken, proxy_auth_failed, refused};
use crate::http::proxy::stream::{DeadlineStream, left};
use crate::http::proxy::url::{Protocol, Proxy};
use crate::http::resolver;

pub(super) fn socks(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), TransportError> {
    const VERSION: u8 = 5;
    const NO_LOGIN: u8 = 0;
    const LOGIN: u8 = 2;
    let target = socks_address(proxy, host, port)?;
    let broken = |error: io::Error| broken(proxy, &error);
    let mut stream = DeadlineStream(stream);

    // A login is an offer: a proxy that wants none takes none.
    let offer: &[u8] = if proxy.login.is_some() {
        &[VERSION, 2, NO_LOGIN, LOGIN]
    } else {
        &[VERSION, 1, NO_LOGIN]
    };
    stream.write(offer).map_err(broken)?;
    let mut answer = [0; 2];
    stream.read(&mut answer).map_err(broken)?;
    match (answer, &proxy.login) {
        ([VERSION, NO_LOGIN], _) => {}
        ([VERSION, LOGIN], Some((user, password))) => {
            let mut login = Zeroizing::new(Vec::with_capacity(3 + 255 + 255));
            login.push(1);
            for part in [user.expose(), password.expose()] {
                // No longer than a byte can say: `Proxy::parse` saw to it.
                login.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
                login.extend_from_slice(part.as_bytes());
            }
            stream.write(&login).map_err(broken)?;
            stream.read(&mut answer).map_err(broken)?;
            if answer[1] != 0 {
                return Err(proxy_auth_failed(proxy));
            }
        }
        ([VERSION, _], _) => return Err(proxy_auth_failed(proxy)),
        _ => {
            return Err(TransportError::not_sent(format!(
                "the proxy {proxy} does not speak SOCKS 5"
            ))
            .with_hint("Check the proxy's address, and whether its URL should begin with http://.")
            .permanent());
        }
    }

    stream.write(&[&[VERSION, 1, 0][..], &target, &port.to_be_bytes()].concat()).map_err(broken)?;
    let mut answer = [0; 4];
    stream.read(&mut answer).map_err(broken)?;
    let [_, reply, _, kind] = answer;
    if reply != 0 {
        return Err(refused(proxy, host, port, socks_reply(reply)));
    }
    // The address that the proxy itself uses, which is of no interest.
    let length = match kind {
        1 => 4,
        4 => 16,
        _ => {
            let mut length = [0];
            stream.read(&mut length).map_err(broken)?;
            usize::from(length[0])
        }
    };
    stream.read(&mut vec![0; length + 2]).map_err(broken)
}

/// Kind and address, as SOCKS 5 has them.
fn socks_address(proxy: &Proxy, host: &str, port: u16) -> Result<Vec<u8>, TransportError> {
    let bare = without_brackets(host);
    let ip = match bare.parse() {
        Ok(ip) => Some(ip),
        Err(_) if proxy.protocol == Protocol::Socks5h => None,
        Err(_) => {
            let left = left().map_err(|error| broken(proxy, &error))?;
            resolver::addresses(host, port, left)?.first().map(std::net::SocketAddr::ip)
        }
    };
    Ok(match ip {
        Some(IpAddr::V4(v4)) => [&[1][..], &v4.octets()].concat(),
        Some(IpAddr::V6(v6)) => [&[4][..], &v6.octets()].concat(),
        None => {
            let length = u8::try_from(bare.len()).unwrap_or(u8::MAX);
            [&[3, length][..], &bare.as_bytes()[..usize::from(length)]].concat()
        }
    })
}

fn socks_reply(code: u8) -> &'static str {
    match code {
        2 => "its rules do not allow it",
        3 => "the network is unreachable from there",
        4 => "the host is unreachable from there",
        5 => "the connection was refused there",
        6 => "it took too long there",
        8 => "it does not know this kind of address",
        _ => "it failed",
    }
}
