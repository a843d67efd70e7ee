//! `GET` and `PUT /_emulator/snapshot`.

use std::io::{Read, Write};
use std::sync::Arc;

use super::answer::{ControlResponse, Done, to_json};
use crate::http::{Request, Response};
use crate::service::Service;

pub(super) const PATH: &str = "/_emulator/snapshot";

/// Responds with all that is stored.
pub(super) fn export(service: &Service, _: &Request) -> ControlResponse {
    let export = service.export()?;
    let store = Arc::clone(&service.store);
    let stream = Box::new(move |to: &mut dyn Write| store.write_snapshot(&export, to));
    Ok(Response { stream: Some(stream), ..Response::json(200, String::new()) })
}

/// Replaces all that is stored by a snapshot.
pub(super) fn import(service: &Service, body: &mut dyn Read) -> ControlResponse {
    service.import(body)?;
    to_json(&Done { status: "ok" })
}
