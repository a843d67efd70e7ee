//! `GET /_emulator/certificates`.

use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::answer::{ControlError, ControlResponse};
use crate::http::{Request, Response, Stream};
use crate::request::{ApiCall, Parameters};
use crate::service::Service;
use crate::store::{Browse, Store, StoredCertificate};

/// The parameters of the query.
pub(super) const QUERY: &[&str] = &["search", "order", "fields", "offset", "limit"];

/// How many certificates are read at once.
const BATCH: usize = 100;

/// A certificate with its PEM.
#[derive(Serialize)]
struct Certificate {
    #[serde(flatten)]
    stored: StoredCertificate,
    resource_id: String,
}

/// Responds with the certificates that the query selects: an array, and their number without
/// `offset` and `limit` in a header.
pub(super) fn list(service: &Service, request: &Request) -> ControlResponse {
    let parameters = ApiCall::parse(request).parameters;
    let newest_first = one_of(&parameters, "order", &[("oldest", false), ("newest", true)])?;
    let is_summary = one_of(&parameters, "fields", &[("all", false), ("summary", true)])?;
    let browse = Browse {
        search: parameters.non_empty("search"),
        newest_first,
        offset: number(&parameters, "offset")?.unwrap_or_default(),
        limit: number(&parameters, "limit")?,
    };
    let (total, ids) = service.store.browse(&browse)?;
    let headers = vec![("x-total-count".to_owned(), total.to_string())];
    let stream = stream(Arc::clone(&service.store), ids, is_summary);
    Ok(Response { headers, stream: Some(stream), ..Response::json(200, String::new()) })
}

/// Writes the certificates batch by batch, so that neither memory nor other calls depend on how
/// many there are.
fn stream(store: Arc<Store>, ids: Vec<i64>, is_summary: bool) -> Stream {
    Box::new(move |to| {
        let mut separator: &[u8] = b"[";
        for batch in ids.chunks(BATCH) {
            for stored in store.with_ids(batch, !is_summary).map_err(io::Error::other)? {
                to.write_all(separator)?;
                separator = b",";
                let resource_id = stored.resource_id();
                let certificate = Certificate { stored, resource_id };
                if is_summary {
                    serde_json::to_writer(&mut *to, &without_pem(&certificate)?)?;
                } else {
                    serde_json::to_writer(&mut *to, &certificate)?;
                }
            }
        }
        to.write_all(if separator == b"[" { b"[]" } else { b"]" })
    })
}

fn without_pem(certificate: &Certificate) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(certificate)?;
    if let Value::Object(members) = &mut value {
        members.retain(|name, _| !name.ends_with("_pem"));
    }
    Ok(value)
}

/// The value of a parameter that is one of the words in `values`; the first by default.
fn one_of(
    parameters: &Parameters,
    name: &str,
    values: &[(&str, bool)],
) -> Result<bool, ControlError> {
    let word = parameters.non_empty(name).unwrap_or(values[0].0);
    let found = values.iter().find(|(known, _)| *known == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = values.iter().map(|(known, _)| *known).collect();
        ControlError(400, format!("Invalid {name}: expected {}.", known.join(" or ")))
    })
}

fn number(parameters: &Parameters, name: &str) -> Result<Option<usize>, ControlError> {
    let Some(text) = parameters.non_empty(name) else { return Ok(None) };
    let invalid = || ControlError(400, format!("Invalid {name}: expected a number from 0."));
    text.parse().map(Some).map_err(|_| invalid())
}
