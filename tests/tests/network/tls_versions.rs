//! Versions of TLS, and ports that do not speak it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use acceptance::limits::WAIT;
use acceptance::network::tls::OneVersion;

use crate::trust::{assert_refused, file, key, pem, upload};

#[test]
fn tls_1_2_and_1_3_are_supported_and_older_versions_are_not() {
    let (root, served) = (file("root.pem"), pem(&["good", "intermediate"]));
    let trusted = [("CAS_CA_FILE", root.as_str())];
    let start = |version| OneVersion::start(version, &served, &key("server"));
    for (name, shown) in [("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")] {
        let mut server = start(name);
        upload(&server.url(), &trusted).assert_fields(&[("status", "CAS_OK"), ("cert_id", "7")]);
        assert_eq!(server.arrived(), format!("{shown} POST / HTTP/1.1"));
        // A server with an unknown issuer is rejected in each.
        assert_refused(&upload(&server.url(), &[]), &["its issuer is not trusted"], &[]);
        assert!(server.arrived().starts_with("no request:"));
        assert_eq!(server.stop(), "");
    }
    for name in ["TLSv1", "TLSv1_1"] {
        let mut server = start(name);
        assert_refused(
            &upload(&server.url(), &trusted),
            &["the TLS handshake with 127.0.0.1", "does not support TLS 1.2 or newer"],
            &["older TLS versions are insecure"],
        );
        let arrived = server.arrived();
        assert!(
            arrived.starts_with("no request:") && arrived.to_lowercase().contains("protocol"),
            "{arrived}"
        );
        assert_eq!(server.stop(), "");
    }
}

#[test]
fn what_a_server_demands_and_libcas_does_not_support_is_named() {
    let root = file("root.pem");
    let trusted = [("CAS_CA_FILE", root.as_str())];
    for version in ["TLSv1_2", "TLSv1_3"] {
        for (leaf, key_name, demand, message, hint) in [
            (
                "good",
                "server",
                "client certificate",
                "requires a client certificate, which libcas does not support",
                "gateway",
            ),
            (
                "good",
                "server",
                "secp521r1",
                "no cipher suite, group or kind of certificate that libcas supports",
                "X25519, P-256 and P-384",
            ),
            (
                "p521",
                "p521",
                "",
                "no cipher suite, group or kind of certificate that libcas supports",
                "ECDSA with P-256 or P-384",
            ),
            ("rsa1024", "rsa1024", "", "its key, RSA-1024, is too short", "at least 2048 bits"),
        ] {
            let served = pem(&[leaf, "intermediate"]);
            let mut server = OneVersion::demanding(version, &served, &key(key_name), demand);
            let outcome = upload(&server.url(), &trusted);
            assert_refused(&outcome, &["127.0.0.1", message], &[hint]);
            assert!(server.arrived().starts_with("no request:"), "{version} {leaf} {demand}");
        }
    }
}

/// A server that sends these bytes after the first message of a client, and returns what the client
/// sends then.
fn server_that_sends(response: Vec<u8>) -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (sender, came) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).unwrap();
        let mut body = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
        stream.read_exact(&mut body).unwrap();
        stream.write_all(&response).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let _ = sender.send(rest);
    });
    (url, came)
}

#[test]
fn old_tls_servers_are_distinguished_from_ports_without_tls() {
    // A server that does not know the extension supported_versions and selects TLS 1.1 with
    // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA.
    let hello = [&[2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
    let takes_up = [&[22, 3, 2, 0, 42][..], &hello].concat();
    let alert = |description: u8| vec![21, 3, 2, 0, 2, 2, description];
    for (response, message, hint) in [
        (takes_up, "does not support TLS 1.2 or newer", "older TLS versions are insecure"),
        (alert(70), "does not support TLS 1.2 or newer", "older TLS versions are insecure"),
        (alert(40), "TLS 1.2 or newer, or no cipher suite", "TLS 1.3"),
        (alert(80), "InternalError", "speaks TLS 1.2"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            "the response of the server is not TLS",
            "without TLS, use http://",
        ),
        (b"220 mail.example ESMTP\r\n".to_vec(), "the response of the server is not TLS", "port"),
    ] {
        let (url, came) = server_that_sends(response);
        let outcome = upload(&url, &[("CAS_CA_FILE", &file("root.pem"))]);
        assert_refused(&outcome, &["the TLS handshake with 127.0.0.1", message], &[hint]);
        // At most an alert, which has seven bytes.
        assert!(came.recv_timeout(WAIT).expect("a connection").len() <= 7);
    }
}
