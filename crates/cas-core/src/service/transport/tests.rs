//! Requests over real sockets: how far each got, and what came back.

use super::*;
use std::time::Duration;

use crate::http::proxy::ProxyPolicy;
use crate::http::roots::RootStore;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::protocol::hmac_sha1;
use crate::protocol::params::Params;

/// Runs `serve` for each connection, in order, and gives the endpoint.
fn server(serve: Vec<fn(TcpStream)>) -> (HttpTransport, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        for serve in serve {
            serve(listener.accept().unwrap().0);
        }
    });
    (http_to(&url), thread)
}

fn http_to(url: &str) -> HttpTransport {
    let proxy_policy = ProxyPolicy::Environment(Arc::default());
    let connections = HttpClient::new(LONG, RootStore::from_env(), proxy_policy, "test".to_owned());
    HttpTransport::new(Arc::new(connections), &Endpoint::parse(url).unwrap()).unwrap()
}

fn form(size: usize) -> SignedForm {
    let value = "k".repeat(size);
    let mut params = Params::new();
    params.set("Key", value.as_str());
    hmac_sha1::sign(&params, "secret")
}

fn post(
    http: &HttpTransport,
    form: &SignedForm,
    timeout: Duration,
) -> Result<HttpResponse, TransportError> {
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
    assert_eq!((failure.progress, failure.deadline_passed), (SendProgress::Sent, false));
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
    assert_eq!((failure.progress, failure.http_status), (SendProgress::ResponseStarted, Some(200)));
    assert_eq!(failure.request_id.as_deref(), Some("R"));
    assert!(failure.message.contains("after 4 bytes"), "{failure}");
    thread.join().unwrap();
}

#[test]
fn what_was_not_sent_reached_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = http_to(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let failure = post(&http, &form(10), LONG).unwrap_err();
    assert_eq!((failure.progress, failure.deadline_passed), (SendProgress::NotSent, false));
    let failure = post(&http, &form(10), Duration::ZERO).unwrap_err();
    assert_eq!((failure.progress, failure.deadline_passed), (SendProgress::NotSent, true));
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
    assert_eq!(crate::base::time::timestamp(answer.date.unwrap()), "2026-11-24T08:00:00Z");
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
    assert_eq!(post(&http, &form(0), LONG).unwrap_err().progress, SendProgress::ResponseStarted);
    drop(http);
    thread.join().unwrap();
}
