//! Access keys and where they come from: one file for each source, and the order in which they are asked.
//! docs/credentials.md says the same for users.

mod assume_role;
mod cache;
mod chain;
mod context;
mod ecs_ram_role;
mod environment;
mod oidc;
mod profile;
mod session_credentials;
mod source;
mod uri;

use std::sync::Arc;

use crate::service::provider::Provider;
use cache::CachingProvider;
use chain::Chain;
pub(crate) use context::ProviderContext;

/// The default chain of sources, in the official order; with `profile`, that profile of the credential
/// files alone.
#[must_use]
pub(crate) fn default_provider(
    context: ProviderContext,
    profile: Option<&str>,
) -> Box<dyn Provider> {
    let logger = context.logger.clone();
    Box::new(CachingProvider::new(Box::new(Chain::new(&Arc::new(context), profile)), logger))
}
