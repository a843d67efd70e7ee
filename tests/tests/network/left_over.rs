//! Responses that nobody asked for: none of them is taken for the response to the next request.

use acceptance::network::odd::Odd;
use acceptance::{Program, chain, report};

const VERSIONS: [&str; 3] = ["none", "TLSv1_2", "TLSv1_3"];

/// Three uploads by one client.
fn uploads(server: &Odd, settings: &[(&str, &str)]) -> Program {
    let [cert, key] = chain().files();
    let root = ("CAS_CA_FILE", chain().root.to_str().unwrap());
    let settings = [&[root, ("CAS_ALLOW_PLAINTEXT", "1")], settings].concat();
    report(&server.url, &settings, "web", cert, key).arg("3")
}

fn ids(output: &str) -> Vec<&str> {
    output.lines().filter_map(|line| line.strip_prefix("cert_id=")).collect()
}

#[test]
fn a_second_response_is_not_taken_for_that_of_the_next_request() {
    // A response may fill the buffer of TLS, so that the next one is not even decrypted.
    let long = ["0", "3950", "5000", "20000"];
    for (mode, paddings) in [
        ("one record", &long[..]),
        ("two records", &long[..]),
        ("half a response", &["0"][..]),
        ("half a record", &["0", "20000"][..]),
    ] {
        for padding in paddings {
            for version in VERSIONS {
                let mut server = Odd::start(version, mode, padding);
                let output = uploads(&server, &[]).succeed();
                assert_eq!(ids(&output), ["1", "3", "5"], "{version} {mode} {padding}");
                assert_eq!(server.lines(3), ["1", "2", "3"], "{version} {mode} {padding}");
            }
        }
    }
}

#[test]
fn what_follows_a_response_closes_the_connection() {
    for version in VERSIONS {
        for mode in ["chunks", "short length", "interim", "close"] {
            if (version, mode) == ("none", "close") {
                continue;
            }
            let mut server = Odd::start(version, mode, "0");
            let output = uploads(&server, &[]).succeed();
            let expected = if mode == "close" { ["1", "3", "5"] } else { ["1", "2", "3"] };
            assert_eq!(ids(&output), expected, "{version} {mode}");
            assert_eq!(server.lines(3), ["1", "2", "3"], "{version} {mode}");
        }
    }
}

#[test]
fn a_response_between_two_requests_closes_the_connection() {
    for version in VERSIONS {
        let mut server = Odd::start(version, "between", "0");
        let uploads = uploads(&server, &[("CAS_STEP", "1")]);
        let mut lines = Vec::new();
        let outcome = uploads.run_in_steps(3, || {
            // The first upload begins at once.
            if lines.is_empty() {
                lines.push("start".to_owned());
            } else {
                lines.extend(server.lines(2));
            }
        });
        assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
        assert_eq!(ids(&outcome.stdout), ["1", "3", "5"], "{version}");
        lines.extend(server.lines(2));
        assert_eq!(lines, ["start", "1", "sent", "2", "sent", "3", "sent"], "{version}");
    }
}

#[test]
fn what_a_tunnel_brings_before_the_first_request_closes_it() {
    let mut server = Odd::start("none", "before the first request", "0");
    let proxy = server.proxy().replace("http://", "socks5://");
    let output = uploads(&server, &[("CAS_PROXY", &proxy)]).succeed();
    // The first response was made for no request.
    assert_eq!(ids(&output), ["2", "3", "4"], "{output}");
    assert!(output.contains("attempts=2"), "{output}");
    assert_eq!(server.lines(3), ["2", "2", "2"]);
}

#[test]
fn a_tunnel_may_open_after_an_interim_response_and_is_used_again() {
    for version in &VERSIONS[1..] {
        let mut server = Odd::start(version, "tunnel after interim", "0");
        let proxy = server.proxy();
        let output = uploads(&server, &[("CAS_PROXY", &proxy)]).succeed();
        assert_eq!(ids(&output), ["1", "2", "3"], "{version}");
        assert_eq!(server.lines(3), ["1", "1", "1"], "{version}");
    }
}

#[test]
fn a_second_response_of_or_through_a_proxy_closes_the_connection() {
    for version in VERSIONS {
        // The HTTP proxy forwards requests without TLS itself.
        for scheme in ["http://", "socks5://"] {
            let mut server = Odd::start(version, "one record", "0");
            let proxy = server.proxy().replace("http://", scheme);
            let output = uploads(&server, &[("CAS_PROXY", &proxy)]).succeed();
            assert_eq!(ids(&output), ["1", "3", "5"], "{version} {scheme}");
            assert_eq!(server.lines(3), ["1", "2", "3"], "{version} {scheme}");
        }
    }
}
