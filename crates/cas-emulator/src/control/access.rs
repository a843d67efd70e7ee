//! Who may use the control interface: programs on this machine, and its own page.

use std::net::IpAddr;

use ipnet::IpNet;
use sha2::digest::Output;
use sha2::{Digest, Sha256};

use crate::browser;
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
            self.check_no_wrong_token(request)?;
            return Err("The control interface accepts requests from loopback addresses, from \
                        networks that --control-allow names, and with the token of \
                        --control-token."
                .into());
        }
        if !browser::named_hosts(request).into_iter().all(browser::is_local) {
            self.check_no_wrong_token(request)?;
            return Err(
                "The control interface accepts requests for this machine only: send Host: \
                        localhost, a name without dots or an IP address."
                    .into(),
            );
        }
        Ok(browser::check(request)?)
    }

    /// Fails with a sentence if `request` has a token that is not the right one.
    fn check_no_wrong_token(&self, request: &Request) -> Result<(), String> {
        match token(request) {
            Some(_) if self.has_token() => Err("The token in the header Authorization is not \
                 that of --control-token. Send the value that this emulator was started with, as \
                 Authorization: Bearer TOKEN."
                .into()),
            Some(_) => {
                Err("This emulator has no token: start it with --control-token TOKEN.".into())
            }
            None => Ok(()),
        }
    }

    fn is_token_of(&self, request: &Request) -> bool {
        self.token.is_some() && token(request).map(Sha256::digest) == self.token
    }
}

/// The token that a request has.
fn token(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
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
        let from = Peer { address: from.parse().ok(), connection: 1, other_uploaders: 0 };
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
    fn other_hosts_and_pages_of_other_sites_are_not_served() {
        for (head, served) in [
            ("Host: localhost:8480\r\n", true),
            ("Host: localhost:8480\r\nOrigin: http://localhost:8480\r\n", true),
            ("Host: localhost:8480\r\nOrigin: http://other.example\r\n", false),
            ("Host: rebound.example:8480\r\n", false),
            ("Host: cas.aliyuncs.com\r\n", false),
        ] {
            assert_eq!(is_allowed(head, "127.0.0.1:1"), served, "{head}");
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
