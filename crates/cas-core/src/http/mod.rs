//! One POST over HTTP or HTTPS, and an exact account of how far it got when it fails.
//!
//! HTTP is ureq's; sockets, TLS and name look-up are plugged into it from here, for four reasons: a request
//! leaves in one write; buffers that held a key are wiped; no thread is started for an IP address or an
//! open connection; and whether any byte left is known for certain.

mod buffers;
pub mod endpoint;
pub mod proxy;
mod resolver;
mod roots;
mod tcp;
mod tls;

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::process;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use ureq::http::{Request, Response, Uri};
use ureq::unversioned::transport::Connector as _;
use ureq::{Agent, AsSendBody, Body};
use zeroize::Zeroizing;

use crate::http::endpoint::Endpoint;
use crate::protocol::reading::{HttpAnswer, MAX_ANSWER_BYTES};
use crate::protocol::signed_form::SignedForm;
use proxy::Ways;
pub use roots::Trust;

/// A pooled connection is not reused after this: the service closes idle ones after 25 seconds (its
/// answers say `keep-alive: timeout=25`).
const MAX_IDLE: Duration = Duration::from_secs(20);

/// Connections kept open while idle. More threads than this may call at once; theirs are closed after use.
const MAX_IDLE_CONNECTIONS: usize = 64;

/// Sends signed requests.
pub trait Transport: Send + Sync {
    /// Sends `form` and returns the whole answer, whatever its status, before `deadline`.
    fn post(&self, form: &SignedForm, deadline: Instant) -> Result<HttpAnswer, Failure>;
}

/// How far a request got before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No byte of it left: it was certainly not applied.
    Nowhere,
    /// It was sent, at least in part, and no answer came: it may have been applied.
    Sent,
    /// An answer began that is not whole or not HTTP: it may have been applied.
    Answered,
}

/// Why there is no answer. Holds no secret.
#[derive(Debug)]
pub struct Failure {
    /// How far the request got.
    pub reach: Reach,
    /// Whether the call's deadline passed.
    pub deadline_passed: bool,
    /// What happened, as a clause: "no connection to 10.0.0.1:443: Connection refused".
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether trying again in a moment cannot help.
    pub permanent: bool,
    /// HTTP status of an answer that began.
    pub http_status: Option<u16>,
    /// Request id of an answer that began.
    pub request_id: Option<String>,
}

impl Failure {
    fn new(reach: Reach, what: impl Into<String>) -> Self {
        Self {
            reach,
            deadline_passed: CALL.get().is_some_and(|call| Instant::now() >= call.deadline),
            what: what.into(),
            hint: None,
            permanent: false,
            http_status: None,
            request_id: None,
        }
    }

    fn nowhere(what: impl Into<String>) -> Self {
        Self::new(Reach::Nowhere, what)
    }

    fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for ureq::Error {
    fn from(failure: Failure) -> Self {
        Self::Other(Box::new(failure))
    }
}

/// The call that this thread is in. ureq hands pooled connections out without a word about the request
/// they are for, so the sockets find deadline and account here. It needs no destructor, so a thread that
/// outlives the library does no harm.
#[derive(Clone, Copy)]
struct Call {
    deadline: Instant,
    /// The deadline that holds now: earlier while a connection is being made.
    limit: Instant,
    /// Bytes that the kernel took since the connection stood.
    accepted: usize,
}

thread_local! {
    static CALL: Cell<Option<Call>> = const { Cell::new(None) };
}

impl Call {
    fn update(change: impl FnOnce(&mut Self)) {
        CALL.with(|cell| {
            if let Some(mut call) = cell.get() {
                change(&mut call);
                cell.set(Some(call));
            }
        });
    }

    /// A connection is being made: it must stand within `timeout`.
    fn connecting(timeout: Duration) {
        Self::update(|call| call.limit = call.deadline.min(Instant::now() + timeout));
    }

    /// The connection stands; what is sent from now on is the request.
    fn connected() {
        Self::update(|call| {
            call.limit = call.deadline;
            call.accepted = 0;
        });
    }

    fn accepted(bytes: usize) {
        Self::update(|call| call.accepted += bytes);
    }

    /// Time that is left, or `TimedOut`.
    fn time_left() -> io::Result<Duration> {
        let limit = CALL.get().map_or_else(Instant::now, |call| call.limit);
        let left = limit.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// What a connection needs to know.
#[derive(Debug)]
struct Settings {
    connect_timeout: Duration,
    trust: Trust,
    ways: Ways,
    user_agent: String,
}

/// HTTP/1.1 with kept-alive connections to any hosts, for any number of threads: all that one client sends.
pub struct Connections {
    settings: Arc<Settings>,
    /// The process that opened the connections, and the connections: a child of `fork` must not use them.
    agent: RwLock<(u32, Agent)>,
}

impl Connections {
    /// Makes none yet. `user_agent` must be a valid header value.
    #[must_use]
    pub fn new(connect_timeout: Duration, trust: Trust, ways: Ways, user_agent: String) -> Self {
        let settings = Arc::new(Settings { connect_timeout, trust, ways, user_agent });
        let agent = RwLock::new((process::id(), new_agent(&settings)));
        Self { settings, agent }
    }

    /// This process's agent. Locks are held for the length of a copy; where one was held by another thread
    /// at the moment of `fork`, the child goes without pooled connections rather than wait for ever.
    fn agent(&self) -> Agent {
        let own = process::id();
        if let Ok(agent) = self.agent.try_read()
            && agent.0 == own
        {
            return agent.1.clone();
        }
        let fresh = new_agent(&self.settings);
        match self.agent.try_write() {
            Ok(agent) if agent.0 == own => agent.1.clone(),
            Ok(mut agent) => {
                *agent = (own, fresh.clone());
                fresh
            }
            Err(_) => fresh,
        }
    }

    /// Sends `request` and returns the whole answer, whatever its status, before `deadline`. `shown` is the host in
    /// messages.
    pub(crate) fn send(
        &self,
        request: Request<impl AsSendBody>,
        shown: &str,
        deadline: Instant,
    ) -> Result<HttpAnswer, Failure> {
        CALL.set(Some(Call { deadline, limit: deadline, accepted: 0 }));
        let response = self.agent().run(request).map_err(|error| failure(error, shown))?;
        whole_answer(response, shown)
    }
}

fn failure(error: ureq::Error, shown: &str) -> Failure {
    let error = match error {
        ureq::Error::Other(other) => match other.downcast::<Failure>() {
            Ok(failure) => return *failure,
            Err(other) => ureq::Error::Other(other),
        },
        other => other,
    };
    let sent = CALL.get().is_some_and(|call| call.accepted > 0);
    let (reach, what) = match &error {
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            (Reach::Sent, format!("no answer from {shown} before the deadline"))
        }
        ureq::Error::Io(error) => (Reach::Sent, format!("the connection to {shown} broke: {error}")),
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            (Reach::Answered, format!("{shown} answered with something that is not HTTP"))
        }
        _ => (Reach::Sent, format!("the request to {shown} failed")),
    };
    let failure = Failure::new(if sent { reach } else { Reach::Nowhere }, what);
    if failure.reach == Reach::Answered { failure.permanent() } else { failure }
}

fn whole_answer(response: Response<Body>, shown: &str) -> Result<HttpAnswer, Failure> {
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
    };
    let mut answer = HttpAnswer {
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
    let cut = |what: String| Failure {
        http_status: Some(answer.status),
        request_id: answer.request_id(None),
        ..Failure::new(Reach::Answered, what)
    };
    let limit = MAX_ANSWER_BYTES as u64 + 1;
    // Usually all that is needed, so that nothing is copied on the way.
    let expected = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Zeroizing::new(Vec::with_capacity(expected.min(MAX_ANSWER_BYTES) + 1));
    if let Err(error) = response.into_body().into_reader().take(limit).read_to_end(&mut body) {
        let mut failure = cut(format!("the answer of {shown} broke off after {} bytes", body.len()));
        if error.kind() == io::ErrorKind::TimedOut {
            failure.reach = Reach::Sent;
            failure.what = format!("no whole answer came from {shown} before the deadline");
        }
        return Err(failure);
    }
    if body.len() > MAX_ANSWER_BYTES {
        return Err(cut(format!("{shown} sent an answer of more than {MAX_ANSWER_BYTES} bytes")).permanent());
    }
    answer.body = body;
    Ok(answer)
}

/// Signed forms, to one endpoint.
pub struct Http {
    connections: Arc<Connections>,
    uri: Uri,
    shown_endpoint: String,
}

impl Http {
    /// Makes no connection yet.
    pub fn new(
        connections: Arc<Connections>,
        endpoint: &Endpoint,
    ) -> Result<Self, crate::base::error::Error> {
        let uri = endpoint.url().parse().map_err(|_| {
            crate::base::error::Error::new(
                crate::base::error::ErrorKind::InvalidArgument,
                format!("The endpoint {endpoint} does not make a URL."),
            )
        })?;
        Ok(Self { connections, uri, shown_endpoint: endpoint.to_string() })
    }
}

impl Transport for Http {
    fn post(&self, form: &SignedForm, deadline: Instant) -> Result<HttpAnswer, Failure> {
        let mut request =
            Request::post(self.uri.clone()).header("Content-Type", "application/x-www-form-urlencoded");
        for (name, value) in form.headers() {
            request = request.header(name, value);
        }
        // Cannot fail: every header's value was made or checked here.
        let request = request
            .body(form.as_bytes())
            .map_err(|_| Failure::new(Reach::Nowhere, "a header would not be valid HTTP").permanent())?;
        self.connections.send(request, &self.shown_endpoint, deadline)
    }
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
        ().chain(tcp::TcpConnector(Arc::clone(settings))).chain(tls::TlsConnector::new(Arc::clone(settings)));
    Agent::with_parts(config, connector, resolver::Later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use crate::protocol::hmac_sha1;
    use crate::protocol::params::Params;

    /// Runs `serve` for each connection, in order, and gives the endpoint.
    fn server(serve: Vec<fn(TcpStream)>) -> (Http, thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            for serve in serve {
                serve(listener.accept().unwrap().0);
            }
        });
        (http_to(&url), thread)
    }

    fn http_to(url: &str) -> Http {
        let ways = Ways::Environment(Arc::default());
        let connections = Connections::new(LONG, Trust::of_system(), ways, "test".to_owned());
        Http::new(Arc::new(connections), &Endpoint::parse(url).unwrap()).unwrap()
    }

    fn form(size: usize) -> SignedForm {
        let value = "k".repeat(size);
        let mut params = Params::new();
        params.set("Key", value.as_str());
        hmac_sha1::sign(&params, "secret")
    }

    fn post(http: &Http, form: &SignedForm, timeout: Duration) -> Result<HttpAnswer, Failure> {
        http.post(form, Instant::now() + timeout)
    }

    const LONG: Duration = Duration::from_secs(60);

    fn read_head(stream: &mut TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
    }

    #[test]
    fn a_server_that_closes_at_once_may_have_the_request() {
        let (http, thread) = server(vec![|mut stream| {
            read_head(&mut stream);
        }]);
        let failure = post(&http, &form(10), LONG).unwrap_err();
        assert_eq!((failure.reach, failure.deadline_passed), (Reach::Sent, false));
        thread.join().unwrap();
    }

    #[test]
    fn an_answer_that_breaks_off_is_no_answer() {
        let (http, thread) = server(vec![|mut stream| {
            read_head(&mut stream);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nx-acs-request-id: R\r\nContent-Length: 9\r\n\r\nhalf")
                .unwrap();
        }]);
        let failure = post(&http, &form(0), LONG).unwrap_err();
        assert_eq!((failure.reach, failure.http_status), (Reach::Answered, Some(200)));
        assert_eq!(failure.request_id.as_deref(), Some("R"));
        assert!(failure.what.contains("after 4 bytes"), "{failure}");
        thread.join().unwrap();
    }

    #[test]
    fn what_was_not_sent_reached_nowhere() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = http_to(&format!("http://{}", listener.local_addr().unwrap()));
        drop(listener);
        let failure = post(&http, &form(10), LONG).unwrap_err();
        assert_eq!((failure.reach, failure.deadline_passed), (Reach::Nowhere, false));
        let failure = post(&http, &form(10), Duration::ZERO).unwrap_err();
        assert_eq!((failure.reach, failure.deadline_passed), (Reach::Nowhere, true));
    }

    #[test]
    fn a_request_larger_than_the_buffer_arrives_whole() {
        let (http, thread) = server(vec![|mut stream| {
            read_head(&mut stream);
            let mut body = vec![0; form(300_000).as_bytes().len()];
            stream.read_exact(&mut body).unwrap();
            assert_eq!(body, form(300_000).as_bytes());
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        }]);
        assert_eq!(post(&http, &form(300_000), LONG).unwrap().body.as_slice(), b"{}");
        thread.join().unwrap();
    }

    #[test]
    fn headers_of_the_answer_are_read() {
        let (http, thread) = server(vec![|mut stream| {
            read_head(&mut stream);
            stream
                .write_all(
                    b"HTTP/1.1 400 Bad Request\r\nX-Acs-Retry-After: 250\r\nContent-Type: text/xml\r\n\
                      Location: elsewhere\r\nDate: Tue, 24 Nov 2026 08:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                )
                .unwrap();
        }]);
        let answer = post(&http, &form(0), LONG).unwrap();
        assert_eq!((answer.status, answer.retry_after), (400, Some(Duration::from_millis(250))));
        assert_eq!(answer.location, None);
        assert_eq!(crate::service::clock_skew::timestamp(answer.date.unwrap()), "2026-11-24T08:00:00Z");
        assert_eq!(answer.body.as_slice(), b"{}");
        thread.join().unwrap();
    }

    #[test]
    fn an_endless_head_is_refused() {
        let (http, thread) = server(vec![|mut stream| {
            read_head(&mut stream);
            let line = format!("X-Filler: {}\r\n", "x".repeat(1000));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(line.as_bytes()).is_ok() {}
        }]);
        assert_eq!(post(&http, &form(0), LONG).unwrap_err().reach, Reach::Answered);
        drop(http);
        thread.join().unwrap();
    }
}
