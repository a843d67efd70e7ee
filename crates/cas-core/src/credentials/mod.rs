//! Access keys: the credential sources, one file each, and the credential provider chain, which
//! asks them in order. Stands above `service`, whose trait `Provider` it implements, and uses
//! `http`, `protocol`, `base` and `cas-sys` below it. docs/credentials.md describes the sources for
//! users. What a failure says is in the file of its source.

mod assume_role;
mod cache;
mod chain;
mod context;
mod ecs_ram_role;
mod environment;
mod files;
pub(crate) mod identity;
mod json;
mod oidc;
mod profile;
mod response;
mod session_credentials;
mod source;
mod sources;
pub(crate) mod survey;
mod uri;

use std::sync::Arc;

use crate::service::provider::Provider;
use cache::CachingProvider;
use chain::ProviderChain;
pub(crate) use context::ProviderContext;

/// The credential provider chain with a cache. With `profile`, only the profile of that name in
/// the profile files is used.
#[must_use]
pub(crate) fn default_provider(
    context: ProviderContext,
    profile: Option<&str>,
) -> Box<dyn Provider> {
    let logger = context.logger.clone();
    Box::new(CachingProvider::new(
        Box::new(ProviderChain::new(&Arc::new(context), profile)),
        logger,
    ))
}
