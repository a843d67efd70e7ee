//! Temporary access keys of a RAM role from the Security Token Service (docs/service.md, Security
//! Token Service).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use cas_sign::Params;
use serde::Deserialize;
use serde_json::Value;

use crate::base::deadline::Deadline;
use crate::base::env::{EnvSnapshot, Variable};
use crate::base::quote::quoted;
use crate::base::time::unix_seconds;
use crate::credentials::context::ProviderContext;
use crate::credentials::json;
use crate::credentials::session_credentials::SessionCredentials;
use crate::credentials::source::{KeyWithExpiry, Source, clause};
use crate::http::endpoint::Endpoint;
use crate::protocol::access_key::AccessKey;
use crate::service::caller::Caller;
use crate::service::clock_skew::ClockSkew;
use crate::service::provider::{CredentialsError, Provider, StaticProvider};
use crate::service::transport::HttpTransport;
use crate::service::types::Operation;

pub(super) const VERSION: &str = "2015-04-01";
pub(super) const ENDPOINT: Variable = Variable::ALIBABA_CLOUD_STS_ENDPOINT;
const REGION: Variable = Variable::ALIBABA_CLOUD_STS_REGION;
const VPC: Variable = Variable::ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED;
const SESSION_NAME: Variable = Variable::ALIBABA_CLOUD_ROLE_SESSION_NAME;

/// Life of a session in seconds by default, and the shortest that STS allows.
const DEFAULT_DURATION: u32 = 3600;
const MIN_DURATION: u32 = 900;

/// A request to STS is repeated once if no response arrives or the clock was wrong.
const MAX_ATTEMPTS: u32 = 2;

/// The role that is requested, and the options of the session.
#[derive(Default)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) session_name: Option<String>,
    /// Seconds, as the profile has them.
    pub(crate) duration: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) external_id: Option<String>,
    /// The host of STS. It outweighs `region` and `vpc`.
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    /// Whether STS is called inside the VPC. `None`: as the environment says.
    pub(crate) vpc: Option<bool>,
}

/// A role that the access key of `base` may assume.
pub(crate) struct AssumedRole {
    pub(crate) context: Arc<ProviderContext>,
    pub(crate) base: Box<dyn Source>,
    pub(crate) role: Role,
}

impl Source for AssumedRole {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let base = self.base.fetch(now, deadline)?.key;
        assume(&self.context, &self.role, RoleAssertion::AccessKey(base), now, deadline)
    }
}

/// What entitles libcas to the role.
pub(crate) enum RoleAssertion<'a> {
    AccessKey(AccessKey),
    Oidc { provider_arn: &'a str, token: &'a str },
}

/// The response of `AssumeRole` and `AssumeRoleWithOIDC`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AssumeRoleResponse {
    #[serde(deserialize_with = "json::object")]
    credentials: SessionCredentials,
}

/// Calls `AssumeRole`, or with an OIDC token `AssumeRoleWithOIDC`. If STS does not respond, half of
/// the time is left.
pub(crate) fn assume(
    context: &ProviderContext,
    role: &Role,
    assertion: RoleAssertion<'_>,
    now: SystemTime,
    deadline: &Deadline,
) -> Result<KeyWithExpiry, CredentialsError> {
    let variables = &context.variables;
    let session_name = role.session_name.as_deref().map(Cow::from);
    let session_name = session_name
        .or_else(|| variables.get(SESSION_NAME))
        .unwrap_or_else(|| format!("libcas-{}", unix_seconds(now)).into());
    let duration = duration(role.duration.as_deref())?.to_string();
    let action = if matches!(assertion, RoleAssertion::Oidc { .. }) {
        "AssumeRoleWithOIDC"
    } else {
        "AssumeRole"
    };
    let mut params = Params::new();
    for (name, value) in [
        ("Action", action),
        ("Version", VERSION),
        ("Format", "JSON"),
        ("RoleArn", &role.arn),
        ("RoleSessionName", &session_name),
        ("DurationSeconds", &duration),
    ] {
        params.set(name, value);
    }
    for (name, value) in [("Policy", &role.policy), ("ExternalId", &role.external_id)] {
        if let Some(value) = value {
            params.set(name, value.as_str());
        }
    }
    let credentials: Option<Box<dyn Provider>> = match assertion {
        RoleAssertion::AccessKey(key) => Some(Box::new(StaticProvider::new(key))),
        RoleAssertion::Oidc { provider_arn, token } => {
            params.set("OIDCProviderArn", provider_arn);
            params.set("OIDCToken", token);
            None
        }
    };
    let caller = caller(context, &endpoint(role, variables)?, credentials)?;
    let operation = Operation { ram: "sts", action, params };
    let response =
        caller.call::<Value>(&operation, &quoted(&role.arn), &deadline.halfway()).map_err(
            |failed| CredentialsError::of_call(clause(failed.error.message()), &failed.error),
        )?;
    let response: AssumeRoleResponse = json::fields(response.fields);
    response.credentials.into_key(&caller.endpoint)
}

pub(super) fn caller(
    context: &ProviderContext,
    endpoint: &Endpoint,
    credentials: Option<Box<dyn Provider>>,
) -> Result<Caller, CredentialsError> {
    let transport = HttpTransport::new(Arc::clone(&context.connections), endpoint)
        .map_err(|_| CredentialsError::failed("invalid STS endpoint"))?;
    Ok(Caller {
        transport: Box::new(transport),
        credentials,
        endpoint: endpoint.to_string(),
        signature: context.signature,
        max_attempts: MAX_ATTEMPTS,
        skew: ClockSkew::default(),
        logger: context.logger.clone(),
    })
}

/// Where STS is called: at the endpoint of the profile or of the environment, or else at the host
/// of a region.
pub(super) fn endpoint(role: &Role, variables: &EnvSnapshot) -> Result<Endpoint, CredentialsError> {
    let named = role.endpoint.as_deref().map(Cow::from).or_else(|| variables.get(ENDPOINT));
    if let Some(named) = named {
        // The text may hold a password, so it is not shown.
        return Endpoint::parse(named.trim())
            .ok()
            .filter(|endpoint| !endpoint.is_plaintext() || endpoint.is_loopback())
            .ok_or_else(|| {
                CredentialsError::failed(format!(
                    "invalid sts_endpoint or {ENDPOINT}: must be a host like \
                     sts.cn-hangzhou.aliyuncs.com, without http"
                ))
            });
    }
    let region = role.region.as_deref().map(Cow::from).or_else(|| variables.get(REGION));
    let vpc = role.vpc.unwrap_or_else(|| variables.is_true(VPC));
    let host = host(region.as_deref(), vpc);
    // Only the region can make the host invalid.
    Endpoint::parse(&host).map_err(|_| {
        CredentialsError::failed(format!("invalid STS region in the host {}", quoted(&host)))
    })
}

/// The host of STS. Hosts inside the VPC exist only for regions.
fn host(region: Option<&str>, vpc: bool) -> String {
    match region {
        Some(region) => format!("sts{}.{region}.aliyuncs.com", if vpc { "-vpc" } else { "" }),
        None => "sts.aliyuncs.com".to_owned(),
    }
}

/// Life of the session in seconds. The CLI writes 0 for the default.
fn duration(configured: Option<&str>) -> Result<u32, CredentialsError> {
    let Some(configured) = configured else { return Ok(DEFAULT_DURATION) };
    match configured.trim().parse() {
        Ok(0) => Ok(DEFAULT_DURATION),
        Ok(seconds) if seconds >= MIN_DURATION => Ok(seconds),
        _ => Err(CredentialsError::failed(format!(
            "invalid session duration {}: must be at least {MIN_DURATION} seconds",
            quoted(configured)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hosts_are_the_official_ones() {
        assert_eq!(host(None, false), "sts.aliyuncs.com");
        assert_eq!(host(None, true), "sts.aliyuncs.com");
        assert_eq!(host(Some("cn-beijing"), false), "sts.cn-beijing.aliyuncs.com");
        assert_eq!(host(Some("cn-beijing"), true), "sts-vpc.cn-beijing.aliyuncs.com");
    }

    fn endpoint_of(
        named: Option<&str>,
        region: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<String, String> {
        let owned = |text: &str| text.to_owned();
        let role =
            Role { endpoint: named.map(owned), region: region.map(owned), ..Role::default() };
        let variables = variables.iter().copied().collect();
        endpoint(&role, &variables).map(|it| it.to_string()).map_err(|error| error.reason)
    }

    #[test]
    fn the_endpoint_is_that_of_the_profile_or_of_the_environment_before_any_region() {
        let variables =
            [("ALIBABA_CLOUD_STS_ENDPOINT", " sts.b.example "), ("ALIBABA_CLOUD_STS_REGION", "r")];
        let of = |named, region| endpoint_of(named, region, &variables).unwrap();
        assert_eq!(of(Some("https://sts.a.example"), Some("cn-beijing")), "sts.a.example");
        assert_eq!(of(None, Some("cn-beijing")), "sts.b.example");
        let of = |region| endpoint_of(None, region, &variables[1..]).unwrap();
        assert_eq!(of(Some("cn-beijing")), "sts.cn-beijing.aliyuncs.com");
        assert_eq!(of(None), "sts.r.aliyuncs.com");
        assert_eq!(endpoint_of(Some("http://127.0.0.1:80"), None, &[]).unwrap(), "127.0.0.1:80");
    }

    #[test]
    fn an_invalid_endpoint_or_region_is_an_error() {
        let reason = endpoint_of(None, Some("a b"), &[]).unwrap_err();
        assert!(reason.starts_with("invalid STS region in the host \"sts.a b."));
        for wrong in ["http://sts.example", "https://user:hidden@sts.example", "hidden/x", "a b"] {
            let reason = endpoint_of(Some(wrong), None, &[]).unwrap_err();
            assert!(reason.starts_with("invalid sts_endpoint or ALIBABA_CLOUD_STS_ENDPOINT"));
            assert!(!reason.contains("hidden"), "{reason}");
        }
    }

    #[test]
    fn sessions_last_an_hour_or_as_configured() {
        assert_eq!(duration(None).unwrap(), 3600);
        assert_eq!(duration(Some("0")).unwrap(), 3600);
        assert_eq!(duration(Some(" 900 ")).unwrap(), 900);
        for wrong in ["899", "-1", "an hour"] {
            let reason = duration(Some(wrong)).unwrap_err().reason;
            assert!(reason.contains(wrong) && reason.contains("at least 900"), "{reason}");
        }
    }

    #[test]
    fn responses_without_credentials_are_errors() {
        for fields in [json!({}), json!({"Credentials": ["id"]}), json!({"Credentials": {}})] {
            let response: AssumeRoleResponse = json::fields(fields);
            let error = response.credentials.into_key("STS").map(drop).unwrap_err();
            assert_eq!(error.reason, "Expiration is missing in the response of STS");
        }
    }
}
