//! A temporary access key as metadata services, STS and sign-in services hand it out.

use serde_json::Value;

use crate::base::secret::Secret;
use crate::base::time;
use crate::credentials::source::KeyWithExpiry;
use crate::protocol::access_key::{AccessKey, check_access_key, check_security_token};
use crate::protocol::reading::text;
use crate::service::provider::CredentialsError;

/// `AccessKeyId`, `AccessKeySecret`, `SecurityToken` and `Expiration`, all of which `who` must have sent.
pub(crate) fn read(fields: &Value, who: &str) -> Result<KeyWithExpiry, CredentialsError> {
    let part = |name| {
        text(fields, &[name]).filter(|value| !value.is_empty()).ok_or_else(|| {
            CredentialsError::failed(format!("{who} sent an access key without {name}"))
        })
    };
    let expires = part("Expiration")?;
    let expires = time::parse(&expires).ok_or_else(|| {
        CredentialsError::failed(format!("{who} sent an access key whose Expiration is no time"))
    })?;
    let token = Secret::new(part("SecurityToken")?);
    let key = key(part("AccessKeyId")?, part("AccessKeySecret")?, Some(token)).map_err(|why| {
        CredentialsError::fatal(format!("{who} sent an access key that cannot be one: {why}"))
    })?;
    Ok(KeyWithExpiry { key, expires: Some(expires) })
}

/// A key that may be one, or why not.
pub(crate) fn key(id: String, secret: String, token: Option<Secret>) -> Result<AccessKey, String> {
    let secret = Secret::new(secret);
    let sentence = check_access_key(&id, secret.expose())
        .and_then(|()| token.as_ref().map_or(Ok(()), |token| check_security_token(token.expose())));
    // As a clause.
    sentence.map_err(|why| why.trim_end_matches('.').replacen("The ", "the ", 1))?;
    Ok(AccessKey::new(id, secret, token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_missing_is_named() {
        let whole = json!({
            "AccessKeyId": "id",
            "AccessKeySecret": "hidden",
            "SecurityToken": "t",
            "Expiration": "2026-11-24T08:00:00Z",
        });
        let fetched = read(&whole, "STS").unwrap();
        assert_eq!(
            (fetched.key.id(), fetched.expires.map(time::unix_seconds)),
            ("id", Some(1_795_507_200))
        );
        for name in ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"] {
            for nothing in [Value::Null, json!("")] {
                let mut fields = whole.clone();
                fields[name] = nothing;
                let why = read(&fields, "STS").map(drop).unwrap_err().reason;
                assert!(why.contains(name) && !why.contains("hidden"), "{why}");
            }
        }
        let broken = json!({"AccessKeySecret": "hidden hidden", "AccessKeyId": "id", "SecurityToken": "t",
                            "Expiration": "2026-11-24T08:00:00Z"});
        assert!(!read(&broken, "STS").map(drop).unwrap_err().reason.contains("hidden"));
    }
}
