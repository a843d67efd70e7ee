//! Decides whether a request is for a proxy, for the control interface or for the API.

use std::io::Read;

use crate::control::{self, Access};
use crate::http::{Peer, Request, Response};
use crate::proxy::Proxy;
use crate::service::Service;

/// Whether the body of a request is read while it is processed.
pub(crate) fn streamed(request: &Request) -> bool {
    control::streamed(request)
}

/// Responds to any request.
pub(crate) fn respond(
    service: &Service,
    access: &Access,
    proxy: &Proxy,
    request: &Request,
    peer: Peer,
    body: &mut dyn Read,
) -> Response {
    if let Some(response) = proxy.respond(request) {
        return response;
    }
    match request.path().strip_prefix(control::PREFIX) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            control::respond(service, access, request, peer, body)
        }
        _ => service.respond(request, peer),
    }
}
