//! HTTP proxies: CONNECT (RFC 9110, section 9.3.6) with Basic authentication.

use std::io;
use std::net::TcpStream;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use zeroize::Zeroizing;

use crate::http::failure::TransportError;
use crate::http::proxy::messages::{
    connection_failed, proxy_auth_failed, rejected_by_proxy, sign_in_required, wrong_protocol,
};
use crate::http::proxy::stream::DeadlineStream;
use crate::http::proxy::url::Proxy;

/// Longest head of a response that is read, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

pub(super) fn open(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), TransportError> {
    let authorization = authorization(proxy);
    let request = Zeroizing::new(format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{}\r\n",
        *authorization
    ));
    let head = exchange(&mut DeadlineStream(stream), request.as_bytes())
        .map_err(|error| connection_failed(proxy, &error))?;
    let rejected =
        |status| rejected_by_proxy(proxy, host, port, &format!("it responded with HTTP {status}"));
    match status(&head) {
        Some(200..=299) => Ok(()),
        // tinyproxy responds to a wrong password with 401.
        Some(401 | 407) => Err(proxy_auth_failed(proxy, challenges(&head))),
        // A page to sign in on (RFC 6585, section 6).
        Some(status @ (300..=399 | 511)) => Err(sign_in_required(proxy, host, port, status)),
        Some(status @ 502..=504) => Err(rejected(status)),
        Some(status) => Err(rejected(status).permanent()),
        None => Err(wrong_protocol(proxy, "HTTP", "a SOCKS proxy", "socks5")),
    }
}

/// The values of the header `Proxy-Authenticate`.
fn challenges(head: &[u8]) -> impl Iterator<Item = &str> {
    head.split(|&byte| byte == b'\n').filter_map(|line| {
        let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
        name.eq_ignore_ascii_case("Proxy-Authenticate").then_some(value)
    })
}

/// The header `Proxy-Authorization`, or nothing.
pub(super) fn authorization(proxy: &Proxy) -> Zeroizing<String> {
    let Some((user, password)) = &proxy.login else { return Zeroizing::default() };
    let login = Zeroizing::new(format!("{}:{}", user.expose(), password.expose()));
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(login.as_bytes()));
    Zeroizing::new(format!("Proxy-Authorization: Basic {}\r\n", *encoded))
}

/// Sends the request and reads the head of the response, byte by byte.
fn exchange(stream: &mut DeadlineStream<'_>, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write(request)?;
    loop {
        let mut head = Vec::new();
        while !is_whole(&head) && head.len() < MAX_HEAD_BYTES {
            let byte: [u8; 1] = stream.read_array()?;
            head.extend(byte);
        }
        // Another response follows (RFC 9110, section 15.2).
        if !matches!(status(&head), Some(100 | 102..=199)) {
            return Ok(head);
        }
    }
}

fn is_whole(head: &[u8]) -> bool {
    head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n")
}

/// The status in a whole head that starts with a line such as `HTTP/1.1 200 OK`.
fn status(head: &[u8]) -> Option<u16> {
    let is_http = head.starts_with(b"HTTP/1.") && is_whole(head);
    let digits = is_http.then(|| head.get(9..12))??;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
