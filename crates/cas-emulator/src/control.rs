//! The control interface under `/_emulator/`: what tests ask the emulator itself. No signature, loopback only.

use serde_json::{Value, json};

use crate::clock;
use crate::fault::{self, Fault, FaultError};
use crate::http::{Delivery, Request, Response, request_id};
use crate::record::{RecordedParameter, RecordedRequest, RecordedValue};
use crate::server::Peer;
use crate::service::Service;
use crate::store::{StoreError, StoredCertificate};

/// Everything under here is the emulator's own.
pub(crate) const PREFIX: &str = "/_emulator";

struct Route {
    method: &'static str,
    path: &'static str,
    answer: fn(&Service, &Request) -> Result<Value, Refusal>,
}

const fn route(
    method: &'static str,
    path: &'static str,
    answer: fn(&Service, &Request) -> Result<Value, Refusal>,
) -> Route {
    Route { method, path, answer }
}

static ROUTES: [Route; 7] = [
    route("GET", "/_emulator/health", health),
    route("GET", "/_emulator/requests", requests),
    route("GET", "/_emulator/certificates", certificates),
    route("GET", "/_emulator/faults", faults),
    route("POST", "/_emulator/faults", add_faults),
    route("DELETE", "/_emulator/faults", clear_faults),
    route("POST", "/_emulator/reset", reset),
];

/// An answer that is none: status and sentence.
struct Refusal(u16, String);

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(500, error.to_string())
    }
}

impl From<FaultError> for Refusal {
    fn from(error: FaultError) -> Self {
        Self(400, error.to_string())
    }
}

/// Answers a request to the control interface.
pub(crate) fn answer(service: &Service, request: &Request, peer: Peer) -> Response {
    match find(request, peer).and_then(|route| (route.answer)(service, request)) {
        Ok(body) => Response {
            status: 200,
            content_type: "application/json;charset=utf-8",
            request_id: request_id(),
            headers: Vec::new(),
            body: body.to_string().into(),
            delivery: Delivery::Whole,
        },
        Err(Refusal(status, sentence)) => Response::plain_error(status, &sentence),
    }
}

fn find(request: &Request, peer: Peer) -> Result<&'static Route, Refusal> {
    // An IPv6 socket shows IPv4 clients as ::ffff:a.b.c.d.
    if !peer.address.ip().to_canonical().is_loopback() {
        return Err(Refusal(
            403,
            "The control interface answers loopback clients only.".to_owned(),
        ));
    }
    let at_path = || ROUTES.iter().filter(|route| route.path == request.path());
    if let Some(route) = at_path().find(|route| route.method == request.method) {
        return Ok(route);
    }
    let list = |routes: Vec<&Route>| {
        let known: Vec<_> =
            routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        known.join(", ")
    };
    if at_path().next().is_none() {
        let all = list(ROUTES.iter().collect());
        return Err(Refusal(404, format!("There is no such path. There are: {all}.")));
    }
    Err(Refusal(405, format!("Use one of: {}.", list(at_path().collect()))))
}

#[expect(clippy::unnecessary_wraps, reason = "one type for all routes")]
fn health(_: &Service, _: &Request) -> Result<Value, Refusal> {
    Ok(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

#[expect(clippy::unnecessary_wraps, reason = "one type for all routes")]
fn requests(service: &Service, _: &Request) -> Result<Value, Refusal> {
    Ok(service.records().iter().map(request).collect())
}

fn certificates(service: &Service, _: &Request) -> Result<Value, Refusal> {
    Ok(service.certificates()?.iter().map(certificate).collect())
}

#[expect(clippy::unnecessary_wraps, reason = "one type for all routes")]
fn faults(service: &Service, _: &Request) -> Result<Value, Refusal> {
    Ok(service.faults.all().iter().map(Fault::to_json).collect())
}

fn add_faults(service: &Service, request: &Request) -> Result<Value, Refusal> {
    service.faults.add(fault::parse(&request.body)?);
    faults(service, request)
}

fn clear_faults(service: &Service, request: &Request) -> Result<Value, Refusal> {
    service.faults.clear();
    faults(service, request)
}

fn reset(service: &Service, _: &Request) -> Result<Value, Refusal> {
    service.reset()?;
    Ok(json!({ "status": "ok" }))
}

fn request(record: &RecordedRequest) -> Value {
    let parameters: serde_json::Map<_, _> =
        record.parameters.iter().map(|(name, found)| (name.clone(), parameter(found))).collect();
    json!({
        "time": humantime::format_rfc3339_millis(record.time).to_string(),
        "method": record.method,
        "action": record.action,
        "version": record.version,
        "signature": record.signature.map(crate::record::SignatureKind::name),
        "parameters": parameters,
        "status": record.status,
        "code": record.code,
        "fault": record.fault,
        "request_id": record.request_id,
        "connection": record.connection,
        "target_length": record.target_length,
        "body_length": record.body_length,
        "headers": record.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect::<serde_json::Map<_, Value>>(),
    })
}

fn parameter(parameter: &RecordedParameter) -> Value {
    let places: Vec<_> = parameter.places.iter().map(|place| place.name()).collect();
    let value = match &parameter.value {
        RecordedValue::Plain(value) => json!(value),
        RecordedValue::Sha256(hash) => json!({ "sha256": hash }),
    };
    json!({ "in": places, "value": value })
}

fn certificate(stored: &StoredCertificate) -> Value {
    json!({
        "cert_id": stored.cert_id,
        "name": stored.name,
        "common_name": stored.common_name,
        "sans": stored.sans,
        "issuer": stored.issuer,
        "organization": stored.organization,
        "city": stored.city,
        "province": stored.province,
        "country": stored.country,
        "not_before": clock::rfc3339(stored.not_before),
        "not_after": clock::rfc3339(stored.not_after),
        "sha1": stored.sha1,
        "sha256": stored.sha256,
        "serial": stored.serial,
        "algorithm": stored.algorithm,
        "cert_pem": stored.cert_pem,
        "resource_id": stored.resource_id(),
        "resource_group_id": stored.resource_group_id,
        "tags": stored.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::credentials::Credentials;
    use crate::http::Reader;
    use crate::store::Store;

    #[test]
    fn only_loopback_clients_are_answered() {
        let store = Store::open(None, None).unwrap();
        let service =
            Service::new(Credentials::default(), Clock::default(), store, "cn-hangzhou", None);
        let mut stream = std::io::Cursor::new(b"GET /_emulator/health HTTP/1.1\r\n\r\n".to_vec());
        let request =
            Reader::default().read(&mut stream, || ()).unwrap_or_else(|error| panic!("{error:?}"));
        let status = |address: &str| {
            let peer = Peer { address: address.parse().unwrap(), connection: 1 };
            service.answer(&request, peer).status
        };
        for loopback in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(status(loopback), 200, "{loopback}");
        }
        for remote in ["192.0.2.1:1", "0.0.0.0:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1"] {
            assert_eq!(status(remote), 403, "{remote}");
        }
    }
}
