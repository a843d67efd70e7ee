//! One request over ureq, for any number of threads.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::{Request, Response};
use ureq::unversioned::transport::Connector as _;
use ureq::{Agent, AsSendBody, Body};
use zeroize::Zeroizing;

use crate::http::deadline::RequestDeadline;
use crate::http::failure::{SendProgress, TransportError};
use crate::http::per_process::PerProcess;
use crate::http::proxy::ProxyPolicy;
use crate::http::response::{HttpResponse, MAX_RESPONSE_BYTES};
use crate::http::roots::RootStore;
use crate::http::settings::Settings;
use crate::http::{resolver, tcp, tls};

/// A pooled connection is not reused after this: the service closes idle ones after 25 seconds (its
/// answers say `keep-alive: timeout=25`).
pub(crate) const MAX_IDLE: Duration = Duration::from_secs(20);

/// Connections kept open while idle. More threads than this may call at once; theirs are closed after use.
const MAX_IDLE_CONNECTIONS: usize = 64;

/// HTTP/1.1 with kept-alive connections to any hosts, for any number of threads: all that one client sends.
pub(crate) struct HttpClient {
    settings: Arc<Settings>,
    /// Holds the connections, which a child of fork must not use.
    agent: PerProcess<Agent>,
}

impl HttpClient {
    /// Makes none yet. `user_agent` must be a valid header value.
    #[must_use]
    pub(crate) fn new(
        connect_timeout: Duration,
        trust: RootStore,
        proxy_policy: ProxyPolicy,
        user_agent: String,
    ) -> Self {
        let settings = Arc::new(Settings { connect_timeout, trust, proxy_policy, user_agent });
        let agent = PerProcess::new(new_agent(&settings));
        Self { settings, agent }
    }

    /// Sends `request` and returns the whole answer, whatever its status, before `deadline`. `shown` is the host in
    /// messages.
    pub(crate) fn send(
        &self,
        request: Request<impl AsSendBody>,
        shown: &str,
        deadline: Instant,
    ) -> Result<HttpResponse, TransportError> {
        RequestDeadline::begin(deadline);
        let agent = self.agent.get(|| new_agent(&self.settings));
        let response = agent.run(request).map_err(|error| failure(error, shown))?;
        whole_answer(response, shown)
    }
}

fn failure(error: ureq::Error, shown: &str) -> TransportError {
    let error = match error {
        ureq::Error::Other(other) => match other.downcast::<TransportError>() {
            Ok(failure) => return *failure,
            Err(other) => ureq::Error::Other(other),
        },
        other => other,
    };
    let sent = RequestDeadline::any_accepted();
    let (progress, what) = match &error {
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            (SendProgress::Sent, format!("no answer from {shown} before the deadline"))
        }
        ureq::Error::Io(error) => {
            (SendProgress::Sent, format!("the connection to {shown} broke: {error}"))
        }
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => (
            SendProgress::ResponseStarted,
            format!("{shown} answered with something that is not HTTP"),
        ),
        _ => (SendProgress::Sent, format!("the request to {shown} failed")),
    };
    let failure = TransportError::new(if sent { progress } else { SendProgress::NotSent }, what);
    if failure.progress == SendProgress::ResponseStarted { failure.permanent() } else { failure }
}

fn whole_answer(response: Response<Body>, shown: &str) -> Result<HttpResponse, TransportError> {
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
    };
    let mut answer = HttpResponse {
        status: response.status().as_u16(),
        request_id: header("x-acs-request-id"),
        // The official SDK takes 0 for no advice.
        retry_after: header("x-acs-retry-after")
            .and_then(|ms| ms.parse().ok())
            .filter(|&ms| ms > 0)
            .map(Duration::from_millis),
        // Asked for where a request is refused for its time.
        date: header("date")
            .filter(|_| !response.status().is_success())
            .and_then(|date| httpdate::parse_http_date(&date).ok()),
        location: response.status().is_redirection().then(|| header("location")).flatten(),
        body: Zeroizing::default(),
    };
    let cut = |what: String| TransportError {
        http_status: Some(answer.status),
        request_id: answer.request_id(),
        ..TransportError::new(SendProgress::ResponseStarted, what)
    };
    let limit = MAX_RESPONSE_BYTES as u64 + 1;
    // Usually all that is needed, so that nothing is copied on the way.
    let expected = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Zeroizing::new(Vec::with_capacity(expected.min(MAX_RESPONSE_BYTES) + 1));
    if let Err(error) = response.into_body().into_reader().take(limit).read_to_end(&mut body) {
        let mut failure =
            cut(format!("the answer of {shown} broke off after {} bytes", body.len()));
        if error.kind() == io::ErrorKind::TimedOut {
            failure.progress = SendProgress::Sent;
            failure.message = format!("no whole answer came from {shown} before the deadline");
        }
        return Err(failure);
    }
    if body.len() > MAX_RESPONSE_BYTES {
        return Err(cut(format!("{shown} sent an answer of more than {MAX_RESPONSE_BYTES} bytes"))
            .permanent());
    }
    answer.body = body;
    Ok(answer)
}

fn new_agent(settings: &Arc<Settings>) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(&settings.user_agent)
        .accept(ureq::config::AutoHeaderValue::None)
        .accept_encoding(ureq::config::AutoHeaderValue::None)
        .max_idle_age(MAX_IDLE)
        .max_idle_connections(MAX_IDLE_CONNECTIONS)
        .max_idle_connections_per_host(MAX_IDLE_CONNECTIONS)
        .proxy(None)
        .build();
    let connector =
        ().chain(tcp::TcpConnector(Arc::clone(settings)))
            .chain(tls::TlsConnector::new(Arc::clone(settings)));
    Agent::with_parts(config, connector, resolver::LazyResolver)
}
