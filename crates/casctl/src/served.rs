//! Whether the servers of a certificate serve it.

use std::time::Duration;

use cas_core::{Client, ServedCertificate};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::language::say;

/// The port of HTTPS.
const HTTPS: u16 = 443;

/// A server to ask: `www.example.com`, `www.example.com:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub domain: String,
    pub port: u16,
}

impl Host {
    /// Reads a domain with or without a port; `None` for an invalid port.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (domain, port) = match text.rsplit_once(':') {
            Some((domain, port)) => (domain, port.parse().ok().filter(|port| *port != 0)?),
            None => (text, HTTPS),
        };
        (!domain.is_empty()).then(|| Self { domain: domain.to_owned(), port })
    }

    /// Whether it stands for many domains, none of which is known.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.domain.starts_with("*.") || self.domain.starts_with('.')
    }

    fn shown(&self) -> String {
        if self.port == HTTPS {
            self.domain.clone()
        } else {
            format!("{}:{}", self.domain, self.port)
        }
    }
}

/// What a server serves.
pub(crate) enum Answer {
    /// The certificate.
    Served(ServedCertificate),
    /// Another certificate.
    Other(ServedCertificate),
    /// Nothing that can be seen.
    Unreachable(Failure),
    /// A wildcard: there is no server to ask.
    NotAsked,
}

/// A server and its answer.
pub(crate) struct Check {
    pub host: Host,
    pub answer: Answer,
}

/// Asks each of `hosts` whether it serves the certificate with this SHA-256 fingerprint.
pub(crate) fn check(
    client: &Client,
    hosts: &[Host],
    sha256: &str,
    timeout: Duration,
) -> Vec<Check> {
    let ask = |host: &Host| {
        if host.is_wildcard() {
            return Answer::NotAsked;
        }
        match client.served(&host.domain, host.port, timeout) {
            Ok(served) if served.sha256 == sha256 => Answer::Served(served),
            Ok(served) => Answer::Other(served),
            Err(error) => Answer::Unreachable(error.into()),
        }
    };
    hosts.iter().map(|host| Check { host: host.clone(), answer: ask(host) }).collect()
}

impl Check {
    /// For a report.
    pub(crate) fn json(&self) -> Value {
        let mut value = json!({ "host": self.host.domain, "port": self.host.port });
        match &self.answer {
            Answer::Served(served) | Answer::Other(served) => {
                let is_served = matches!(self.answer, Answer::Served(_));
                value["status"] = json!(if is_served { "served" } else { "other" });
                value["fingerprint_sha256"] = json!(served.sha256);
                value["not_after"] = json!(served.not_after.to_string());
                value["rejection"] = json!(served.rejection);
                value["address"] = json!(served.address.map(|address| address.to_string()));
            }
            Answer::Unreachable(failure) => {
                value["status"] = json!("unreachable");
                value["error"] = failure.details();
            }
            Answer::NotAsked => value["status"] = json!("not-asked"),
        }
        value
    }

    /// A sentence about what is wrong; `None` if nothing is.
    pub(crate) fn problem(&self, not_after: &str) -> Option<String> {
        let host = self.host.shown();
        match &self.answer {
            Answer::Served(ServedCertificate { rejection: Some(rejection), .. }) => Some(say!(
                "{host} serves it, but clients may reject it: {rejection}.",
                "{host} 已使用此证书，但客户端可能拒绝：{rejection}。"
            )),
            Answer::Served(_) | Answer::NotAsked => None,
            Answer::Other(served) => {
                let theirs = served.not_after;
                Some(say!(
                    "{host} serves another certificate, valid until {theirs}; this one is valid \
                     until {not_after}.",
                    "{host} 使用的是另一证书，有效期至 {theirs}；此证书有效期至 {not_after}。"
                ))
            }
            Answer::Unreachable(failure) => {
                let details = failure.details();
                let message = details["message"].as_str().unwrap_or_default();
                Some(say!("{message}", "{message}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_port_or_the_usual_one() {
        let host = |text: &str| Host::parse(text).map(|host| (host.domain, host.port));
        assert_eq!(host("a.example"), Some(("a.example".to_owned(), 443)));
        assert_eq!(host("a.example:8443"), Some(("a.example".to_owned(), 8443)));
        for invalid in ["", ":443", "a.example:0", "a.example:x", "a.example:70000"] {
            assert_eq!(host(invalid), None, "{invalid}");
        }
        assert!(Host::parse("*.a.example").unwrap().is_wildcard());
    }
}
