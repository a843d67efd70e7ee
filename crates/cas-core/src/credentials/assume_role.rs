//! The Security Token Service: an access key, or a token, for the temporary access key of a role (FACTS.md 5).

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::base::quote::quoted;
use crate::base::time::unix_seconds;
use crate::credentials::context::ProviderContext;
use crate::credentials::session_credentials;
use crate::credentials::source::{KeyWithExpiry, Source};
use crate::http::endpoint::Endpoint;
use crate::protocol::access_key::AccessKey;
use crate::protocol::params::Params;
use crate::service::caller::Caller;
use crate::service::clock_skew::ClockSkew;
use crate::service::provider::{CredentialsError, Provider, StaticProvider};
use crate::service::transport::HttpTransport;
use crate::service::types::Operation;

const VERSION: &str = "2015-04-01";
const REGION: &str = "ALIBABA_CLOUD_STS_REGION";
const VPC: &str = "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED";
const SESSION_NAME: &str = "ALIBABA_CLOUD_ROLE_SESSION_NAME";

/// How long a role is asked for, in seconds, where nothing else is said; and the shortest that STS allows.
const DURATION: u32 = 3600;
const SHORTEST: u32 = 900;

/// A call of STS that is lost, or refused for the clock, is made again.
const ATTEMPTS: u32 = 2;

/// What is asked of STS.
#[derive(Default)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) session_name: Option<String>,
    /// Seconds, as they were written.
    pub(crate) duration: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) region: Option<String>,
    /// Whether to call STS inside the VPC; `None`: as the environment says.
    pub(crate) vpc: Option<bool>,
}

/// A role that another access key may assume.
pub(crate) struct AssumedRole {
    pub(crate) context: Arc<ProviderContext>,
    pub(crate) base: Box<dyn Source>,
    pub(crate) role: Role,
}

impl Source for AssumedRole {
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let base = self.base.fetch(now, deadline)?.key;
        assume(&self.context, &self.role, RoleAssertion::AccessKey(base), now, deadline)
    }
}

/// By what right a role is asked for.
pub(crate) enum RoleAssertion<'a> {
    AccessKey(AccessKey),
    Oidc { provider_arn: &'a str, token: &'a str },
}

/// `AssumeRole` or `AssumeRoleWithOIDC`.
pub(crate) fn assume(
    context: &ProviderContext,
    role: &Role,
    proof: RoleAssertion<'_>,
    now: SystemTime,
    deadline: Instant,
) -> Result<KeyWithExpiry, CredentialsError> {
    let variables = &context.variables;
    let session_name = role.session_name.as_deref().or_else(|| variables.get(SESSION_NAME));
    let session_name =
        session_name.map_or_else(|| format!("libcas-{}", unix_seconds(now)), ToOwned::to_owned);
    let duration = duration(role.duration.as_deref())?.to_string();
    let action = if matches!(proof, RoleAssertion::Oidc { .. }) {
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
    let credentials: Option<Box<dyn Provider>> = match proof {
        RoleAssertion::AccessKey(key) => Some(Box::new(StaticProvider::new(key))),
        RoleAssertion::Oidc { provider_arn, token } => {
            params.set("OIDCProviderArn", provider_arn);
            params.set("OIDCToken", token);
            None
        }
    };
    let region = role.region.as_deref().or_else(|| variables.get(REGION));
    let vpc = role.vpc.unwrap_or_else(|| variables.is_true(VPC));
    let caller = caller(context, &host(region, vpc), credentials)?;
    let operation = Operation { ram: "sts", action, params };
    let answer = caller.call(&operation, &quoted(&role.arn), deadline).map_err(|failed| {
        let error = failed.error;
        CredentialsError {
            hint: error.hint().map(ToOwned::to_owned),
            ..CredentialsError::failed(error.message().trim_end_matches('.'))
                .with_retryable(error.is_retryable())
        }
    })?;
    session_credentials::read(&answer.fields["Credentials"], &caller.endpoint)
}

fn caller(
    context: &ProviderContext,
    host: &str,
    credentials: Option<Box<dyn Provider>>,
) -> Result<Caller, CredentialsError> {
    // The rest of the host is constant.
    let broken =
        |_| CredentialsError::failed(format!("the region of STS cannot be one: {}", quoted(host)));
    let endpoint = Endpoint::parse(host).map_err(broken)?;
    let transport =
        HttpTransport::new(Arc::clone(&context.connections), &endpoint).map_err(broken)?;
    Ok(Caller {
        transport: Box::new(transport),
        credentials,
        endpoint: endpoint.to_string(),
        signature: context.signature,
        max_attempts: ATTEMPTS,
        skew: ClockSkew::default(),
        logger: context.logger.clone(),
    })
}

/// The VPC has hosts for regions alone.
fn host(region: Option<&str>, vpc: bool) -> String {
    match region {
        Some(region) => format!("sts{}.{region}.aliyuncs.com", if vpc { "-vpc" } else { "" }),
        None => "sts.aliyuncs.com".to_owned(),
    }
}

fn duration(written: Option<&str>) -> Result<u32, CredentialsError> {
    let Some(written) = written else { return Ok(DURATION) };
    match written.trim().parse() {
        Ok(0) => Ok(DURATION),
        Ok(seconds) if seconds >= SHORTEST => Ok(seconds),
        _ => Err(CredentialsError::failed(format!(
            "a role lasts at least {SHORTEST} seconds, not {}",
            quoted(written)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_the_official_ones() {
        assert_eq!(host(None, false), "sts.aliyuncs.com");
        assert_eq!(host(None, true), "sts.aliyuncs.com");
        assert_eq!(host(Some("cn-beijing"), false), "sts.cn-beijing.aliyuncs.com");
        assert_eq!(host(Some("cn-beijing"), true), "sts-vpc.cn-beijing.aliyuncs.com");
    }

    #[test]
    fn a_role_lasts_an_hour_or_what_is_said() {
        assert_eq!(duration(None).unwrap(), 3600);
        // As the command line tool writes it where nothing was said.
        assert_eq!(duration(Some("0")).unwrap(), 3600);
        assert_eq!(duration(Some("900")).unwrap(), 900);
        for wrong in ["899", "-1", "an hour"] {
            assert!(duration(Some(wrong)).unwrap_err().reason.contains(wrong), "{wrong}");
        }
    }
}
