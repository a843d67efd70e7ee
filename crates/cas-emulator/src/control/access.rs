//! Who may use the control interface: programs on this machine, and its own page.
//!
//! A page of another site, in a browser on this machine, can send requests to any port, and can
//! make a host name of its own point here (DNS rebinding). A browser tells the host name and the
//! site in `Host`, `Origin` and `Sec-Fetch-Site`.

use std::net::IpAddr;

use crate::http::{Peer, Request};

/// Fails with a sentence if the control interface must not respond to `request`.
pub(super) fn check(request: &Request, peer: Peer) -> Result<(), String> {
    // A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d.
    if !peer.address.ip().to_canonical().is_loopback() {
        return Err("The control interface accepts requests from loopback addresses only.".into());
    }
    let host = request.header("host").unwrap_or_default();
    if !is_local(host) {
        return Err("The control interface accepts requests for this machine only: \
                    send Host: localhost or an IP address."
            .into());
    }
    let is_own = |origin: &str| {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    let is_foreign = request.headers("origin").any(|origin| !is_own(origin))
        || request.headers("sec-fetch-site").any(|site| !matches!(site, "same-origin" | "none"));
    if is_foreign {
        return Err("The control interface accepts requests from its own page only, \
                    not from those of other sites."
            .into());
    }
    Ok(())
}

/// Whether a `Host` header names this machine: by an address, by a name that only this machine or
/// its network can resolve, or not at all, as in HTTP/1.0.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok()
        || !name.contains('.')
        || name.ends_with(".localhost")
        || name.ends_with(".internal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Reader;

    fn is_allowed(head: &str, from: &str) -> bool {
        let raw = format!("GET /_emulator/health HTTP/1.1\r\n{head}\r\n").into_bytes();
        let request = Reader::default().read(&mut std::io::Cursor::new(raw), || ()).unwrap();
        check(&request, Peer { address: from.parse().unwrap(), connection: 1, other_clients: 0 })
            .is_ok()
    }

    #[test]
    fn only_programs_on_this_machine_are_served() {
        for loopback in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(is_allowed("", loopback), "{loopback}");
        }
        for remote in ["192.0.2.1:1", "0.0.0.0:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1"] {
            assert!(!is_allowed("", remote), "{remote}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_not_served() {
        for (host, served) in [
            ("127.0.0.1:8480", true),
            ("localhost:8480", true),
            ("LOCALHOST", true),
            ("[::1]:8480", true),
            ("cas-emulator:8480", true),
            ("host.docker.internal:8480", true),
            ("a.localhost", true),
            ("rebound.example:8480", false),
            ("localhost.example", false),
            ("127.0.0.1.example", false),
        ] {
            assert_eq!(is_allowed(&format!("Host: {host}\r\n"), "127.0.0.1:1"), served, "{host}");
        }
        for (head, served) in [
            ("Origin: http://localhost:8480\r\n", true),
            ("Origin: http://localhost:8481\r\n", false),
            ("Origin: https://example.com\r\n", false),
            ("Origin: null\r\n", false),
            ("Sec-Fetch-Site: same-origin\r\n", true),
            ("Sec-Fetch-Site: none\r\n", true),
            ("Sec-Fetch-Site: cross-site\r\n", false),
            ("Sec-Fetch-Site: same-site\r\n", false),
        ] {
            let head = format!("Host: localhost:8480\r\n{head}");
            assert_eq!(is_allowed(&head, "127.0.0.1:1"), served, "{head}");
        }
    }
}
