//! Endpoints, TLS trust, proxies, and what is sent on the wire.

mod endpoints;
mod left_over;
mod proxies;
mod tls_versions;
mod trust;
mod wire;
