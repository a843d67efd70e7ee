//! The temporary access keys that `AssumeRole` issues.
//!
//! The emulator stores none of them. A security token contains what the session is and an HMAC
//! under the long-lived access key that it derives from, and the other parts of the temporary key
//! are computed from it. So sessions survive a restart, and any number of them takes no memory.
//! Time and the identifier of a session are arguments.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::hex;
use crate::store::Account;

/// The IDs of temporary access keys begin with this, like the service's.
pub(crate) const ID_PREFIX: &str = "STS.";

/// The length in bytes of an HMAC-SHA256.
const MAC_LENGTH: usize = 32;

/// A long-lived access key. No `Debug`, to keep it out of logs.
#[derive(Clone, Copy)]
pub(crate) struct BaseKey<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) account: Account,
}

/// Who signed a call.
pub(crate) struct Caller<'a> {
    /// The access key that signed, or the one that the session derives from.
    pub(crate) base: BaseKey<'a>,
    /// The role of the session; `None` for a call without a session.
    pub(crate) role: Option<AssumedRole>,
    /// When the call was admitted, by the clock that signatures are checked with.
    pub(crate) time: SystemTime,
}

/// The role that a session has assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AssumedRole {
    /// `acs:ram::ACCOUNT:role/NAME`.
    pub(crate) arn: String,
    pub(crate) session_name: String,
}

/// A temporary access key. No `Debug`, to keep it out of logs.
pub(crate) struct SessionKey {
    pub(crate) access_key_id: String,
    pub(crate) secret: Zeroizing<String>,
    pub(crate) security_token: Zeroizing<String>,
}

/// What a security token says, after its HMAC was verified.
pub(crate) struct Session<'a> {
    /// The ID of the temporary access key.
    pub(crate) access_key_id: String,
    /// The secret of the temporary access key.
    pub(crate) secret: Zeroizing<String>,
    pub(crate) role: AssumedRole,
    pub(crate) expires: SystemTime,
    /// The access key that it derives from.
    pub(crate) base: BaseKey<'a>,
}

/// The content of a security token.
#[derive(Serialize, Deserialize)]
struct Claims {
    /// The ID of the long-lived access key.
    base: String,
    role: AssumedRole,
    /// Seconds since 1970.
    expires: u64,
    /// Makes every session another one.
    id: String,
}

/// Issues a temporary access key to `caller` for `role`. `id` must differ from that of every other
/// session.
pub(crate) fn issue(
    caller: &Caller<'_>,
    role: AssumedRole,
    expires: SystemTime,
    id: &str,
) -> SessionKey {
    let expires = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let BaseKey { id: base_id, secret: base_secret, .. } = caller.base;
    let claims = Claims { base: base_id.to_owned(), role, expires, id: id.to_owned() };
    let claims = serde_json::to_vec(&claims).unwrap_or_default(); // strings always serialise
    let mut token = mac(base_secret, "token", &claims).to_vec();
    token.extend_from_slice(&claims);
    SessionKey {
        access_key_id: access_key_id(base_secret, &claims),
        secret: secret(base_secret, &claims),
        security_token: Zeroizing::new(STANDARD.encode(token)),
    }
}

/// Reads a security token. `find` returns a long-lived access key by its ID.
/// `None` if the emulator did not issue the token, or no longer has the access key.
pub(crate) fn open<'a>(
    security_token: &str,
    find: impl FnOnce(&str) -> Option<BaseKey<'a>>,
) -> Option<Session<'a>> {
    let token = STANDARD.decode(security_token).ok()?;
    let (tag, claims) = token.split_at_checked(MAC_LENGTH)?;
    let read: Claims = serde_json::from_slice(claims).ok()?;
    let base = find(&read.base)?;
    keyed(base.secret, "token", claims).verify_slice(tag).ok()?;
    Some(Session {
        access_key_id: access_key_id(base.secret, claims),
        secret: secret(base.secret, claims),
        role: read.role,
        expires: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(read.expires))?,
        base,
    })
}

fn access_key_id(base_secret: &str, claims: &[u8]) -> String {
    format!("{ID_PREFIX}{}", hex::upper(&mac(base_secret, "id", claims)[..12]))
}

fn secret(base_secret: &str, claims: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(hex::lower(&mac(base_secret, "secret", claims)[..22]))
}

fn mac(base_secret: &str, part: &str, claims: &[u8]) -> [u8; MAC_LENGTH] {
    keyed(base_secret, part, claims).finalize().into_bytes().into()
}

fn keyed(base_secret: &str, part: &str, claims: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(base_secret.as_bytes());
    let mut mac = mac.unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(b"cas-emulator session ");
    mac.update(part.as_bytes());
    mac.update(&[0]);
    mac.update(claims);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role() -> AssumedRole {
        AssumedRole { arn: "acs:ram::1:role/r".to_owned(), session_name: "s".to_owned() }
    }

    fn base(secret: &str) -> BaseKey<'_> {
        BaseKey { id: "a", secret, account: Account::default() }
    }

    fn issued(secret: &str, id: &str) -> SessionKey {
        let time = SystemTime::UNIX_EPOCH;
        let caller = Caller { base: base(secret), role: None, time };
        issue(&caller, role(), time + Duration::from_secs(7), id)
    }

    #[test]
    fn a_token_says_what_was_issued() {
        let key = issued("secret", "1");
        let session = open(&key.security_token, |id| (id == "a").then_some(base("secret")));
        let session = session.unwrap();
        assert_eq!((&session.access_key_id, &session.secret), (&key.access_key_id, &key.secret));
        assert_eq!(session.expires, SystemTime::UNIX_EPOCH + Duration::from_secs(7));
        assert_eq!((session.role, session.base.id), (role(), "a"));
        assert!(key.access_key_id.starts_with("STS.") && key.access_key_id.len() == 28);
        let other = issued("secret", "2");
        assert_ne!(key.access_key_id, other.access_key_id);
        assert_ne!(*key.secret, *other.secret);
    }

    #[test]
    fn a_changed_or_foreign_token_is_refused() {
        let key = issued("secret", "1");
        let find = |_: &str| Some(base("secret"));
        assert!(open(&key.security_token, find).is_some());
        assert!(open(&key.security_token, |_| None).is_none());
        assert!(open(&key.security_token, |_| Some(base("another"))).is_none());
        let mut token = STANDARD.decode(&*key.security_token).unwrap();
        for position in [0, MAC_LENGTH + 12, token.len() - 3] {
            token[position] ^= 1;
            assert!(open(&STANDARD.encode(&token), find).is_none(), "{position}");
            token[position] ^= 1;
        }
        for text in ["", "=", "CAIS", "not base64", &STANDARD.encode([b'{'; 64])] {
            assert!(open(text, find).is_none(), "{text}");
        }
    }
}
