//! Requests that clients send to a proxy. The emulator stands in for the hosts of the service, and
//! never opens a connection.

use std::io::{self, Write};

use crate::hosts::{self, Hosts, split_authority};
use crate::http::{Request, Response};

/// Characters of a refused host that are printed.
const MAX_SHOWN: usize = 100;

/// The emulator as a proxy.
pub(crate) struct Proxy {
    hosts: Hosts,
    has_authority: bool,
}

impl Proxy {
    /// `has_authority` says whether it has certificates for the hosts.
    pub(crate) fn new(hosts: Hosts, has_authority: bool) -> Self {
        Self { hosts, has_authority }
    }

    /// The response to a `CONNECT`, or to a request for another host. `None` if the emulator must
    /// respond to the request itself.
    pub(crate) fn respond(&self, request: &Request) -> Option<Response> {
        if request.method == "CONNECT" {
            return Some(self.connect(request));
        }
        let (scheme, authority) = request.origin()?;
        let usual_port = match scheme.to_ascii_lowercase().as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let served =
            usual_port.zip(split_authority(authority)).is_some_and(|(usual_port, (host, port))| {
                self.hosts.serve(host, port.unwrap_or(usual_port))
            });
        if served { None } else { Some(refuse(&request.method, authority)) }
    }

    fn connect(&self, request: &Request) -> Response {
        let Some((host, Some(port))) = split_authority(&request.target) else {
            return Response::error(400, "Invalid CONNECT: expected CONNECT HOST:PORT.");
        };
        if !request.body.is_empty() {
            return Response::error(400, "Invalid CONNECT: it has a body.");
        }
        if request.tunnel.is_some() {
            return Response::error(403, "CONNECT is not served inside a tunnel.");
        }
        if !self.hosts.serve(host, port) {
            return refuse("CONNECT", &request.target);
        }
        if !self.has_authority {
            let message = "CONNECT needs certificates for the hosts of the service: start \
                           cas-emulator with --tls-ca DIR, and let the client trust DIR/ca.pem.";
            print(&format!("CONNECT to {}: start with --tls-ca DIR", shown(&request.target)));
            return Response::error(501, message);
        }
        Response::tunnel()
    }
}

/// Refuses a host by name, to the client and on stderr: few clients print what a proxy says.
fn refuse(method: &str, authority: &str) -> Response {
    let host = shown(authority);
    print(&format!("refused {} to {host}: not emulated", shown(method)));
    let served = hosts::NAMES;
    Response::error(403, &format!("The emulator does not serve {host}. It serves {served}."))
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect::<String>().escape_debug().to_string()
}

fn print(line: &str) {
    let _ = writeln!(io::stderr(), "cas-emulator: {line}"); // fails if stderr is closed
}
