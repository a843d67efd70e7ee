//! The format of `~/.aliyun/config.json`: JSON whose profiles are located in the text, so that
//! errors name a line and a profile can be changed in its place.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::secret::Secret;
use crate::credentials::json::SecretText;
use crate::credentials::profile::fields::Profile;
use crate::service::provider::CredentialsError;

/// How long libcas waits for another program that writes the file.
pub(crate) const MAX_WRITE_TIME: Duration = Duration::from_secs(2);

/// Interval at which a file that is not whole is read again.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The text of the file once its JSON is valid, or what it stays. `read` reads it. libcas waits for
/// a quarter of the time, at most [`MAX_WRITE_TIME`].
pub(crate) fn read_whole(
    read: impl Fn(&Deadline) -> Result<Zeroizing<String>, CredentialsError>,
    deadline: &Deadline,
) -> Result<Zeroizing<String>, CredentialsError> {
    let mut result = read(deadline);
    let patience = deadline.within(MAX_WRITE_TIME.min(deadline.time_left() / 4));
    let is_whole = |result: &Result<Zeroizing<String>, CredentialsError>| match result {
        Ok(text) => ConfigFile::parse(text).is_ok(),
        Err(error) => !error.is_fatal(),
    };
    while !is_whole(&result) && patience.sleep(POLL_INTERVAL) {
        match read(&patience) {
            // A pipe has nothing more to read.
            Err(_) if result.is_ok() => break,
            again => result = again,
        }
    }
    result
}

/// The parsed file. Its profiles are parsed on demand.
pub(crate) struct ConfigFile<'a> {
    text: &'a str,
    pub(crate) current: Option<String>,
    pub(crate) current_line: usize,
    profiles: Vec<&'a RawValue>,
}

impl<'a> ConfigFile<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, CredentialsError> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|error| {
            let what = if error.is_data() { "not a JSON object:" } else { "invalid JSON at" };
            let (line, column) = (error.line(), error.column());
            let reason = format!("{what} line {line}, column {column}");
            // An end that is missing is still to be written. An empty file configures nothing.
            if error.is_eof() && !text.trim().is_empty() {
                return CredentialsError::fatal(reason + ": the end of the file is missing");
            }
            CredentialsError::failed(reason)
        })?;
        let current = fields.get("current").copied();
        let profiles = match fields.get("profiles") {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| {
                let line = line_of(text, raw.get());
                CredentialsError::failed(format!("\"profiles\" (line {line}) is not a list"))
            })?,
            None => Vec::new(),
        };
        Ok(Self {
            text,
            current: current
                .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
                .filter(|name| !name.is_empty()),
            current_line: current.map_or(1, |raw| line_of(text, raw.get())),
            profiles,
        })
    }

    /// The JSON text of a profile, a part of the file's text.
    pub(crate) fn raw_profile(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|(raw, _)| raw)
    }

    /// The first profile of that name.
    pub(crate) fn profile(&self, name: &str) -> Option<Profile> {
        let (raw, fields) = self.find(name)?;
        Some(Profile::new(name, line_of(self.text, raw), fields))
    }

    fn find(&self, name: &str) -> Option<(&'a str, BTreeMap<String, Secret>)> {
        self.profiles.iter().find_map(|raw| {
            let fields: BTreeMap<String, SecretText> = serde_json::from_str(raw.get()).ok()?;
            if fields.get("name")?.get()? != name {
                return None;
            }
            let fields = fields.into_iter();
            Some((
                raw.get(),
                fields.filter_map(|(name, value)| Some((name, value.into_secret()?))).collect(),
            ))
        })
    }
}

/// The line of `text` in which `part`, a part of it, begins.
fn line_of(text: &str, part: &str) -> usize {
    1 + text[..offset_of(text, part)].matches('\n').count()
}

/// The offset in `text` at which `part`, a part of it, begins.
pub(crate) fn offset_of(text: &str, part: &str) -> usize {
    (part.as_ptr().addr().saturating_sub(text.as_ptr().addr())).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_strings_numbers_and_booleans() {
        let text = r#"{"current": "", "profiles": [7, {}, {"name": ["a"]},
            {"name": "a", "number": 900, "flag": true, "text": "x", "none": null, "list": [1],
             "twice": "old", "twice": "new"},
            {"name": "a", "text": "second"}], "other": {}}"#;
        let config = ConfigFile::parse(text).unwrap();
        assert_eq!((config.current.as_deref(), config.current_line), (None, 1));
        let profile = config.profile("a").unwrap();
        assert_eq!(profile.place, "profile \"a\" (line 2)");
        for (name, value) in [
            ("number", Some("900")),
            ("flag", Some("true")),
            ("text", Some("x")),
            ("none", None),
            ("list", None),
            ("twice", Some("new")),
        ] {
            assert_eq!(profile.get(name), value, "{name}");
        }
        assert!(config.raw_profile("a").unwrap().starts_with("{\"name\": \"a\", \"number\""));
        assert!(config.profile("b").is_none());
    }

    #[test]
    fn a_file_without_profiles_is_valid() {
        let config = ConfigFile::parse("{\n\n\"current\": 7}").unwrap();
        assert_eq!((config.current.as_deref(), config.current_line), (None, 3));
        assert!(config.profile("a").is_none());
    }
}
