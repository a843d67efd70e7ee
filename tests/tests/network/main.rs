//! Endpoints, TLS trust, proxies, and what is sent on the wire.

mod endpoints;
mod http_forms;
mod left_over;
mod proxies;
mod responses;
mod stopped;
mod tls_versions;
mod trust;
mod wire;
