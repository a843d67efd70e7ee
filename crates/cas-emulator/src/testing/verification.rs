//! Compares the recorded requests with the calls that a test expects.

use std::fmt::Write as _;

use serde::Deserialize;

use super::filter::{self, Filter};
use super::record::RecordedRequest;
use crate::clock;

/// Requests that a difference lists.
const MAX_LISTED: usize = 5;

/// The calls that a test expects, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectations {
    calls: Vec<ExpectedCall>,
    /// Whether every call must be one of `calls`.
    #[serde(default)]
    nothing_else: bool,
}

/// One kind of call, and how often it is expected: at least once, unless it says otherwise.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedCall {
    action: Option<String>,
    version: Option<String>,
    name: Option<String>,
    /// The error code; empty for success.
    code: Option<String>,
    times: Option<usize>,
    at_least: Option<usize>,
    at_most: Option<usize>,
}

impl ExpectedCall {
    fn filter(&self) -> Filter {
        Filter {
            action: self.action.clone(),
            version: self.version.clone(),
            name: self.name.clone(),
            code: self.code.clone(),
            since: None,
        }
    }

    /// The smallest and the largest number of calls.
    fn bounds(&self) -> (usize, usize) {
        match (self.times, self.at_least, self.at_most) {
            (Some(times), _, _) => (times, times),
            (None, None, Some(most)) => (0, most),
            (None, least, most) => (least.unwrap_or(1), most.unwrap_or(usize::MAX)),
        }
    }

    /// Such as `2 calls of CreateUserCertificate with name "a"`.
    fn description(&self) -> String {
        let count = match self.bounds() {
            (1, 1) => "1 call".to_owned(),
            (least, most) if least == most => format!("{least} calls"),
            (1, usize::MAX) => "at least 1 call".to_owned(),
            (least, usize::MAX) => format!("at least {least} calls"),
            (0, 1) => "at most 1 call".to_owned(),
            (0, most) => format!("at most {most} calls"),
            (least, most) => format!("{least} to {most} calls"),
        };
        let mut text = format!("{count} of {}", self.action.as_deref().unwrap_or("any action"));
        let parts = [("version", &self.version), ("name", &self.name), ("code", &self.code)];
        let named = parts.into_iter().filter_map(|(what, value)| Some((what, value.as_ref()?)));
        for (index, (what, value)) in named.enumerate() {
            let separator = if index == 0 { " with" } else { "," };
            let _ = write!(text, "{separator} {what} {value:?}"); // a String never fails
        }
        text
    }
}

impl Expectations {
    /// How `requests` differ from what is expected: paragraphs of text. Empty if they do not.
    pub(crate) fn differences(&self, requests: &[&RecordedRequest]) -> String {
        let mut text = String::new();
        let filters: Vec<Filter> = self.calls.iter().map(ExpectedCall::filter).collect();
        for (call, filter) in self.calls.iter().zip(&filters) {
            let (least, most) = call.bounds();
            let selected = requests.iter().copied().filter(|request| filter.selects(request));
            let received: Vec<_> = selected.collect();
            if (least..=most).contains(&received.len()) {
                continue;
            }
            let _ = writeln!(text, "Expected {}, received {}.", call.description(), received.len());
            if received.len() > most {
                list(&received, |_| String::new(), &mut text);
            } else {
                // The nearest ones: those that differ in the fewest ways.
                let others = requests.iter().copied().filter(|it| !filter.selects(it));
                let mut near: Vec<_> = others.collect();
                near.sort_by_key(|request| filter.differences(request).len());
                let fewest = near.first().map_or(0, |first| filter.differences(first).len());
                near.retain(|request| filter.differences(request).len() == fewest);
                let why = |request: &RecordedRequest| {
                    format!(": {}", filter.differences(request).join(", "))
                };
                list(&near, why, &mut text);
            }
        }
        if self.nothing_else {
            let others: Vec<_> = requests
                .iter()
                .copied()
                .filter(|request| !filters.iter().any(|filter| filter.selects(request)))
                .collect();
            if !others.is_empty() {
                let _ = writeln!(text, "Expected nothing else, received {}.", others.len());
                list(&others, |_| String::new(), &mut text);
            }
        }
        text
    }
}

/// Lists requests, a line each.
fn list(
    requests: &[&RecordedRequest],
    why: impl Fn(&RecordedRequest) -> String,
    text: &mut String,
) {
    for request in requests.iter().take(MAX_LISTED) {
        let RecordedRequest { time, action, code, .. } = request;
        let time = clock::rfc3339_milliseconds(*time);
        let action = action.as_deref().unwrap_or("(no action)");
        let code = code.as_deref().unwrap_or("success");
        let name = filter::name(request).map(|name| format!(" {name:?}")).unwrap_or_default();
        let _ = writeln!(text, "  {time} {action}{name}, {code}{}", why(request));
    }
    if requests.len() > MAX_LISTED {
        let _ = writeln!(text, "  and {} more", requests.len() - MAX_LISTED);
    }
}
