//! Sentences about what was examined and is in order, or was not examined.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::base::error::{Error, ErrorKind};
use crate::credentials::survey::KeyReport;
use crate::http::endpoint::Endpoint;
use crate::http::failure::TransportError;
use crate::http::tls::Handshake;

/// The most addresses that a message lists.
const MAX_ADDRESSES: usize = 4;

pub(super) const INTERCEPTED: &str = "Ask the administrator of the network to exempt \
                                      *.aliyuncs.com from TLS inspection: the inspecting proxy \
                                      can read private keys.";
pub(super) const SLOW_DNS: &str = "Check the name servers of this machine (/etc/resolv.conf).";
pub(super) const LOCAL_ADDRESS: &str = "Check /etc/hosts and the name servers of this machine: \
                                        something answers in the place of the service, such as a \
                                        proxy program or a captive portal.";
pub(super) const PLAINTEXT: &str =
    "Use https: the private keys of uploads can be read on the network.";

/// There is a connection, and no response.
pub(super) fn silent(failure: TransportError) -> TransportError {
    match failure.hint {
        Some(_) => failure,
        None => failure.with_hint(
            "The endpoint accepts connections and does not respond: look for a firewall, proxy or \
             load balancer in between, or set a longer timeout.",
        ),
    }
}

/// A step of a connection failed.
pub(super) fn not_connected(failure: TransportError) -> Error {
    let mut message = failure.message;
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let hint = failure.hint.unwrap_or_else(|| "Check the network.".to_owned());
    let error = Error::new(ErrorKind::Network, format!("{message}."))
        .with_retryable(!failure.permanent)
        .with_hint(hint);
    match failure.exhaustion {
        Some(exhaustion) => error.with_exhaustion(exhaustion),
        None => error,
    }
}

pub(super) fn looked_up(host: &str, addresses: &[SocketAddr], took: Duration) -> String {
    if host.parse::<IpAddr>().is_ok() {
        return format!("{host} is an IP address: no name is looked up.");
    }
    let shown: Vec<_> =
        addresses.iter().take(MAX_ADDRESSES).map(|address| address.ip().to_string()).collect();
    let more = match addresses.len().saturating_sub(MAX_ADDRESSES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{host} has the address {}{more} ({} ms).", shown.join(", "), took.as_millis())
}

/// Whether an address cannot be that of a server on the internet: this machine, or the range for
/// tests of networks, which proxy programs use (RFC 2544).
pub(super) fn is_local(address: &SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_loopback() || ip.is_unspecified() || (first == 198 && second & 0xfe == 18)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified(),
    }
}

pub(super) fn trusted(handshake: &Handshake, endpoint: &Endpoint) -> String {
    let Handshake { version, cipher_suite, chain, issuer, not_after, .. } = handshake;
    let subject = chain.first().map_or("(no name)", String::as_str);
    let until = not_after.map_or(String::new(), |end| format!(", valid until {end}"));
    format!(
        "{version} with {endpoint} ({cipher_suite}). Its certificate is {subject}{until}; the last \
         issuer of its chain is {issuer}."
    )
}

pub(super) fn intercepted(handshake: &Handshake, endpoint: &Endpoint) -> String {
    let issuer = &handshake.issuer;
    format!(
        "The connection to {endpoint} is intercepted: its certificate is issued by {issuer}, which \
         is trusted on this machine, but is not a public CA."
    )
}

pub(super) fn served_by(name: &str, key: &KeyReport) -> String {
    let KeyReport { access_key_id, is_temporary, expires } = key;
    let temporary = if *is_temporary { ", temporary" } else { "" };
    let until = expires.map_or(String::new(), |end| format!(", valid until {end}"));
    format!("The access key comes from {name}: {access_key_id}{temporary}{until}.")
}

/// The message for a probe that depends on one that failed.
pub(super) fn depends_on(what: &str) -> String {
    format!("Not examined, because {what}.")
}
