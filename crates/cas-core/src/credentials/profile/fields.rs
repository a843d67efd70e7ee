//! One profile of a file, whatever the format: its fields by name, and its place for messages.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::base::deadline::Deadline;
use crate::base::quote::quoted;
use crate::base::secret::Secret;
use crate::credentials::assume_role::Role;
use crate::credentials::source::{KeyWithExpiry, Source, checked_access_key};
use crate::protocol::access_key::AccessKey;
use crate::service::provider::{CredentialsError, CredentialsErrorKind};

/// The fields of a profile. An empty field counts as missing.
pub(crate) struct Profile {
    /// For messages: `profile "web" (line 7)`.
    pub(crate) place: String,
    pub(crate) fields: BTreeMap<String, Secret>,
}

impl Profile {
    /// A profile that begins in this line of its file.
    pub(crate) fn new(name: &str, line: usize, fields: BTreeMap<String, Secret>) -> Self {
        Self { place: format!("profile {} (line {line})", quoted(name)), fields }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(ToOwned::to_owned)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, CredentialsError> {
        self.get(name).ok_or_else(|| self.error(&format!("{name} is missing")))
    }

    pub(crate) fn secret(&self, name: &str) -> Option<Secret> {
        self.fields.get(name).filter(|value| !value.expose().is_empty()).cloned()
    }

    /// The long-term key in the profile, or the temporary one if the field `token` is set.
    pub(crate) fn access_key(&self, token: &str) -> Result<AccessKeySource, CredentialsError> {
        let id = self.required("access_key_id")?;
        let secret = Secret::new(self.required("access_key_secret")?.to_owned());
        let key = checked_access_key(id, secret, self.secret(token)).map_err(|why| {
            self.error(&format!("invalid access key: {why}")).with_kind(CredentialsErrorKind::Fatal)
        })?;
        Ok(AccessKeySource(key))
    }

    /// The role to assume. The names of the fields differ between the formats.
    pub(crate) fn role(&self, arn: &str, session_name: &[&str]) -> Result<Role, CredentialsError> {
        Ok(Role {
            arn: self.required(arn)?.to_owned(),
            session_name: session_name.iter().find_map(|name| self.text(name)),
            policy: self.text("policy"),
            ..Role::default()
        })
    }

    /// An error: the value of `field` is not one of `known`.
    pub(crate) fn unknown(&self, field: &str, value: &str, known: &str) -> CredentialsError {
        // Anything else may be a secret in the wrong field.
        let is_word = value.len() <= 20
            && value.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let shown = if is_word { format!(" \"{value}\"") } else { String::new() };
        self.error(&format!("libcas does not support the {field}{shown}"))
            .with_hint(format!("Set {field} to one of {known}. Upper and lower case matter."))
    }

    /// An error of this profile.
    pub(crate) fn error(&self, reason: &str) -> CredentialsError {
        CredentialsError::failed(reason).at(&self.place)
    }

    /// The source that the profile describes. Its errors name the profile.
    pub(crate) fn source(self, source: Box<dyn Source>) -> Box<dyn Source> {
        Box::new(ProfileSource { place: self.place, source })
    }
}

struct ProfileSource {
    place: String,
    source: Box<dyn Source>,
}

impl Source for ProfileSource {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        self.source.fetch(now, deadline).map_err(|error| error.at(&self.place))
    }
}

/// An access key that is written in a profile.
pub(crate) struct AccessKeySource(AccessKey);

impl Source for AccessKeySource {
    fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        Ok(KeyWithExpiry::without_expiry(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(fields: &[(&str, &str)]) -> Profile {
        let owned =
            |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new((*value).to_owned()));
        Profile::new("web", 7, fields.iter().map(owned).collect())
    }

    #[test]
    fn roles_have_the_field_names_of_their_format() {
        let fields = [("arn", "r"), ("second", "s"), ("policy", "{}"), ("first", "")];
        let role = profile(&fields).role("arn", &["first", "second"]).unwrap();
        assert_eq!((role.arn.as_str(), role.session_name.as_deref()), ("r", Some("s")));
        assert_eq!((role.policy.as_deref(), role.duration, role.vpc), (Some("{}"), None, None));
        let error = profile(&fields).role("other", &[]).map(drop).unwrap_err();
        assert_eq!(error.reason, "profile \"web\" (line 7): other is missing");
    }

    #[test]
    fn malformed_access_keys_are_fatal_and_not_shown() {
        let fields = [("access_key_id", "id"), ("access_key_secret", "hidden x")];
        let error = profile(&fields).access_key("token").map(drop).unwrap_err();
        assert!(error.is_fatal() && !error.reason.contains("hidden"), "{}", error.reason);
        let fields = [("access_key_id", "id"), ("access_key_secret", "s"), ("token", "hidden x")];
        assert!(profile(&fields).access_key("token").map(drop).unwrap_err().is_fatal());
        profile(&fields).access_key("").unwrap();
    }

    #[test]
    fn unknown_values_are_shown_only_if_they_are_words() {
        let error = profile(&[]).unknown("mode", "Bearer", "AK, OIDC");
        assert_eq!(
            error.reason,
            "profile \"web\" (line 7): libcas does not support the mode \"Bearer\""
        );
        assert!(error.hint.unwrap().contains("one of AK, OIDC."));
        for hidden in ["hidden4", "hidden_hidden_hidden_x"] {
            let error = profile(&[]).unknown("mode", hidden, "AK");
            assert!(!error.reason.contains("hidden"), "{}", error.reason);
        }
    }

    #[test]
    fn errors_of_a_source_name_its_profile() {
        struct Failing;
        impl Source for Failing {
            fn fetch(
                &self,
                _: SystemTime,
                _: &Deadline,
            ) -> Result<KeyWithExpiry, CredentialsError> {
                Err(CredentialsError::failed("it broke").with_retryable(true).with_hint("fix it"))
            }
        }
        let source = profile(&[]).source(Box::new(Failing));
        let error = source.fetch(SystemTime::now(), &Deadline::over()).map(drop).unwrap_err();
        assert_eq!(error.reason, "profile \"web\" (line 7): it broke");
        assert!(error.retryable && error.hint.is_some());
    }
}
