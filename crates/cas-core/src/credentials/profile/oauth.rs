//! The access key of a user who signed in by OAuth with the official CLI. A refresh token is good
//! for one use, so the new tokens are written back to the profile, as the official packages do. See
//! docs/service.md, OAuth.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cas_sign::{FORM_CONTENT_TYPE, Params};
use ureq::http::Request;
use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::exhaustion::{Exhaustion, clause_of};
use crate::base::file;
use crate::base::logger::Level;
use crate::base::quote::quoted_path;
use crate::base::secret::Secret;
use crate::base::time;
use crate::credentials::context::{MAX_REQUEST_TIME, ProviderContext};
use crate::credentials::profile::cli_file::ConfigFile;
use crate::credentials::profile::fields::Profile;
use crate::credentials::profile::oauth_tokens::{TokenResponse, Tokens, with_fields};
use crate::credentials::profile::replace_file::{Lock, Replacement};
use crate::credentials::session_credentials::SessionCredentials;
use crate::credentials::source::{KeyWithExpiry, REFRESH_MARGIN, Source, log_refresh_failure};
use crate::credentials::{files, response};
use crate::service::provider::CredentialsError;

/// The sites, their hosts, and the client ID of the official CLI there.
const SITES: [(&str, &str, &str); 2] = [
    ("CN", "oauth.aliyun.com", "4038181954557748008"),
    ("INTL", "oauth.alibabacloud.com", "4103531455503354461"),
];

/// A refresh token is not used with less time left than this. Once it is used, libcas waits for the
/// response beyond the deadline, because losing the new token ends the sign-in.
const MIN_RENEWAL_TIME: Duration = Duration::from_secs(2);

const SIGN_IN: &str = "Sign in again: aliyun configure --mode OAuth --profile NAME.";

/// The sign-in in one profile of config.json.
pub(crate) struct OAuth {
    context: Arc<ProviderContext>,
    path: PathBuf,
    name: String,
    /// The profile, for the log.
    place: String,
    host: &'static str,
    client_id: &'static str,
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
            .ok_or_else(|| profile.error("invalid oauth_site_type: must be CN or INTL"))?;
        let tokens = Tokens::of(profile);
        if tokens.access.is_none() && tokens.refresh.is_none() {
            return Err(profile.error("not signed in").with_hint(SIGN_IN));
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

    /// The tokens in the file now. Another program may have renewed them.
    fn read_tokens(&self, deadline: &Deadline) -> Result<Tokens, CredentialsError> {
        let text = self.context.secret_file(&self.path, None, deadline)?;
        let profile = ConfigFile::parse(&text)?.profile(&self.name);
        profile
            .map(|profile| Tokens::of(&profile))
            .ok_or_else(|| CredentialsError::failed("the profile was removed from the file"))
    }

    /// The renewed key. If renewing failed, the current key if it is still valid.
    fn or_current(
        &self,
        renewed: Result<KeyWithExpiry, CredentialsError>,
        current: Option<KeyWithExpiry>,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        match (renewed, current) {
            (Err(error), Some(current)) => {
                log_refresh_failure(&self.context.logger, &error.at(&self.place));
                Ok(current)
            }
            (renewed, _) => renewed,
        }
    }

    /// Exchanges the refresh token for new tokens. It cannot be used again.
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
            .header("Content-Type", FORM_CONTENT_TYPE)
            .body(form.as_bytes())
            .map_err(|_| CredentialsError::failed("failed to build the request"))?;
        let deadline = Deadline::after(MAX_REQUEST_TIME);
        let response = self.context.send(request, self.host, &deadline)?;
        response::read::<TokenResponse>(&response, self.host, Some(&[refresh.expose()]))
            .map_err(|error| with_sign_in_hint(response.status, error))?
            .into_tokens(self.host, now)
    }

    /// Exchanges the access token for an access key.
    fn exchange(
        &self,
        access: &Secret,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let bearer = Zeroizing::new(format!("Bearer {}", access.expose()));
        let request = Request::post(format!("https://{}/v1/exchange", self.host))
            .header("Content-Type", "application/json")
            .header("Authorization", bearer.as_str())
            .body(&[][..])
            .map_err(|_| {
                CredentialsError::failed("invalid oauth_access_token: not valid in an HTTP header")
            })?;
        let response = self.context.send(request, self.host, deadline)?;
        response::read::<SessionCredentials>(&response, self.host, Some(&[access.expose()]))
            .map_err(|error| with_sign_in_hint(response.status, error))?
            .into_key(self.host)
    }

    /// Gets new tokens if the access token expires soon, then a new access key, and writes both to
    /// the file.
    fn renew(
        &self,
        mut tokens: Tokens,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        if let Some(refresh) = tokens.refresh.as_ref().filter(|_| !tokens.is_access_fresh(now)) {
            // If the new token cannot be written, the sign-in ends. So the file is prepared before
            // the token is used.
            let file = self.prepare(&tokens).map_err(|cause| {
                let error = CredentialsError::of_io(&self.write_failure(), &cause);
                if error.is_fatal() {
                    return error;
                }
                error.with_hint(
                    "Make the file and its directory writable for this program, and check that \
                     the disk has room.",
                )
            })?;
            if deadline.time_left() < MIN_RENEWAL_TIME || deadline.is_cancelled() {
                let seconds = MIN_RENEWAL_TIME.as_secs();
                return Err(CredentialsError::failed(format!(
                    "not enough time to renew the sign-in: less than {seconds} s are left"
                ))
                .with_hint("Set a longer timeout.")
                .with_retryable(true));
            }
            tokens = self.refresh(refresh, now)?;
            self.write(file, &tokens);
        }
        let Some(access) = &tokens.access else {
            return Err(CredentialsError::failed("not signed in").with_hint(SIGN_IN));
        };
        let fetched = self.exchange(access, deadline)?;
        tokens.key = Some(fetched.clone());
        match self.prepare(&tokens) {
            Ok(file) => self.write(file, &tokens),
            Err(cause) => self.log_write_failure(&cause),
        }
        Ok(fetched)
    }

    /// The text of the file with these tokens in the profile, and nothing else changed.
    fn content(&self, tokens: &Tokens) -> io::Result<Zeroizing<String>> {
        let whole = files::read_with_mark(&self.path, &Deadline::after(file::PIPE_TIME))?;
        let (mark, text) = files::split_mark(&whole);
        let config = ConfigFile::parse(text).ok();
        let object = config.as_ref().and_then(|config| config.raw_profile(&self.name));
        object
            .and_then(|object| with_fields(mark, text, object, &tokens.fields()))
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn prepare(&self, tokens: &Tokens) -> io::Result<Replacement> {
        Replacement::prepare(&self.path, &self.content(tokens)?)
    }

    /// Writes the tokens. The file is read again: another program may have changed it.
    fn write(&self, file: Replacement, tokens: &Tokens) {
        if let Err(cause) = file.commit(|| self.content(tokens)) {
            self.log_write_failure(&cause);
        }
    }

    fn write_failure(&self) -> String {
        format!("failed to write the renewed sign-in to {}", quoted_path(&self.path))
    }

    fn log_write_failure(&self, cause: &io::Error) {
        self.context.logger.log(Level::Warn, || {
            format!("In {}: {}: {}.", self.place, self.write_failure(), clause_of(cause))
        });
    }
}

/// Adds a hint if the service refused a token: the user has to sign in again.
fn with_sign_in_hint(status: u16, error: CredentialsError) -> CredentialsError {
    if (400..500).contains(&status) { error.with_hint(SIGN_IN) } else { error }
}

impl Source for OAuth {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let lives = |key: &KeyWithExpiry, longer_than| {
            key.expires.is_some_and(|expires| now + longer_than < expires)
        };
        // The tokens, and the current key if it is valid.
        let read = || {
            let mut tokens = self.read_tokens(deadline)?;
            let current = tokens.key.take().filter(|key| lives(key, Duration::ZERO));
            Ok((tokens, current))
        };
        let (_, current) = read()?;
        if let Some(fresh) = current.clone().filter(|key| lives(key, REFRESH_MARGIN)) {
            return Ok(fresh);
        }
        // Two programs must not use the same refresh token.
        let lock = match Lock::beside(&self.path, deadline) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let reason =
                    "another program did not finish renewing the sign-in before the deadline";
                let error = CredentialsError::failed(reason).with_retryable(true);
                return self.or_current(Err(error), current);
            }
            // Without the lock, two programs may use the same refresh token.
            Err(error) if Exhaustion::of(&error).is_some() => {
                let what = format!("failed to lock {}", quoted_path(&self.path));
                return self.or_current(Err(CredentialsError::of_io(&what, &error)), current);
            }
            Err(_) => None,
        };
        // Another program may have renewed the key while this one waited for the lock.
        let (tokens, current) = read()?;
        if let Some(fresh) = current.clone().filter(|key| lives(key, REFRESH_MARGIN)) {
            return Ok(fresh);
        }
        let renewed = self.renew(tokens, now, deadline);
        drop(lock);
        self.or_current(renewed, current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::sync::Mutex;

    use crate::base::logger::Logger;

    /// Fetches 1,000 s after 1970, while another program holds the lock, from a file whose key
    /// expires after `expiration` seconds: the ID of the key or the error, and the log.
    fn fetch_while_locked(expiration: u64) -> (Result<String, String>, Vec<String>) {
        let name = format!("libcas-{}-oauth-{expiration}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("config.json");
        let config = format!(
            r#"{{"profiles": [{{"name": "web", "oauth_refresh_token": "r", "access_key_id": "STS.x",
                "access_key_secret": "s", "sts_token": "t", "sts_expiration": {expiration}}}]}}"#
        );
        fs::write(&path, &config).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&log);
        let mut context = Arc::into_inner(ProviderContext::of_test(&[])).unwrap();
        context.logger = Logger::new(Level::Warn, move |_, message| {
            // Not the warning about the mode of the file.
            if message.starts_with("Failed") {
                sink.lock().unwrap().push(message.to_owned());
            }
        });
        let profile = ConfigFile::parse(&config).unwrap().profile("web").unwrap();
        let source = OAuth::new(Arc::new(context), path.clone(), "web", &profile).unwrap();
        let lock = Lock::beside(&path, &Deadline::over()).unwrap().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let fetched = source.fetch(now, &Deadline::over());
        drop(lock);
        fs::remove_dir_all(directory).unwrap();
        let fetched = fetched.map(|fetched| fetched.key.id().to_owned());
        let log = log.lock().unwrap().clone();
        (fetched.map_err(|error| error.reason), log)
    }

    #[test]
    fn the_key_in_the_file_is_used_until_the_refresh_margin_and_if_renewing_fails() {
        let busy = "another program did not finish renewing the sign-in before the deadline";
        let key = || Ok("STS.x".to_owned());
        assert_eq!(fetch_while_locked(1901), (key(), vec![]));
        let logged = format!(
            "Failed to refresh the access key; the current one is still valid: profile \"web\" \
             (line 1): {busy}."
        );
        assert_eq!(fetch_while_locked(1900), (key(), vec![logged.clone()]));
        assert_eq!(fetch_while_locked(1001), (key(), vec![logged]));
        assert_eq!(fetch_while_locked(1000), (Err(busy.to_owned()), vec![]));
    }

    #[test]
    fn refused_tokens_ask_for_a_new_sign_in() {
        let hint = |status| with_sign_in_hint(status, CredentialsError::failed("x")).hint;
        for (status, asks) in [(200, false), (400, true), (401, true), (499, true), (500, false)] {
            assert_eq!(hint(status).is_some(), asks, "{status}");
        }
    }
}
