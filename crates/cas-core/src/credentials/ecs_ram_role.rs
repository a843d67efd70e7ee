//! The RAM role of the ECS instance that the program runs on, from the metadata service. See
//! docs/service.md, Instance metadata.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ureq::http::Request;

use crate::base::deadline::Deadline;
use crate::base::env::Variable;
use crate::base::quote::quoted;
use crate::credentials::context::ProviderContext;
use crate::credentials::response;
use crate::credentials::session_credentials::SessionCredentials;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::http::deadline::Connection;
use crate::http::failure::SendProgress;
use crate::http::proxy::METADATA;
use crate::http::response::HttpResponse;
use crate::service::provider::{CredentialsError, CredentialsErrorKind};

const ROLE: Variable = Variable::ALIBABA_CLOUD_ECS_METADATA;
/// Turns the source off, in the chain and in profiles.
pub(crate) const DISABLED: Variable = Variable::ALIBABA_CLOUD_ECS_METADATA_DISABLED;
const V1_DISABLED: Variable = Variable::ALIBABA_CLOUD_IMDSV1_DISABLED;

const TOKEN_PATH: &str = "/latest/api/token";
const ROLE_PATH: &str = "/latest/meta-data/ram/security-credentials/";
/// Life of a token in seconds. Each token is used once, at once.
const TOKEN_TTL: &str = "21600";

/// Longest time for a request. The service is on the same host: if it does not respond soon, this
/// is not an instance. The official packages allow 1 s to connect and 1 s for the response.
const MAX_REQUEST_TIME: Duration = Duration::from_secs(2);
const MAX_TOKEN_REQUEST_TIME: Duration = Duration::from_secs(1);

/// Where the service is, for diagnostics.
pub(super) fn address() -> &'static str {
    METADATA
}

/// The role of this instance.
pub(crate) struct EcsRamRole {
    context: Arc<ProviderContext>,
    pub(super) role: Option<String>,
}

impl EcsRamRole {
    /// The role that the environment names, or else the one that the service names.
    pub(crate) fn of_environment(context: Arc<ProviderContext>) -> Self {
        let role = context.variables.get(ROLE).map(Cow::into_owned);
        Self { context, role }
    }

    /// The named role, or else as [`Self::of_environment`].
    pub(crate) fn new(context: Arc<ProviderContext>, role: Option<String>) -> Self {
        match role {
            Some(role) => Self { context, role: Some(role) },
            None => Self::of_environment(context),
        }
    }

    /// A token for version 2 of the service. `None`: use version 1, which is allowed.
    fn token(&self, deadline: &Deadline) -> Result<Option<String>, CredentialsError> {
        let request = Request::put(format!("http://{METADATA}{TOKEN_PATH}"))
            .header("X-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_TTL);
        let v1_allowed = !self.context.variables.is_true(V1_DISABLED);
        let deadline = &deadline.within(MAX_TOKEN_REQUEST_TIME);
        let response = match self.send(request, &[], deadline) {
            Ok(response) => response,
            // The service exists. In a container, the response may not get through.
            Err((SendProgress::Sent | SendProgress::ResponseStarted, error))
                if v1_allowed && !error.is_fatal() =>
            {
                return Ok(None);
            }
            Err((_, error)) => return Err(error),
        };
        let token = std::str::from_utf8(&response.body).unwrap_or_default().trim();
        let printable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        match response.status {
            200 if printable => Ok(Some(token.to_owned())),
            _ if v1_allowed => Ok(None),
            status => Err(CredentialsError::failed(format!(
                "{METADATA} returned no token (HTTP {status}), and {V1_DISABLED} is set"
            ))
            .with_retryable(status >= 500)),
        }
    }

    /// The response, and the token that was sent.
    fn get(
        &self,
        path: &str,
        deadline: &Deadline,
    ) -> Result<(HttpResponse, String), CredentialsError> {
        let mut request = Request::get(format!("http://{METADATA}{path}"));
        // A new token for each request, as in the official packages.
        let token = self.token(deadline)?.unwrap_or_default();
        if !token.is_empty() {
            request = request.header("X-aliyun-ecs-metadata-token", &token);
        }
        let deadline = &deadline.within(MAX_REQUEST_TIME);
        let response = self.send(request, (), deadline).map_err(|(_, error)| error)?;
        if token.is_empty() && matches!(response.status, 401 | 403) {
            let reason = format!("{METADATA} requires a token but returned none");
            return Err(CredentialsError::failed(reason).with_retryable(true));
        }
        Ok((response, token))
    }

    fn send(
        &self,
        request: ureq::http::request::Builder,
        body: impl ureq::AsSendBody,
        deadline: &Deadline,
    ) -> Result<HttpResponse, (SendProgress, CredentialsError)> {
        let request = request.body(body).map_err(|_| {
            (SendProgress::NotSent, CredentialsError::failed("failed to build the request"))
        })?;
        let response = self.context.connections.send(request, METADATA, Connection::Any, deadline);
        response.map_err(|failure| {
            // If no role is configured and the service cannot be reached, this is not an instance.
            let progress = failure.progress;
            let error = CredentialsError::of_request(failure);
            if error.is_fatal() {
                return (progress, error);
            }
            let kind = if progress == SendProgress::NotSent && self.role.is_none() {
                CredentialsErrorKind::NotConfigured
            } else {
                CredentialsErrorKind::Failed
            };
            (progress, CredentialsError { kind, hint: None, ..error })
        })
    }

    fn role(&self, deadline: &Deadline) -> Result<String, CredentialsError> {
        if let Some(role) = &self.role {
            return if is_role_name(role) {
                Ok(role.clone())
            } else {
                Err(CredentialsError::failed(format!("invalid RAM role name {}", quoted(role))))
            };
        }
        let (response, _) = self.get(ROLE_PATH, deadline)?;
        let body = std::str::from_utf8(&response.body).unwrap_or_default();
        let name = body.lines().next().unwrap_or_default().trim();
        match response.status {
            200 if is_role_name(name) => Ok(name.to_owned()),
            404 => Err(CredentialsError::not_configured("this instance has no RAM role")),
            status => Err(CredentialsError::failed(format!(
                "{METADATA} returned no RAM role name (HTTP {status})"
            ))
            .with_retryable(status >= 500)),
        }
    }
}

/// Whether RAM allows the name. Anything else would change the path of the request.
fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

impl NamedSource for EcsRamRole {
    fn name(&self) -> String {
        "the instance RAM role".to_owned()
    }

    /// Every instance has a metadata service.
    fn is_set_up(&self) -> bool {
        self.role.is_some()
    }
}

impl Source for EcsRamRole {
    fn fetch(&self, _: SystemTime, deadline: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        if self.context.variables.is_true(DISABLED) {
            return Err(CredentialsError::failed(format!("{DISABLED} is set")));
        }
        let role = self.role(deadline)?;
        let (response, token) = self.get(&format!("{ROLE_PATH}{role}"), deadline)?;
        if response.status == 404 {
            let reason = format!("this instance does not have the RAM role {}", quoted(&role));
            return Err(CredentialsError::failed(reason));
        }
        response::read::<SessionCredentials>(&response, METADATA, Some(&[&token]))?
            .into_key(METADATA)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_cannot_change_the_path() {
        assert!(is_role_name("web-role_1.2") && is_role_name(&"r".repeat(64)));
        for wrong in ["", "a/b", "../x", "a b", "<html>", &"r".repeat(65)] {
            assert!(!is_role_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_role_is_that_of_the_profile_or_of_the_environment() {
        let context = ProviderContext::of_test(&[("ALIBABA_CLOUD_ECS_METADATA", "of-environment")]);
        let role = |role: Option<&str>| {
            EcsRamRole::new(Arc::clone(&context), role.map(ToOwned::to_owned))
                .role(&Deadline::over())
                .map_err(|error| error.reason)
        };
        assert_eq!(role(None).as_deref(), Ok("of-environment"));
        assert_eq!(role(Some("of-profile")).as_deref(), Ok("of-profile"));
        assert_eq!(role(Some("a/b")), Err("invalid RAM role name \"a/b\"".to_owned()));
    }

    #[test]
    fn an_unreachable_service_is_an_error_only_if_a_role_is_configured() {
        let error = |role: Option<&str>| {
            let role = role.map(ToOwned::to_owned);
            let source = EcsRamRole::new(ProviderContext::of_test(&[]), role);
            // The deadline has passed, so nothing is sent.
            source.fetch(SystemTime::now(), &Deadline::over()).map(drop).unwrap_err()
        };
        assert!(error(None).is_not_configured());
        assert!(!error(Some("web-role")).is_not_configured());
    }

    #[test]
    fn a_role_is_set_up_if_it_is_named() {
        let context = ProviderContext::of_test(&[("ALIBABA_CLOUD_ECS_METADATA", "web-role")]);
        assert!(EcsRamRole::of_environment(context).is_set_up());
        assert!(!EcsRamRole::of_environment(ProviderContext::of_test(&[])).is_set_up());
    }

    #[test]
    fn the_switch_counts_for_profiles_too() {
        let context = ProviderContext::of_test(&[("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")]);
        let source = EcsRamRole::new(context, Some("web-role".to_owned()));
        let error = source.fetch(SystemTime::now(), &Deadline::over()).map(drop).unwrap_err();
        assert_eq!(error.reason, format!("{DISABLED} is set"));
    }
}
