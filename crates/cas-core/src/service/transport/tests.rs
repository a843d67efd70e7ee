//! Requests over real sockets: how far each got, and what came back.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use cas_sign::{Params, hmac_sha1};

use super::*;
use crate::base::env::EnvSnapshot;
use crate::http::failure::SendProgress;
use crate::http::proxy::ProxyPolicy;
use crate::http::response::MAX_RESPONSE_BYTES;
use crate::http::roots::RootStore;

/// Starts a server that calls one of `serve` for each connection, in order.
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
    http_by_env(url, EnvSnapshot::default())
}

fn http_by_env(url: &str, variables: EnvSnapshot) -> HttpTransport {
    let root_store = RootStore::of_environment(&variables);
    let proxy_policy = ProxyPolicy::Environment(Arc::new(variables));
    let client = HttpClient::new(LONG, root_store, proxy_policy, true, "test".to_owned());
    HttpTransport::new(Arc::new(client), &Endpoint::parse(url).unwrap()).unwrap()
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
    http.post(form, Connection::Any, &Deadline::after(timeout))
}

const LONG: Duration = Duration::from_secs(60);

/// Reads a request whose form is `form(size)`.
fn read_request(stream: &mut TcpStream, size: usize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let mut body = vec![0; form(size).as_bytes().len()];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(body, form(size).as_bytes());
}

/// Sends a request to a server that responds with `response` and closes the connection.
fn exchange(response: Vec<u8>) -> Result<HttpResponse, TransportError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = http_to(&format!("http://{}", listener.local_addr().unwrap()));
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream, 0);
        // A client may close the connection before it has read everything.
        let _ = stream.write_all(&response);
    });
    let result = post(&http, &form(0), LONG);
    drop(http);
    thread.join().unwrap();
    result
}

#[test]
fn request_was_sent_if_the_server_closes_without_a_response() {
    let (http, thread) = server(vec![|mut stream| {
        read_request(&mut stream, 10);
    }]);
    let error = post(&http, &form(10), LONG).unwrap_err();
    assert_eq!((error.progress, error.deadline_passed), (SendProgress::Sent, false));
    assert!(!error.permanent && error.message.starts_with("the connection to 127.0.0.1:"));
    thread.join().unwrap();
}

#[test]
fn response_that_ends_early_is_an_error() {
    let head = "HTTP/1.1 200 OK\r\nx-acs-request-id: R\r\nContent-Length: 9\r\n\r\n";
    let error = exchange(format!("{head}half").into_bytes()).unwrap_err();
    assert_eq!((error.progress, error.http_status), (SendProgress::ResponseStarted, Some(200)));
    assert_eq!(error.request_id.as_deref(), Some("R"));
    assert!(error.message.ends_with("ended early, after 4 bytes"), "{error}");
    assert!(!error.permanent);
}

#[test]
fn response_that_is_not_http_is_an_error() {
    let error = exchange(b"220 mail.example ESMTP\r\n\r\n".to_vec()).unwrap_err();
    assert_eq!(error.progress, SendProgress::ResponseStarted);
    assert!(error.permanent && error.message.ends_with("is not valid HTTP"), "{error}");
}

#[test]
fn response_has_at_most_the_maximum_size() {
    for (size, fits) in [(MAX_RESPONSE_BYTES, true), (MAX_RESPONSE_BYTES + 1, false)] {
        let head = format!("HTTP/1.1 500 Error\r\nContent-Length: {size}\r\n\r\n");
        match exchange([head.as_bytes(), &vec![b' '; size]].concat()) {
            Ok(response) => assert!(fits && response.body.len() == size),
            Err(error) => {
                assert!(!fits && error.permanent, "{error}");
                assert_eq!(error.http_status, Some(500));
                assert!(error.message.ends_with("exceeds 1048576 bytes"), "{error}");
            }
        }
    }
}

#[test]
fn page_for_a_client_without_a_certificate_means_that_nothing_was_passed_on() {
    let page = "<html><title>400 No required SSL certificate was sent</title></html>";
    let response = |status: &str| {
        let length = page.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{page}").into_bytes()
    };
    let error = exchange(response("400 Bad Request")).unwrap_err();
    assert_eq!((error.progress, error.permanent), (SendProgress::NotSent, true));
    assert!(error.message.contains("requires a client certificate"), "{error}");
    assert_eq!(exchange(response("502 Bad Gateway")).unwrap().status, 502);
}

#[test]
fn request_was_not_sent_without_a_connection_or_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = http_to(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let error = post(&http, &form(10), LONG).unwrap_err();
    assert_eq!((error.progress, error.deadline_passed), (SendProgress::NotSent, false));
    assert!(error.message.starts_with("failed to connect to 127.0.0.1:"), "{error}");
    let error = post(&http, &form(10), Duration::ZERO).unwrap_err();
    assert_eq!((error.progress, error.deadline_passed), (SendProgress::NotSent, true));
    assert!(error.message.ends_with(": timed out"), "{error}");
}

#[test]
fn invalid_proxy_of_the_environment_is_a_permanent_error() {
    let variables = EnvSnapshot::from_iter([("HTTP_PROXY", "ftp://user:hidden@proxy")]);
    let error = post(&http_by_env("http://192.0.2.1", variables), &form(0), LONG).unwrap_err();
    assert_eq!((error.progress, error.permanent), (SendProgress::NotSent, true));
    let cause = "the scheme must be http, socks5 or socks5h";
    assert_eq!(error.message, format!("invalid proxy in HTTP_PROXY: {cause}"));
    assert!(error.hint.unwrap().starts_with("Set it to "));
}

#[test]
fn connection_through_a_proxy_is_reported_as_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let variables = EnvSnapshot::from_iter([("HTTP_PROXY", address.as_str())]);
    let error = post(&http_by_env("http://192.0.2.1", variables), &form(0), LONG).unwrap_err();
    let expected = format!("failed to connect to the proxy {address}: ");
    assert!(error.message.starts_with(&expected) && !error.permanent, "{error}");
    assert!(error.hint.unwrap().contains("the proxy address"));
}

#[test]
fn response_that_does_not_arrive_in_time_may_still_be_a_success() {
    for head in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = http_to(&format!("http://{}", listener.local_addr().unwrap()));
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream, 0);
            stream.write_all(head.as_bytes()).unwrap();
            // Until the client closes the connection.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let error = post(&http, &form(0), Duration::from_millis(500)).unwrap_err();
        assert_eq!((error.progress, error.deadline_passed), (SendProgress::Sent, true), "{error}");
        assert!(error.message.ends_with("the deadline") && !error.permanent, "{error}");
        drop(http);
        thread.join().unwrap();
    }
}

#[test]
fn request_larger_than_the_buffer_arrives_whole() {
    let (http, thread) = server(vec![|mut stream| {
        read_request(&mut stream, 300_000);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
    }]);
    assert_eq!(post(&http, &form(300_000), LONG).unwrap().body.as_slice(), b"{}");
    thread.join().unwrap();
}

#[test]
fn headers_and_chunked_body_are_read() {
    let head = "HTTP/1.1 400 Bad Request\r\nX-Acs-Retry-After: 250\r\nContent-Type: text/xml\r\n\
                Location: elsewhere\r\nDate: Tue, 24 Nov 2026 08:00:00 GMT\r\n\
                x-acs-request-id: R-1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let response = exchange(format!("{head}2\r\n{{}}\r\n0\r\n\r\n").into_bytes()).unwrap();
    assert_eq!((response.status, response.retry_after), (400, Some(Duration::from_millis(250))));
    assert_eq!(response.request_id().as_deref(), Some("R-1"));
    assert_eq!(response.location, None);
    assert_eq!(crate::base::time::timestamp(response.date.unwrap()), "2026-11-24T08:00:00Z");
    assert_eq!(response.body.as_slice(), b"{}");
}

#[test]
fn headers_without_a_use_are_ignored() {
    for (status, headers, retry_after, location) in [
        // The official SDK ignores 0 too.
        ("429 Slow", "x-acs-retry-after: 0", None, None),
        ("429 Slow", "x-acs-retry-after: 1", Some(Duration::from_millis(1)), None),
        ("429 Slow", "x-acs-retry-after: -1", None, None),
        ("429 Slow", "x-acs-retry-after: soon", None, None),
        ("429 Slow", "retry-after: 5", None, None),
        ("200 OK", "location: /there", None, None),
        ("302 Found", "location: /there", None, Some("/there")),
        ("302 Found", "x: y", None, None),
    ] {
        let head = format!("HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: 0\r\n\r\n");
        let response = exchange(head.into_bytes()).unwrap();
        assert_eq!(response.retry_after, retry_after, "{status}, {headers}");
        assert_eq!(response.location.as_deref(), location, "{status}, {headers}");
    }
    // The time of a success is not needed.
    let date = "Date: Tue, 24 Nov 2026 08:00:00 GMT";
    let head = format!("HTTP/1.1 200 OK\r\n{date}\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(exchange(head.into_bytes()).unwrap().date, None);
}

#[test]
fn endless_head_is_rejected() {
    let (http, thread) = server(vec![|mut stream| {
        read_request(&mut stream, 0);
        let line = format!("X-Filler: {}\r\n", "x".repeat(1000));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(line.as_bytes()).is_ok() {}
    }]);
    let error = post(&http, &form(0), LONG).unwrap_err();
    assert_eq!(error.progress, SendProgress::ResponseStarted);
    drop(http);
    thread.join().unwrap();
}

#[test]
fn connection_is_reused_until_the_server_closes_it() {
    let (http, thread) = server(vec![
        |mut stream| {
            for _ in 0..2 {
                read_request(&mut stream, 0);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1").unwrap();
            }
        },
        |mut stream| {
            read_request(&mut stream, 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2").unwrap();
        },
    ]);
    for expected in [b"1", b"1"] {
        assert_eq!(post(&http, &form(0), LONG).unwrap().body.as_slice(), expected);
    }
    // The server has closed the first connection or is about to. Either way it accepts another.
    let response = loop {
        match post(&http, &form(0), LONG) {
            Ok(response) => break response,
            Err(error) => assert_eq!(error.progress, SendProgress::Sent, "{error}"),
        }
    };
    assert_eq!(response.body.as_slice(), b"2");
    thread.join().unwrap();
}

#[test]
fn a_connection_that_brought_a_secret_is_closed() {
    let serve = |mut stream: TcpStream| {
        read_request(&mut stream, 0);
        let body = r#"{"Key":"-----BEGIN PRIVATE KEY-----"}"#;
        let length = body.len();
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(response.as_bytes()).unwrap();
        // Closed by the client.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    };
    let (http, thread) = server(vec![serve, serve]);
    for _ in 0..2 {
        assert_eq!(post(&http, &form(0), LONG).unwrap().status, 200);
    }
    thread.join().unwrap();
}

#[test]
fn a_new_connection_replaces_those_that_are_open() {
    let serve = |mut stream: TcpStream| {
        let _ = stream.set_read_timeout(Some(LONG));
        for _ in 0..2 {
            read_request(&mut stream, 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1").unwrap();
        }
        // Closed by the client.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    };
    let (http, thread) = server(vec![serve, serve]);
    for connection in [Connection::Any, Connection::Any, Connection::New, Connection::Any] {
        http.post(&form(0), connection, &Deadline::after(LONG)).unwrap();
    }
    drop(http);
    thread.join().unwrap();
}
