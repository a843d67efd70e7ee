//! The control interface under `/_emulator/`: unsigned requests of tests and of its page.

mod access;
mod answer;
mod certificates;
mod page;
mod requests;
mod snapshot;

pub(crate) use access::Access;

use std::io::Read;

use answer::{ControlError, ControlResponse, Done, to_json};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::http::{Peer, Request, Response};
use crate::request::{ApiCall, Place};
use crate::service::Service;
use crate::store::cloud_resources;
use crate::testing::{Expectations, RecordedRequest};
use crate::testing::{parse_cloud_resources, parse_contacts, parse_faults};

/// The path prefix of the control interface.
pub(crate) const PREFIX: &str = "/_emulator";

/// Characters of an unknown parameter that an error shows.
const MAX_SHOWN: usize = 64;

/// The parts of the page.
const PAGE: [&str; 4] = ["/_emulator", "/_emulator/", "/_emulator/page.js", "/_emulator/page.css"];

struct Route {
    method: &'static str,
    path: &'static str,
    /// The parameters that the query may have.
    query: &'static [&'static str],
    respond: Respond,
}

enum Respond {
    /// To a request with its body.
    Whole(fn(&Service, &Request) -> ControlResponse),
    /// To a request whose body is read piece by piece.
    Streamed(fn(&Service, &mut dyn Read) -> ControlResponse),
}

const fn route(
    method: &'static str,
    path: &'static str,
    respond: fn(&Service, &Request) -> ControlResponse,
) -> Route {
    Route { method, path, query: &[], respond: Respond::Whole(respond) }
}

impl Route {
    const fn with_query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }
}

static ROUTES: [Route; 25] = [
    route("GET", "/_emulator", |_, _| Ok(page::document())),
    route("GET", "/_emulator/", |_, _| Ok(page::document())),
    route("GET", "/_emulator/page.js", |_, _| Ok(page::script())),
    route("GET", "/_emulator/page.css", |_, _| Ok(page::style())),
    route("GET", "/_emulator/health", health),
    route("GET", "/_emulator/metrics", metrics),
    route("GET", "/_emulator/ca.pem", ca_pem),
    route("GET", "/_emulator/requests", requests::list).with_query(requests::QUERY),
    route("DELETE", "/_emulator/requests", clear_requests),
    route("POST", "/_emulator/verify", verify),
    route("GET", "/_emulator/certificates", certificates::list).with_query(certificates::QUERY),
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
    route("GET", snapshot::PATH, snapshot::export),
    Route {
        method: "PUT",
        path: snapshot::PATH,
        query: &[],
        respond: Respond::Streamed(snapshot::import),
    },
];

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
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

/// Whether the body of a request is read while it is processed.
pub(crate) fn streamed(request: &Request) -> bool {
    ROUTES.iter().any(|route| {
        matches!(route.respond, Respond::Streamed(_))
            && route.path == request.path()
            && route.method == request.method
    })
}

/// Responds to a request to the control interface.
pub(crate) fn respond(
    service: &Service,
    access: &Access,
    request: &Request,
    peer: Peer,
    body: &mut dyn Read,
) -> Response {
    let responded = find(access, request, peer).and_then(|route| match route.respond {
        Respond::Whole(respond) => respond(service, request),
        Respond::Streamed(respond) => respond(service, body),
    });
    match responded {
        Ok(response) => response,
        Err(ControlError(status, message)) => Response::error(status, &message),
    }
}

fn find(access: &Access, request: &Request, peer: Peer) -> Result<&'static Route, ControlError> {
    // With a token, the page must load before it can send the token. It tells nothing by itself.
    if !(access.has_token() && PAGE.contains(&request.path())) {
        access.check(request, peer).map_err(|message| ControlError(403, message))?;
    }
    // The server leaves out the body of a response to HEAD.
    let method = if request.method == "HEAD" { "GET" } else { &request.method };
    let at_path = || ROUTES.iter().filter(|route| route.path == request.path());
    if let Some(route) = at_path().find(|route| route.method == method) {
        return check_query(route, request).map(|()| route);
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

/// Refuses parameters that would be ignored, such as a filter with a typing error.
fn check_query(route: &Route, request: &Request) -> Result<(), ControlError> {
    let parameters = ApiCall::parse(request).parameters;
    let mut names = parameters.sent(Place::Query).map(|(name, _)| name);
    let is_unknown = |name: &&str| !route.query.contains(name);
    let Some(unknown) = names.find(is_unknown).filter(|_| !PAGE.contains(&route.path)) else {
        return Ok(());
    };
    let unknown: String = unknown.chars().take(MAX_SHOWN).collect();
    let known = match route.query {
        [] => "There are none".to_owned(),
        known => format!("Known: {}", known.join(", ")),
    };
    let Route { method, path, .. } = route;
    let message = format!("Unknown query parameter {unknown:?} of {method} {path}. {known}.");
    Err(ControlError(400, message))
}

fn health(_: &Service, _: &Request) -> ControlResponse {
    to_json(&Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

fn metrics(service: &Service, _: &Request) -> ControlResponse {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let faults = service.faults.all();
    let left = faults.iter().filter(|fault| fault.left() != Some(0));
    let text = service.metrics.text(&[
        ("cas_emulator_certificates", "Stored certificates.", count(service.store.count()?)),
        ("cas_emulator_faults", "Faults that affect further calls.", count(left.count())),
    ]);
    let content_type = "text/plain;version=0.0.4;charset=utf-8";
    Ok(Response { content_type, ..Response::json(200, text) })
}

fn ca_pem(service: &Service, _: &Request) -> ControlResponse {
    let Some(pem) = &service.ca_pem else {
        let message = "The emulator has no certificate authority: start it with --tls-ca DIR.";
        return Err(ControlError(404, message.to_owned()));
    };
    let content_type = "application/x-pem-file";
    Ok(Response { content_type, ..Response::json(200, pem.clone()) })
}

fn clear_requests(service: &Service, request: &Request) -> ControlResponse {
    service.records.clear();
    requests::list(service, request)
}

fn verify(service: &Service, request: &Request) -> ControlResponse {
    let expected = Expectations::parse(&request.body)
        .map_err(|error| ControlError(400, format!("Invalid expectations: {error}.")))?;
    let (records, evicted) = service.records.all();
    let requests: Vec<&RecordedRequest> = records.iter().map(|record| &***record).collect();
    match expected.differences(&requests, evicted) {
        same if same.is_empty() => to_json(&Done { status: "ok" }),
        differences => Err(ControlError(409, differences)),
    }
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
    to_json(&Done { status: "ok" })
}
