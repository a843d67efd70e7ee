//! The access key of a user who signed in to `CloudSSO` with the official CLI. See
//! docs/service.md, CloudSSO.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use ureq::http::{Request, Uri};
use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::secret::Secret;
use crate::base::time;
use crate::credentials::context::ProviderContext;
use crate::credentials::json;
use crate::credentials::profile::fields::Profile;
use crate::credentials::response;
use crate::credentials::session_credentials::SessionCredentials;
use crate::credentials::source::{KeyWithExpiry, Source};
use crate::service::provider::CredentialsError;

const SIGN_IN: &str = "Sign in again: aliyun configure --mode CloudSSO --profile NAME.";

/// The sign-in in a profile, which is exchanged for an access key.
pub(crate) struct CloudSso {
    context: Arc<ProviderContext>,
    host: String,
    request: CredentialRequest,
    access_token: Secret,
    expires: SystemTime,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialRequest {
    account_id: String,
    access_configuration_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct CredentialResponse {
    #[serde(deserialize_with = "json::object")]
    cloud_credential: SessionCredentials,
}

impl CloudSso {
    pub(crate) fn new(
        context: Arc<ProviderContext>,
        profile: &Profile,
    ) -> Result<Self, CredentialsError> {
        let url = profile.required("cloud_sso_sign_in_url")?;
        let host = host_of(url).ok_or_else(|| {
            profile.error("invalid cloud_sso_sign_in_url: must be an https URL without a user")
        })?;
        let not_signed_in = || profile.error("not signed in").with_hint(SIGN_IN);
        let access_token = profile.secret("access_token").ok_or_else(not_signed_in)?;
        let expires = profile.get("cloud_sso_access_token_expire").ok_or_else(not_signed_in)?;
        Ok(Self {
            context,
            host,
            request: CredentialRequest {
                account_id: profile.required("cloud_sso_account_id")?.to_owned(),
                access_configuration_id: profile.required("cloud_sso_access_config")?.to_owned(),
            },
            access_token,
            expires: time::from_unix_seconds(expires).unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

/// The host of an https URL, with its port. The token is sent there, so it must be TLS.
fn host_of(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let authority = url.authority().filter(|_| url.scheme_str() == Some("https"))?;
    Some(authority.to_string()).filter(|host| !host.contains('@'))
}

impl Source for CloudSso {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        if now >= self.expires {
            let expired = time::timestamp(self.expires);
            let reason = format!("the CloudSSO sign-in expired at {expired}");
            return Err(CredentialsError::failed(reason).with_hint(SIGN_IN));
        }
        let body = serde_json::to_vec(&self.request).unwrap_or_default();
        let bearer = Zeroizing::new(format!("Bearer {}", self.access_token.expose()));
        let request = Request::post(format!("https://{}/cloud-credentials", self.host))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .header("Authorization", bearer.as_str())
            .body(body.as_slice())
            .map_err(|_| {
                CredentialsError::failed("invalid access_token: not valid in an HTTP header")
            })?;
        let host = &self.host;
        let response = self.context.send(request, host, deadline)?;
        if response.status == 401 {
            let reason = format!("{host} no longer accepts the CloudSSO sign-in (HTTP 401)");
            return Err(CredentialsError::failed(reason).with_hint(SIGN_IN));
        }
        let secrets = [self.access_token.expose()];
        response::read::<CredentialResponse>(&response, host, Some(&secrets))?
            .cloud_credential
            .into_key(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_sent_by_https_only() {
        for (url, host) in [
            ("https://signin.example/start/login", Some("signin.example")),
            ("https://signin.example:8443", Some("signin.example:8443")),
            ("http://signin.example/", None),
            ("https://user:hidden@signin.example/", None),
            ("signin.example", None),
            ("", None),
        ] {
            assert_eq!(host_of(url).as_deref(), host, "{url}");
        }
    }

    #[test]
    fn an_expired_sign_in_is_not_sent() {
        let fields = [
            ("cloud_sso_sign_in_url", "https://signin.invalid/"),
            ("cloud_sso_account_id", "1"),
            ("cloud_sso_access_config", "ac-1"),
            ("access_token", "hidden"),
            ("cloud_sso_access_token_expire", "1600000000"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned())));
        let mut profile = Profile::new("web", 1, fields.into_iter().collect());
        let context = ProviderContext::of_test(&[]);
        let source = CloudSso::new(Arc::clone(&context), &profile).unwrap();
        let at_expiry = time::from_unix_seconds("1600000000").unwrap();
        let error = source.fetch(at_expiry, &Deadline::over()).map(drop).unwrap_err();
        assert_eq!(error.reason, "the CloudSSO sign-in expired at 2020-09-13T12:26:40Z");
        assert_eq!(error.hint.as_deref(), Some(SIGN_IN));
        profile.fields.remove("access_token");
        let error = CloudSso::new(context, &profile).map(drop).unwrap_err();
        assert_eq!(error.reason, "profile \"web\" (line 1): not signed in");
    }

    #[test]
    fn the_request_and_the_response_have_the_services_field_names() {
        let request = CredentialRequest {
            account_id: "1".to_owned(),
            access_configuration_id: "ac-1".to_owned(),
        };
        let body = serde_json::to_value(&request).unwrap();
        let expected = serde_json::json!({"AccountId": "1", "AccessConfigurationId": "ac-1"});
        assert_eq!(body, expected);
    }
}
