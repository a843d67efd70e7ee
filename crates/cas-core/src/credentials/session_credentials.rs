//! A temporary access key as metadata services, STS and sign-in services hand it out.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::base::secret::Secret;
use crate::credentials::{AccessKey, Fetched, Unavailable, check_access_key, check_security_token};
use crate::protocol::reading::text;
use crate::service::clock_skew::YEAR_9999;

/// `AccessKeyId`, `AccessKeySecret`, `SecurityToken` and `Expiration`, all of which `who` must have sent.
pub(crate) fn read(fields: &Value, who: &str) -> Result<Fetched, Unavailable> {
    let part = |name| {
        text(fields, &[name])
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Unavailable::broken(format!("{who} sent an access key without {name}")))
    };
    let expires = part("Expiration")?;
    let expires = time(&expires).ok_or_else(|| {
        Unavailable::broken(format!("{who} sent an access key whose Expiration is no time"))
    })?;
    let token = Secret::new(part("SecurityToken")?);
    let key = key(part("AccessKeyId")?, part("AccessKeySecret")?, Some(token)).map_err(|why| {
        Unavailable::broken(format!("{who} sent an access key that cannot be one: {why}")).decisive()
    })?;
    Ok(Fetched { key, expires: Some(expires) })
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

/// `YYYY-MM-DDThh:mm:ssZ`, which is UTC, whatever this machine's time zone is.
pub(crate) fn time(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text.trim()).ok()
}

/// The time so many seconds after 1970 began, but no later than can be written; `None` for 0 and for what is no number.
pub(crate) fn unix_time(seconds: &str) -> Option<SystemTime> {
    let since_1970 = Duration::from_secs(seconds.trim().parse().ok()?).min(YEAR_9999);
    (!since_1970.is_zero()).then(|| SystemTime::UNIX_EPOCH + since_1970)
}

/// Seconds since 1970.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expiry_is_utc() {
        let expiry = |text| time(text).map(unix_seconds);
        assert_eq!(expiry("2026-11-24T08:00:00Z"), Some(1_795_507_200));
        assert_eq!(expiry("2026-11-24T08:00:00.123Z"), Some(1_795_507_200));
        for no_time in ["", "2026-11-24", "tomorrow", "2026-11-24T08:00:00+08:00", "2026-13-24T08:00:00Z"] {
            assert_eq!(expiry(no_time), None, "{no_time}");
        }
    }

    #[test]
    fn seconds_are_a_time_that_can_be_written() {
        assert_eq!(unix_time(" 1795507200").map(unix_seconds), Some(1_795_507_200));
        for no_time in ["", "0", "-1", "soon"] {
            assert_eq!(unix_time(no_time), None, "{no_time}");
        }
        for far in ["253402300800", "9223372036854775807", "18446744073709551615"] {
            assert_eq!(
                crate::service::clock_skew::timestamp(unix_time(far).unwrap()),
                "9999-01-01T00:00:00Z"
            );
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let whole = json!({
            "AccessKeyId": "id",
            "AccessKeySecret": "hidden",
            "SecurityToken": "t",
            "Expiration": "2026-11-24T08:00:00Z",
        });
        let fetched = read(&whole, "STS").unwrap();
        assert_eq!((fetched.key.id(), fetched.expires.map(unix_seconds)), ("id", Some(1_795_507_200)));
        for name in ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"] {
            for nothing in [Value::Null, json!("")] {
                let mut fields = whole.clone();
                fields[name] = nothing;
                let why = read(&fields, "STS").map(drop).unwrap_err().why;
                assert!(why.contains(name) && !why.contains("hidden"), "{why}");
            }
        }
        let broken = json!({"AccessKeySecret": "hidden hidden", "AccessKeyId": "id", "SecurityToken": "t",
                            "Expiration": "2026-11-24T08:00:00Z"});
        assert!(!read(&broken, "STS").map(drop).unwrap_err().why.contains("hidden"));
    }
}
