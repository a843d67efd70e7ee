//! A line for each call, for stderr.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::filter;
use super::record::RecordedRequest;
use crate::clock;

/// What the emulator prints about each call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// Nothing.
    #[default]
    Off,
    /// A line of text.
    Text,
    /// A line of JSON.
    Json,
}

/// Characters of a text from the client that a line shows.
const MAX_SHOWN: usize = 64;

#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    method: &'a str,
    action: Option<&'a str>,
    version: Option<&'a str>,
    name: Option<&'a str>,
    status: Option<u16>,
    code: Option<&'a str>,
    fault: Option<&'a str>,
    request_id: &'a str,
    tunnel: Option<&'a str>,
    connection: u64,
    milliseconds: f64,
}

impl Log {
    /// A line with a sentence for the user, without a line end.
    pub(crate) fn warning(self, message: &str, now: SystemTime) -> String {
        match self {
            Self::Json => {
                let time = clock::rfc3339_milliseconds(now);
                serde_json::json!({"time": time, "warning": message}).to_string()
            }
            Self::Off | Self::Text => format!("cas-emulator: {message}"),
        }
    }

    /// The line about a call that took `time`, without a line end. `None` if the log is off.
    pub(crate) fn line(self, request: &RecordedRequest, time: Duration) -> Option<String> {
        let at = clock::rfc3339_milliseconds(request.time);
        let shown = |text| beginning(text, MAX_SHOWN);
        let (action, version) = (request.action.as_deref(), request.version.as_deref());
        let (action, version) = (action.map(shown), version.map(shown));
        let (code, name) = (request.code.as_deref().map(shown), filter::name(request).map(shown));
        let milliseconds = (time.as_secs_f64() * 1e6).round() / 1e3;
        match self {
            Self::Off => None,
            Self::Json => serde_json::to_string(&Line {
                time: &at,
                method: &request.method,
                action,
                version,
                name,
                status: request.status,
                code,
                fault: request.fault,
                request_id: &request.request_id,
                tunnel: request.tunnel.as_deref(),
                connection: request.connection,
                milliseconds,
            })
            .ok(),
            Self::Text => {
                let mut line = at;
                let mut add = |part: &str| {
                    let _ = write!(line, " {}", part.escape_debug()); // a String never fails
                };
                add(&request.method);
                add(action.unwrap_or("-"));
                add(version.unwrap_or("-"));
                add(&request.status.map_or_else(|| "-".to_owned(), |status| status.to_string()));
                add(code.unwrap_or("ok"));
                add(&format!("{milliseconds}ms"));
                if let Some(name) = name {
                    add(&format!("name={name}"));
                }
                if let Some(tunnel) = &request.tunnel {
                    add(&format!("tunnel={tunnel}"));
                }
                if let Some(fault) = request.fault {
                    add(&format!("fault={fault}"));
                }
                Some(line)
            }
        }
    }
}

/// The first `most` characters of `text`.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}
