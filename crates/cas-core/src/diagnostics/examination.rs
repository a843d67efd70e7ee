//! Examines everything in the order of an upload.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::base::time::UnixTime;
use crate::credentials::survey::SourceState;
use crate::diagnostics::clock;
use crate::diagnostics::diagnosis::{Diagnosis, Probe, Status};
use crate::diagnostics::messages::{
    INTERCEPTED, LOCAL_ADDRESS, PLAINTEXT, SLOW_DNS, depends_on, intercepted, is_local, looked_up,
    not_connected, served_by, silent, trusted,
};
use crate::diagnostics::subject::{AccessTest, Diagnostics};
use crate::http::connection_steps::{connect, handshake, look_up, open_tunnel};
use crate::http::deadline::Connection;
use crate::http::proxy::Proxy;
use crate::http::roots::LoadedRoots;
use crate::protocol::reading::ApiResponse;
use crate::protocol::redact::Secrets;
use crate::service::transport::{HttpTransport, Transport};

/// A look-up that takes longer delays every connection.
const SLOW_LOOKUP: Duration = Duration::from_secs(1);

/// Why what needs a response is not examined.
const SILENT: &str = "the service does not answer";

impl Diagnostics {
    /// Examines everything, in the order of an upload, and reports each finding as soon as it is
    /// there. Returns whether nothing failed.
    pub fn run(&self, mut report: impl FnMut(&Diagnosis)) -> bool {
        let mut all_work = true;
        let mut found = |diagnosis: Diagnosis| {
            all_work &= diagnosis.status != Status::Failed;
            let works = matches!(diagnosis.status, Status::Ok | Status::Warning);
            report(&diagnosis);
            works
        };
        let route = self.policy.as_ref().map_err(Clone::clone);
        let route = route.and_then(|policy| policy.proxy_for(&self.endpoint));
        let proxy = route.as_ref().ok().and_then(Option::as_ref);
        let reachable = self.reach(&route, proxy, &mut found);
        let roots = self.roots();
        found(self.of_roots(&roots));
        let is_secure = match (reachable, &roots) {
            (Some(stream), Ok(roots)) => self.of_tls(stream, proxy, roots, &mut found),
            (None, _) => {
                found(skip(Probe::Tls, "there is no connection"));
                false
            }
            (_, Err(_)) => {
                found(skip(Probe::Tls, "there are no root certificates"));
                self.endpoint.is_plaintext() && self.http.is_some()
            }
        };
        let responds = is_secure && self.of_service(&mut found);
        if !is_secure {
            found(skip(Probe::Service, "there is no connection"));
            found(skip(Probe::Clock, SILENT));
        }
        let has_key = found(self.of_credentials());
        found(match (responds, has_key) {
            (true, true) => self.of_permission(),
            (false, _) if is_secure => skip(Probe::Permission, SILENT),
            (false, _) => skip(Probe::Permission, "there is no connection"),
            (_, false) => skip(Probe::Permission, "there is no access key"),
        });
        all_work
    }

    /// Looks up the name and connects, through the proxy if there is one.
    fn reach(
        &self,
        route: &Result<Option<Proxy>, Error>,
        proxy: Option<&Proxy>,
        found: &mut impl FnMut(Diagnosis) -> bool,
    ) -> Option<TcpStream> {
        if let Err(error) = route {
            found(skip(Probe::Dns, "the proxy is invalid"));
            found(Diagnosis::failed(Probe::Proxy, error.clone()));
            found(skip(Probe::Connection, "the proxy is invalid"));
            return None;
        }
        let (host, port) = match proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => (self.endpoint.host(), self.endpoint.port_or_default()),
        };
        let limit = self.deadline().within(self.config.connect_timeout);
        let addresses = self.of_dns(host, port, proxy, &limit, found);
        let reason = self.policy.as_ref().map(|policy| policy.reason(&self.endpoint));
        let reason = reason.unwrap_or_default();
        let Some(proxy) = proxy else {
            found(Diagnosis::ok(Probe::Proxy, format!("No proxy is used: {reason}.")));
            let Some(addresses) = addresses else {
                found(skip(Probe::Connection, "the name was not resolved"));
                return None;
            };
            return of_connection(&addresses, host, port, &limit, found);
        };
        let url = proxy.masked_url();
        let Some(addresses) = addresses else {
            found(skip(Probe::Proxy, "its name was not resolved").with("url", url));
            found(skip(Probe::Connection, "there is no connection to the proxy"));
            return None;
        };
        let opened = connect(&addresses, (host, port), true, &limit).and_then(|mut stream| {
            if !proxy.forwards(&self.endpoint) {
                open_tunnel(&mut stream, proxy, &self.endpoint, &limit)?;
            }
            Ok(stream)
        });
        match opened {
            Ok(stream) => {
                let does = if proxy.forwards(&self.endpoint) {
                    "accepts connections, and forwards requests"
                } else {
                    "connects"
                };
                let message = format!("The proxy {url} ({reason}) {does} to {}.", self.endpoint);
                found(Diagnosis::ok(Probe::Proxy, message).with("url", url));
                let message = "The proxy makes the connection to the endpoint.";
                found(Diagnosis::ok(Probe::Connection, message));
                Some(stream)
            }
            Err(failure) => {
                let error = not_connected(failure);
                let failed = Diagnosis::failed(Probe::Proxy, error);
                found(failed.with("url", url).with("set_by", reason));
                found(skip(Probe::Connection, "the proxy does not connect"));
                None
            }
        }
    }

    /// Looks up the host to connect to: the endpoint's, or the proxy's.
    fn of_dns(
        &self,
        host: &str,
        port: u16,
        proxy: Option<&Proxy>,
        limit: &Deadline,
        found: &mut impl FnMut(Diagnosis) -> bool,
    ) -> Option<Vec<SocketAddr>> {
        let started = Instant::now();
        let addresses = match look_up(host, port, limit) {
            Ok(addresses) => addresses,
            Err(failure) => {
                found(Diagnosis::failed(Probe::Dns, not_connected(failure)).with("host", host));
                return None;
            }
        };
        let took = started.elapsed();
        let bare = host.trim_matches(['[', ']']);
        let message = looked_up(bare, &addresses, took);
        let is_suspicious =
            proxy.is_none() && self.is_of_service() && addresses.iter().any(is_local);
        let diagnosis = if is_suspicious {
            Diagnosis::warning(Probe::Dns, message, LOCAL_ADDRESS)
        } else if took > SLOW_LOOKUP {
            Diagnosis::warning(Probe::Dns, message, SLOW_DNS)
        } else {
            Diagnosis::ok(Probe::Dns, message)
        };
        let listed: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
        found(
            diagnosis
                .with("host", bare)
                .with("addresses", listed.join(" "))
                .with("milliseconds", took.as_millis().to_string()),
        );
        Some(addresses)
    }

    fn of_roots(&self, roots: &Result<LoadedRoots, Error>) -> Diagnosis {
        match roots {
            Ok(LoadedRoots { description, store, .. }) => {
                Diagnosis::ok(Probe::Roots, format!("Trusted: {description}."))
                    .with("source", description.as_str())
                    .with("count", store.len().to_string())
            }
            // Nothing is encrypted, so no root is needed for the endpoint.
            Err(error) if self.endpoint.is_plaintext() && self.root_store.is_ok() => {
                let hint = error.hint().unwrap_or_default();
                Diagnosis::warning(Probe::Roots, error.message(), hint)
            }
            Err(error) => Diagnosis::failed(Probe::Roots, error.clone()),
        }
    }

    /// Returns whether requests can be sent.
    fn of_tls(
        &self,
        stream: TcpStream,
        proxy: Option<&Proxy>,
        roots: &LoadedRoots,
        found: &mut impl FnMut(Diagnosis) -> bool,
    ) -> bool {
        if self.endpoint.is_exposed() {
            let message = format!("Requests to {} are not encrypted.", self.endpoint);
            return found(Diagnosis::warning(Probe::Tls, message, PLAINTEXT));
        }
        if self.endpoint.is_plaintext() {
            let message = "Not examined: the endpoint is plain HTTP on this machine.";
            found(Diagnosis::skipped(Probe::Tls, message));
            return true;
        }
        let limit = self.deadline().within(self.config.connect_timeout);
        let handshake = match handshake(stream, &self.endpoint, proxy, roots, &limit) {
            Ok(handshake) => handshake,
            Err(failure) => return found(Diagnosis::failed(Probe::Tls, not_connected(failure))),
        };
        let diagnosis = if self.is_of_service() && !handshake.is_public {
            let message = intercepted(&handshake, &self.endpoint);
            Diagnosis::warning(Probe::Tls, message, INTERCEPTED)
        } else {
            Diagnosis::ok(Probe::Tls, trusted(&handshake, &self.endpoint))
        };
        let public = if handshake.is_public { "true" } else { "false" };
        let end = handshake.not_after.as_ref().map(UnixTime::to_string).unwrap_or_default();
        found(
            diagnosis
                .with("version", handshake.version)
                .with("cipher_suite", handshake.cipher_suite)
                .with("chain", handshake.chain.join(" "))
                .with("issuer", handshake.issuer)
                .with("not_after", end)
                .with("public_ca", public),
        )
    }

    /// Sends a request that asks for nothing and is not signed: the refusal shows that the service
    /// answers, and its time.
    ///
    /// Returns whether there is a response, from whomever.
    fn of_service(&self, found: &mut impl FnMut(Diagnosis) -> bool) -> bool {
        let (began, started) = (SystemTime::now(), Instant::now());
        let form = self.unsigned();
        let response = self.http.as_ref().ok_or_else(|| self.unusable()).and_then(|http| {
            HttpTransport::new(Arc::clone(http), &self.endpoint)?
                .post(&form, Connection::New, &self.deadline())
                .map_err(|failure| not_connected(silent(failure)))
        });
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                found(Diagnosis::failed(Probe::Service, error));
                found(skip(Probe::Clock, SILENT));
                return false;
            }
        };
        let (took, status) = (started.elapsed(), response.status);
        let ms = took.as_millis();
        if let ApiResponse::Unrecognized { content, .. } = response.read() {
            let content = Secrets::default().redact(&content);
            let message =
                format!("The response of {} is not the service's: {content}.", self.endpoint);
            let error = Error::new(ErrorKind::Protocol, message).with_hint(
                "Check that the endpoint belongs to Alibaba Cloud and that no proxy or portal \
                 responds in its place.",
            );
            found(Diagnosis::failed(Probe::Service, error.with_response(status, None)));
            found(skip(Probe::Clock, SILENT));
            return true;
        }
        let message = format!("{} answers (HTTP {status}, {ms} ms).", self.endpoint);
        found(
            Diagnosis::ok(Probe::Service, message)
                .with("http_status", status.to_string())
                .with("milliseconds", ms.to_string()),
        );
        found(match response.date {
            Some(theirs) => clock::compare(theirs, began, took),
            None => skip(Probe::Clock, "the response of the service has no Date"),
        });
        true
    }

    fn of_credentials(&self) -> Diagnosis {
        let report = self.credentials(true);
        let details: Vec<_> = report
            .sources
            .iter()
            .filter(|source| source.state == SourceState::Serves)
            .flat_map(|source| source.details.clone())
            .collect();
        let diagnosis = match (&report.key, report.serving(), &report.error) {
            (Some(key), Some(source), _) => {
                Diagnosis::ok(Probe::Credentials, served_by(&source.name, key))
                    .with("source", source.name.as_str())
                    .with("access_key", key.access_key_id.as_str())
            }
            (_, _, Some(error)) => Diagnosis::failed(Probe::Credentials, error.clone()),
            // The proxy or the root store is unusable.
            _ => skip(Probe::Credentials, "the source of the access key cannot be asked"),
        };
        Diagnosis { details: diagnosis.details.into_iter().chain(details).collect(), ..diagnosis }
    }

    fn of_permission(&self) -> Diagnosis {
        let diagnosis = match self.test_access() {
            Ok(AccessTest { action, api, request_id }) => {
                let message = format!(
                    "The access key may call {action} (API version {api}). Whether it may upload \
                     is not tried."
                );
                let diagnosis = Diagnosis::ok(Probe::Permission, message);
                let diagnosis = diagnosis.with("action", action).with("api", api.as_str());
                match request_id {
                    Some(id) => diagnosis.with("request_id", id),
                    None => diagnosis,
                }
            }
            Err(error) => Diagnosis::failed(Probe::Permission, error),
        };
        match self.identity() {
            Some(Ok(identity)) => {
                diagnosis.with("account_id", identity.account_id).with("arn", identity.arn)
            }
            _ => diagnosis,
        }
    }
}

fn of_connection(
    addresses: &[SocketAddr],
    host: &str,
    port: u16,
    limit: &Deadline,
    found: &mut impl FnMut(Diagnosis) -> bool,
) -> Option<TcpStream> {
    let started = Instant::now();
    match connect(addresses, (host, port), false, limit) {
        Ok(stream) => {
            let ms = started.elapsed().as_millis();
            let peer = stream.peer_addr().map(|peer| peer.to_string()).unwrap_or_default();
            let message = format!("{peer} accepts connections ({ms} ms).");
            let diagnosis = Diagnosis::ok(Probe::Connection, message);
            found(diagnosis.with("address", peer).with("milliseconds", ms.to_string()));
            Some(stream)
        }
        Err(failure) => {
            found(Diagnosis::failed(Probe::Connection, not_connected(failure)));
            None
        }
    }
}

fn skip(probe: Probe, because: &str) -> Diagnosis {
    Diagnosis::skipped(probe, depends_on(because))
}

#[cfg(test)]
mod tests;
