//! Errors of a proxy as sentences.

use std::io;

use crate::base::exhaustion::clause_of;
use crate::http::failure::TransportError;
use crate::http::proxy::url::Proxy;

/// The connection to the proxy failed.
pub(super) fn connection_failed(proxy: &Proxy, error: &io::Error) -> TransportError {
    let message = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("the proxy {proxy} did not respond in time")
        }
        io::ErrorKind::UnexpectedEof => {
            format!("the proxy {proxy} closed the connection without a response")
        }
        _ => format!("the connection to the proxy {proxy} failed: {}", clause_of(error)),
    };
    TransportError::not_sent(message).with_hint_for(
        error,
        "Check the proxy address, and that the proxy speaks the protocol of its URL.",
    )
}

/// The proxy did not connect to `host` and `port`.
pub(super) fn rejected_by_proxy(
    proxy: &Proxy,
    host: &str,
    port: u16,
    cause: &str,
) -> TransportError {
    TransportError::not_sent(format!(
        "the proxy {proxy} failed to connect to {host}:{port}: {cause}"
    ))
    .with_hint(
        "Ask the administrator of the proxy to allow this host and port, or exempt the host with \
         NO_PROXY.",
    )
}

/// The proxy requires authentication, or rejected the user name and password of its URL.
pub(crate) fn proxy_auth_failed(proxy: &Proxy) -> TransportError {
    let message = if proxy.login.is_some() {
        format!("the proxy {proxy} rejected the user name and password")
    } else {
        format!("the proxy {proxy} requires a user name and password")
    };
    TransportError::not_sent(message)
        .with_hint("Set them in the proxy URL: http://user:password@host:port.")
        .permanent()
}

/// The response of the proxy is not `protocol`. `other` names the proxies that it may be one of,
/// with the `scheme` of their URLs.
pub(super) fn wrong_protocol(
    proxy: &Proxy,
    protocol: &str,
    other: &str,
    scheme: &str,
) -> TransportError {
    TransportError::not_sent(format!("the proxy {proxy} does not speak {protocol}"))
        .with_hint(format!("Check the proxy address. The URL of {other} starts with {scheme}://."))
        .permanent()
}
