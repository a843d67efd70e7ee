//! Failures of a proxy in words.

use std::io;

use crate::http::failure::TransportError;
use crate::http::proxy::url::Proxy;

pub(super) fn broken(proxy: &Proxy, error: &io::Error) -> TransportError {
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

pub(super) fn refused(proxy: &Proxy, host: &str, port: u16, why: &str) -> TransportError {
    TransportError::not_sent(format!(
        "the proxy {proxy} made no connection to {host}:{port}: {why}"
    ))
    .with_hint(
        "Ask whoever runs the proxy to allow this host and port, or exempt it with NO_PROXY.",
    )
}

pub(super) fn proxy_auth_failed(proxy: &Proxy) -> TransportError {
    let what = if proxy.login.is_some() {
        format!("the proxy {proxy} did not accept the user name and password")
    } else {
        format!("the proxy {proxy} wants a user name and a password")
    };
    TransportError::not_sent(what)
        .with_hint("Set them in the proxy's URL: http://user:password@host:port.")
        .permanent()
}
