//! The HTTP client: one request at a time over ureq, from any number of threads.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use once_cell::race::OnceBox;
use ureq::config::{AutoHeaderValue, Config};
use ureq::http::header::{PROXY_AUTHENTICATE, USER_AGENT, WWW_AUTHENTICATE};
use ureq::http::{HeaderValue, Request, Response, Uri};
use ureq::unversioned::transport::Connector as _;
use ureq::{Agent, AsSendBody, Body};
use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::per_process::PerProcess;
use crate::http::deadline::{Connection, RequestDeadline};
use crate::http::failure::{SendProgress, TransportError};
use crate::http::messages::{
    ended_early, environment_ignored, incomplete_at_deadline, too_large, transport_error,
};
use crate::http::proxy::{ProxyPolicy, proxy_auth_failed};
use crate::http::response::{HttpResponse, MAX_MARK_BYTES, MAX_RESPONSE_BYTES, may_hold_secret};
use crate::http::roots::{LoadedRoots, RootStore};
use crate::http::settings::Settings;
use crate::http::{resolver, tcp, tls};

/// A connection that was idle for longer is not reused: the service closes it after 25 seconds (its
/// responses say `keep-alive: timeout=25`).
const MAX_IDLE: Duration = Duration::from_secs(20);

/// Idle connections that are kept open. More threads than this may send requests at the same time;
/// their connections are closed after use.
const MAX_IDLE_CONNECTIONS: usize = 64;

/// How much longer the buffer of a body becomes if its length is not known, at least.
const MIN_GROWTH_BYTES: usize = 1024;

/// The most that is read of a body at once, in bytes. Memory for it is cleared first.
const MAX_READ_BYTES: usize = 16 * 1024;

/// In the page of nginx and Tengine for a client without a certificate, which is not an alert of
/// TLS. They have not passed the request on.
const NO_CERTIFICATE: &[u8] = b"No required SSL certificate was sent";

/// An HTTP/1.1 client with a pool of connections. Any number of threads may share it.
pub(crate) struct HttpClient {
    settings: Arc<Settings>,
    /// Holds the connections, which a child of fork must not use.
    agent: PerProcess<Agent>,
}

impl HttpClient {
    /// Opens no connection yet. `user_agent` must be a valid header value, as `Config` checks.
    #[must_use]
    pub(crate) fn new(
        connect_timeout: Duration,
        root_store: RootStore,
        proxy_policy: ProxyPolicy,
        allow_plaintext: bool,
        user_agent: String,
    ) -> Self {
        let user_agent =
            HeaderValue::try_from(user_agent).unwrap_or(HeaderValue::from_static("libcas"));
        let settings = Arc::new(Settings {
            connect_timeout,
            root_store,
            proxy_policy,
            allow_plaintext,
            user_agent,
        });
        let agent = PerProcess::new(new_agent(&settings));
        Self { settings, agent }
    }

    /// Reads the trusted roots before `deadline`.
    pub(crate) fn roots(&self, deadline: &Deadline) -> Result<LoadedRoots, TransportError> {
        self.settings.root_store.load(deadline)
    }

    /// Returns what the server of `uri` presents in a TLS handshake before `deadline`.
    pub(crate) fn presented(
        &self,
        uri: &Uri,
        deadline: &Deadline,
    ) -> Result<tls::Presented, TransportError> {
        let _request = RequestDeadline::begin(deadline, Connection::New);
        tls::presented(&self.settings, uri)
    }

    /// Sends `request` and reads the whole response before `deadline`. A response with any status
    /// is a success. `server` is the name of the server in messages.
    pub(crate) fn send(
        &self,
        mut request: Request<impl AsSendBody>,
        server: &str,
        connection: Connection,
        deadline: &Deadline,
    ) -> Result<HttpResponse, TransportError> {
        let _request = RequestDeadline::begin(deadline, connection);
        let uri = request.uri().clone();
        request.headers_mut().insert(USER_AGENT, self.settings.user_agent.clone());
        let agent = self.agent.get(|| new_agent(&self.settings));
        let response = agent.run(request).map_err(|error| {
            let error = transport_error(error, server);
            if self.settings.ignores_environment() { environment_ignored(error) } else { error }
        })?;
        if asks_for_login(&response)
            && let Ok((target, Some(proxy))) = self.settings.route(&uri)
            && proxy.forwards(&target)
        {
            let challenges = response.headers().get_all(PROXY_AUTHENTICATE);
            let challenges = challenges.iter().filter_map(|challenge| challenge.to_str().ok());
            return Err(proxy_auth_failed(&proxy, challenges));
        }
        let response = read_response(response, server)?;
        if response.status == 400 && memchr::memmem::find(&response.body, NO_CERTIFICATE).is_some()
        {
            return Err(tls::client_certificate_required(server));
        }
        Ok(response)
    }
}

/// Whether a proxy that forwards requests has not forwarded this one. tinyproxy responds to a wrong
/// password with 401, which the service never sends with a challenge.
fn asks_for_login(response: &Response<Body>) -> bool {
    match response.status().as_u16() {
        407 => true,
        401 => response.headers().contains_key(WWW_AUTHENTICATE),
        _ => false,
    }
}

fn read_response(response: Response<Body>, server: &str) -> Result<HttpResponse, TransportError> {
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
    };
    let mut result = HttpResponse {
        status: response.status().as_u16(),
        request_id: header("x-acs-request-id"),
        // The official SDK ignores 0.
        retry_after: header("x-acs-retry-after")
            .and_then(|ms| ms.parse().ok())
            .filter(|&ms| ms > 0)
            .map(Duration::from_millis),
        // Needed when the service rejects the time of a request.
        date: header("date")
            .filter(|_| !response.status().is_success())
            .and_then(|date| httpdate::parse_http_date(&date).ok()),
        location: response.status().is_redirection().then(|| header("location")).flatten(),
        body: Zeroizing::default(),
    };
    let unusable = |message: String| TransportError {
        http_status: Some(result.status),
        request_id: result.request_id(),
        ..TransportError::new(SendProgress::ResponseStarted, message)
    };
    let limit = MAX_RESPONSE_BYTES as u64 + 1;
    // Usually the final size, so that the buffer is not copied while it grows.
    let expected = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Zeroizing::new(Vec::with_capacity(expected.min(MAX_RESPONSE_BYTES) + 1));
    if let Err(error) = read_body(response.into_body().into_reader().take(limit), &mut body) {
        let read = body.len();
        if error.kind() == io::ErrorKind::TimedOut {
            let incomplete = unusable(incomplete_at_deadline(server));
            return Err(TransportError { progress: SendProgress::Sent, ..incomplete });
        }
        return Err(unusable(ended_early(server, read)));
    }
    if body.len() > MAX_RESPONSE_BYTES {
        return Err(unusable(too_large(server)).permanent());
    }
    result.body = body;
    Ok(result)
}

/// Reads a body to its end, where ureq keeps the connection for the next request, unless the body
/// may hold a secret: TLS keeps what it has decrypted in a buffer until more is received, or until
/// the connection is closed and the buffer wiped.
fn read_body(mut reader: impl Read, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let start = body.len();
        if body.capacity() == start {
            body.reserve(MIN_GROWTH_BYTES);
        }
        body.resize(body.capacity().min(start + MAX_READ_BYTES), 0);
        let read = reader.read(&mut body[start..]);
        body.truncate(start + *read.as_ref().unwrap_or(&0));
        if read? == 0 {
            return Ok(());
        }
        // The mark of a secret may have come in two parts.
        if may_hold_secret(&body[start.saturating_sub(MAX_MARK_BYTES)..]) {
            RequestDeadline::close_connection();
        }
    }
}

/// The configuration of ureq, which is the same for all clients.
///
/// It is made once per process: ureq reads the proxies of the environment for its defaults, which
/// libcas then replaces. A child of fork, which makes a new agent, must not read them again.
fn config() -> Config {
    static CONFIG: OnceBox<Config> = OnceBox::new();
    let make = || {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(AutoHeaderValue::None)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .max_idle_age(MAX_IDLE)
            .max_idle_connections(MAX_IDLE_CONNECTIONS)
            .max_idle_connections_per_host(MAX_IDLE_CONNECTIONS)
            .proxy(None)
            .build();
        Box::new(config)
    };
    CONFIG.get_or_init(make).clone()
}

fn new_agent(settings: &Arc<Settings>) -> Agent {
    let connector =
        ().chain(tcp::TcpConnector(Arc::clone(settings)))
            .chain(tls::TlsConnector::new(Arc::clone(settings)));
    Agent::with_parts(config(), connector, resolver::LazyResolver)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Reads a body that arrives in two parts. Returns it, and whether the connection is kept.
    fn read(body: &[u8], at: usize) -> (Vec<u8>, bool) {
        let _request = RequestDeadline::begin(&Deadline::over(), Connection::Any);
        let (first, rest) = body.split_at(at);
        let mut read = Vec::new();
        read_body(Cursor::new(first).chain(Cursor::new(rest)), &mut read).unwrap();
        (read, RequestDeadline::may_reuse())
    }

    #[test]
    fn a_body_is_read_whole_and_a_secret_in_it_closes_the_connection() {
        let long = [vec![b' '; 2 * MAX_READ_BYTES].as_slice(), br#""AccessKeySecret":"#].concat();
        for (body, kept) in [
            (&br#"{"CertId":7}"#[..], true),
            (b"", true),
            (br#"{"Key":"-----BEGIN PRIVATE KEY-----"}"#, false),
            (&long, false),
        ] {
            for at in (0..=body.len()).rev().take(50) {
                assert_eq!(read(body, at), (body.to_vec(), kept), "{at} of {}", body.len());
            }
        }
    }
}
