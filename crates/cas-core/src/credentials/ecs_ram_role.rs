//! The role of the ECS instance that this program runs on, from the instance's metadata service.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::Request;

use crate::base::quote::quoted;
use crate::credentials::context::ProviderContext;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::credentials::{context, session_credentials};
use crate::http::failure::SendProgress;
use crate::http::proxy::METADATA;
use crate::http::response::HttpResponse;
use crate::service::provider::CredentialsError;

const ROLE: &str = "ALIBABA_CLOUD_ECS_METADATA";
/// For the chain, and for profiles that lead here.
pub(crate) const DISABLED: &str = "ALIBABA_CLOUD_ECS_METADATA_DISABLED";
const V1_DISABLED: &str = "ALIBABA_CLOUD_IMDSV1_DISABLED";

const TOKEN_PATH: &str = "/latest/api/token";
const ROLE_PATH: &str = "/latest/meta-data/ram/security-credentials/";
/// How long the token is for, in seconds; it is used at once.
const TOKEN_TTL: &str = "21600";

/// The service is on this very host; where it is not, no instance is either. The official packages wait 1 s for the
/// connection and 1 s for the answer.
const PATIENCE: Duration = Duration::from_secs(2);
const TOKEN_PATIENCE: Duration = Duration::from_secs(1);

/// The role of this instance.
pub(crate) struct EcsRamRole {
    context: Arc<ProviderContext>,
    role: Option<String>,
}

impl EcsRamRole {
    /// The role that the environment names, or else the one that the service does.
    pub(crate) fn of_environment(context: Arc<ProviderContext>) -> Self {
        let role = context.variables.get(ROLE).map(ToOwned::to_owned);
        Self { context, role }
    }

    pub(crate) fn new(context: Arc<ProviderContext>, role: Option<String>) -> Self {
        match role {
            Some(role) => Self { context, role: Some(role) },
            None => Self::of_environment(context),
        }
    }

    /// A token for version 2 of the service; `None` where version 1 has to do, and may.
    fn token(&self, deadline: Instant) -> Result<Option<String>, CredentialsError> {
        let request = Request::put(format!("http://{METADATA}{TOKEN_PATH}"))
            .header("X-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_TTL);
        let may_do_without = !self.context.variables.is_true(V1_DISABLED);
        let answer = match self.send(request, &[], deadline.min(Instant::now() + TOKEN_PATIENCE)) {
            Ok(answer) => answer,
            // Somebody is there. In a container, the answer may not find its way through.
            Err((SendProgress::Sent | SendProgress::ResponseStarted, _)) if may_do_without => {
                return Ok(None);
            }
            Err((_, failure)) => return Err(failure),
        };
        let token = std::str::from_utf8(&answer.body).unwrap_or_default().trim();
        let printable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        match answer.status {
            200 if printable => Ok(Some(token.to_owned())),
            _ if !may_do_without => Err(CredentialsError::broken(format!(
                "{METADATA} gave no token (HTTP {}), and {V1_DISABLED} is set",
                answer.status
            ))
            .with_retryable(answer.status >= 500)),
            _ => Ok(None),
        }
    }

    /// The answer, and the token that was sent.
    fn get(
        &self,
        path: &str,
        deadline: Instant,
    ) -> Result<(HttpResponse, String), CredentialsError> {
        // Anew for each question, as the official packages do.
        let mut request = Request::get(format!("http://{METADATA}{path}"));
        let token = self.token(deadline)?.unwrap_or_default();
        if !token.is_empty() {
            request = request.header("X-aliyun-ecs-metadata-token", &token);
        }
        let answer = self.send(request, (), deadline.min(Instant::now() + PATIENCE));
        let answer = answer.map_err(|(_, failure)| failure)?;
        if token.is_empty() && matches!(answer.status, 401 | 403) {
            let why = format!("{METADATA} wants a token, and gave none");
            return Err(CredentialsError::broken(why).with_retryable(true));
        }
        Ok((answer, token))
    }

    fn send(
        &self,
        request: ureq::http::request::Builder,
        body: impl ureq::AsSendBody,
        deadline: Instant,
    ) -> Result<HttpResponse, (SendProgress, CredentialsError)> {
        let request = request.body(body).map_err(|_| {
            (SendProgress::NotSent, CredentialsError::broken("the request cannot be made"))
        })?;
        self.context.connections.send(request, METADATA, deadline).map_err(|failure| {
            // Nobody there, and nobody said that there is: this is no instance.
            let not_configured = failure.progress == SendProgress::NotSent && self.role.is_none();
            let retryable = !failure.permanent;
            (
                failure.progress,
                CredentialsError {
                    not_configured,
                    ..CredentialsError::broken(failure.message).with_retryable(retryable)
                },
            )
        })
    }

    fn role(&self, deadline: Instant) -> Result<String, CredentialsError> {
        if let Some(role) = &self.role {
            return Ok(role.clone());
        }
        let (answer, _) = self.get(ROLE_PATH, deadline)?;
        let name = std::str::from_utf8(&answer.body)
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default()
            .trim();
        match answer.status {
            200 if is_role_name(name) => Ok(name.to_owned()),
            404 => Err(CredentialsError::not_configured("this instance has no RAM role")),
            status => {
                Err(CredentialsError::broken(format!("{METADATA} named no role (HTTP {status})"))
                    .with_retryable(status >= 500))
            }
        }
    }
}

/// What RAM allows a role to be called; anything else would be another path.
fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

impl NamedSource for EcsRamRole {
    fn name(&self) -> String {
        "the instance role".to_owned()
    }
}

impl Source for EcsRamRole {
    fn fetch(&self, _: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        if self.context.variables.is_true(DISABLED) {
            return Err(CredentialsError::broken(format!("{DISABLED} is set")));
        }
        let role = self.role(deadline)?;
        if !is_role_name(&role) {
            return Err(CredentialsError::broken(format!(
                "{} is no name of a role",
                quoted(&role)
            )));
        }
        let (answer, token) = self.get(&format!("{ROLE_PATH}{role}"), deadline)?;
        if answer.status == 404 {
            let why = format!("this instance does not have the RAM role {}", quoted(&role));
            return Err(CredentialsError::broken(why));
        }
        session_credentials::read(
            &context::fields_of(&answer, METADATA, Some(&[&token]))?,
            METADATA,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_name_and_no_path() {
        assert!(is_role_name("web-role_1.2"));
        for wrong in ["", "a/b", "../x", "a b", "<html>", &"r".repeat(65)] {
            assert!(!is_role_name(wrong), "{wrong}");
        }
    }
}
