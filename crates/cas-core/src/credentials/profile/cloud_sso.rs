//! A person's sign-in to `CloudSSO`, which the official command line tool left in its file (FACTS.md 5).

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde_json::json;
use ureq::http::{Request, Uri};
use zeroize::Zeroizing;

use crate::base::secret::Secret;
use crate::base::time;
use crate::credentials::context::ProviderContext;
use crate::credentials::profile::fields::Profile;
use crate::credentials::source::{KeyWithExpiry, Source};
use crate::credentials::{context, session_credentials};
use crate::service::provider::CredentialsError;

/// How to sign in again.
const SIGN_IN: &str = "Sign in again: aliyun configure --mode CloudSSO --profile NAME.";

/// What the sign-in needs to become an access key.
pub(crate) struct CloudSso {
    context: Arc<ProviderContext>,
    place: String,
    host: String,
    account: String,
    access_configuration: String,
    access_token: Secret,
    expires: SystemTime,
}

impl CloudSso {
    pub(crate) fn new(
        context: Arc<ProviderContext>,
        profile: &Profile,
    ) -> Result<Self, CredentialsError> {
        let url: Option<Uri> = profile.required("cloud_sso_sign_in_url")?.parse().ok();
        // The token goes there, so nothing but TLS will do.
        let url = url.filter(|url| url.scheme_str() == Some("https"));
        let host = url
            .as_ref()
            .and_then(Uri::authority)
            .filter(|authority| !authority.as_str().contains('@'));
        let host =
            host.ok_or_else(|| profile.broken("has a cloud_sso_sign_in_url that is no https URL"))?;
        let not_signed_in = |_| profile.broken("is not signed in").with_hint(SIGN_IN);
        profile.required("access_token").map_err(not_signed_in)?;
        let expires = profile.required("cloud_sso_access_token_expire").map_err(not_signed_in)?;
        Ok(Self {
            context,
            place: profile.place.clone(),
            host: host.to_string(),
            account: profile.required("cloud_sso_account_id")?.to_owned(),
            access_configuration: profile.required("cloud_sso_access_config")?.to_owned(),
            access_token: profile
                .secret("access_token")
                .unwrap_or_else(|| Secret::new(String::new())),
            expires: time::from_unix_seconds(expires).unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

impl Source for CloudSso {
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        if now >= self.expires {
            let expired = time::timestamp(self.expires);
            let why = format!("the sign-in of {} expired at {expired}", self.place);
            return Err(CredentialsError::failed(why).with_hint(SIGN_IN));
        }
        let body =
            json!({"AccountId": self.account, "AccessConfigurationId": self.access_configuration})
                .to_string();
        let bearer = Zeroizing::new(format!("Bearer {}", self.access_token.expose()));
        let request = Request::post(format!("https://{}/cloud-credentials", self.host))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .header("Authorization", bearer.as_str())
            .body(body.as_bytes())
            .map_err(|_| {
                CredentialsError::failed(format!(
                    "the token of {} is no text for a header",
                    self.place
                ))
            })?;
        let answer = self.context.exchange(request, &self.host, deadline)?;
        if answer.status == 401 {
            let why = format!(
                "{} no longer takes the sign-in of {} (HTTP {})",
                self.host, self.place, answer.status
            );
            return Err(CredentialsError::failed(why).with_hint(SIGN_IN));
        }
        let fields = context::fields_of(&answer, &self.host, Some(&[self.access_token.expose()]))?;
        session_credentials::read(&fields["CloudCredential"], &self.host)
    }
}
