//! The control interface under `/_emulator/`: what tests ask the emulator itself. No signature, loopback only.

use serde_json::{Value, json};

use crate::http::{Request, Response, request_id};
use crate::record::{RecordedParameter, RecordedRequest, RecordedValue};
use crate::server::Peer;
use crate::service::Service;
use crate::store::StoredCertificate;

/// Everything under here is the emulator's own.
pub(crate) const PREFIX: &str = "/_emulator";

struct Route {
    method: &'static str,
    path: &'static str,
    answer: fn(&Service) -> rusqlite::Result<Value>,
}

static ROUTES: [Route; 4] = [
    Route { method: "GET", path: "/_emulator/health", answer: health },
    Route { method: "GET", path: "/_emulator/requests", answer: requests },
    Route { method: "GET", path: "/_emulator/certificates", answer: certificates },
    Route { method: "POST", path: "/_emulator/reset", answer: reset },
];

/// Answers a request to the control interface.
pub(crate) fn answer(service: &Service, request: &Request, peer: Peer) -> Response {
    // An IPv6 socket shows IPv4 clients as ::ffff:a.b.c.d.
    if !peer.address.ip().to_canonical().is_loopback() {
        return Response::plain_error(403, "The control interface answers loopback clients only.");
    }
    let Some(route) = ROUTES.iter().find(|route| route.path == request.path()) else {
        let known: Vec<_> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        return Response::plain_error(
            404,
            &format!("There is no such path. There are: {}.", known.join(", ")),
        );
    };
    if route.method != request.method {
        return Response::plain_error(405, &format!("Use {} for {}.", route.method, route.path));
    }
    match (route.answer)(service) {
        Ok(body) => Response {
            status: 200,
            content_type: "application/json;charset=utf-8",
            request_id: request_id(),
            body: body.to_string().into(),
        },
        Err(_) => Response::plain_error(500, "The certificates cannot be read."),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one type for all routes")]
fn health(_: &Service) -> rusqlite::Result<Value> {
    Ok(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

#[expect(clippy::unnecessary_wraps, reason = "one type for all routes")]
fn requests(service: &Service) -> rusqlite::Result<Value> {
    Ok(service.records().iter().map(request).collect())
}

fn certificates(service: &Service) -> rusqlite::Result<Value> {
    Ok(service.certificates()?.iter().map(certificate).collect())
}

fn reset(service: &Service) -> rusqlite::Result<Value> {
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
        "not_before": humantime::format_rfc3339_seconds(stored.not_before).to_string(),
        "not_after": humantime::format_rfc3339_seconds(stored.not_after).to_string(),
        "sha1": stored.sha1,
        "sha256": stored.sha256,
        "serial": stored.serial,
        "algorithm": stored.algorithm,
        "cert_pem": stored.cert_pem,
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
        let store = Store::open(None).unwrap();
        let service = Service::new(Credentials::default(), Clock::default(), store, "cn-hangzhou");
        let mut stream = std::io::Cursor::new(b"GET /_emulator/health HTTP/1.1\r\n\r\n".to_vec());
        let request = Reader::default().read(&mut stream, || ()).unwrap_or_else(|error| panic!("{error:?}"));
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
