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

/// The proxy, or a captive portal in its place, responded with `status`: a page to sign in on.
pub(super) fn sign_in_required(
    proxy: &Proxy,
    host: &str,
    port: u16,
    status: u16,
) -> TransportError {
    TransportError::not_sent(format!(
        "the proxy {proxy} did not connect to {host}:{port}: it responded with HTTP {status}"
    ))
    .with_hint(format!("The network may require you to sign in: {SIGN_IN}"))
    .permanent()
}

/// What came through the tunnel to `server` is not TLS.
pub(crate) fn not_tls(proxy: &Proxy, server: &str) -> TransportError {
    TransportError::not_sent(format!(
        "the TLS handshake with {server} failed: the response through the proxy {proxy} is not TLS"
    ))
    .with_hint(format!(
        "Check that this port speaks TLS. If it does, the proxy or a captive portal responds in \
         place of the server: {SIGN_IN}"
    ))
    .permanent()
}

const SIGN_IN: &str =
    "open a page in a browser on this network, or ask the administrator of the proxy.";

/// The schemes of authentication that libcas knows by name (IANA's registry, and Microsoft's).
const SCHEMES: [&str; 6] = ["Basic", "Digest", "NTLM", "Negotiate", "Kerberos", "Bearer"];

/// The proxy requires authentication, by one of the schemes in `challenges`, or rejected the user
/// name and password of its URL.
pub(crate) fn proxy_auth_failed<'a>(
    proxy: &Proxy,
    challenges: impl Iterator<Item = &'a str>,
) -> TransportError {
    let mut offered: Vec<&str> = challenges
        .flat_map(|challenge| challenge.split(','))
        .filter_map(|part| part.split_whitespace().next())
        .filter_map(|word| SCHEMES.into_iter().find(|scheme| scheme.eq_ignore_ascii_case(word)))
        .collect();
    offered.sort_unstable();
    offered.dedup();
    if !offered.is_empty() && !offered.contains(&"Basic") {
        let offered = offered.join(" or ");
        return TransportError::not_sent(format!(
            "the proxy {proxy} requires authentication by {offered}, which libcas does not support"
        ))
        .with_hint(
            "libcas supports Basic. Ask the administrator of the proxy to allow it, or use a local \
             proxy that signs in to this one.",
        )
        .permanent();
    }
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
