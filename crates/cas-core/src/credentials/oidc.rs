//! A role by an OIDC token: RRSA, as pods of Container Service have it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::base::quote::quoted_path;
use crate::credentials::assume_role::{Role, RoleAssertion, assume};
use crate::credentials::context::{ProviderContext, read_text};
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::service::provider::CredentialsError;

const ROLE_ARN: &str = "ALIBABA_CLOUD_ROLE_ARN";
const PROVIDER_ARN: &str = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";
const TOKEN_FILE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";

/// Role, provider and the token's file from the environment.
pub(crate) struct Oidc(pub(super) Arc<ProviderContext>);

impl NamedSource for Oidc {
    fn name(&self) -> String {
        "OIDC".to_owned()
    }
}

impl Source for Oidc {
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let names = [ROLE_ARN, PROVIDER_ARN, TOKEN_FILE];
        let [Some(arn), Some(provider_arn), Some(token_file)] =
            names.map(|name| self.0.variables.get(name).map(ToOwned::to_owned))
        else {
            let (set, missing): (Vec<_>, Vec<_>) =
                names.into_iter().partition(|name| self.0.variables.get(name).is_some());
            // As the official packages see it, all three make the source; the role's ARN has other uses.
            return Err(if set.is_empty() || set == [ROLE_ARN] {
                CredentialsError::not_configured(format!(
                    "{ROLE_ARN}, {PROVIDER_ARN} and {TOKEN_FILE} are not all set"
                ))
            } else {
                CredentialsError::failed(format!(
                    "{} is set, but not {}",
                    set.join(" and "),
                    missing.join(" and ")
                ))
            });
        };
        let role = Role { arn, ..Role::default() };
        OidcRole { context: Arc::clone(&self.0), provider_arn, token_file, role }
            .fetch(now, deadline)
    }
}

/// A role that a token of an identity provider may have.
pub(crate) struct OidcRole {
    pub(crate) context: Arc<ProviderContext>,
    pub(crate) provider_arn: String,
    pub(crate) token_file: String,
    pub(crate) role: Role,
}

impl Source for OidcRole {
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let path = Path::new(&self.token_file);
        let shown = quoted_path(path);
        let token = read_text(path)?.ok_or_else(|| {
            CredentialsError::failed(format!("the file of the OIDC token is missing: {shown}"))
        })?;
        // What ends a file is no part of a token.
        let token = token.trim();
        if token.is_empty() {
            return Err(CredentialsError::failed(format!(
                "the file of the OIDC token is empty: {shown}"
            )));
        }
        let proof = RoleAssertion::Oidc { provider_arn: &self.provider_arn, token };
        assume(&self.context, &self.role, proof, now, deadline)
    }
}
