//! The access key that a call names, permanent or temporary.

use std::time::SystemTime;

use zeroize::Zeroizing;

use super::access_keys::{AccessKey, AccessKeys};
use crate::operations::errors::{self, ApiError};
use crate::sessions::{self, AssumedRole, BaseKey};
use crate::store::Account;

/// An access key that can sign.
pub(super) struct SigningKey<'a> {
    pub(super) secret: Zeroizing<String>,
    /// The access key that was configured: this one, or the one that `AssumeRole` was called with.
    pub(super) base: BaseKey<'a>,
    /// The role, if `AssumeRole` issued the access key.
    pub(super) role: Option<AssumedRole>,
}

/// Finds the access key `id`, which must have the security token `token` if it is temporary.
pub(super) fn find<'a>(
    access_keys: &'a AccessKeys,
    id: &str,
    token: Option<&str>,
    now: SystemTime,
) -> Result<SigningKey<'a>, ApiError> {
    if let Some((id, access_key)) = access_keys.get(id) {
        check_security_token(access_key, token)?;
        let secret = access_key.secret.clone();
        return Ok(SigningKey { secret, base: base_key((id, access_key)), role: None });
    }
    if !id.starts_with(sessions::ID_PREFIX) {
        return Err((&errors::ACCESS_KEY_NOT_FOUND).into());
    }
    let token = token.ok_or(&errors::MISSING_SECURITY_TOKEN)?;
    let base = |id: &str| access_keys.get(id).map(base_key);
    let session = sessions::open(token, base).ok_or(&errors::SECURITY_TOKEN_MALFORMED)?;
    if session.access_key_id != id {
        return Err((&errors::SECURITY_TOKEN_MISMATCH).into());
    }
    if session.expires <= now {
        return Err((&errors::SECURITY_TOKEN_EXPIRED).into());
    }
    Ok(SigningKey { secret: session.secret, base: session.base, role: Some(session.role) })
}

/// The access key that sessions of an account derive from; without an account, or if that has none,
/// the first of all.
pub(super) fn for_account(
    access_keys: &AccessKeys,
    account: Option<Account>,
) -> Option<BaseKey<'_>> {
    let all = access_keys.permanent();
    let of_account = all.iter().find(|(_, key)| Some(key.account) == account);
    of_account.or(all.first()).copied().map(base_key)
}

fn base_key<'a>((id, access_key): (&'a str, &'a AccessKey)) -> BaseKey<'a> {
    BaseKey { id, secret: &access_key.secret, account: access_key.account }
}

fn check_security_token(access_key: &AccessKey, token: Option<&str>) -> Result<(), ApiError> {
    match (&access_key.security_token, token) {
        (None, None) => Ok(()),
        (Some(expected), Some(token)) if expected.as_str() == token => Ok(()),
        (Some(_), None) => Err((&errors::MISSING_SECURITY_TOKEN).into()),
        _ => Err((&errors::SECURITY_TOKEN_MISMATCH).into()),
    }
}
