//! Uploads through real proxies, configured by the program or the environment.

use acceptance::network::proxy::Proxy;
use acceptance::program::report;
use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Stub, chain};

const LOGIN: (&str, &str) = ("user", "canary-pass-word");

/// An upload to an endpoint to which the environment's proxies apply: 0.0.0.0 is this machine, but
/// not a loopback address.
fn upload_there(emulator: &Emulator, settings: &[(&str, &str)]) -> Outcome {
    let there = emulator.url().replace("127.0.0.1", "0.0.0.0");
    upload(&there, &[settings, &[("CAS_ALLOW_PLAINTEXT", "1")]].concat())
}

fn upload(endpoint: &str, settings: &[(&str, &str)]) -> Outcome {
    let settings = [&[("CAS_LOG", "4"), ("CAS_MAX_ATTEMPTS", "1")], settings].concat();
    let outcome = report(endpoint, &settings, "web", &chain().chain, &chain().key).run();
    for shown in [&outcome.stdout, &outcome.stderr] {
        assert!(!shown.contains("canary-pass") && !shown.contains("dXNlcjpjYW5h"), "{shown}");
    }
    outcome
}

/// Each real proxy with and without a login, and the URLs that lead through it. `tls_port` is that
/// of the endpoint.
fn proxies(tls_port: u16) -> Vec<(Proxy, Vec<String>)> {
    let with_login = format!("{}:{}@", LOGIN.0, LOGIN.1);
    let mut proxies = Vec::new();
    for (login, part) in [(None, ""), (Some(LOGIN), with_login.as_str())] {
        let http = Proxy::http(login);
        let socks = Proxy::socks(login);
        let urls = |proxy: &Proxy, schemes: &[&str]| {
            schemes.iter().map(|scheme| format!("{scheme}{part}{}", proxy.address)).collect()
        };
        let (of_http, of_socks) =
            (urls(&http, &["http://", ""]), urls(&socks, &["socks5://", "socks5h://"]));
        let squid = Proxy::squid(tls_port, login.map(|login| ("basic", login)));
        let of_squid = urls(&squid, &["http://"]);
        proxies.extend([(http, of_http), (socks, of_socks), (squid, of_squid)]);
    }
    let dante = Proxy::dante();
    let urls = ["socks5://", "socks5h://"].map(|scheme| format!("{scheme}{}", dante.address));
    proxies.push((dante, urls.into()));
    proxies
}

#[test]
fn an_upload_goes_through_every_proxy_with_and_without_tls() {
    let [cert, key] = chain().files();
    let plain = Emulator::start(&[]);
    let tls = Emulator::start_tls(cert, key, &[]);
    let root = chain().root.to_str().unwrap();
    for (proxy, urls) in proxies(tls.port()) {
        for url in urls {
            for emulator in [&plain, &tls] {
                let before = proxy.log().len();
                let settings = [("CAS_PROXY", url.as_str()), ("CAS_CA_FILE", root)];
                let outcome = upload(emulator.url(), &settings);
                outcome.assert_fields(&[("status", "CAS_OK"), ("cert_id", "10000000")]);
                assert!(proxy.logs(before, emulator.port()), "not through {url}");
            }
        }
        assert!(!proxy.log().contains("PRIVATE"), "{}", proxy.log());
    }
    // A login is ignored by a proxy that requires none.
    let open = [("http", Proxy::http(None)), ("socks5", Proxy::socks(None))];
    for (scheme, proxy) in &open {
        let url = format!("{scheme}://{}:{}@{}", LOGIN.0, LOGIN.1, proxy.address);
        upload(plain.url(), &[("CAS_PROXY", &url)]).assert_fields(&[("status", "CAS_OK")]);
    }
    // By name, which socks5h proxies resolve themselves.
    let socks = Proxy::socks(None);
    let by_name = plain.url().replace("127.0.0.1", "localhost");
    let url = format!("socks5h://{}", socks.address);
    upload(&by_name, &[("CAS_PROXY", &url)]).assert_fields(&[("status", "CAS_OK")]);
    assert!(!socks.log().is_empty());
}

#[test]
fn a_proxy_that_takes_only_a_digest_is_an_error_before_anything_is_stored() {
    let [cert, key] = chain().files();
    let plain = Emulator::start(&[]);
    let tls = Emulator::start_tls(cert, key, &[]);
    let proxy = Proxy::squid(tls.port(), Some(("digest", LOGIN)));
    let url = format!("http://{}:{}@{}", LOGIN.0, LOGIN.1, proxy.address);
    for emulator in [&plain, &tls] {
        let before = proxy.log().len();
        let settings =
            [("CAS_PROXY", url.as_str()), ("CAS_CA_FILE", chain().root.to_str().unwrap())];
        upload(emulator.url(), &settings).assert_fields(&[("status", "CAS_ERR_NETWORK")]);
        // It asks for a login, and forwards nothing.
        assert!(proxy.logs(before, emulator.port()));
        let log = proxy.log().split_off(before);
        assert!(log.contains("TCP_DENIED/407 "), "{log}");
    }
    assert!(plain.certificates().is_empty());
}

#[test]
fn proxies_and_exceptions_come_from_the_environment() {
    let emulator = Emulator::start(&[]);
    let proxy = Proxy::http(None);
    let url = format!("http://{}", proxy.address);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let before = proxy.log().len();
        upload_there(&emulator, &[(name, &url)]).assert_fields(&[("status", "CAS_OK")]);
        assert!(proxy.log().len() > before, "not by {name}");
    }
    // An unreachable proxy shows which calls use it.
    let gone = ("HTTP_PROXY", "http://127.0.0.1:1");
    let refused = upload_there(&emulator, &[gone]);
    refused.assert_fields(&[("status", "CAS_ERR_NETWORK"), ("attempts", "1")]);
    assert!(
        refused.field("message").contains("failed to connect to the proxy 127.0.0.1:1"),
        "{}",
        refused.stdout
    );
    for exception in ["0.0.0.0", "0.0.0.0/8", "*"] {
        for name in ["NO_PROXY", "no_proxy"] {
            upload_there(&emulator, &[gone, (name, exception)])
                .assert_fields(&[("status", "CAS_OK")]);
        }
    }
    upload_there(&emulator, &[gone, ("CAS_PROXY", "")]).assert_fields(&[("status", "CAS_OK")]);
    upload_there(&emulator, &[gone, ("CAS_PROXY", &url)]).assert_fields(&[("status", "CAS_OK")]);
    // Loopback addresses never use a proxy of the environment.
    upload(emulator.url(), &[gone, ("ALL_PROXY", "http://127.0.0.1:1")])
        .assert_fields(&[("status", "CAS_OK")]);
    let broken = upload_there(&emulator, &[("HTTP_PROXY", "ftp://user:canary-pass-word@proxy")]);
    broken.assert_fields(&[("status", "CAS_ERR_INVALID_ARGUMENT")]);
    assert!(broken.field("message").contains("Invalid proxy in HTTP_PROXY"), "{}", broken.stdout);
}

#[test]
fn a_failed_proxy_login_is_distinguished_from_a_server_that_is_not_a_proxy() {
    let emulator = Emulator::start(&[]);
    let (http, socks) = (Proxy::http(Some(LOGIN)), Proxy::socks(Some(LOGIN)));
    for (scheme, proxy) in [("http", &http), ("socks5", &socks)] {
        for (login, part) in
            [("", "requires a user name"), ("user:canary-pass-wrong@", "rejected the user name")]
        {
            let url = format!("{scheme}://{login}{}", proxy.address);
            let outcome = upload(emulator.url(), &[("CAS_PROXY", &url)]);
            outcome.assert_fields(&[("status", "CAS_ERR_NETWORK"), ("http_status", "0")]);
            let message = outcome.field("message");
            // microsocks closes the connection if no login is offered.
            let closed = scheme == "socks5" && message.contains("closed the connection");
            assert!(message.contains(part) || closed, "{scheme} {login}: {message}");
            assert!(message.contains(&proxy.address), "{message}");
        }
    }
    assert!(emulator.requests().is_empty());

    let talker = Stub::start(vec![Reply::SendAndClose(b"220 mail.example ESMTP\r\n\r\n".to_vec())]);
    let url = talker.url();
    let tls = emulator.url().replace("http:", "https:");
    let outcome = upload(&tls, &[("CAS_PROXY", &url)]);
    assert!(outcome.field("message").contains("does not speak HTTP"), "{}", outcome.stdout);
    let forbidden = Stub::start(vec![Reply::http("403 Forbidden", "", "")]);
    let outcome = upload(&tls, &[("CAS_PROXY", &forbidden.url())]);
    assert!(
        outcome.field("message").contains("failed to connect to 127.0.0.1"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.field("message").contains("HTTP 403"), "{}", outcome.stdout);
    let silent = Stub::start(vec![Reply::Nothing]);
    let settings = [("CAS_PROXY", silent.url()), ("CAS_CONNECT_TIMEOUT_MS", "2000".to_owned())];
    let outcome = upload(&tls, &settings.each_ref().map(|(name, value)| (*name, value.as_str())));
    assert!(outcome.field("message").contains("did not respond in time"), "{}", outcome.stdout);
    outcome.assert_fields(&[("status", "CAS_ERR_NETWORK"), ("retryable", "1")]);
}

#[test]
fn a_request_without_tls_names_its_server_to_an_http_proxy() {
    // Where no server listens: the proxy responds itself.
    let endpoint = "http://192.0.2.1:8480";
    let success = Reply::http("200 OK", "", r#"{"CertId":7}"#);
    for (login, header) in [
        ("", None),
        ("user:canary-pass-word@", Some("proxy-authorization: Basic dXNlcjpjYW5hcnktcGFzcy13b3Jk")),
    ] {
        let proxy = Stub::start(vec![success.clone()]);
        let url = proxy.url().replace("http://", &format!("http://{login}"));
        let settings = [("CAS_PROXY", url.as_str()), ("CAS_ALLOW_PLAINTEXT", "1")];
        let [cert, key] = chain().files();
        let output = report(endpoint, &settings, "web", cert, key).arg("3").succeed();
        assert_eq!(output.matches("cert_id=7\n").count(), 3, "{output}");
        let requests = proxy.requests();
        assert_eq!(requests.len(), 3);
        for request in requests {
            // All of them on one connection, and without a tunnel.
            assert_eq!(request.connection, 0);
            let mut lines = request.head.lines();
            assert_eq!(lines.next(), Some("POST http://192.0.2.1:8480/ HTTP/1.1"));
            assert!(request.head.contains("\r\nhost: 192.0.2.1:8480\r\n"), "{}", request.head);
            let login = lines.find(|line| line.to_lowercase().starts_with("proxy-"));
            assert_eq!(login.map(str::to_lowercase), header.map(str::to_lowercase));
            assert!(!request.body.contains("Proxy-"), "{}", request.body);
        }
    }
    // The login of a proxy goes to no server.
    let emulator = Stub::start(vec![success]);
    let proxy = Proxy::http(Some(LOGIN));
    let url = format!("http://{}:{}@{}", LOGIN.0, LOGIN.1, proxy.address);
    upload(&emulator.url(), &[("CAS_PROXY", &url)]).assert_fields(&[("status", "CAS_OK")]);
    assert!(proxy.log().contains("POST http://127.0.0.1"), "{}", proxy.log());
    let head = emulator.requests().remove(0).head;
    assert!(head.starts_with("POST / HTTP/1.1") && !head.to_lowercase().contains("proxy-auth"));
}

#[test]
fn what_a_proxy_or_a_portal_in_its_place_requires_is_named() {
    let page = "<html><title>Sign in</title></html>";
    let ntlm = "Proxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n";
    let digest = "Proxy-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n";
    let http = |status: &str, headers: &str| vec![Reply::http(status, headers, page)];
    let [windows, hashed] =
        [ntlm, digest].map(|challenges| http("407 Proxy Authentication Required", challenges));
    // The head opens the tunnel, and a page follows in it.
    let opened = vec![Reply::Send(format!("HTTP/1.1 200 OK\r\n\r\n{page}").into_bytes())];
    for (replies, message, hint, forwards) in [
        (windows, "requires authentication by NTLM or Negotiate", "supports Basic", true),
        (hashed, "requires authentication by Digest", "supports Basic", true),
        (http("302 Found", "Location: http://portal/\r\n"), "HTTP 302", "sign in", false),
        (http("511 Network Authentication Required", ""), "HTTP 511", "sign in", false),
        (opened, "is not TLS", "captive portal", false),
    ] {
        // With plain HTTP, it cannot be told from the server what a proxy responds instead of it.
        for scheme in if forwards { &["https", "http"][..] } else { &["https"] } {
            let proxy = Stub::start(replies.clone());
            let endpoint = format!("{scheme}://192.0.2.1");
            let url = proxy.url();
            let settings = [("CAS_PROXY", url.as_str()), ("CAS_ALLOW_PLAINTEXT", "1")];
            let outcome = upload(&endpoint, &settings);
            outcome.assert_fields(&[
                ("status", "CAS_ERR_NETWORK"),
                ("attempts", "1"),
                ("retryable", "0"),
            ]);
            outcome.assert_says("message", &["was not sent", "the proxy 127.0.0.1:", message]);
            outcome.assert_says("hint", &[hint]);
        }
    }
}
