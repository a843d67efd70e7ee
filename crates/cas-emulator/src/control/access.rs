//! Who may use the control interface: programs on this machine, and its own page.
//!
//! A page of another site, in a browser on this machine, can send requests to any port, and can
//! make a host name of its own point here (DNS rebinding). A browser tells the host name and the
//! site in `Host`, `Origin` and `Sec-Fetch-Site`.

use std::net::IpAddr;

use ipnet::IpNet;
use sha2::digest::Output;
use sha2::{Digest, Sha256};

use crate::http::{Peer, Request};

/// Who may use the control interface besides programs on this machine.
#[derive(Default)]
pub(crate) struct Access {
    networks: Vec<IpNet>,
    /// The hash of the token. Comparing hashes takes no longer the more of a token is right.
    token: Option<Output<Sha256>>,
}

impl Access {
    /// Lets `networks`, each such as `172.16.0.0/12` or a list with commas, and everyone with
    /// `token` use the control interface. An error is a sentence for the user.
    pub(crate) fn new(networks: &[String], token: Option<&str>) -> Result<Self, String> {
        let parse = |text: &str| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
                "invalid network of --control-allow: expected an address or a network such as \
                 172.16.0.0/12"
                    .to_owned()
            })
        };
        if token.is_some_and(str::is_empty) {
            return Err("invalid --control-token: it is empty".to_owned());
        }
        Ok(Self {
            networks: networks
                .iter()
                .flat_map(|list| list.split(','))
                .map(|text| parse(text.trim()))
                .collect::<Result<_, _>>()?,
            token: token.map(Sha256::digest),
        })
    }

    /// Whether a token opens the control interface.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Fails with a sentence if the control interface must not respond to `request`.
    pub(super) fn check(&self, request: &Request, peer: Peer) -> Result<(), String> {
        if self.is_token_of(request) {
            return Ok(());
        }
        // A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d.
        let is_allowed = |address: IpAddr| {
            address.is_loopback() || self.networks.iter().any(|network| network.contains(&address))
        };
        // Only the user of the emulator can connect to its Unix socket.
        if !peer.address.is_none_or(|address| is_allowed(address.ip().to_canonical())) {
            return Err("The control interface accepts requests from loopback addresses, from \
                        networks that --control-allow names, and with the token of \
                        --control-token."
                .into());
        }
        let host = request.host();
        let tunnel = request.tunnel.as_deref();
        let sent = request.header("host").unwrap_or_default();
        if ![host, sent, tunnel.unwrap_or_default()].into_iter().all(is_local) {
            return Err(
                "The control interface accepts requests for this machine only: send Host: \
                        localhost, a name without dots or an IP address."
                    .into(),
            );
        }
        let is_own = |origin: &str| {
            let schemes = ["http://", "https://"];
            let authority = schemes.iter().find_map(|scheme| origin.strip_prefix(scheme));
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        };
        let is_foreign = request.headers("origin").any(|origin| !is_own(origin))
            || request
                .headers("sec-fetch-site")
                .any(|site| !matches!(site, "same-origin" | "none"));
        if is_foreign {
            return Err("The control interface accepts requests from its own page only, \
                        not from those of other sites."
                .into());
        }
        Ok(())
    }

    fn is_token_of(&self, request: &Request) -> bool {
        let sent = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        self.token.is_some() && sent.map(|token| Sha256::digest(token.trim())) == self.token
    }
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
        is_allowed_by(&Access::default(), head, from)
    }

    fn is_allowed_by(access: &Access, head: &str, from: &str) -> bool {
        let raw = format!("GET /_emulator/health HTTP/1.1\r\n{head}\r\n").into_bytes();
        let request =
            Reader::default().read(&mut std::io::Cursor::new(raw), || (), |_| false).unwrap();
        let from = Peer { address: from.parse().ok(), connection: 1, other_clients: 0 };
        access.check(&request, from).is_ok()
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

    #[test]
    fn networks_and_a_token_open_it_to_others() {
        let networks = ["172.16.0.0/12, 2001:db8::/32", "192.0.2.7"].map(str::to_owned);
        let access = Access::new(&networks, Some("the token")).unwrap();
        let token = "Authorization: Bearer the token\r\nHost: any.example\r\n";
        for (from, head, allowed) in [
            ("172.31.255.255:1", "", true),
            ("[::ffff:172.16.0.1]:1", "", true),
            ("172.32.0.1:1", "", false),
            ("[2001:db8::1]:1", "", true),
            ("192.0.2.7:1", "", true),
            ("192.0.2.8:1", "", false),
            ("192.0.2.8:1", token, true),
            ("192.0.2.8:1", "Authorization: Bearer another\r\n", false),
            ("192.0.2.8:1", "Authorization: the token\r\n", false),
            ("172.16.0.1:1", "Host: rebound.example\r\n", false),
        ] {
            assert_eq!(is_allowed_by(&access, head, from), allowed, "{from} {head}");
        }
        assert!(!is_allowed("Authorization: Bearer \r\n", "192.0.2.8:1"));
        assert!(Access::new(&["172.16.0.0/33".to_owned()], None).is_err());
        assert!(Access::new(&[], Some("")).is_err());
    }
}
