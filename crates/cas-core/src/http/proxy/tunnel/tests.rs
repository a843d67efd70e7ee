//! Tunnels through proxies that follow a script.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use super::*;
use crate::base::deadline::Deadline;
use crate::http::deadline::{Connection, RequestDeadline};

/// What a proxy must receive, and what it sends then.
type Step<'a> = (&'a [u8], &'a [u8]);

/// Opens a tunnel to `host` and port 443 through a proxy that follows `script`. Bytes that the
/// proxy sends right after its last response belong to the tunnel and must stay unread.
fn open_through(
    scheme: &str,
    login: &str,
    host: &str,
    script: &[Step<'_>],
) -> Result<(), TransportError> {
    const IN_TUNNEL: &[u8] = b"tunnel";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::parse(&format!("{scheme}://{login}{address}")).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for (index, (expected, response)) in script.iter().enumerate() {
                let mut received = vec![0; expected.len()];
                stream.read_exact(&mut received).unwrap();
                assert_eq!(received, *expected);
                let rest = if index + 1 == script.len() { IN_TUNNEL } else { b"" };
                stream.write_all(&[response, rest].concat()).unwrap();
            }
        });
        let _request =
            RequestDeadline::begin(&Deadline::after(Duration::from_secs(60)), Connection::Any);
        let mut stream = TcpStream::connect(address).unwrap();
        open(&mut stream, &proxy, host, 443)?;
        let mut rest = [0; IN_TUNNEL.len()];
        stream.read_exact(&mut rest).unwrap();
        assert_eq!(rest, IN_TUNNEL);
        Ok(())
    })
}

const REQUEST: &str = "CONNECT cas.example:443 HTTP/1.1\r\nHost: cas.example:443\r\n";

/// Asks an HTTP proxy, which sends `response`.
fn connect(login: &str, header: &str, response: &str) -> Result<(), TransportError> {
    let request = format!("{REQUEST}{header}\r\n");
    let script = [(request.as_bytes(), response.as_bytes())];
    open_through("http", login, "cas.example", &script)
}

#[test]
fn http_proxy_opens_a_tunnel() {
    connect("", "", "HTTP/1.1 200 OK\r\nVia: test\r\n\r\n").unwrap();
    connect("", "", "HTTP/1.0 299 Fine\r\n\r\n").unwrap();
    connect("", "", "HTTP/1.1 200 OK\n\n").unwrap();
    let interim = "HTTP/1.1 100 Continue\r\nVia: test\r\n\r\nHTTP/1.1 199 Wait\r\n\r\n";
    connect("", "", &format!("{interim}HTTP/1.1 200 OK\r\n\r\n")).unwrap();
    let header = "Proxy-Authorization: Basic dXNlcjpwOmE=\r\n";
    connect("user:p%3Aa@", header, "HTTP/1.1 200 OK\r\n\r\n").unwrap();
}

#[test]
fn http_proxy_that_rejects_is_reported_by_status() {
    for (status, message, permanent) in [
        ("401", "rejected the user name and password", true),
        ("407", "rejected the user name and password", true),
        ("403", "failed to connect to cas.example:443: it responded with HTTP 403", true),
        ("500", "it responded with HTTP 500", true),
        ("502", "it responded with HTTP 502", false),
        ("504", "it responded with HTTP 504", false),
        ("505", "it responded with HTTP 505", true),
        ("300", "it responded with HTTP 300", true),
        ("302", "did not connect to cas.example:443: it responded with HTTP 302", true),
        ("511", "did not connect to cas.example:443: it responded with HTTP 511", true),
        ("101", "it responded with HTTP 101", true),
        ("abc", "does not speak HTTP", true),
    ] {
        let header = "Proxy-Authorization: Basic dTpw\r\n";
        let error = connect("u:p@", header, &format!("HTTP/1.1 {status} x\r\n\r\n")).unwrap_err();
        assert!(error.message.contains(message), "{status}: {error}");
        assert_eq!(error.permanent, permanent, "{status}");
        assert!(error.hint.is_some());
    }
    let error = connect("", "", "HTTP/1.1 407 x\r\n\r\n").unwrap_err();
    assert!(error.message.contains("requires a user name and password"), "{error}");
    for (challenges, message) in [
        ("Proxy-Authenticate: NTLM\r\nproxy-authenticate: Negotiate\r\n", "by NTLM or Negotiate,"),
        ("Proxy-Authenticate: Negotiate, NTLM TlRM\r\n", "by NTLM or Negotiate,"),
        (
            "Proxy-Authenticate: Digest realm=\"Basic\", nonce=\"a\"\r\n",
            "requires authentication by Digest, which libcas does not support",
        ),
        ("Proxy-Authenticate: NTLM\r\nProxy-Authenticate: basic realm=a\r\n", "user name and"),
        ("Proxy-Authenticate: Negotiate, Basic realm=a\r\n", "user name and"),
        ("Proxy-Authenticate: Other\r\n", "user name and"),
    ] {
        let error = connect("", "", &format!("HTTP/1.1 407 x\r\n{challenges}\r\n")).unwrap_err();
        assert!(error.message.contains(message) && error.permanent, "{challenges}: {error}");
        assert!(error.hint.is_some());
    }
    let error = connect("", "", "SSH-2.0-test\r\n\r\n").unwrap_err();
    assert!(error.message.contains("does not speak HTTP"), "{error}");
}

#[test]
fn endless_head_of_an_http_proxy_is_rejected() {
    let head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(20_000));
    let request = format!("{REQUEST}\r\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::parse(&address.to_string()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut vec![0; request.len()]).unwrap();
            // The client may close the connection before the end.
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.read(&mut [0]);
        });
        let _request =
            RequestDeadline::begin(&Deadline::after(Duration::from_secs(60)), Connection::Any);
        let mut stream = TcpStream::connect(address).unwrap();
        let error = open(&mut stream, &proxy, "cas.example", 443).unwrap_err();
        assert!(error.message.contains("does not speak HTTP"), "{error}");
    });
}

/// The methods offered without a login, and the proxy's choice of "no login".
const OPEN: Step<'static> = (&[5, 1, 0], &[5, 0]);
/// The reply to a request, with an IPv4 address.
const SUCCESS: &[u8] = &[5, 0, 0, 1, 10, 0, 0, 1, 0x12, 0x34];

#[test]
fn socks_proxy_is_asked_by_address_or_name() {
    let v4: &[u8] = &[5, 1, 0, 1, 192, 0, 2, 1, 1, 187];
    let v6: &[u8] = &[5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 187];
    let name: &[u8] = b"\x05\x01\0\x03\x0bcas.example\x01\xbb";
    let localhost: &[u8] = &[5, 1, 0, 1, 127, 0, 0, 1, 1, 187];
    for (scheme, host, request) in [
        ("socks5", "192.0.2.1", v4),
        ("socks5h", "192.0.2.1", v4),
        ("socks5", "[2001:db8::9]", v6),
        ("socks5h", "[2001:db8::9]", v6),
        ("socks5h", "cas.example", name),
        ("socks5", "localhost", localhost),
    ] {
        open_through(scheme, "", host, &[OPEN, (request, SUCCESS)]).unwrap();
    }
    // The address in the reply has any type.
    let with_v6 = [&[5, 0, 0, 4][..], &[0; 18]].concat();
    let with_name = b"\x05\0\0\x03\x04test\0\0".as_slice();
    for reply in [&with_v6, with_name] {
        open_through("socks5", "", "192.0.2.1", &[OPEN, (v4, reply)]).unwrap();
    }
}

#[test]
fn socks_proxy_asks_for_the_login_or_not() {
    let request: &[u8] = &[5, 1, 0, 1, 192, 0, 2, 1, 1, 187];
    let offer: &[u8] = &[5, 2, 0, 2];
    let login: &[u8] = b"\x01\x04user\x03p:a";
    let through = |script: &[Step<'_>]| open_through("socks5", "user:p%3Aa@", "192.0.2.1", script);
    through(&[(offer, &[5, 0]), (request, SUCCESS)]).unwrap();
    through(&[(offer, &[5, 2]), (login, &[1, 0]), (request, SUCCESS)]).unwrap();
    for script in [&[(offer, &[5, 2][..]), (login, &[1, 1])][..], &[(offer, &[5, 0xff])]] {
        let error = through(script).unwrap_err();
        assert!(error.message.contains("rejected the user name and password"), "{error}");
        assert!(error.permanent);
    }
    let error = open_through("socks5", "", "192.0.2.1", &[(&[5, 1, 0], &[5, 2])]).unwrap_err();
    assert!(error.message.contains("requires a user name and password"), "{error}");
    let error = open_through("socks5", "", "192.0.2.1", &[(&[5, 1, 0], b"HT")]).unwrap_err();
    assert!(error.permanent && error.message.contains("does not speak SOCKS 5"), "{error}");
}

#[test]
fn socks_reply_is_reported_and_may_be_temporary() {
    let request: &[u8] = &[5, 1, 0, 1, 192, 0, 2, 1, 1, 187];
    for (reply, cause) in [
        (1, "general failure"),
        (2, "not allowed by its rules"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "timed out"),
        (8, "address type not supported"),
    ] {
        let script = [OPEN, (request, &[5, reply, 0, 1])];
        let error = open_through("socks5", "", "192.0.2.1", &script).unwrap_err();
        let expected = format!("failed to connect to 192.0.2.1:443: {cause}");
        assert!(error.message.ends_with(&expected), "{error}");
        assert!(!error.permanent && error.hint.is_some());
    }
}

#[test]
fn proxy_that_closes_the_connection_or_is_silent_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for scheme in ["http", "socks5"] {
        let proxy = Proxy::parse(&format!("{scheme}://{address}")).unwrap();
        let begin = |timeout| RequestDeadline::begin(&Deadline::after(timeout), Connection::Any);
        let _request = begin(Duration::from_secs(60));
        let mut stream = TcpStream::connect(address).unwrap();
        let mut accepted = listener.accept().unwrap().0;
        thread::scope(|scope| {
            // Closing before the request is read would reset the connection.
            scope.spawn(move || accepted.read(&mut [0; 1024]).unwrap());
            let error = open(&mut stream, &proxy, "192.0.2.1", 443).unwrap_err();
            assert!(error.message.contains("closed the connection without a response"), "{error}");
        });
        let _request = begin(Duration::ZERO);
        let mut stream = TcpStream::connect(address).unwrap();
        let _silent = listener.accept().unwrap();
        let error = open(&mut stream, &proxy, "192.0.2.1", 443).unwrap_err();
        assert!(error.message.contains("did not respond in time"), "{error}");
        assert!(error.deadline_passed && !error.permanent);
    }
}
