//! `AssumeRole` and `GetCallerIdentity` of the Security Token Service, version 2015-04-01.
//!
//! Any access key may assume any role: the emulator has no permissions. `oidc` has the operation
//! that needs no access key.

use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::context::Context;
use super::errors::{self, ApiError};
use crate::clock;
use crate::sessions::{self, AssumedRole};

/// The life of a session in seconds: by default, and the limits. The longest is the largest
/// `MaxSessionDuration` that a role can have.
const DEFAULT_DURATION: u64 = 3_600;
const DURATIONS: std::ops::RangeInclusive<u64> = 900..=43_200;

/// The limits of texts, in characters.
const ROLE_SESSION_NAME: std::ops::RangeInclusive<usize> = 2..=64;
const EXTERNAL_ID: std::ops::RangeInclusive<usize> = 2..=1_224;
const POLICY: std::ops::RangeInclusive<usize> = 1..=2_048;

/// The fields of an `AssumeRole` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleOutput {
    request_id: String,
    assumed_role_user: AssumedRoleUser,
    credentials: Credentials,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    arn: String,
    assumed_role_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    access_key_secret: String,
    security_token: String,
    expiration: String,
}

/// The fields of a `GetCallerIdentity` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CallerIdentityOutput {
    identity_type: &'static str,
    account_id: String,
    request_id: String,
    principal_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_id: Option<String>,
}

pub(super) fn assume_role(context: &Context<'_>) -> Result<AssumeRoleOutput, ApiError> {
    let assumption = Assumption::parse(context)?;
    if let Some(external_id) = context.parameters.non_empty("ExternalId")
        && (!EXTERNAL_ID.contains(&external_id.len())
            || !external_id.bytes().all(|byte| is_alphanumeric_or(byte, b"+=,.@:/-_")))
    {
        return Err(malformed("ExternalId"));
    }
    Ok(assumption.issue(context))
}

/// Which role is assumed, and for how long.
pub(super) struct Assumption<'a> {
    arn: &'a str,
    account: &'a str,
    role: &'a str,
    session_name: &'a str,
    duration: Duration,
}

impl<'a> Assumption<'a> {
    /// Reads the parameters that all operations have that assume a role.
    pub(super) fn parse(context: &'a Context<'_>) -> Result<Self, ApiError> {
        let arn = context.required("RoleArn")?;
        let (account, role) = split_arn(arn).ok_or_else(|| malformed("RoleArn"))?;
        let session_name = context.required("RoleSessionName")?;
        if !ROLE_SESSION_NAME.contains(&session_name.len())
            || !session_name.bytes().all(|byte| is_alphanumeric_or(byte, b".@-_"))
        {
            return Err(malformed("RoleSessionName"));
        }
        if let Some(policy) = context.parameters.non_empty("Policy") {
            let object = serde_json::from_str::<serde_json::Map<_, _>>(policy).is_ok();
            if !POLICY.contains(&policy.chars().count()) || !object {
                return Err((&errors::POLICY_GRAMMAR).into());
            }
        }
        let seconds = match context.parameters.non_empty("DurationSeconds") {
            None => DEFAULT_DURATION,
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| DURATIONS.contains(seconds))
                .ok_or_else(|| malformed("DurationSeconds"))?,
        };
        Ok(Self { arn, account, role, session_name, duration: Duration::from_secs(seconds) })
    }

    /// Issues a temporary access key.
    pub(super) fn issue(&self, context: &Context<'_>) -> AssumeRoleOutput {
        let Self { arn, account, role, session_name, duration } = *self;
        let expires = context.caller.time + duration;
        let assumed = AssumedRole { arn: arn.to_owned(), session_name: session_name.to_owned() };
        let key = sessions::issue(context.caller, assumed, expires, context.request_id);
        AssumeRoleOutput {
            request_id: context.request_id.to_owned(),
            assumed_role_user: AssumedRoleUser {
                arn: format!("acs:ram::{account}:role/{role}/{session_name}"),
                assumed_role_id: format!("{}:{session_name}", principal_id(arn)),
            },
            credentials: Credentials {
                access_key_id: key.access_key_id,
                access_key_secret: key.secret.to_string(),
                security_token: key.security_token.to_string(),
                expiration: clock::rfc3339(expires),
            },
        }
    }
}

pub(super) fn malformed(name: &str) -> ApiError {
    ApiError::new(&errors::WRONGLY_FORMED, name)
}

pub(super) fn get_caller_identity(context: &Context<'_>) -> CallerIdentityOutput {
    let request_id = context.request_id.to_owned();
    let caller = context.caller;
    let user_id = principal_id(caller.base.id);
    let account = context.account;
    match &caller.role {
        None => CallerIdentityOutput {
            identity_type: "RAMUser",
            account_id: account.to_string(),
            request_id,
            principal_id: user_id.clone(),
            arn: format!("acs:ram::{account}:user/{}", caller.base.id),
            user_id: Some(user_id),
            role_id: None,
        },
        Some(AssumedRole { arn, session_name }) => {
            // `AssumeRole` has checked that the ARN can be split.
            let (account, role) = split_arn(arn).unwrap_or_default();
            let role_id = principal_id(arn);
            CallerIdentityOutput {
                identity_type: "AssumedRoleUser",
                account_id: account.to_owned(),
                request_id,
                principal_id: format!("{role_id}:{session_name}"),
                arn: format!("acs:ram::{account}:assumed-role/{role}/{session_name}"),
                user_id: None,
                role_id: Some(role_id),
            }
        }
    }
}

/// Account and role of `acs:ram::ACCOUNT:role/NAME`.
pub(crate) fn split_arn(arn: &str) -> Option<(&str, &str)> {
    let (account, role) = arn.strip_prefix("acs:ram::")?.split_once(":role/")?;
    let valid = !account.is_empty()
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !role.is_empty()
        && role.bytes().all(|byte| is_alphanumeric_or(byte, b".-_/"));
    valid.then_some((account, role))
}

fn is_alphanumeric_or(byte: u8, others: &[u8]) -> bool {
    byte.is_ascii_alphanumeric() || others.contains(&byte)
}

/// The ID of a user or role: 18 digits, always the same for the same name.
fn principal_id(name: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(name).into();
    let number =
        hash.into_iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(byte));
    (200_000_000_000_000_000 + number % 100_000_000_000_000_000).to_string()
}
