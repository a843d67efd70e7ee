//! The access key in environment variables, under the names that all official SDKs read.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use crate::base::deadline::Deadline;
use crate::base::env::Variable;
use crate::base::secret::Secret;
use crate::credentials::context::ProviderContext;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source, clause};
use crate::protocol::access_key::{AccessKey, check_access_key, check_security_token};
use crate::service::provider::CredentialsError;

const ID: Variable = Variable::ALIBABA_CLOUD_ACCESS_KEY_ID;
const SECRET: Variable = Variable::ALIBABA_CLOUD_ACCESS_KEY_SECRET;
const TOKEN: Variable = Variable::ALIBABA_CLOUD_SECURITY_TOKEN;

/// Access key ID, access key secret and, for a temporary key, the security token.
pub(crate) struct Environment(pub(super) Arc<ProviderContext>);

impl NamedSource for Environment {
    fn name(&self) -> String {
        "the environment".to_owned()
    }
}

impl Source for Environment {
    fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        let get = |name| self.0.variables.get(name);
        let (id, secret) = match (get(ID), get(SECRET)) {
            (Some(id), Some(secret)) => (id, secret),
            (None, None) => {
                let reason = format!("{ID} and {SECRET} are not set");
                return Err(CredentialsError::not_configured(reason));
            }
            (None, Some(_)) => {
                let reason = format!("{ID} is not set, although {SECRET} is");
                return Err(CredentialsError::failed(reason));
            }
            (Some(_), None) => {
                let reason = format!("{SECRET} is not set, although {ID} is");
                return Err(CredentialsError::failed(reason));
            }
        };
        let invalid = |names: &str, sentence: &str| {
            CredentialsError::fatal(format!("invalid {names}: {}", clause(sentence)))
        };
        check_access_key(&id, &secret)
            .map_err(|why| invalid(&format!("{ID} or {SECRET}"), &why))?;
        let token = get(TOKEN);
        if let Some(token) = &token {
            check_security_token(token).map_err(|why| invalid(&TOKEN.to_string(), &why))?;
        }
        let owned = |text: Cow<'_, str>| Secret::new(text.into_owned());
        let key = AccessKey::new(id.into_owned(), owned(secret), token.map(owned));
        Ok(KeyWithExpiry::without_expiry(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
    const SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
    const TOKEN: &str = "ALIBABA_CLOUD_SECURITY_TOKEN";

    fn read(variables: &[(&str, &str)]) -> Result<AccessKey, CredentialsError> {
        let context = ProviderContext::of_test(variables);
        Environment(context).fetch(SystemTime::now(), &Deadline::over()).map(|fetched| fetched.key)
    }

    #[test]
    fn key_and_token_are_read() {
        let key = read(&[(ID, "id"), (SECRET, "secret"), (TOKEN, "token")]).unwrap();
        assert_eq!((key.id(), key.secret(), key.security_token()), ("id", "secret", Some("token")));
        let key = read(&[(ID, "id"), (SECRET, "secret"), (TOKEN, "")]).unwrap();
        assert_eq!(key.security_token(), None);
    }

    #[test]
    fn missing_variables_are_named_and_no_secret_is_shown() {
        let error = read(&[]).unwrap_err();
        assert!(error.reason.contains("are not set") && error.is_not_configured());
        for (set, missing) in [((ID, "hidden"), SECRET), ((SECRET, "hidden"), ID)] {
            let error = read(&[set]).unwrap_err();
            assert_eq!(error.reason, format!("{missing} is not set, although {} is", set.0));
            assert!(!error.is_not_configured() && !error.is_fatal());
        }
        assert!(read(&[(ID, "id"), (SECRET, "")]).unwrap_err().reason.starts_with(SECRET));
    }

    #[test]
    fn malformed_values_are_fatal_and_not_shown() {
        for (secret, token, name) in [("hidden\n", "t", SECRET), ("s", "hidden\n", TOKEN)] {
            let error = read(&[(ID, "id"), (SECRET, secret), (TOKEN, token)]).unwrap_err();
            let (reason, hidden) = (&error.reason, error.reason.contains("hidden"));
            assert!(reason.starts_with("invalid ") && reason.contains(name), "{reason}");
            assert!(reason.contains("line break") && !hidden && error.is_fatal(), "{reason}");
        }
    }
}
