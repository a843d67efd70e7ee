//! What pages of other sites get, and that programs notice nothing of it.

use std::io::{Read, Write};

use cas_emulator::Emulator;

use crate::certificates::certificate;
use crate::client::{Call, Connection, Response, SHAPES, Shape, control};
use crate::process::Process;
use crate::tls_client::{connect, tunnel};

/// `call` with these header lines and no others.
fn with_headers(call: &Call, headers: &str) -> Vec<u8> {
    let (target, content_type, body) = call.parts();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\n{headers}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn send<S: Read + Write>(connection: &mut Connection<S>, call: &Call, headers: &str) -> Response {
    connection.exchange(&with_headers(call, headers))
}

/// Calls that lead to a private key, and one that needs no signature.
fn calls() -> [Call; 5] {
    let detail = |call: Call| call.set("CertId", "10000000").shape(Shape::GetQuery);
    let oidc = Call::v2018("AssumeRoleWithOIDC").set("Version", "2015-04-01");
    [
        Call::v2020("ListUserCertificateOrder").set("OrderType", "UPLOAD").shape(Shape::GetQuery),
        detail(Call::v2020("GetUserCertificateDetail")),
        detail(Call::v2018("DescribeUserCertificateDetail")),
        Call::v2018("AssumeRole").set("Version", "2015-04-01"),
        oidc,
    ]
}

fn assert_refused(response: &Response, what: &str) {
    assert_eq!(response.status, 403, "{what}: {}", response.body);
    assert!(!response.head.to_ascii_lowercase().contains("access-control-"), "{}", response.head);
    let error = response.json()["error"].as_str().unwrap().to_owned();
    let says_what_to_do = error.contains("from a program") || error.contains("localhost");
    assert!(says_what_to_do, "{error}");
}

#[test]
fn pages_of_other_sites_get_nothing_from_the_api() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = certificate();
    Call::create("n", &cert, &key).send(emulator.port()).cert_id();
    emulator.add_faults(r#"{"kind": "empty"}"#).unwrap();
    let own = format!("127.0.0.1:{}", emulator.port());
    let foreign = [
        format!("Host: {own}\r\nOrigin: https://other.example"),
        format!("Host: {own}\r\nOrigin: null"),
        format!("Host: {own}\r\nOrigin: http://127.0.0.1:1"),
        format!("Host: {own}\r\nOrigin: http://localhost:{}", emulator.port()),
        format!("Host: {own}\r\nReferer: https://other.example/page"),
        format!("Host: {own}\r\nSec-Fetch-Site: cross-site"),
        format!("Host: {own}\r\nSec-Fetch-Site: same-site"),
        // Names that point here.
        "Host: rebound.example:8480\r\nOrigin: http://rebound.example:8480".to_owned(),
        "Host: rebound.example:8480\r\nReferer: http://rebound.example:8480/".to_owned(),
        "Host: rebound.example:8480\r\nSec-Fetch-Site: same-origin".to_owned(),
        "Host: rebound.example:8480\r\nAccept-Language: en-GB,en;q=0.9".to_owned(),
        "Host: 127.0.0.1.example\r\nSec-Fetch-Site: none".to_owned(),
    ];
    let mut connection = Connection::open(emulator.port());
    for headers in &foreign {
        for call in calls() {
            assert_refused(&send(&mut connection, &call, headers), headers);
        }
    }
    let asked = "Access-Control-Request-Method: POST";
    for headers in [
        format!("Host: {own}\r\nOrigin: https://other.example\r\n{asked}"),
        format!("Host: {own}\r\n{asked}"),
    ] {
        for path in ["/", "/_emulator/reset"] {
            let preflight = format!("OPTIONS {path} HTTP/1.1\r\n{headers}\r\n\r\n");
            assert_refused(&connection.exchange(preflight.as_bytes()), &preflight);
        }
    }
    let records = emulator.requests();
    let refused = records.iter().filter(|record| record.code.as_deref() == Some("OtherSite"));
    assert_eq!(refused.count(), foreign.len() * calls().len() + 2);
    assert_eq!(records.last().unwrap().status, Some(403));
    // None of them was a call, which the fault would have affected.
    let list = Call::v2018("DescribeUserCertificateList");
    assert_eq!(send(&mut connection, &list, &format!("Host: {own}")).body, "");
    assert_eq!(emulator.certificates().unwrap().len(), 1);
}

#[test]
fn programs_and_pages_of_the_emulator_itself_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder().tls_ca(folder.path()).start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let mut direct = Connection::open(port);
    let host = "cas.aliyuncs.com";
    let ca_pem = emulator.ca_pem().unwrap();
    let mut tunnelled = connect(tunnel(port, "cas.aliyuncs.com:443"), host, ca_pem);
    for (number, shape) in SHAPES.into_iter().enumerate() {
        let call = |part: &str| Call::create(&format!("{number} {part}"), &cert, &key).shape(shape);
        for headers in ["Host: cas.aliyuncs.com", "Host: emulator.example\r\nUser-Agent: x"] {
            send(&mut direct, &call(headers), headers).cert_id();
            let response = send(&mut tunnelled, &call(&format!("through {headers}")), headers);
            response.cert_id();
            // As the service responds.
            assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        }
    }
    let list = || Call::v2018("DescribeUserCertificateList");
    for headers in [
        format!("Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}"),
        format!("Host: localhost:{port}\r\nReferer: http://localhost:{port}/_emulator/"),
        format!("Host: localhost:{port}\r\nSec-Fetch-Site: same-origin"),
        format!("Host: localhost:{port}\r\nSec-Fetch-Site: none\r\nAccept-Language: en"),
        // fetch of Node.js.
        "Host: emulator.example\r\nAccept-Language: *\r\nSec-Fetch-Mode: cors".to_owned(),
        "Host: cas.aliyuncs.com\r\nAccept-Language: *".to_owned(),
    ] {
        assert_eq!(send(&mut direct, &list(), &headers).status, 200, "{headers}");
    }
    let page = "Host: cas.aliyuncs.com\r\nOrigin: https://cas.aliyuncs.com";
    assert_refused(&send(&mut tunnelled, &list(), page), page);
}

#[test]
fn the_control_interface_has_the_same_rule() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    for headers in [
        "Host: localhost:8480\r\nOrigin: https://other.example",
        "Host: localhost:8480\r\nReferer: https://other.example/",
        "Host: localhost:8480\r\nSec-Fetch-Site: same-site",
        "Host: rebound.example",
    ] {
        let get = format!("GET /_emulator/certificates HTTP/1.1\r\n{headers}\r\n\r\n");
        assert_refused(&Connection::open(port).exchange(get.as_bytes()), headers);
    }
    assert_eq!(control(port, "GET", "/_emulator/certificates").status, 200);
}

#[test]
fn a_refused_page_is_a_line_of_the_log() {
    for (log, expected) in [
        ("text", " POST DescribeUserCertificateList 2018-07-13 403 OtherSite "),
        ("json", r#""status":403,"code":"OtherSite""#),
    ] {
        let process = Process::start(&["--log", log]);
        let call = Call::v2018("DescribeUserCertificateList");
        let headers = "Host: localhost\r\nOrigin: https://other.example";
        assert_refused(&send(&mut Connection::open(process.port), &call, headers), headers);
        process.signal("-TERM");
        let (status, _, stderr) = process.end();
        assert_eq!((status, stderr.lines().count()), (Some(0), 1), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}
