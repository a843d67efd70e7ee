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
        let members = self.members(request);
        members.iter().all(|(_, wanted, found)| is_same(*wanted, *found)) && !self.is_older(request)
    }

    /// Whether the filter selects every request.
    pub(crate) fn selects_all(&self) -> bool {
        let texts = [&self.action, &self.version, &self.name, &self.code];
        texts.into_iter().all(Option::is_none) && self.since.is_none()
    }

    /// How `request` differs from what the filter selects: clauses such as `its name is "b"`.
    pub(crate) fn differences(&self, request: &RecordedRequest) -> Vec<String> {
        let members = self.members(request).into_iter();
        let differ = members.filter(|(_, wanted, found)| !is_same(*wanted, *found));
        let mut differences: Vec<_> = differ
            .map(|(what, _, found)| match found.filter(|found| !found.is_empty()) {
                Some(found) => format!("its {what} is {found:?}"),
                None => format!("it has no {what}"),
            })
            .collect();
        if self.is_older(request) {
            differences.push("it is older".to_owned());
        }
        differences
    }

    /// Each member that is compared as text: what it is, what is wanted, and what `request` has.
    fn members<'a>(&'a self, request: &'a RecordedRequest) -> [Member<'a>; 4] {
        [
            ("action", self.action.as_deref(), request.action.as_deref()),
            ("version", self.version.as_deref(), request.version.as_deref()),
            ("name", self.name.as_deref(), name(request)),
            ("code", self.code.as_deref(), request.code.as_deref()),
        ]
    }

    fn is_older(&self, request: &RecordedRequest) -> bool {
        self.since.is_some_and(|since| request.time < since)
    }
}

type Member<'a> = (&'static str, Option<&'a str>, Option<&'a str>);

fn is_same(wanted: Option<&str>, found: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| wanted == found.unwrap_or_default())
}

/// The parameter `Name` of a request.
pub(crate) fn name(request: &RecordedRequest) -> Option<&str> {
    match &request.parameters.get("Name")?.value {
        RecordedValue::Plain(name) => Some(name),
        RecordedValue::Sha256(_) => None,
    }
}
