//! An address that hands out temporary access keys, such as a helper beside the program.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use ureq::http::{self, Request};

use crate::credentials::context::ProviderContext;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::credentials::{context, session_credentials};
use crate::http::endpoint::Endpoint;
use crate::service::provider::CredentialsError;

const URI: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";

/// Asked with GET and no proof: whoever may ask is the address's own concern.
pub(crate) struct CredentialsUri {
    context: Arc<ProviderContext>,
    address: Option<String>,
}

impl CredentialsUri {
    pub(crate) fn of_environment(context: Arc<ProviderContext>) -> Self {
        let address = context.variables.get(URI).map(|uri| uri.trim().to_owned());
        Self { context, address }
    }

    pub(crate) fn new(context: Arc<ProviderContext>, uri: &str) -> Self {
        Self { context, address: Some(uri.trim().to_owned()) }
    }
}

impl NamedSource for CredentialsUri {
    fn name(&self) -> String {
        URI.to_owned()
    }
}

impl Source for CredentialsUri {
    fn fetch(&self, _: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let Some(text) = &self.address else {
            return Err(CredentialsError::not_configured("it is not set"));
        };
        // Path and query may be the proof: they are not shown.
        let (uri, host) = parse(text).ok_or_else(|| {
            CredentialsError::failed("the address is no URL such as http://127.0.0.1:8080/path")
        })?;
        let request = Request::get(uri)
            .body(())
            .map_err(|_| CredentialsError::failed("the address is no URL"))?;
        let answer = self.context.exchange(request, &host, deadline)?;
        let fields = context::fields_of(&answer, &host, None)?;
        session_credentials::read(&fields, &host)
    }
}

/// The URL, and its host and port for messages. Without a scheme it is http, as in the official Python package.
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
    fn a_url_of_a_helper() {
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
}
