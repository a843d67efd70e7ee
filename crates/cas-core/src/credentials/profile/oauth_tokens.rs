//! The tokens of an OAuth sign-in: as a profile of config.json stores them, as the service sends
//! them, and how they are written back. Data only, no I/O.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::base::secret::Secret;
use crate::base::time;
use crate::credentials::json::SecretText;
use crate::credentials::profile::cli_file::offset_of;
use crate::credentials::profile::fields::Profile;
use crate::credentials::source::{KeyWithExpiry, checked_access_key};

/// An access token that expires sooner than this is renewed first.
const ACCESS_TOKEN_MARGIN: Duration = Duration::from_secs(1200);

/// Life of an access token in seconds if the response does not say.
const DEFAULT_TOKEN_LIFE: i64 = 3600;

/// What the profile stores.
pub(crate) struct Tokens {
    pub(crate) access: Option<Secret>,
    pub(crate) access_expires: Option<SystemTime>,
    pub(crate) refresh: Option<Secret>,
    /// The access key of the last exchange.
    pub(crate) key: Option<KeyWithExpiry>,
}

/// The response to a refresh token.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenResponse {
    access_token: SecretText,
    refresh_token: SecretText,
    /// Seconds.
    expires_in: SecretText,
}

impl TokenResponse {
    /// The new tokens; `None` if there is none. Without a new refresh token, the one that was
    /// `sent` stays valid (RFC 6749, section 6). A new refresh token counts even if the access
    /// token is missing, because the old one may no longer be valid.
    pub(crate) fn into_tokens(self, sent: &Secret, now: SystemTime) -> Option<Tokens> {
        let life = self.expires_in.integer().unwrap_or(DEFAULT_TOKEN_LIFE);
        let life = Duration::from_secs(u64::try_from(life).unwrap_or(0));
        let (access, refresh) = (self.access_token.into_secret(), self.refresh_token.into_secret());
        if access.is_none() && refresh.is_none() {
            return None;
        }
        Some(Tokens {
            access_expires: access.as_ref().and_then(|_| now.checked_add(life)),
            access,
            refresh: Some(refresh.unwrap_or_else(|| sent.clone())),
            key: None,
        })
    }
}

impl Tokens {
    pub(crate) fn of(profile: &Profile) -> Self {
        let time = |name: &str| profile.get(name).and_then(time::from_unix_seconds);
        let key = || {
            let (token, expires) = (profile.secret("sts_token")?, time("sts_expiration")?);
            let (id, secret) =
                (profile.get("access_key_id")?, profile.secret("access_key_secret")?);
            let key = checked_access_key(id, secret, Some(token)).ok()?;
            Some(KeyWithExpiry { key, expires: Some(expires) })
        };
        Self {
            access: profile.secret("oauth_access_token"),
            access_expires: time("oauth_access_token_expire"),
            refresh: profile.secret("oauth_refresh_token"),
            key: key(),
        }
    }

    /// Whether the access token need not be renewed.
    pub(crate) fn is_access_fresh(&self, now: SystemTime) -> bool {
        self.access.is_some()
            && self.access_expires.is_some_and(|expires| now + ACCESS_TOKEN_MARGIN < expires)
    }

    /// The fields of the profile and their new values in JSON.
    pub(crate) fn fields(&self) -> Vec<(&'static str, Zeroizing<String>)> {
        let seconds = |time: Option<SystemTime>| {
            Zeroizing::new(time.map_or(0, time::unix_seconds).to_string())
        };
        let secret =
            |secret: &Option<Secret>| quoted_json(secret.as_ref().map_or("", Secret::expose));
        let mut fields = vec![
            ("oauth_access_token", secret(&self.access)),
            ("oauth_access_token_expire", seconds(self.access_expires)),
            ("oauth_refresh_token", secret(&self.refresh)),
        ];
        if let Some(KeyWithExpiry { key, expires }) = &self.key {
            fields.extend([
                ("access_key_id", quoted_json(key.id())),
                ("access_key_secret", quoted_json(key.secret())),
                ("sts_token", quoted_json(key.security_token().unwrap_or_default())),
                ("sts_expiration", seconds(*expires)),
            ]);
        }
        fields
    }
}

fn quoted_json(text: &str) -> Zeroizing<String> {
    Zeroizing::new(serde_json::to_string(text).unwrap_or_default())
}

/// `mark` and `text` with new values for some fields of `object`, a part of the text. Every other
/// byte stays.
pub(crate) fn with_fields(
    mark: &str,
    text: &str,
    object: &str,
    fields: &[(&str, Zeroizing<String>)],
) -> Option<Zeroizing<String>> {
    let known: BTreeMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    let start = offset_of(text, object);
    // Offset and length of what is replaced, what stands before the value, the value, and what
    // stands after it.
    let mut changes: Vec<_> = fields
        .iter()
        .map(|(name, value)| match known.get(*name) {
            Some(old) => (offset_of(text, old.get()), old.get().len(), String::new(), value, ""),
            None => (start + 1, 0, format!("\"{name}\":"), value, ","),
        })
        .collect();
    changes.sort_by_key(|(at, ..)| *at);
    let room: usize = changes.iter().map(|(.., name, value, _)| name.len() + value.len() + 1).sum();
    let mut result = Zeroizing::new(String::with_capacity(mark.len() + text.len() + room));
    result.push_str(mark);
    let mut copied = 0;
    for (at, length, name, value, comma) in changes {
        for part in [text.get(copied..at)?, &name, value, comma] {
            result.push_str(part);
        }
        copied = at + length;
    }
    result.push_str(text.get(copied..)?);
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::json;
    use crate::credentials::profile::cli_file::ConfigFile;
    use serde_json::{Value, json};

    fn seconds(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn only_the_new_values_change() {
        let text = "{\n\t\"current\": \"a\", \"profiles\": [\n  {\"name\":\"b\"},\n  \
                    { \"oauth_access_token\" : \"old\",\n \"name\": \"a\", \"x\": {\"y\": 1.50} \
                    }\n]}\n";
        let file = ConfigFile::parse(text).unwrap();
        let fields = [
            ("oauth_access_token", quoted_json("ne\"w")),
            ("sts_expiration", Zeroizing::new("7".to_owned())),
        ];
        let object = file.raw_profile("a").unwrap();
        let changed = with_fields("\u{feff}", text, object, &fields).unwrap();
        let expected = text
            .replace("\"old\"", "\"ne\\\"w\"")
            .replace("{ \"oauth", "{\"sts_expiration\":7, \"oauth");
        assert_eq!(*changed, format!("\u{feff}{expected}"));
    }

    #[test]
    fn tokens_survive_being_written_and_read() {
        let key = AccessKeyParts { id: "STS.x", secret: "s\"", token: "t\\" };
        let tokens = Tokens {
            access: Some(Secret::new("a".to_owned())),
            access_expires: Some(seconds(7)),
            refresh: Some(Secret::new("r".to_owned())),
            key: Some(key.with_expiry(seconds(8))),
        };
        let text = r#"{"profiles": [{"name": "a", "sts_token": 1}]}"#;
        let config = ConfigFile::parse(text).unwrap();
        let object = config.raw_profile("a").unwrap();
        let changed = with_fields("", text, object, &tokens.fields()).unwrap();
        let read = Tokens::of(&ConfigFile::parse(&changed).unwrap().profile("a").unwrap());
        assert!(read.access == tokens.access && read.refresh == tokens.refresh);
        assert_eq!(read.access_expires, tokens.access_expires);
        let (read, written) = (read.key.unwrap(), tokens.key.unwrap());
        assert!(read.key == written.key && read.expires == written.expires);
    }

    struct AccessKeyParts {
        id: &'static str,
        secret: &'static str,
        token: &'static str,
    }

    impl AccessKeyParts {
        fn with_expiry(&self, expires: SystemTime) -> KeyWithExpiry {
            let secret = |text: &str| Secret::new(text.to_owned());
            let key = checked_access_key(self.id, secret(self.secret), Some(secret(self.token)));
            KeyWithExpiry { key: key.unwrap(), expires: Some(expires) }
        }
    }

    #[test]
    fn access_tokens_are_renewed_twenty_minutes_before_they_expire() {
        let tokens = |access: Option<&str>, expires: Option<u64>| Tokens {
            access: access.map(|text| Secret::new(text.to_owned())),
            access_expires: expires.map(seconds),
            refresh: None,
            key: None,
        };
        assert!(tokens(Some("a"), Some(1301)).is_access_fresh(seconds(100)));
        assert!(!tokens(Some("a"), Some(1300)).is_access_fresh(seconds(100)));
        assert!(!tokens(Some("a"), None).is_access_fresh(seconds(100)));
        assert!(!tokens(None, Some(9999)).is_access_fresh(seconds(100)));
    }

    #[test]
    fn no_token_of_a_response_is_lost() {
        let sent = Secret::new("sent".to_owned());
        let read =
            |value: Value| json::fields::<TokenResponse>(value).into_tokens(&sent, seconds(10));
        for (expires_in, expires) in [
            (json!(60), 70),
            (json!("60"), 70),
            (json!(null), 3610),
            (json!("soon"), 3610),
            (json!(-1), 10),
        ] {
            let tokens =
                json!({"access_token": "a", "refresh_token": "r", "expires_in": expires_in});
            assert_eq!(read(tokens).unwrap().access_expires, Some(seconds(expires)));
        }
        let read = |value: Value| {
            let tokens = read(value)?;
            let access = tokens.access.map(|token| token.expose().to_owned());
            Some((access, tokens.refresh.unwrap().expose().to_owned()))
        };
        let access = Some("a".to_owned());
        for (response, tokens) in [
            (json!({"access_token": "a", "refresh_token": "r"}), Some((access.clone(), "r"))),
            (json!({"access_token": "a"}), Some((access, "sent"))),
            (json!({"refresh_token": "r", "access_token": ""}), Some((None, "r"))),
            (json!({"refresh_token": 1.5, "access_token": []}), Some((None, "1.5"))),
            (json!({"token_type": "Bearer"}), None),
            (json!(["a", "r"]), None),
        ] {
            let expected = tokens.map(|(access, refresh)| (access, refresh.to_owned()));
            assert_eq!(read(response), expected);
        }
    }
}
