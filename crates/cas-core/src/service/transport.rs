//! How the caller sends a signed form to its endpoint.

use std::sync::Arc;
use std::time::Instant;

use ureq::http::{Request, Uri};

use crate::base::error::{Error, ErrorKind};
use crate::http::client::HttpClient;
use crate::http::endpoint::Endpoint;
use crate::http::failure::{SendProgress, TransportError};
use crate::http::response::HttpResponse;
use crate::protocol::signed_form::SignedForm;

/// Sends signed requests.
pub(crate) trait Transport: Send + Sync {
    /// Sends `form` and returns the whole answer, whatever its status, before `deadline`.
    fn post(&self, form: &SignedForm, deadline: Instant) -> Result<HttpResponse, TransportError>;
}

/// Signed forms, to one endpoint.
pub(crate) struct HttpTransport {
    connections: Arc<HttpClient>,
    uri: Uri,
    shown_endpoint: String,
}

impl HttpTransport {
    /// Makes no connection yet.
    pub(crate) fn new(connections: Arc<HttpClient>, endpoint: &Endpoint) -> Result<Self, Error> {
        let uri = endpoint.url().parse().map_err(|_| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("The endpoint {endpoint} does not make a URL."),
            )
        })?;
        Ok(Self { connections, uri, shown_endpoint: endpoint.to_string() })
    }
}

impl Transport for HttpTransport {
    fn post(&self, form: &SignedForm, deadline: Instant) -> Result<HttpResponse, TransportError> {
        let mut request = Request::post(self.uri.clone())
            .header("Content-Type", "application/x-www-form-urlencoded");
        for (name, value) in form.headers() {
            request = request.header(name, value);
        }
        // Cannot fail: every header's value was made or checked here.
        let request = request.body(form.as_bytes()).map_err(|_| {
            TransportError::new(SendProgress::NotSent, "a header would not be valid HTTP")
                .permanent()
        })?;
        self.connections.send(request, &self.shown_endpoint, deadline)
    }
}

#[cfg(test)]
mod tests;
