//! HTTP CONNECT.

use std::io;
use std::net::TcpStream;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use zeroize::Zeroizing;

use crate::http::failure::TransportError;
use crate::http::proxy::messages::{broken, proxy_auth_failed, refused};
use crate::http::proxy::stream::DeadlineStream;
use crate::http::proxy::url::Proxy;

/// Longest head of an answer to CONNECT that is read, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

pub(super) fn connect(
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
