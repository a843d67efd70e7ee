//! Jobs that deploy certificates to cloud resources, and what they need: resources and contacts.
//!
//! `docs/conformance.md` says how a job advances.

pub(super) mod jobs;
mod page;
pub(crate) mod progress;
pub(super) mod resources;
pub(super) mod workers;

use std::collections::HashSet;

use super::context::Context;
use super::errors::{self, ApiError};

/// Milliseconds since 1970, as text: so the service writes times of resources, but not of jobs.
fn time(milliseconds: i64) -> String {
    milliseconds.to_string()
}

/// A required parameter that is an ID.
fn id(context: &Context<'_>, name: &str) -> Result<i64, ApiError> {
    context.required(name)?.parse().map_err(|_| ApiError::new(&errors::INVALID, name))
}

/// A required parameter that is a list of IDs, separated by commas. Each ID counts once.
fn ids(context: &Context<'_>, name: &str) -> Result<Vec<i64>, ApiError> {
    let invalid = || ApiError::new(&errors::INVALID, name);
    let (mut ids, mut seen) = (Vec::new(), HashSet::new());
    for text in context.required(name)?.split(',') {
        let id = text.trim().parse().map_err(|_| invalid())?;
        if seen.insert(id) {
            ids.push(id);
        }
    }
    Ok(ids)
}
