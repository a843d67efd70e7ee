//! A URL that returns temporary access keys, such as a helper process on the same machine. See
//! docs/service.md, Credentials URI.

use std::sync::Arc;
use std::time::SystemTime;

use ureq::http::{self, Request};

use crate::base::deadline::Deadline;
use crate::base::env::Variable;
use crate::credentials::context::ProviderContext;
use crate::credentials::response;
use crate::credentials::session_credentials::SessionCredentials;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::http::endpoint::Endpoint;
use crate::service::provider::CredentialsError;

const URI: Variable = Variable::ALIBABA_CLOUD_CREDENTIALS_URI;

/// Sends GET without authentication.
pub(crate) struct CredentialsUri {
    context: Arc<ProviderContext>,
    url: Option<String>,
}

impl CredentialsUri {
    /// The URL in the environment.
    pub(crate) fn of_environment(context: Arc<ProviderContext>) -> Self {
        let url = context.variables.get(URI).map(|url| url.trim().to_owned());
        Self { context, url }
    }

    pub(crate) fn new(context: Arc<ProviderContext>, url: &str) -> Self {
        Self { context, url: Some(url.trim().to_owned()) }
    }
}

impl CredentialsUri {
    /// Its host and port; `None` if it is not set or not valid.
    pub(super) fn host(&self) -> Option<String> {
        self.url.as_deref().and_then(parse).map(|(_, host)| host)
    }

    pub(super) fn is_set(&self) -> bool {
        self.url.is_some()
    }
}

impl NamedSource for CredentialsUri {
    fn name(&self) -> String {
        "the credentials URI".to_owned()
    }
}

impl Source for CredentialsUri {
    fn fetch(&self, _: SystemTime, deadline: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        let Some(url) = &self.url else {
            return Err(CredentialsError::not_configured(format!("{URI} is not set")));
        };
        // Path and query may contain a secret: messages show only the host.
        let request =
            parse(url).and_then(|(url, host)| Some((Request::get(url).body(()).ok()?, host)));
        let (request, host) = request.ok_or_else(|| {
            CredentialsError::failed("invalid URL: must be like http://127.0.0.1:8080/path")
        })?;
        let response = self.context.send(request, &host, deadline)?;
        response::read::<SessionCredentials>(&response, &host, None)?.into_key(&host)
    }
}

/// The URL, and its host and port for messages. Without a scheme it is http, as in the official
/// Python package.
fn parse(text: &str) -> Option<(http::Uri, String)> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: http::Uri = with_scheme.parse().ok()?;
    let endpoint =
        Endpoint::parse(&format!("{}://{}", uri.scheme_str()?, uri.authority()?)).ok()?;
    Some((uri, endpoint.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_with_and_without_a_scheme() {
        for (text, uri, host) in [
            ("http://127.0.0.1:80/a?b=c", "http://127.0.0.1:80/a?b=c", "127.0.0.1:80"),
            ("localhost:8080/x", "http://localhost:8080/x", "localhost:8080"),
            ("https://helper.example", "https://helper.example/", "helper.example"),
        ] {
            let (parsed, shown) = parse(text).unwrap();
            assert_eq!((parsed.to_string().as_str(), shown.as_str()), (uri, host), "{text}");
        }
        for wrong in ["", "ftp://host/", "http://user:hidden@host/", "http://ho st/", "/path"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_source_without_a_url_is_not_configured_and_an_invalid_url_is_not_shown() {
        let error = |variables: &[(&str, &str)]| {
            let source = CredentialsUri::of_environment(ProviderContext::of_test(variables));
            source.fetch(SystemTime::now(), &Deadline::over()).map(drop).unwrap_err()
        };
        assert!(error(&[]).is_not_configured());
        let error = error(&[("ALIBABA_CLOUD_CREDENTIALS_URI", "ftp://hidden/")]);
        assert!(!error.is_not_configured() && error.reason.starts_with("invalid URL"));
        assert!(!error.reason.contains("hidden"));
    }
}
