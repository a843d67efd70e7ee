//! Sentences about requests that got no whole response: name look-up, connection and response.
//!
//! Proxies, TLS and the root store have sentences of their own: `proxy/messages`,
//! `tls/messages` and `roots`.

use std::io;
use std::time::Duration;

use crate::base::error::Error;
use crate::base::exhaustion::{Exhaustion, clause_of};
use crate::http::deadline::RequestDeadline;
use crate::http::endpoint::{AVOID_PLAINTEXT, Endpoint};
use crate::http::failure::{SendProgress, TransportError};
use crate::http::response::MAX_RESPONSE_BYTES;

/// The error of a request to `server`.
pub(super) fn transport_error(error: ureq::Error, server: &str) -> TransportError {
    let error = match error {
        ureq::Error::Other(other) => match other.downcast::<TransportError>() {
            Ok(error) => return *error,
            Err(other) => ureq::Error::Other(other),
        },
        other => other,
    };
    let (progress, message) = match &error {
        _ if RequestDeadline::cancelled() => {
            (SendProgress::Sent, format!("the call was cancelled before {server} responded"))
        }
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            (SendProgress::Sent, format!("{server} did not respond before the deadline"))
        }
        ureq::Error::Io(error) => {
            let cause = clause_of(error);
            (SendProgress::Sent, format!("the connection to {server} failed: {cause}"))
        }
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            (SendProgress::ResponseStarted, format!("the response from {server} is not valid HTTP"))
        }
        _ => (SendProgress::Sent, format!("the request to {server} failed")),
    };
    let any_sent = RequestDeadline::any_sent();
    let progress = if any_sent { progress } else { SendProgress::NotSent };
    let failed = TransportError::new(progress, message);
    let error = match error {
        ureq::Error::Io(cause) if Exhaustion::of(&cause).is_some() => {
            failed.with_hint_for(&cause, "")
        }
        _ => failed,
    };
    if error.progress == SendProgress::ResponseStarted { error.permanent() } else { error }
}

/// Adds to the hint that libcas ignores the environment, if no connection was established.
pub(super) fn environment_ignored(error: TransportError) -> TransportError {
    if error.progress != SendProgress::NotSent {
        return error;
    }
    let ignored = "The program runs with raised privileges, so libcas ignores the proxies, \
                   SSL_CERT_FILE and SSL_CERT_DIR of the environment: call cas_config_set_proxy, \
                   cas_config_set_ca_file, cas_config_set_ca_pem or \
                   cas_config_set_trust_environment.";
    let hint = error.hint.as_deref().unwrap_or("Check the network.");
    TransportError { hint: Some(format!("{hint} {ignored}")), ..error }
}

/// The body of the response did not arrive before the deadline.
pub(super) fn incomplete_at_deadline(server: &str) -> String {
    format!("the response from {server} was incomplete at the deadline")
}

/// The connection closed after `read` bytes of the body.
pub(super) fn ended_early(server: &str, read: usize) -> String {
    format!("the response from {server} ended early, after {read} bytes")
}

/// The body of the response is too large.
pub(super) fn too_large(server: &str) -> String {
    format!("the response from {server} exceeds {MAX_RESPONSE_BYTES} bytes")
}

/// A server or proxy sent something before the first request, or closed the connection.
pub(super) fn unasked() -> io::Error {
    io::Error::other("it was closed or sent data before the request")
}

/// The target or its proxy is invalid.
pub(super) fn invalid_route(error: &Error) -> TransportError {
    let mut clause = error.message().trim_end_matches('.').to_owned();
    if let Some(first) = clause.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    TransportError::not_sent(clause).with_hint(error.hint().unwrap_or_default()).permanent()
}

/// The program allows no plaintext to another machine. The endpoint of the client was checked when
/// it was made, so this is a request for an access key.
pub(super) fn plaintext_refused(target: &Endpoint) -> TransportError {
    let message = format!("plain HTTP to {target} would expose the access key to the network");
    TransportError::not_sent(message).with_hint(AVOID_PLAINTEXT).permanent()
}

/// No address of the server or proxy accepted a connection.
pub(super) fn connect_failed(
    host: &str,
    port: u16,
    is_proxy: bool,
    error: &io::Error,
) -> TransportError {
    let server = if is_proxy { "the proxy " } else { "" };
    let setting = if is_proxy { "the proxy address" } else { "the endpoint" };
    let (cause, hint) = if error.kind() == io::ErrorKind::TimedOut {
        let hint = "Check the network and any firewall, or increase the connect timeout.";
        ("timed out".to_owned(), hint.to_owned())
    } else {
        (clause_of(error), format!("Check {setting}, and look for a firewall or proxy in between."))
    };
    TransportError::not_sent(format!("failed to connect to {server}{host}:{port}: {cause}"))
        .with_hint_for(error, hint)
}

/// The name look-up of `host` failed, within `timeout`.
pub(super) fn not_resolved(host: &str, timeout: Duration, error: &io::Error) -> TransportError {
    let ms = timeout.as_millis();
    let cause = match error.kind() {
        io::ErrorKind::TimedOut => format!("no response from the name server within {ms} ms"),
        io::ErrorKind::ResourceBusy => {
            format!("too many other look-ups did not end within {ms} ms")
        }
        _ => clause_of(error),
    };
    TransportError::not_sent(format!("failed to resolve the host name {host}: {cause}"))
        .with_hint_for(
            error,
            "Check the spelling of the name, and the DNS and network of this machine.",
        )
}
