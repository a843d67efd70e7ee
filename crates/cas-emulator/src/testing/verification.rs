//! Compares the recorded requests with the calls that a test expects.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use super::filter::{self, Filter};
use super::record::RecordedRequest;
use crate::clock;

/// Requests that a difference lists.
const MAX_LISTED: usize = 5;

/// The calls that a test expects.
pub(crate) struct Expectations {
    calls: Vec<ExpectedCall>,
    /// Whether every call must be one of `calls`.
    nothing_else: bool,
}

/// One kind of call, and how often it is expected.
struct ExpectedCall {
    filter: Filter,
    least: usize,
    most: usize,
}

/// [`Expectations`] as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    calls: Vec<Entry>,
    #[serde(default)]
    nothing_else: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    action: Option<String>,
    version: Option<String>,
    name: Option<String>,
    /// The error code; empty for success.
    code: Option<String>,
    // Parsed in `expected`, for a better sentence than serde's.
    times: Option<Value>,
    at_least: Option<Value>,
    at_most: Option<Value>,
}

impl Entry {
    /// Without a number, the call is expected at least once. An error is a sentence.
    fn expected(self) -> Result<ExpectedCall, String> {
        let count = |name: &str, value: Option<Value>| {
            let number = |value: Value| usize::try_from(value.as_u64()?).ok();
            let invalid = || format!("`{name}` must be a whole number from 0");
            value.map(|value| number(value).ok_or_else(invalid)).transpose()
        };
        let times = count("times", self.times)?;
        let least = count("at_least", self.at_least)?;
        let most = count("at_most", self.at_most)?;
        let (least, most) = match (times, least, most) {
            (Some(times), None, None) => (times, times),
            (Some(_), ..) => {
                return Err(
                    "it has `times` and also `at_least` or `at_most`. `times` is an exact \
                            number: use it alone"
                        .to_owned(),
                );
            }
            (None, Some(least), Some(most)) if least > most => {
                return Err(format!("`at_least` is {least}, more than `at_most`, which is {most}"));
            }
            (None, None, Some(most)) => (0, most),
            (None, least, most) => (least.unwrap_or(1), most.unwrap_or(usize::MAX)),
        };
        let Self { action, version, name, code, .. } = self;
        let filter = Filter { action, version, name, code, since: None };
        Ok(ExpectedCall { filter, least, most })
    }
}

impl ExpectedCall {
    /// Such as `2 calls of CreateUserCertificate with name "a"`.
    fn description(&self) -> String {
        let count = match (self.least, self.most) {
            (1, 1) => "1 call".to_owned(),
            (least, most) if least == most => format!("{least} calls"),
            (1, usize::MAX) => "at least 1 call".to_owned(),
            (least, usize::MAX) => format!("at least {least} calls"),
            (0, 1) => "at most 1 call".to_owned(),
            (0, most) => format!("at most {most} calls"),
            (least, most) => format!("{least} to {most} calls"),
        };
        let filter = &self.filter;
        let mut text = format!("{count} of {}", filter.action.as_deref().unwrap_or("any action"));
        let parts = [("version", &filter.version), ("name", &filter.name), ("code", &filter.code)];
        let named = parts.into_iter().filter_map(|(what, value)| Some((what, value.as_ref()?)));
        for (index, (what, value)) in named.enumerate() {
            let separator = if index == 0 { " with" } else { "," };
            let _ = write!(text, "{separator} {what} {value:?}"); // a String never fails
        }
        text
    }
}

impl Expectations {
    /// Parses JSON. An error is a sentence without its full stop.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let calls = document.calls.into_iter().enumerate().map(|(index, entry)| {
            entry.expected().map_err(|problem| format!("call {}: {problem}", index + 1))
        });
        Ok(Self { calls: calls.collect::<Result<_, _>>()?, nothing_else: document.nothing_else })
    }

    /// How `requests` differ from what is expected: paragraphs of text. Empty if they do not.
    ///
    /// `evicted` requests came before them and are no longer recorded. A difference is also what
    /// depends on them.
    pub(crate) fn differences(&self, requests: &[&RecordedRequest], evicted: usize) -> String {
        let mut text = String::new();
        let mut depends_on_evicted = false;
        for call in &self.calls {
            let ExpectedCall { filter, least, most } = call;
            let received: Vec<_> =
                requests.iter().copied().filter(|request| filter.selects(request)).collect();
            let count = received.len();
            if count > *most {
                let _ = writeln!(text, "Expected {}, received {count}.", call.description());
                list(&received, |_| String::new(), &mut text);
            } else if count.saturating_add(evicted) < *least {
                let _ = writeln!(text, "Expected {}, received {count}.", call.description());
                list_near(filter, requests, &mut text);
            } else if count < *least || count.saturating_add(evicted) > *most {
                depends_on_evicted = true;
                let description = call.description();
                let _ = writeln!(text, "Expected {description}, received {count} or more.");
            }
        }
        if self.nothing_else {
            let others: Vec<_> = requests
                .iter()
                .copied()
                .filter(|request| !self.calls.iter().any(|call| call.filter.selects(request)))
                .collect();
            if !others.is_empty() {
                let _ = writeln!(text, "Expected nothing else, received {}.", others.len());
                list(&others, |_| String::new(), &mut text);
            } else if evicted > 0 && !self.calls.iter().any(|call| call.filter.selects_all()) {
                depends_on_evicted = true;
                text.push_str("Expected nothing else, which is not certain.\n");
            }
        }
        if depends_on_evicted {
            let kept = requests.len();
            let _ = writeln!(
                text,
                "The record has the last {kept} requests. It had no room for {evicted} earlier \
                 ones, and the result depends on them. Verify after fewer calls, and clear the \
                 record with DELETE /_emulator/requests before them."
            );
        }
        text
    }
}

/// Lists the requests that differ from `filter` in the fewest ways.
fn list_near(filter: &Filter, requests: &[&RecordedRequest], text: &mut String) {
    let mut near: Vec<_> =
        requests.iter().copied().filter(|request| !filter.selects(request)).collect();
    near.sort_by_key(|request| filter.differences(request).len());
    let fewest = near.first().map_or(0, |first| filter.differences(first).len());
    near.retain(|request| filter.differences(request).len() == fewest);
    let why = |request: &RecordedRequest| format!(": {}", filter.differences(request).join(", "));
    list(&near, why, text);
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
