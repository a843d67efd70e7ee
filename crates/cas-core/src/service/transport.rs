//! Sends signed requests to an endpoint.

use std::sync::Arc;

use cas_sign::{FORM_CONTENT_TYPE, SignedForm};
use ureq::http::{Request, Uri};

use crate::base::deadline::Deadline;
use crate::base::error::Error;
use crate::http::client::HttpClient;
use crate::http::deadline::Connection;
use crate::http::endpoint::Endpoint;
use crate::http::failure::TransportError;
use crate::http::response::HttpResponse;
use crate::service::messages::{invalid_endpoint, invalid_header};

/// Sends signed requests. Tests replace it.
pub(crate) trait Transport: Send + Sync {
    /// Sends `form` and reads the whole response before `deadline`. A response with any status is a
    /// success.
    fn post(
        &self,
        form: &SignedForm,
        connection: Connection,
        deadline: &Deadline,
    ) -> Result<HttpResponse, TransportError>;
}

/// Sends requests to one endpoint over the connections of an [`HttpClient`].
pub(crate) struct HttpTransport {
    http: Arc<HttpClient>,
    uri: Uri,
    /// For messages.
    server: String,
}

impl HttpTransport {
    /// Opens no connection yet.
    pub(crate) fn new(http: Arc<HttpClient>, endpoint: &Endpoint) -> Result<Self, Error> {
        let uri = endpoint.url().parse().map_err(|_| invalid_endpoint(endpoint))?;
        Ok(Self { http, uri, server: endpoint.to_string() })
    }
}

impl Transport for HttpTransport {
    fn post(
        &self,
        form: &SignedForm,
        connection: Connection,
        deadline: &Deadline,
    ) -> Result<HttpResponse, TransportError> {
        let mut request = Request::post(self.uri.clone()).header("Content-Type", FORM_CONTENT_TYPE);
        for (name, value) in form.headers() {
            request = request.header(name, value);
        }
        // Does not happen: libcas made or checked the value of every header.
        let request = request.body(form.as_bytes()).map_err(|_| invalid_header())?;
        self.http.send(request, &self.server, connection, deadline)
    }
}

#[cfg(test)]
mod tests;
