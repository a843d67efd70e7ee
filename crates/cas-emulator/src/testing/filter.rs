//! Selects recorded requests, for the control interface.

use std::time::SystemTime;

use super::record::{RecordedRequest, RecordedValue};

/// What the selected requests have in common; a member that is `None` selects any.
#[derive(Default)]
pub(crate) struct Filter {
    pub(crate) action: Option<String>,
    pub(crate) version: Option<String>,
    /// The parameter `Name`.
    pub(crate) name: Option<String>,
    /// The error code; empty for success.
    pub(crate) code: Option<String>,
    /// Processed then or later.
    pub(crate) since: Option<SystemTime>,
}

impl Filter {
    /// Whether the filter selects `request`.
    pub(crate) fn selects(&self, request: &RecordedRequest) -> bool {
        self.differences(request).is_empty()
    }

    /// How `request` differs from what the filter selects: clauses such as `its name is "b"`.
    pub(crate) fn differences(&self, request: &RecordedRequest) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, wanted: &Option<String>, found: Option<&str>| {
            if wanted.as_deref().is_some_and(|wanted| wanted != found.unwrap_or_default()) {
                differences.push(match found.filter(|found| !found.is_empty()) {
                    Some(found) => format!("its {what} is {found:?}"),
                    None => format!("it has no {what}"),
                });
            }
        };
        compare("action", &self.action, request.action.as_deref());
        compare("version", &self.version, request.version.as_deref());
        compare("name", &self.name, name(request));
        compare("code", &self.code, request.code.as_deref());
        if self.since.is_some_and(|since| request.time < since) {
            differences.push("it is older".to_owned());
        }
        differences
    }
}

/// The parameter `Name` of a request.
pub(crate) fn name(request: &RecordedRequest) -> Option<&str> {
    match &request.parameters.get("Name")?.value {
        RecordedValue::Plain(name) => Some(name),
        RecordedValue::Sha256(_) => None,
    }
}
