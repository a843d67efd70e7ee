//! The way of an upload over sockets of this machine.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::*;
use crate::base::secret::Secret;
use crate::config::Config;

/// A server that answers `requests` connections with the same response.
fn server(response: String, requests: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().take(requests) {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                request.push(byte[0]);
            }
            if !request.is_empty() {
                let _ = stream.write_all(response.as_bytes());
            }
        }
    });
    format!("http://{address}")
}

fn response(head: &str, body: &str) -> String {
    format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn diagnose(endpoint: &str) -> (bool, Vec<Diagnosis>) {
    let mut config = Config::default();
    config.set_endpoint(endpoint).unwrap();
    config.set_proxy("").unwrap();
    config.set_access_key("LTAI0123456789abcdef", Secret::new("hidden".to_owned())).unwrap();
    let mut all = Vec::new();
    let works = Diagnostics::new(&config).unwrap().run(|found| all.push(found.clone()));
    assert_eq!(all.len(), 9, "{all:?}");
    for found in &all {
        assert!(found.message.ends_with('.'), "{found:?}");
        assert_eq!(found.hint.is_some(), matches!(found.status, Status::Failed | Status::Warning));
        assert_eq!(found.error.is_some(), found.status == Status::Failed);
    }
    assert!(!format!("{all:?}").contains("hidden"));
    (works, all)
}

fn status(all: &[Diagnosis], probe: Probe) -> Status {
    all.iter().find(|found| found.probe == probe).unwrap().status
}

#[test]
fn a_refusal_by_ram_names_the_action() {
    let body = r#"{"Code":"Forbidden.RAM","Message":"no","RequestId":"R"}"#;
    let date = httpdate::fmt_http_date(SystemTime::now());
    let endpoint = server(response(&format!("HTTP/1.1 403 x\r\nDate: {date}"), body), 9);
    let (works, all) = diagnose(&endpoint);
    for probe in [Probe::Dns, Probe::Proxy, Probe::Connection, Probe::Service, Probe::Clock] {
        assert_eq!(status(&all, probe), Status::Ok, "{all:?}");
    }
    assert!(!works && status(&all, Probe::Permission) == Status::Failed);
    let hint = all.last().unwrap().hint.clone().unwrap();
    assert!(hint.contains("yundun-cert:DescribeUserCertificateList"), "{hint}");
    assert_eq!(all.last().unwrap().kind(), Some(ErrorKind::Permission));
}

#[test]
fn what_is_not_the_service_is_recognised() {
    let page = "<html><title>Sign in</title></html>";
    let endpoint = server(response("HTTP/1.1 200 OK\r\nContent-Type: text/html", page), 9);
    let (works, all) = diagnose(&endpoint);
    assert!(!works && status(&all, Probe::Service) == Status::Failed, "{all:?}");
    assert_eq!(status(&all, Probe::Clock), Status::Skipped);
    let found = all.iter().find(|found| found.probe == Probe::Service).unwrap();
    assert!(found.message.contains("Sign in"), "{}", found.message);
}

#[test]
fn what_depends_on_a_connection_is_skipped_without_one() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (works, all) = diagnose(&format!("http://127.0.0.1:{port}"));
    assert!(!works && status(&all, Probe::Connection) == Status::Failed, "{all:?}");
    for probe in [Probe::Tls, Probe::Service, Probe::Clock, Probe::Permission] {
        assert_eq!(status(&all, probe), Status::Skipped, "{all:?}");
    }
    assert_eq!(status(&all, Probe::Credentials), Status::Ok);
}

#[test]
fn an_unusable_root_store_is_a_finding() {
    let mut config = Config::default();
    config.set_endpoint("http://127.0.0.1:1").unwrap();
    config.set_ca_file(std::path::Path::new("/nonexistent/ca.pem")).unwrap();
    let diagnostics = Diagnostics::new(&config).unwrap();
    let mut all = Vec::new();
    assert!(!diagnostics.run(|found| all.push(found.clone())));
    assert_eq!(status(&all, Probe::Roots), Status::Failed);
    let error = diagnostics.test_access().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(diagnostics.settings().roots.is_err());
}
