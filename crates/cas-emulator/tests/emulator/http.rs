//! HTTP: lengths, chunks, pipelining, invalid requests, TLS.

use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use cas_emulator::{Builder, Emulator};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::certificates::certificate;
use crate::client::{Call, Connection, Shape, limit};

#[test]
fn a_target_has_at_most_256_kib() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    let (mut target, ..) = Call::create("long", &cert, &key).shape(Shape::GetQuery).parts();
    // Empty pairs are ignored, so the signature stays valid.
    target += &"&".repeat(256 * 1024 - target.len());
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\n\r\n");
    assert_eq!(
        Connection::open(emulator.port()).exchange(request(&target).as_bytes()).cert_id(),
        10_000_000
    );
    assert_eq!(emulator.requests()[0].target_length, 256 * 1024);

    target.push('&');
    assert_eq!(Connection::open(emulator.port()).exchange(request(&target).as_bytes()).status, 414);
    let endless = format!("GET /{}", "x".repeat(512 * 1024));
    assert_eq!(Connection::open(emulator.port()).exchange(endless.as_bytes()).status, 414);
}

#[test]
fn a_client_that_waits_for_100_continue_receives_it() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    let (target, content_type, body) = Call::create("waiting", &cert, &key).parts();
    let head = format!(
        "POST {target} HTTP/1.1\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut connection = Connection::open(emulator.port());
    connection.send(head.as_bytes());
    assert_eq!(connection.head(), "HTTP/1.1 100 Continue");
    assert_eq!(connection.exchange(body.as_bytes()).cert_id(), 10_000_000);
}

#[test]
fn chunked_bodies_are_decoded() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    let (target, content_type, body) = Call::create("chunked", &cert, &key).parts();
    let mut request = format!(
        "POST {target} HTTP/1.1\r\nContent-Type: {content_type}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    for chunk in body.as_bytes().chunks(100) {
        request +=
            &format!("{:x};ext=1\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap());
    }
    request += "0\r\nTrailer: ignored\r\n\r\n";
    let mut connection = Connection::open(emulator.port());
    assert_eq!(connection.exchange(request.as_bytes()).cert_id(), 10_000_000);
    // The next request on the connection is read correctly.
    let next = Call::create("chunked", &cert, &key).bytes();
    assert_eq!(connection.exchange(&next).code(), "NameRepeat");
    assert_eq!(emulator.requests()[0].body_length, body.len());
}

#[test]
fn pipelined_requests_get_responses_in_order() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    let mut all = Vec::new();
    for name in ["a", "b", "c"] {
        all.extend(Call::create(name, &cert, &key).bytes());
        all.extend(Call::create("q", "c", "k").shape(Shape::GetQuery).bytes());
    }
    let mut connection = Connection::open(emulator.port());
    connection.send(&all);
    for id in 10_000_000..=10_000_002 {
        assert_eq!(connection.response().cert_id(), id);
        assert_eq!(connection.response().code(), "-1008");
    }
    assert!(emulator.requests().iter().all(|request| request.connection == 1));
}

#[test]
fn a_request_can_arrive_byte_by_byte() {
    let emulator = Emulator::start().unwrap();
    let mut connection = Connection::open(emulator.port());
    for byte in b"\r\nGET /_emulator/health HTTP/1.1\nHost: h\n\n" {
        connection.send(&[*byte]);
    }
    assert_eq!(connection.response().status, 200);
}

#[test]
fn the_client_decides_whether_the_connection_is_kept_alive() {
    let emulator = Emulator::start().unwrap();
    let cases = [
        ("GET /_emulator/health HTTP/1.1\r\nConnection: close\r\n\r\n", "close"),
        ("GET /_emulator/health HTTP/1.0\r\n\r\n", "close"),
        ("GET /_emulator/health HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive"),
    ];
    for (request, connection_header) in cases {
        let mut connection = Connection::open(emulator.port());
        let response = connection.exchange(request.as_bytes());
        assert_eq!(
            (response.status, response.header("connection")),
            (200, Some(connection_header))
        );
        if connection_header == "close" {
            assert!(connection.is_closed());
        } else {
            assert_eq!(connection.exchange(request.as_bytes()).status, 200);
        }
    }
}

#[test]
fn invalid_requests_are_rejected_and_the_connection_closed() {
    let emulator = Emulator::start().unwrap();
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
    let long_header = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(512 * 1024));
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n";
    let cases = [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nbad header\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (&format!("{chunked}Content-Length: 1\r\n\r\na"), 400),
        (&format!("{chunked}\r\nzz\r\n"), 400),
        (&format!("{chunked}\r\n1\r\nab\r\n"), 400),
        (&format!("{chunked}\r\nffffffff\r\n"), 413),
        ("POST / HTTP/1.1\r\nContent-Length: 4194305\r\nExpect: 100-continue\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413),
        (&many_headers, 431),
        (&long_header, 431),
    ];
    for (request, status) in cases {
        let mut connection = Connection::open(emulator.port());
        let response = connection.exchange(request.as_bytes());
        let start: String = request.chars().take(60).collect();
        assert_eq!(
            (response.status, response.header("connection")),
            (status, Some("close")),
            "{start:?}"
        );
        assert!(
            response.json()["error"].is_string() && response.header("x-acs-request-id").is_some()
        );
        assert!(connection.is_closed(), "{start:?}");
    }
    assert!(emulator.requests().is_empty());
}

#[test]
fn a_body_of_4_mib_is_accepted() {
    let emulator = Emulator::start().unwrap();
    let (_, content_type, body) = Call::create("big", "c", "k").parts();
    let body = format!("{body}&Padding={}", "x".repeat(4 * 1024 * 1024 - body.len() - 9));
    let head = format!(
        "POST / HTTP/1.1\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let response = Connection::open(emulator.port()).exchange((head + &body).as_bytes());
    assert_eq!(response.code(), "SignatureDoesNotMatch");
}

#[test]
fn two_hundred_connections_are_open_at_once() {
    let emulator = Emulator::start().unwrap();
    let mut connections: Vec<_> = (0..200).map(|_| Connection::open(emulator.port())).collect();
    for connection in connections.iter_mut().rev() {
        assert_eq!(connection.exchange(b"GET /_emulator/health HTTP/1.1\r\n\r\n").status, 200);
    }
    thread::scope(|scope| {
        for connection in &mut connections {
            scope.spawn(|| connection.exchange(&Call::create("n", "c", "k").bytes()).code());
        }
    });
    let mut numbers: Vec<_> =
        emulator.requests().iter().map(|request| request.connection).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
}

#[test]
fn stopping_closes_idle_connections() {
    // At an address of its own: no other test takes the port when it is free.
    let address = "127.0.0.2";
    let any_port = format!("{address}:0").parse().unwrap();
    let emulator = Emulator::builder().listen(any_port).start().unwrap();
    let port = emulator.port();
    let tcp = TcpStream::connect((address, port)).unwrap();
    limit(&tcp);
    let mut idle = Connection::over(tcp);
    assert_eq!(idle.exchange(b"GET /_emulator/health HTTP/1.1\r\n\r\n").status, 200);
    emulator.stop();
    assert!(idle.is_closed());
    assert!(TcpStream::connect((address, port)).is_err());
}

/// An emulator that serves TLS, and a connection to it.
pub(crate) fn over_tls(
    builder: Builder,
) -> (Emulator, Connection<StreamOwned<ClientConnection, TcpStream>>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (server_cert, server_key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let emulator = builder.tls(server_cert.clone(), server_key).start().unwrap();
    assert_eq!(emulator.url(), format!("https://127.0.0.1:{}", emulator.port()));

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server_cert.as_bytes()).unwrap()).unwrap();
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(("127.0.0.1", emulator.port())).unwrap();
    limit(&tcp);
    (emulator, Connection::over(StreamOwned::new(tls, tcp)))
}

#[test]
fn requests_are_served_over_tls() {
    let (emulator, mut connection) = over_tls(Emulator::builder());
    let (cert, key) = certificate();
    let call = Call::create("over tls", &cert, &key);
    assert_eq!(
        connection.exchange(&call.clone().shape(Shape::GetQuery).bytes()).cert_id(),
        10_000_000
    );
    assert_eq!(connection.exchange(&call.bytes()).code(), "SignatureNonceUsed");

    // A client that speaks plain HTTP does not affect others.
    Connection::open(emulator.port()).send(b"GET /_emulator/health HTTP/1.1\r\n\r\n");
    assert_eq!(connection.exchange(&call.bytes()).code(), "SignatureNonceUsed");
}
