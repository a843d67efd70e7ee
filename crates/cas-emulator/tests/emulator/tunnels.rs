//! `CONNECT`, proxy requests, and TLS beside plain HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use cas_emulator::Emulator;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, StreamOwned};
use tempfile::TempDir;

use crate::bounded::with_few_connections;
use crate::certificates::certificate;
use crate::client::{Call, Connection, Shape, control};
use crate::process::Process;
use crate::tls_client::{connect, handshake, tcp, through, trusting, tunnel};

const HEALTH: &[u8] = b"GET /_emulator/health HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// Longer than a tunnel may stay without TLS.
const HEAD_LIMIT: Duration = Duration::from_secs(25);

/// An emulator with an authority, the folder of which stays until it is dropped.
fn emulator() -> (Emulator, String, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder().tls_ca(folder.path()).start().unwrap();
    let ca_pem = emulator.ca_pem().unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(folder.path().join("ca.pem")).unwrap(), ca_pem);
    (emulator, ca_pem, folder)
}

#[test]
fn clients_of_the_real_host_upload_through_a_tunnel() {
    let (emulator, ca_pem, _folder) = emulator();
    let port = emulator.port();
    assert_eq!(emulator.url(), format!("http://127.0.0.1:{port}"));
    let (cert, key) = certificate();
    let hosts = [
        "cas.aliyuncs.com",
        "CAS.aliyuncs.com",
        "cas.ap-southeast-1.aliyuncs.com",
        "cas-vpc.cn-hangzhou.aliyuncs.com",
        "sts.aliyuncs.com",
        "sts-vpc.eu-central-1.aliyuncs.com",
        "cas.a-region-of-tomorrow-7.aliyuncs.com",
    ];
    for host in hosts {
        let mut connection = connect(tunnel(port, &format!("{host}:443")), host, &ca_pem);
        let call =
            |shape: Shape| Call::create(&format!("{shape:?} {host}"), &cert, &key).shape(shape);
        connection.exchange(&call(Shape::GetQuery).bytes()).cert_id();
        connection.exchange(&call(Shape::PostForm).bytes()).cert_id();
    }
    let requests = emulator.requests();
    assert_eq!(requests.len(), 2 * hosts.len());
    for (request, host) in requests.iter().zip(hosts.iter().flat_map(|host| [host, host])) {
        assert_eq!(request.tunnel.as_deref(), Some(&*format!("{host}:443")));
        assert_eq!(request.host.as_deref(), Some("test"), "as in the header Host");
    }
    let recorded = control(port, "GET", "/_emulator/requests").json();
    assert_eq!(
        (&recorded[0]["host"], &recorded[0]["tunnel"]),
        (&"test".into(), &"cas.aliyuncs.com:443".into())
    );
}

#[test]
fn plain_http_and_tls_are_served_on_one_port_and_in_tunnels() {
    let (emulator, ca_pem, _folder) = emulator();
    let port = emulator.port();
    let list = || Call::v2018("DescribeUserCertificateList").bytes();
    assert_eq!(Connection::open(port).exchange(&list()).status, 200);
    assert_eq!(Connection::over(tunnel(port, "cas.aliyuncs.com:80")).exchange(&list()).status, 200);
    for name in ["localhost", "127.0.0.1", "cas.aliyuncs.com"] {
        let mut direct = connect(tcp(port), name, &ca_pem);
        assert_eq!(direct.exchange(&list()).status, 200, "{name}");
        assert_eq!(direct.exchange(HEALTH).status, 200, "{name}");
    }
    // To a proxy over TLS, and then over TLS to the host.
    let proxy = handshake(tcp(port), "localhost", trusting(&ca_pem)).unwrap();
    let inside = through(proxy, "cas.aliyuncs.com:443");
    let mut connection = connect(inside, "cas.aliyuncs.com", &ca_pem);
    assert_eq!(connection.exchange(&list()).status, 200);
    // A client may send its handshake before it has the response.
    let mut early = tcp(port);
    write!(early, "CONNECT cas.aliyuncs.com:80 HTTP/1.0\r\n\r\n").unwrap();
    early.write_all(&list()).unwrap();
    let mut early = Connection::over(early);
    assert_eq!(early.head(), "HTTP/1.1 200 Connection established");
    assert_eq!(early.response().status, 200);
    let tunnels: Vec<_> = emulator.requests().into_iter().map(|request| request.tunnel).collect();
    assert_eq!(tunnels.iter().flatten().count(), 3, "{tunnels:?}");
}

#[test]
fn other_hosts_are_refused_by_name() {
    let (emulator, ..) = emulator();
    let port = emulator.port();
    for (target, status) in [
        ("example.com:443", 403),
        ("cdn.aliyuncs.com:443", 403),
        ("cas.aliyuncs.com.example:443", 403),
        ("user@cas.aliyuncs.com:443", 403),
        ("cas.aliyuncs.com:22", 403),
        ("169.254.169.254:80", 403),
        ("127.0.0.1:22", 403),
        ("cas.aliyuncs.com", 400),
        ("cas.aliyuncs.com:", 400),
        ("cas.aliyuncs.com:0", 400),
        ("cas.aliyuncs.com:65536", 400),
        ("cas.aliyuncs.com:+443", 400),
        ("cas.aliyuncs.com:https", 400),
        (":443", 400),
        ("/", 400),
        ("http://cas.aliyuncs.com:443/", 400),
        ("[::1:443", 400),
    ] {
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        let response = Connection::open(port).exchange(request.as_bytes());
        assert_eq!(response.status, status, "{target}");
        let error = response.json()["error"].as_str().unwrap().to_owned();
        if status == 403 {
            assert!(error.contains(target) && error.contains("cas.REGION.aliyuncs.com"), "{error}");
        }
    }
    for (url, status) in [
        ("http://cas.aliyuncs.com/", 400),
        ("http://cas.aliyuncs.com", 400),
        ("https://CAS.cn-beijing.aliyuncs.com:443/?x", 400),
        ("http://example.com/", 403),
        ("http://cas.aliyuncs.com:8480/", 403),
        ("http://cas.aliyuncs.com@example.com/", 403),
        ("http://127.0.0.1:22/", 403),
        ("ftp://cas.aliyuncs.com/", 403),
        ("http:///", 403),
    ] {
        let request = format!("GET {url} HTTP/1.1\r\nHost: cas.aliyuncs.com\r\n\r\n");
        let response = Connection::open(port).exchange(request.as_bytes());
        assert_eq!(response.status, status, "{url} {}", response.body);
        // 400 is the API's: without an action.
        assert_eq!(response.body.contains("MissingAction"), status == 400, "{url}");
    }
    assert_eq!(emulator.requests().len(), 3, "a refused request is none of the API");
    assert_eq!(emulator.requests()[0].host.as_deref(), Some("cas.aliyuncs.com"));
}

#[test]
fn connect_needs_an_authority() {
    let emulator = Emulator::start().unwrap();
    assert_eq!(emulator.ca_pem(), None);
    let port = emulator.port();
    let connect = b"CONNECT cas.aliyuncs.com:443 HTTP/1.1\r\n\r\n";
    let response = Connection::open(port).exchange(connect);
    assert_eq!(response.status, 501);
    assert!(response.body.contains("--tls-ca DIR"), "{}", response.body);
    assert_eq!(control(port, "GET", "/_emulator/ca.pem").status, 404);
    // A proxy for plain HTTP needs none.
    let (target, content_type, body) = Call::v2018("DescribeUserCertificateList").parts();
    let request = format!(
        "POST http://cas.aliyuncs.com{target} HTTP/1.1\r\nHost: cas.aliyuncs.com\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(Connection::open(port).exchange(request.as_bytes()).status, 200);
}

#[test]
fn the_control_interface_is_not_behind_the_names_of_the_service() {
    let (emulator, ca_pem, _folder) = emulator();
    let port = emulator.port();
    let own = format!("127.0.0.1:{port}");
    let status = |mut connection: Connection<StreamOwned<ClientConnection, TcpStream>>,
                  host: &str| {
        let get = format!("GET /_emulator/requests HTTP/1.1\r\nHost: {host}\r\n\r\n");
        connection.exchange(get.as_bytes()).status
    };
    for host in ["cas.aliyuncs.com", "localhost", "127.0.0.1", &own, "rebound.example"] {
        let service = tunnel(port, "cas.aliyuncs.com:443");
        assert_eq!(status(connect(service, "cas.aliyuncs.com", &ca_pem), host), 403, "{host}");
        let expected =
            if host.contains(".aliyuncs") || host.contains("example") { 403 } else { 200 };
        let itself = tunnel(port, &own);
        assert_eq!(status(connect(itself, "127.0.0.1", &ca_pem), host), expected, "{host}");
        for (url, allowed) in
            [("http://cas.aliyuncs.com", false), (&*format!("http://{own}"), true)]
        {
            let get = format!("GET {url}/_emulator/requests HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let status = Connection::open(port).exchange(get.as_bytes()).status;
            assert_eq!(status, if allowed { expected } else { 403 }, "{url} {host}");
        }
    }
    let served = control(port, "GET", "/_emulator/ca.pem");
    assert_eq!((served.status, served.body), (200, ca_pem));
}

#[test]
fn what_is_not_http_in_a_tunnel_is_refused() {
    let (emulator, ca_pem, _folder) = emulator();
    let port = emulator.port();
    let open = || Connection::over(tunnel(port, "cas.aliyuncs.com:443"));
    assert_eq!(open().exchange(b"\0\x01\x02garbage\r\n\r\n").status, 400);
    assert_eq!(open().exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, 400);
    let nested = b"CONNECT cas.aliyuncs.com:443 HTTP/1.1\r\n\r\n";
    let response = open().exchange(nested);
    assert_eq!((response.status, response.body.contains("inside a tunnel")), (403, true));
    let mut secure = connect(tunnel(port, "cas.aliyuncs.com:443"), "cas.aliyuncs.com", &ca_pem);
    assert_eq!(secure.exchange(nested).status, 403);
    let mut body = Connection::open(port);
    let with_body = b"CONNECT cas.aliyuncs.com:443 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(body.exchange(with_body).status, 400);
    let endless = format!("CONNECT {}", "x".repeat(512 * 1024));
    assert_eq!(Connection::open(port).exchange(endless.as_bytes()).status, 414);
    let long = "x".repeat(400 * 1024);
    let long = format!("CONNECT cas.aliyuncs.com:443 HTTP/1.1\r\nX: {long}\r\n\r\n");
    assert_eq!(Connection::open(port).exchange(long.as_bytes()).status, 431);
    // A handshake that is none gets an alert, and the others are served.
    let mut broken = tunnel(port, "cas.aliyuncs.com:443");
    broken.write_all(&[0x16, 3, 1, 0, 4, 0x0b, 0, 0, 0]).unwrap();
    let mut alert = Vec::new();
    broken.read_to_end(&mut alert).unwrap();
    assert_eq!(alert.first(), Some(&0x15), "{alert:?}");
    assert_eq!(Connection::open(port).exchange(HEALTH).status, 200);
}

/// The certificate that a client gets which asks for `name`, at the host of the tunnel if any.
fn certificate_for(
    port: u16,
    ca_pem: &str,
    at: Option<&str>,
    name: &str,
    sni: bool,
) -> Result<CertificateDer<'static>, String> {
    let mut config = trusting(ca_pem);
    config.enable_sni = sni;
    let stream = at.map_or_else(|| tcp(port), |at| tunnel(port, at));
    let stream = handshake(stream, name, config)?;
    Ok(stream.conn.peer_certificates().unwrap()[0].clone().into_owned())
}

#[test]
fn a_client_gets_a_certificate_for_its_host_whatever_it_says() {
    let (emulator, ca_pem, _folder) = emulator();
    let port = emulator.port();
    let get = |at, name, sni| certificate_for(port, &ca_pem, at, name, sni);
    let first = get(None, "cas.cn-beijing.aliyuncs.com", true).unwrap();
    assert_eq!(get(None, "cas.cn-beijing.aliyuncs.com", true).unwrap(), first, "it is kept");
    // Without a name, the address or the host of the tunnel decides.
    get(None, "127.0.0.1", false).unwrap();
    get(None, "localhost", false).unwrap();
    get(Some("sts.cn-beijing.aliyuncs.com:443"), "sts.cn-beijing.aliyuncs.com", false).unwrap();
    // A foreign name gets a certificate that does not have it.
    for at in [None, Some("cas.aliyuncs.com:443")] {
        for name in ["example.com", "cdn.aliyuncs.com", "aliyuncs.com"] {
            let error = get(at, name, true).unwrap_err();
            assert!(error.contains("not valid for name"), "{error}");
        }
    }
    let with_protocols = |protocols: &[&[u8]]| {
        let mut config = trusting(&ca_pem);
        config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
        let stream = handshake(tcp(port), "localhost", config)?;
        Ok::<_, String>(stream.conn.alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(with_protocols(&[b"h2", b"http/1.1"]).unwrap(), Some(b"http/1.1".to_vec()));
    let error = with_protocols(&[b"h2"]).unwrap_err();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn a_tunnel_that_starts_nothing_is_closed_in_time() {
    let (emulator, ca_pem, _folder) = emulator();
    let port = emulator.port();
    // Half of a request, in TLS.
    let mut slow = connect(tunnel(port, "cas.aliyuncs.com:443"), "cas.aliyuncs.com", &ca_pem);
    slow.send(b"POST / HTTP/1.1\r\nContent-");
    // Nothing, and half of a handshake; the latter also without a tunnel.
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    let silent = tunnel(port, "cas.aliyuncs.com:443");
    let mut half = tunnel(port, "cas.aliyuncs.com:443");
    half.write_all(&hello).unwrap();
    let mut direct = tcp(port);
    direct.write_all(&hello).unwrap();
    let started = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(slow.response().status, 408);
            assert!(started.elapsed() < HEAD_LIMIT);
        });
        for stream in [silent, half, direct] {
            scope.spawn(move || {
                let (received, _) = Connection::over(stream).rest();
                assert!(started.elapsed() < HEAD_LIMIT);
                assert!(received.len() < 16, "at most an alert: {received:?}");
            });
        }
    });
}

#[test]
fn idle_tunnels_make_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    let process = with_few_connections(&["--tls-ca", directory]);
    let ca_pem = std::fs::read_to_string(folder.path().join("ca.pem")).unwrap();
    let host = "cas.aliyuncs.com";
    let mut idle = Vec::new();
    for number in 0..200 {
        let stream = tunnel(process.port, &format!("{host}:443"));
        // Some wait before their handshake, the others after it.
        if number % 4 == 0 {
            idle.push(Err(handshake(stream, host, trusting(&ca_pem)).unwrap()));
        } else {
            idle.push(Ok(stream));
        }
    }
    let call = Call::v2018("DescribeUserCertificateList").bytes();
    let mut last = connect(tunnel(process.port, "cas.aliyuncs.com:443"), host, &ca_pem);
    assert_eq!(last.exchange(&call).status, 200);
    drop(idle);
    process.signal("-TERM");
    assert_eq!(process.end().0, Some(0));
}

#[test]
fn a_thousand_idle_tunnels_take_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&["--tls-ca", folder.path().to_str().unwrap()]);
    let ca_pem = std::fs::read_to_string(folder.path().join("ca.pem")).unwrap();
    let host = "cas.aliyuncs.com";
    let idle: Vec<_> = (0..1_000)
        .map(|_| {
            handshake(tunnel(process.port, "cas.aliyuncs.com:443"), host, trusting(&ca_pem))
                .unwrap()
        })
        .collect();
    let call = Call::v2018("DescribeUserCertificateList").bytes();
    let mut last = connect(tunnel(process.port, "cas.aliyuncs.com:443"), host, &ca_pem);
    assert_eq!(last.exchange(&call).status, 200);
    let peak = process.status("VmHWM");
    assert!(peak < 64 * 1024, "{peak} KiB");
    drop(idle);
}

#[test]
fn failed_tls_is_explained_on_stderr_without_a_flood() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().to_str().unwrap();
    let other = Emulator::builder().tls_ca(folder.path().join("other")).start().unwrap();
    for log in ["text", "json"] {
        let process = Process::start(&["--tls-ca", ca, "--log", log]);
        for _ in 0..20 {
            let config = trusting(other.ca_pem().unwrap());
            assert!(handshake(tcp(process.port), "localhost", config).is_err());
        }
        process.signal("-TERM");
        let stderr = process.end().2;
        assert!(stderr.contains("UnknownCA") || stderr.contains("BadCertificate"), "{stderr}");
        assert!(stderr.contains("let it trust ca.pem of --tls-ca"), "{stderr}");
        assert!(stderr.contains(" more ") && stderr.lines().count() < 20, "{stderr}");
        if log == "json" {
            let is_json = |line| serde_json::from_str::<serde_json::Value>(line).is_ok();
            assert!(stderr.lines().all(is_json), "{stderr}");
        }
    }
    let process = Process::start(&[]);
    assert!(handshake(tcp(process.port), "localhost", trusting(other.ca_pem().unwrap())).is_err());
    process.signal("-TERM");
    let stderr = process.end().2;
    assert!(stderr.contains("a client started TLS, and this port serves HTTP only"), "{stderr}");
}

#[test]
fn what_is_refused_is_named_on_stderr() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&["--tls-ca", folder.path().to_str().unwrap()]);
    let refused = b"CONNECT cdn.aliyuncs.com:443 HTTP/1.1\r\n\r\n";
    assert_eq!(Connection::open(process.port).exchange(refused).status, 403);
    let odd = format!("CONNECT a\x1b[31m{}:443 HTTP/1.1\r\n\r\n", "x".repeat(9_000));
    assert!([400, 403].contains(&Connection::open(process.port).exchange(odd.as_bytes()).status));
    let mut inside = Connection::over(tunnel(process.port, "cas.aliyuncs.com:80"));
    inside.exchange(&Call::v2018("DescribeUserCertificateList").bytes());
    process.signal("-TERM");
    let stderr = process.end().2;
    assert!(stderr.contains("refused CONNECT to cdn.aliyuncs.com:443: not emulated\n"), "{stderr}");
    assert!(stderr.contains(" tunnel=cas.aliyuncs.com:80\n"), "{stderr}");
    assert!(!stderr.contains('\x1b') && stderr.lines().all(|line| line.len() < 400), "{stderr}");
}
