//! `GET /_emulator/requests`.

use std::sync::Arc;

use super::answer::{ControlError, ControlResponse};
use crate::http::{Request, Response};
use crate::request::{ApiCall, Parameters};
use crate::service::Service;
use crate::testing::Filter;

/// The parameters of the query.
pub(super) const QUERY: &[&str] = &["action", "version", "name", "code", "since", "after"];

/// Responds with the recorded requests that the query selects: an array, and in a header how many
/// there are without `after`.
pub(super) fn list(service: &Service, request: &Request) -> ControlResponse {
    let parameters = ApiCall::parse(request).parameters;
    let filter = filter(&parameters)?;
    let records = Arc::clone(&service.records);
    let after = parameters.non_empty("after");
    let (total, numbers) = records.select(after, |request| filter.selects(request));
    let stream = Box::new(move |to: &mut dyn std::io::Write| {
        let mut numbers = numbers.clone();
        let mut separator: &[u8] = b"[";
        while let Some(record) = records.next(&mut numbers, |request| filter.selects(request)) {
            to.write_all(separator)?;
            separator = b",";
            serde_json::to_writer(&mut *to, &**record)?;
        }
        to.write_all(if separator == b"[" { b"[]" } else { b"]" })
    });
    let headers = vec![("x-total-count".to_owned(), total.to_string())];
    Ok(Response { headers, stream: Some(stream), ..Response::json(200, String::new()) })
}

fn filter(parameters: &Parameters) -> Result<Filter, ControlError> {
    let text = |name| parameters.get(name).map(str::to_owned);
    let since = parameters.get("since").map(humantime::parse_rfc3339).transpose();
    let since = since.map_err(|_| {
        ControlError(400, "Invalid since: expected a time such as 2026-11-24T02:52:10Z.".into())
    })?;
    Ok(Filter {
        action: text("action"),
        version: text("version"),
        name: text("name"),
        code: text("code"),
        since,
    })
}
