//! A person's sign-in by OAuth, which the official command line tool left in its file (FACTS.md 5). Tokens are good for one
//! use, so what replaces them is written back to that file, as the official packages do.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::value::RawValue;
use serde_json::{Value, json};
use ureq::http::Request;
use zeroize::Zeroizing;

use crate::base::logger::Level;
use crate::base::quote::quoted_path;
use crate::base::secret::Secret;
use crate::base::time;
use crate::base::time::unix_seconds;
use crate::credentials::context::{LONGEST_WAIT, ProviderContext};
use crate::credentials::profile::cli_file;
use crate::credentials::profile::cli_file::offset_of;
use crate::credentials::profile::fields::Profile;
use crate::credentials::profile::replace_file::{Lock, Replacement};
use crate::credentials::source::{KeyWithExpiry, REFRESH_MARGIN, Source, log_refresh_failure};
use crate::credentials::{context, session_credentials};
use crate::protocol::params::Params;
use crate::protocol::reading::{integer, text};
use crate::service::provider::CredentialsError;

/// Sites, where they are, and the command line tool's id there.
const SITES: [(&str, &str, &str); 2] = [
    ("CN", "oauth.aliyun.com", "4038181954557748008"),
    ("INTL", "oauth.alibabacloud.com", "4103531455503354461"),
];

/// An access token that lasts no longer than this is replaced first.
const TOKEN_MARGIN: Duration = Duration::from_secs(1200);

/// How long an access token lasts where the service does not say so, in seconds.
const TOKEN_LIFE: i64 = 3600;

/// A refresh token is good for one use. It is not spent with less time left than this, and once it is, the answer is waited
/// for as long as for any, whatever the deadline: lost, it would end the sign-in.
const ENOUGH: Duration = Duration::from_secs(2);

const BYTE_ORDER_MARK: char = '\u{feff}';

const SIGN_IN: &str = "Sign in again: aliyun configure --mode OAuth --profile NAME.";

/// The sign-in of one profile.
pub(crate) struct OAuth {
    context: Arc<ProviderContext>,
    path: PathBuf,
    name: String,
    place: String,
    host: &'static str,
    client_id: &'static str,
}

/// What is kept in the file.
struct Tokens {
    access: Option<Secret>,
    access_expires: Option<SystemTime>,
    refresh: Option<Secret>,
    /// The access key that the last exchange brought.
    key: Option<KeyWithExpiry>,
}

impl OAuth {
    pub(crate) fn new(
        context: Arc<ProviderContext>,
        path: PathBuf,
        name: &str,
        profile: &Profile,
    ) -> Result<Self, CredentialsError> {
        let site = profile.get("oauth_site_type").unwrap_or("CN").to_ascii_uppercase();
        let (_, host, client_id) = SITES
            .into_iter()
            .find(|(known, ..)| *known == site)
            .ok_or_else(|| profile.broken("has an oauth_site_type that is neither CN nor INTL"))?;
        let tokens = Tokens::of(profile);
        if tokens.access.is_none() && tokens.refresh.is_none() {
            return Err(profile.broken("is not signed in").with_hint(SIGN_IN));
        }
        Ok(Self {
            context,
            path,
            name: name.to_owned(),
            place: profile.place.clone(),
            host,
            client_id,
        })
    }

    /// What the file holds now.
    fn tokens(&self) -> Result<Tokens, CredentialsError> {
        let text = self.context.secret_file(&self.path, None)?;
        let profile = cli_file::File::read(&text)?.profile(&self.name)?;
        let profile =
            profile.ok_or_else(|| CredentialsError::failed(format!("{} is gone", self.place)))?;
        Ok(Tokens::of(&profile))
    }

    /// Where there is no new key, one that is good for some minutes is better than nothing.
    fn or_kept(
        &self,
        renewed: Result<KeyWithExpiry, CredentialsError>,
        kept: Option<KeyWithExpiry>,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        match (renewed, kept) {
            (Err(failure), Some(kept)) => {
                log_refresh_failure(&self.context.logger, &failure);
                Ok(kept)
            }
            (renewed, _) => renewed,
        }
    }

    /// New tokens for the refresh token, which is spent by this.
    fn refresh(&self, refresh: &Secret, now: SystemTime) -> Result<Tokens, CredentialsError> {
        let timestamp = time::timestamp(now);
        let mut params = Params::new();
        for (name, value) in [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
            ("client_id", self.client_id),
            ("Timestamp", &timestamp),
        ] {
            params.set(name, value);
        }
        let form = Zeroizing::new(params.canonical_query());
        let request = Request::post(format!("https://{}/v1/token", self.host))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form.as_bytes())
            .map_err(|_| CredentialsError::failed("the request cannot be made"))?;
        let answer = self.context.exchange(request, self.host, Instant::now() + LONGEST_WAIT)?;
        let fields = context::fields_of(&answer, self.host, Some(&[refresh.expose()]))
            .map_err(|failure| signed_out(answer.status, failure))?;
        let part = |name| text(&fields, &[name]).filter(|value| !value.is_empty()).map(Secret::new);
        let (Some(access), Some(refresh)) = (part("access_token"), part("refresh_token")) else {
            return Err(CredentialsError::failed(format!("{} sent no new tokens", self.host)));
        };
        let life =
            u64::try_from(integer(&fields, &["expires_in"]).unwrap_or(TOKEN_LIFE)).unwrap_or(0);
        let access_expires = now.checked_add(Duration::from_secs(life));
        Ok(Tokens { access: Some(access), access_expires, refresh: Some(refresh), key: None })
    }

    fn exchange(
        &self,
        access: &Secret,
        deadline: Instant,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let bearer = Zeroizing::new(format!("Bearer {}", access.expose()));
        let request = Request::post(format!("https://{}/v1/exchange", self.host))
            .header("Content-Type", "application/json")
            .header("Authorization", bearer.as_str())
            .body(&[][..])
            .map_err(|_| {
                CredentialsError::failed(format!(
                    "the token of {} is no text for a header",
                    self.place
                ))
            })?;
        let answer = self.context.exchange(request, self.host, deadline)?;
        let fields = context::fields_of(&answer, self.host, Some(&[access.expose()]))
            .map_err(|failure| signed_out(answer.status, failure))?;
        session_credentials::read(&fields, self.host)
    }

    /// New tokens and a new access key, which are written to the file.
    fn renew(
        &self,
        mut tokens: Tokens,
        now: SystemTime,
        deadline: Instant,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let lasts = tokens.access_expires.is_some_and(|expires| now + TOKEN_MARGIN < expires);
        if let Some(refresh) = tokens.refresh.as_ref().filter(|_| !lasts || tokens.access.is_none())
        {
            // A token that is spent, and its successor lost, ends the sign-in: first of all comes what could go wrong.
            let file = self.replacement(&tokens).map_err(|error| {
                CredentialsError::failed(self.not_written(&error)).with_hint(
                    "Make the file and its directory writable for this program, and see that there is room.",
                )
            })?;
            if Instant::now() + ENOUGH > deadline {
                let seconds = ENOUGH.as_secs();
                let why = format!(
                    "less than {seconds} s are left, too little to renew the sign-in of {}",
                    self.place
                );
                return Err(CredentialsError::failed(why)
                    .with_hint("Allow more time for a call.")
                    .with_retryable(true));
            }
            tokens = self.refresh(refresh, now)?;
            self.keep(file, &tokens);
        }
        let Some(access) = &tokens.access else {
            return Err(CredentialsError::failed(format!("{} is not signed in", self.place))
                .with_hint(SIGN_IN));
        };
        let fetched = self.exchange(access, deadline)?;
        tokens.key = Some(fetched.clone());
        match self.replacement(&tokens) {
            Ok(file) => self.keep(file, &tokens),
            Err(error) => {
                self.context.logger.log(Level::Warn, || format!("{}.", self.not_written(&error)));
            }
        }
        Ok(fetched)
    }

    /// The file's content with these tokens in the profile, and nothing else changed.
    fn content(&self, tokens: &Tokens) -> io::Result<Zeroizing<String>> {
        let whole = Zeroizing::new(fs::read_to_string(&self.path)?);
        let text = whole.trim_start_matches(BYTE_ORDER_MARK);
        let config = cli_file::File::read(text).ok();
        let object = config.as_ref().and_then(|config| config.raw_profile(&self.name));
        let changed = object.and_then(|object| with_fields(text, object, &tokens.fields()));
        let mark = &whole[..whole.len() - text.len()];
        Ok(Zeroizing::new(
            mark.to_owned() + &Zeroizing::new(changed.ok_or(io::ErrorKind::InvalidData)?),
        ))
    }

    fn replacement(&self, tokens: &Tokens) -> io::Result<Replacement> {
        Replacement::of(&self.path, &self.content(tokens)?)
    }

    fn keep(&self, file: Replacement, tokens: &Tokens) {
        if let Err(error) = self.content(tokens).and_then(|content| file.write(&content)) {
            self.context.logger.log(Level::Warn, || format!("{}.", self.not_written(&error)));
        }
    }

    fn not_written(&self, error: &io::Error) -> String {
        let path = quoted_path(&self.path);
        format!("the new sign-in of {} cannot be written to {path}: {error}", self.place)
    }
}

/// The service did not take a token: a person has to sign in.
fn signed_out(status: u16, failure: CredentialsError) -> CredentialsError {
    if (400..500).contains(&status) { failure.with_hint(SIGN_IN) } else { failure }
}

impl Tokens {
    fn of(profile: &Profile) -> Self {
        let time = |name: &str| profile.get(name).and_then(time::from_unix_seconds);
        let key =
            profile.secret("sts_token").zip(time("sts_expiration")).and_then(|(token, expires)| {
                let (id, secret) =
                    (profile.text("access_key_id")?, profile.text("access_key_secret")?);
                let key = session_credentials::key(id, secret, Some(token)).ok()?;
                Some(KeyWithExpiry { key, expires: Some(expires) })
            });
        Self {
            access: profile.secret("oauth_access_token"),
            access_expires: time("oauth_access_token_expire"),
            refresh: profile.secret("oauth_refresh_token"),
            key,
        }
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let seconds = |time: Option<SystemTime>| json!(time.map_or(0, unix_seconds));
        let secret = |secret: &Option<Secret>| json!(secret.as_ref().map_or("", Secret::expose));
        let mut fields = vec![
            ("oauth_access_token", secret(&self.access)),
            ("oauth_access_token_expire", seconds(self.access_expires)),
            ("oauth_refresh_token", secret(&self.refresh)),
        ];
        if let Some(KeyWithExpiry { key, expires }) = &self.key {
            fields.extend([
                ("access_key_id", json!(key.id())),
                ("access_key_secret", json!(key.secret())),
                ("sts_token", json!(key.security_token())),
                ("sts_expiration", seconds(*expires)),
            ]);
        }
        fields
    }
}

/// `text` with other values for some fields of `object`, a piece of it; every other byte stays.
fn with_fields(text: &str, object: &str, fields: &[(&str, Value)]) -> Option<String> {
    let known: BTreeMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    let start = offset_of(text, object);
    let mut changes: Vec<_> = fields
        .iter()
        .map(|(name, value)| match known.get(*name) {
            Some(old) => (offset_of(text, old.get()), old.get().len(), value.to_string()),
            None => (start + 1, 0, format!("{}:{value},", json!(name))),
        })
        .collect();
    changes.sort_by_key(|(at, ..)| *at);
    let mut result = String::with_capacity(text.len() + 8192);
    let mut copied = 0;
    for (at, length, value) in changes {
        result.push_str(text.get(copied..at)?);
        result.push_str(&value);
        copied = at + length;
    }
    result.push_str(text.get(copied..)?);
    Some(result)
}

impl Source for OAuth {
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let lasts =
            |key: &KeyWithExpiry, margin| key.expires.is_some_and(|expires| now + margin < expires);
        let read = || {
            let mut tokens = self.tokens()?;
            let kept = tokens.key.take().filter(|key| lasts(key, Duration::ZERO));
            Ok((tokens, kept))
        };
        let fresh =
            |kept: &Option<KeyWithExpiry>| kept.clone().filter(|key| lasts(key, REFRESH_MARGIN));
        let (_, kept) = read()?;
        if let Some(fresh) = fresh(&kept) {
            return Ok(fresh);
        }
        // So that no two programs spend the same token.
        let lock = match Lock::beside(&self.path, deadline) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let why = "another program did not finish renewing the sign-in before the deadline";
                let failure = CredentialsError::failed(why).with_retryable(true);
                return self.or_kept(Err(failure), kept);
            }
            Err(_) => None,
        };
        // Perhaps that other program brought a new one while this one waited.
        let (tokens, kept) = read()?;
        if let Some(fresh) = fresh(&kept) {
            return Ok(fresh);
        }
        let renewed = self.renew(tokens, now, deadline);
        drop(lock);
        self.or_kept(renewed, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_values_change() {
        let text = "{\n\t\"current\": \"a\", \"profiles\": [\n  {\"name\":\"b\"},\n  { \"oauth_access_token\" : \"old\",\n \"name\": \"a\", \"x\": {\"y\": 1.50} }\n]}\n";
        let file = cli_file::File::read(text).unwrap();
        let fields = [("oauth_access_token", json!("ne\"w")), ("sts_expiration", json!(7))];
        let changed = with_fields(text, file.raw_profile("a").unwrap(), &fields).unwrap();
        let expected = text
            .replace("\"old\"", "\"ne\\\"w\"")
            .replace("{ \"oauth", "{\"sts_expiration\":7, \"oauth");
        assert_eq!(changed, expected);
    }
}
