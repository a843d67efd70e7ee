//! Access keys from environment variables, under the names that every official SDK reads.

use std::sync::Arc;

use super::{AccessKey, Provider, check_access_key};
use crate::secret::Secret;

const ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
const TOKEN: &str = "ALIBABA_CLOUD_SECURITY_TOKEN";

/// The environment as it was when the client was made. It is not read again later: other threads of a C
/// program may be changing it then.
pub struct Environment(Result<Arc<AccessKey>, String>);

impl Environment {
    /// Looks variables up with `get`, which answers `None` for one that is not set.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name| get(name).filter(|value| !value.is_empty());
        Self(match (get(ID), get(SECRET).map(Secret::new)) {
            (Some(id), Some(secret)) => match check_access_key(&id, secret.expose()) {
                Ok(()) => Ok(Arc::new(AccessKey::new(id, secret, get(TOKEN).map(Secret::new)))),
                Err(why) => Err(format!("{ID} and {SECRET} are set, but: {}", why.trim_end_matches('.'))),
            },
            (None, None) => Err(format!("{ID} and {SECRET} are not set")),
            (None, Some(_)) => Err(format!("{ID} is not set, although {SECRET} is")),
            (Some(_), None) => Err(format!("{SECRET} is not set, although {ID} is")),
        })
    }
}

impl Provider for Environment {
    fn access_key(&self) -> Result<Arc<AccessKey>, String> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Arc<AccessKey>, String> {
        Environment::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
        .access_key()
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
        assert!(read(&[]).unwrap_err().contains("are not set"));
        assert!(read(&[(ID, "id"), (SECRET, "hidden\n")]).unwrap_err().contains("line break"));
        assert!(read(&[(ID, "id"), (SECRET, "")]).unwrap_err().starts_with(SECRET));
        let why = read(&[(SECRET, "hidden")]).unwrap_err();
        assert!(why.starts_with(ID) && !why.contains("hidden"));
    }
}
