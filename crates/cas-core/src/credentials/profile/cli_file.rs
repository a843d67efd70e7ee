//! The file `~/.aliyun/config.json`: JSON whose profiles are read one by one, where they stand.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::base::quote::quoted;
use crate::base::secret::Secret;
use crate::credentials::profile::fields::Profile;
use crate::service::provider::CredentialsError;

/// The whole file, whose profiles are read when they are needed.
pub(crate) struct File<'a> {
    text: &'a str,
    pub(crate) current: Option<String>,
    pub(crate) current_line: usize,
    profiles: Vec<&'a RawValue>,
}

impl<'a> File<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, CredentialsError> {
        let broken = |error: &serde_json::Error| {
            CredentialsError::failed(format!(
                "it is no JSON as the command line tool writes it: line {}, column {}",
                error.line(),
                error.column()
            ))
        };
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_str(text).map_err(|error| broken(&error))?;
        let current =
            fields.get("current").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let profiles = match fields.get("profiles") {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| {
                CredentialsError::failed(format!(
                    "its profiles (line {}) are no list",
                    line_of(text, raw.get())
                ))
            })?,
            None => Vec::new(),
        };
        let current_line = fields.get("current").map_or(1, |raw| line_of(text, raw.get()));
        Ok(Self { text, current: current.filter(|name| !name.is_empty()), current_line, profiles })
    }

    /// The JSON of a profile, where it stands in the file.
    pub(crate) fn raw_profile(&self, name: &str) -> Option<&'a str> {
        let is_it = |raw: &&&RawValue| {
            serde_json::from_str::<Value>(raw.get()).is_ok_and(|profile| profile["name"] == name)
        };
        self.profiles.iter().find(is_it).map(|raw| raw.get())
    }

    /// A profile; `None` where there is none of that name.
    pub(crate) fn profile(&self, name: &str) -> Result<Option<Profile>, CredentialsError> {
        let Some(raw) = self.raw_profile(name) else { return Ok(None) };
        let place = format!("the profile {} (line {})", quoted(name), line_of(self.text, raw));
        let fields: BTreeMap<String, Value> = serde_json::from_str(raw)
            .map_err(|_| CredentialsError::failed(format!("{place} is no object")))?;
        let text = |value: Value| match value {
            Value::String(text) => Some(Secret::new(text)),
            Value::Number(_) | Value::Bool(_) => Some(Secret::new(value.to_string())),
            _ => None,
        };
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| text(value).map(|text| (name, text)))
            .collect();
        Ok(Some(Profile { place, fields }))
    }
}

/// The line in which `part`, a piece of `text`, begins.
fn line_of(text: &str, part: &str) -> usize {
    let offset = offset_of(text, part);
    1 + text[..offset].matches('\n').count()
}

/// Where `part`, a piece of `text`, begins.
pub(crate) fn offset_of(text: &str, part: &str) -> usize {
    (part.as_ptr().addr().saturating_sub(text.as_ptr().addr())).min(text.len())
}
