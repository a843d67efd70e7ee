//! `GET` and `PUT /_emulator/snapshot`.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{ControlResponse, Done, to_json};
use crate::http::{Request, Response};
use crate::service::Service;

pub(super) const PATH: &str = "/_emulator/snapshot";

/// How long a snapshot may take to arrive: with a data file, nothing can be stored meanwhile.
const LIMIT: Duration = Duration::from_secs(60);

/// Responds with all that is stored.
pub(super) fn export(service: &Service, _: &Request) -> ControlResponse {
    let export = service.export()?;
    let store = Arc::clone(&service.store);
    let stream = Box::new(move |to: &mut dyn Write| store.write_snapshot(&export, to));
    Ok(Response { stream: Some(stream), ..Response::json(200, String::new()) })
}

/// Replaces all that is stored by a snapshot.
pub(super) fn import(service: &Service, body: &mut dyn Read) -> ControlResponse {
    service.import(&mut Timed { body, end: Instant::now() + LIMIT })?;
    to_json(&Done { status: "ok" })
}

/// A body that must arrive before a time.
struct Timed<'a> {
    body: &'a mut dyn Read,
    end: Instant,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() < self.end {
            self.body.read(buffer)
        } else {
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}
