//! The control interface under `/_emulator/`: unsigned requests of tests, from loopback only.

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::http::{Peer, Request, Response};
use crate::service::Service;
use crate::store::{StoreError, StoredCertificate, cloud_resources};
use crate::testing::{FaultError, SeedError};
use crate::testing::{parse_cloud_resources, parse_contacts, parse_faults};

/// The path prefix of the control interface.
pub(crate) const PREFIX: &str = "/_emulator";

type ControlResponse = Result<String, ControlError>;

struct Route {
    method: &'static str,
    path: &'static str,
    respond: fn(&Service, &Request) -> ControlResponse,
}

const fn route(
    method: &'static str,
    path: &'static str,
    respond: fn(&Service, &Request) -> ControlResponse,
) -> Route {
    Route { method, path, respond }
}

static ROUTES: [Route; 15] = [
    route("GET", "/_emulator/health", health),
    route("GET", "/_emulator/requests", requests),
    route("GET", "/_emulator/certificates", certificates),
    route("GET", "/_emulator/faults", faults),
    route("POST", "/_emulator/faults", add_faults),
    route("DELETE", "/_emulator/faults", clear_faults),
    route("GET", "/_emulator/clock", clock),
    route("PUT", "/_emulator/clock", set_clock),
    route("GET", "/_emulator/cloud-resources", list_cloud_resources),
    route("POST", "/_emulator/cloud-resources", add_cloud_resources),
    route("DELETE", "/_emulator/cloud-resources", clear_cloud_resources),
    route("GET", "/_emulator/contacts", list_contacts),
    route("POST", "/_emulator/contacts", add_contacts),
    route("DELETE", "/_emulator/contacts", clear_contacts),
    route("POST", "/_emulator/reset", reset),
];

/// An error response: status and message.
struct ControlError(u16, String);

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        Self(500, error.to_string())
    }
}

impl From<FaultError> for ControlError {
    fn from(error: FaultError) -> Self {
        Self(400, error.to_string())
    }
}

impl From<SeedError> for ControlError {
    fn from(error: SeedError) -> Self {
        Self(400, error.to_string())
    }
}

impl From<serde_json::Error> for ControlError {
    fn from(error: serde_json::Error) -> Self {
        Self(500, error.to_string())
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Reset {
    status: &'static str,
}

/// The time by the clock of expiry.
#[derive(Serialize)]
struct ClockTime {
    now: String,
}

/// What to set the clock of expiry to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    #[serde(deserialize_with = "Option::deserialize")] // required, although it may be null
    now: Option<String>,
}

/// A certificate of `GET /_emulator/certificates`.
#[derive(Serialize)]
struct Certificate {
    #[serde(flatten)]
    stored: StoredCertificate,
    resource_id: String,
}

/// Responds to a request to the control interface.
pub(crate) fn respond(service: &Service, request: &Request, peer: Peer) -> Response {
    match find(request, peer).and_then(|route| (route.respond)(service, request)) {
        Ok(body) => Response::json(200, body),
        Err(ControlError(status, message)) => Response::error(status, &message),
    }
}

fn find(request: &Request, peer: Peer) -> Result<&'static Route, ControlError> {
    // A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d.
    if !peer.address.ip().to_canonical().is_loopback() {
        let message = "The control interface accepts requests from loopback addresses only.";
        return Err(ControlError(403, message.to_owned()));
    }
    let at_path = || ROUTES.iter().filter(|route| route.path == request.path());
    if let Some(route) = at_path().find(|route| route.method == request.method) {
        return Ok(route);
    }
    let list = |routes: Vec<&Route>| {
        let names = routes.iter().map(|route| format!("{} {}", route.method, route.path));
        names.collect::<Vec<_>>().join(", ")
    };
    if at_path().next().is_none() {
        let all = list(ROUTES.iter().collect());
        return Err(ControlError(404, format!("Unknown path. Available: {all}.")));
    }
    let allowed = list(at_path().collect());
    Err(ControlError(405, format!("Method not allowed. Available: {allowed}.")))
}

fn health(_: &Service, _: &Request) -> ControlResponse {
    to_json(&Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

fn requests(service: &Service, _: &Request) -> ControlResponse {
    to_json(&service.records())
}

fn certificates(service: &Service, _: &Request) -> ControlResponse {
    let certificate = |stored: StoredCertificate| {
        let resource_id = stored.resource_id();
        Certificate { stored, resource_id }
    };
    to_json(&service.certificates()?.into_iter().map(certificate).collect::<Vec<_>>())
}

fn faults(service: &Service, _: &Request) -> ControlResponse {
    to_json(&service.faults.all())
}

fn add_faults(service: &Service, request: &Request) -> ControlResponse {
    service.faults.add(parse_faults(&request.body)?);
    faults(service, request)
}

fn clear_faults(service: &Service, request: &Request) -> ControlResponse {
    service.faults.clear();
    faults(service, request)
}

/// The clock of expiry.
fn clock(service: &Service, _: &Request) -> ControlResponse {
    to_json(&ClockTime { now: clock::rfc3339(service.expiry_clock.now()) })
}

fn set_clock(service: &Service, request: &Request) -> ControlResponse {
    let invalid = || {
        let expected =
            "Expected {\"now\":\"2027-01-31T00:00:00Z\"}, or null for the machine's time.";
        ControlError(400, expected.to_owned())
    };
    let set: SetClock = serde_json::from_slice(&request.body).map_err(|_| invalid())?;
    let time = set.now.map(|text| clock::parse_rfc3339(&text).ok_or_else(invalid)).transpose()?;
    service.expiry_clock.set(time);
    clock(service, request)
}

fn list_cloud_resources(service: &Service, _: &Request) -> ControlResponse {
    to_json(&service.store.query(|connection| cloud_resources::list(connection, None))?)
}

fn add_cloud_resources(service: &Service, request: &Request) -> ControlResponse {
    service.add_cloud_resources(&parse_cloud_resources(&request.body)?)?;
    list_cloud_resources(service, request)
}

fn clear_cloud_resources(service: &Service, request: &Request) -> ControlResponse {
    service.store.change(cloud_resources::clear)?;
    list_cloud_resources(service, request)
}

fn list_contacts(service: &Service, _: &Request) -> ControlResponse {
    to_json(&service.store.query(|connection| cloud_resources::contacts(connection, None))?)
}

fn add_contacts(service: &Service, request: &Request) -> ControlResponse {
    service.add_contacts(&parse_contacts(&request.body)?)?;
    list_contacts(service, request)
}

fn clear_contacts(service: &Service, request: &Request) -> ControlResponse {
    service.store.change(cloud_resources::clear_contacts)?;
    list_contacts(service, request)
}

fn reset(service: &Service, _: &Request) -> ControlResponse {
    service.reset()?;
    to_json(&Reset { status: "ok" })
}

fn to_json(body: &impl Serialize) -> ControlResponse {
    Ok(serde_json::to_string(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ExpiryClock};
    use crate::gateway::{AccessKeys, RateLimit};
    use crate::http::Reader;
    use crate::operations::Dialect;
    use crate::store::Store;

    #[test]
    fn accepts_requests_from_loopback_only() {
        let store = Store::open(None, None).unwrap();
        let keys = AccessKeys::default();
        let clock = Clock::default();
        let expiry = ExpiryClock::new(clock, None);
        let (dialect, rate) = (Dialect::default(), RateLimit::None);
        let service = Service::new(keys, clock, expiry, store, "cn-hangzhou", dialect, rate);
        let request = b"GET /_emulator/health HTTP/1.1\r\n\r\n".to_vec();
        let mut stream = std::io::Cursor::new(request);
        let request = Reader::default().read(&mut stream, || ()).unwrap();
        let status = |address: &str| {
            let peer = Peer { address: address.parse().unwrap(), connection: 1, other_clients: 0 };
            respond(&service, &request, peer).status
        };
        for loopback in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(status(loopback), 200, "{loopback}");
        }
        for remote in ["192.0.2.1:1", "0.0.0.0:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1"] {
            assert_eq!(status(remote), 403, "{remote}");
        }
    }
}
