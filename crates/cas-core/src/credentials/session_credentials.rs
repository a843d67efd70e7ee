//! The temporary access key in a response of a metadata service, STS or a sign-in service.

use serde::Deserialize;

use crate::base::time;
use crate::credentials::json::SecretText;
use crate::credentials::source::{KeyWithExpiry, checked_access_key};
use crate::service::provider::CredentialsError;

/// The four fields of a temporary access key. OAuth begins their names with a small letter
/// (docs/service.md, OAuth). If a response has both spellings, the capital one counts.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct SessionCredentials {
    #[serde(alias = "accessKeyId")]
    access_key_id: SecretText,
    #[serde(alias = "accessKeySecret")]
    access_key_secret: SecretText,
    #[serde(alias = "securityToken")]
    security_token: SecretText,
    #[serde(alias = "expiration")]
    expiration: SecretText,
}

impl SessionCredentials {
    /// The access key and its expiry. All four fields are required. `service` is for messages.
    pub(crate) fn into_key(self, service: &str) -> Result<KeyWithExpiry, CredentialsError> {
        let missing = |name: &str| {
            CredentialsError::failed(format!("{name} is missing in the response of {service}"))
        };
        let expiration = self.expiration.get().ok_or_else(|| missing("Expiration"))?;
        let expires = time::parse(expiration).ok_or_else(|| {
            CredentialsError::failed(format!(
                "invalid Expiration in the response of {service}: must be a time like \
                 2026-11-24T08:00:00Z"
            ))
        })?;
        let token = self.security_token.into_secret().ok_or_else(|| missing("SecurityToken"))?;
        let id = self.access_key_id.get().ok_or_else(|| missing("AccessKeyId"))?;
        let secret =
            self.access_key_secret.into_secret().ok_or_else(|| missing("AccessKeySecret"))?;
        let key = checked_access_key(id, secret, Some(token)).map_err(|why| {
            CredentialsError::fatal(format!(
                "invalid access key in the response of {service}: {why}"
            ))
        })?;
        Ok(KeyWithExpiry { key, expires: Some(expires) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::json;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<KeyWithExpiry, CredentialsError> {
        json::fields::<SessionCredentials>(value).into_key("STS")
    }

    fn complete() -> Value {
        json!({
            "AccessKeyId": "id",
            "AccessKeySecret": "hidden",
            "SecurityToken": "t",
            "Expiration": "2026-11-24T08:00:00Z",
            "Code": "Success",
        })
    }

    #[test]
    fn keys_are_read_in_both_spellings() {
        let camel = json!({"accessKeyId": "id", "accessKeySecret": "hidden", "securityToken": "t",
                           "expiration": "2026-11-24T08:00:00Z"});
        for value in [complete(), camel] {
            let fetched = read(value).unwrap();
            let key = &fetched.key;
            assert_eq!((key.id(), key.secret()), ("id", "hidden"));
            assert_eq!(key.security_token(), Some("t"));
            assert_eq!(fetched.expires.map(time::unix_seconds), Some(1_795_507_200));
        }
    }

    #[test]
    fn the_capital_spelling_counts_beside_the_small_one() {
        let mut fields = complete();
        fields["accessKeyId"] = json!("other");
        fields["expiration"] = json!("soon");
        assert_eq!(read(fields).unwrap().key.id(), "id");
    }

    #[test]
    fn missing_and_invalid_fields_are_named() {
        for name in ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"] {
            for nothing in [Value::Null, json!(""), json!({})] {
                let mut fields = complete();
                fields[name] = nothing;
                let error = read(fields).map(drop).unwrap_err();
                assert_eq!(error.reason, format!("{name} is missing in the response of STS"));
                assert!(!error.is_fatal());
            }
        }
        let mut fields = complete();
        fields["Expiration"] = json!("2026-11-24");
        let error = read(fields).map(drop).unwrap_err();
        assert!(error.reason.starts_with("invalid Expiration in the response of STS"));
    }

    #[test]
    fn malformed_keys_are_fatal_and_not_shown() {
        let mut fields = complete();
        fields["AccessKeySecret"] = json!("hidden hidden");
        let error = read(fields).map(drop).unwrap_err();
        assert!(error.is_fatal() && !error.reason.contains("hidden"), "{}", error.reason);
    }
}
