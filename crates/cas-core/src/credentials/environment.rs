//! Access keys from environment variables, under the names that every official SDK reads.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::base::secret::Secret;
use crate::credentials::context::ProviderContext;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::protocol::access_key::{AccessKey, check_access_key, check_security_token};
use crate::service::provider::CredentialsError;

const ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
const TOKEN: &str = "ALIBABA_CLOUD_SECURITY_TOKEN";

/// Id, secret and, for a temporary key, its token.
pub(crate) struct Environment(pub(super) Arc<ProviderContext>);

impl NamedSource for Environment {
    fn name(&self) -> String {
        "the environment".to_owned()
    }
}

impl Source for Environment {
    fn fetch(&self, _: SystemTime, _: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let get = |name| self.0.variables.get(name);
        match (get(ID), get(SECRET)) {
            (Some(id), Some(secret)) => {
                check_access_key(id, secret).map_err(|why| {
                    let why = why.trim_end_matches('.');
                    CredentialsError::fatal(format!("{ID} and {SECRET} are set, but: {why}"))
                })?;
                let secret = Secret::new(secret.to_owned());
                if let Some(token) = get(TOKEN) {
                    check_security_token(token).map_err(|why| {
                        let why = why.trim_end_matches('.');
                        CredentialsError::fatal(format!("{TOKEN} is set, but: {why}"))
                    })?;
                }
                let token = get(TOKEN).map(|token| Secret::new(token.to_owned()));
                Ok(KeyWithExpiry::without_expiry(AccessKey::new(id.to_owned(), secret, token)))
            }
            (None, None) => {
                Err(CredentialsError::not_configured(format!("{ID} and {SECRET} are not set")))
            }
            (None, Some(_)) => {
                Err(CredentialsError::failed(format!("{ID} is not set, although {SECRET} is")))
            }
            (Some(_), None) => {
                Err(CredentialsError::failed(format!("{SECRET} is not set, although {ID} is")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<AccessKey, CredentialsError> {
        let context = ProviderContext::of_test(variables);
        Environment(context).fetch(SystemTime::now(), Instant::now()).map(|fetched| fetched.key)
    }

    #[test]
    fn key_and_token_are_read() {
        let key = read(&[(ID, "id"), (SECRET, "secret"), (TOKEN, "token")]).unwrap();
        assert_eq!((key.id(), key.secret(), key.security_token()), ("id", "secret", Some("token")));
        let key = read(&[(ID, "id"), (SECRET, "secret"), (TOKEN, "")]).unwrap();
        assert_eq!(key.security_token(), None);
    }

    #[test]
    fn what_is_missing_is_named_and_no_secret_quoted() {
        let nothing = read(&[]).unwrap_err();
        assert!(nothing.reason.contains("are not set") && nothing.is_not_configured());
        let broken = read(&[(ID, "id"), (SECRET, "s"), (TOKEN, "hidden\n")]).unwrap_err();
        assert!(
            broken.reason.starts_with(TOKEN)
                && broken.is_fatal()
                && !broken.reason.contains("hidden")
        );
        let broken = read(&[(ID, "id"), (SECRET, "hidden\n")]).unwrap_err();
        assert!(broken.reason.contains("line break") && broken.is_fatal());
        assert!(read(&[(ID, "id"), (SECRET, "")]).unwrap_err().reason.starts_with(SECRET));
        let half = read(&[(SECRET, "hidden")]).unwrap_err();
        assert!(
            half.reason.starts_with(ID)
                && !half.reason.contains("hidden")
                && !half.is_not_configured()
        );
    }
}
