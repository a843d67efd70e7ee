//! Asks a proxy for a connection to somebody else: CONNECT (RFC 9110, 9.3.6) or SOCKS 5 (RFC 1928, 1929). What goes
//! through it then is TLS with that somebody, or plain HTTP where that is allowed.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use zeroize::Zeroizing;

use crate::http::deadline::RequestDeadline;
use crate::http::failure::TransportError;
use crate::http::proxy::url::{Protocol, Proxy};
use crate::http::resolver;

/// Longest head of an answer to CONNECT that is read, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

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

/// A socket that is read from and written to before the deadline.
struct DeadlineStream<'a>(&'a mut TcpStream);

impl DeadlineStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.set_write_timeout(Some(left()?))?;
        self.0.write_all(bytes)
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            self.0.set_read_timeout(Some(left()?))?;
            match self.0.read(&mut bytes[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn left() -> io::Result<Duration> {
    RequestDeadline::time_left().map(|left| left.max(Duration::from_millis(1)))
}

fn broken(proxy: &Proxy, error: &io::Error) -> TransportError {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TransportError::not_sent(format!(
            "the proxy {proxy} did not answer within the time allowed"
        )),
        io::ErrorKind::UnexpectedEof => TransportError::not_sent(format!(
            "the proxy {proxy} closed the connection without an answer"
        )),
        _ => {
            TransportError::not_sent(format!("the connection to the proxy {proxy} broke: {error}"))
        }
    }
    .with_hint("Check the proxy's address, and whether it speaks the protocol that its URL names.")
}

fn refused(proxy: &Proxy, host: &str, port: u16, why: &str) -> TransportError {
    TransportError::not_sent(format!(
        "the proxy {proxy} made no connection to {host}:{port}: {why}"
    ))
    .with_hint(
        "Ask whoever runs the proxy to allow this host and port, or exempt it with NO_PROXY.",
    )
}

fn proxy_auth_failed(proxy: &Proxy) -> TransportError {
    let what = if proxy.login.is_some() {
        format!("the proxy {proxy} did not accept the user name and password")
    } else {
        format!("the proxy {proxy} wants a user name and a password")
    };
    TransportError::not_sent(what)
        .with_hint("Set them in the proxy's URL: http://user:password@host:port.")
        .permanent()
}

fn connect(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), TransportError> {
    let authorization = match &proxy.login {
        Some((user, password)) => {
            let login = Zeroizing::new(format!("{}:{}", user.expose(), password.expose()));
            let encoded = Zeroizing::new(BASE64_STANDARD.encode(login.as_bytes()));
            Zeroizing::new(format!("Proxy-Authorization: Basic {}\r\n", *encoded))
        }
        None => Zeroizing::default(),
    };
    let request = Zeroizing::new(format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{}\r\n",
        *authorization
    ));
    let mut stream = DeadlineStream(stream);
    let mut exchange = || {
        stream.write(request.as_bytes())?;
        // One byte after the other: what follows the head belongs to somebody else.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
            let mut byte = [0];
            stream.read(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(head)
    };
    let head = exchange().map_err(|error: io::Error| broken(proxy, &error))?;
    let status = std::str::from_utf8(head.get(9..12).unwrap_or_default()).ok();
    match status
        .filter(|_| head.starts_with(b"HTTP/1."))
        .and_then(|status| status.parse::<u16>().ok())
    {
        Some(200..=299) => Ok(()),
        // tinyproxy says 401 to a wrong password.
        Some(401 | 407) => Err(proxy_auth_failed(proxy)),
        Some(status @ (502..=504)) => {
            Err(refused(proxy, host, port, &format!("it answered with HTTP {status}")))
        }
        Some(status) => {
            Err(refused(proxy, host, port, &format!("it answered with HTTP {status}")).permanent())
        }
        None => Err(TransportError::not_sent(format!("the proxy {proxy} does not speak HTTP"))
            .with_hint(
                "Check the proxy's address, and whether its URL should begin with socks5://.",
            )
            .permanent()),
    }
}

fn socks(
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
    let bare = host.trim_matches(['[', ']']);
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
