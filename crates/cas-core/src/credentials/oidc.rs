//! A RAM role by an OIDC token (RRSA), as in pods of Container Service. See docs/service.md,
//! Credential chain and Security Token Service.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::base::deadline::Deadline;
use crate::base::env::Variable;
use crate::base::quote::quoted_path;
use crate::base::secret::Secret;
use crate::credentials::assume_role::{Role, RoleAssertion, assume};
use crate::credentials::context::ProviderContext;
use crate::credentials::files::read_text;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::service::provider::CredentialsError;

const ROLE_ARN: Variable = Variable::ALIBABA_CLOUD_ROLE_ARN;
const PROVIDER_ARN: Variable = Variable::ALIBABA_CLOUD_OIDC_PROVIDER_ARN;
const TOKEN_FILE: Variable = Variable::ALIBABA_CLOUD_OIDC_TOKEN_FILE;

/// Role, identity provider and token file from environment variables.
pub(crate) struct Oidc(pub(super) Arc<ProviderContext>);

impl NamedSource for Oidc {
    fn name(&self) -> String {
        "OIDC".to_owned()
    }
}

impl Oidc {
    pub(super) fn role(&self) -> Result<OidcRole, CredentialsError> {
        let variables = &self.0.variables;
        let (arn, provider_arn) = (variables.get(ROLE_ARN), variables.get(PROVIDER_ARN));
        let token_file = variables.path(TOKEN_FILE);
        let all = [
            (ROLE_ARN, arn.is_some()),
            (PROVIDER_ARN, provider_arn.is_some()),
            (TOKEN_FILE, token_file.is_some()),
        ];
        if let (Some(arn), Some(provider_arn), Some(token_file)) = (arn, provider_arn, token_file) {
            return Ok(OidcRole {
                context: Arc::clone(&self.0),
                provider_arn: provider_arn.into_owned(),
                token_file: token_file.to_owned(),
                role: Role { arn: arn.into_owned(), ..Role::default() },
            });
        }
        let names = |is_set: bool| -> Vec<String> {
            let chosen = all.iter().filter(|(_, set)| *set == is_set);
            chosen.map(|(name, _)| name.to_string()).collect()
        };
        let (set, missing) = (names(true), names(false));
        // Other programs use the variable of the ARN too, so it may be set alone.
        Err(if set.is_empty() || set == [ROLE_ARN.to_string()] {
            CredentialsError::not_configured(format!(
                "{ROLE_ARN}, {PROVIDER_ARN} and {TOKEN_FILE} are not all set"
            ))
        } else {
            let verb = if set.len() == 1 { "requires" } else { "require" };
            let (set, missing) = (set.join(" and "), missing.join(" and "));
            CredentialsError::failed(format!("{set} {verb} {missing}, which must be set too"))
        })
    }
}

impl Source for Oidc {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        self.role()?.fetch(now, deadline)
    }
}

/// A role that STS grants for the token of an identity provider.
pub(crate) struct OidcRole {
    pub(crate) context: Arc<ProviderContext>,
    pub(crate) provider_arn: String,
    pub(crate) token_file: PathBuf,
    pub(crate) role: Role,
}

impl Source for OidcRole {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let token = read_token(&self.token_file, deadline)?;
        let (provider_arn, token) = (self.provider_arn.as_str(), token.expose());
        let assertion = RoleAssertion::Oidc { provider_arn, token };
        assume(&self.context, &self.role, assertion, now, deadline)
    }
}

/// The token in a file, without the line end.
pub(super) fn read_token(path: &Path, deadline: &Deadline) -> Result<Secret, CredentialsError> {
    let failed =
        |what| CredentialsError::failed(format!("OIDC token file {what}: {}", quoted_path(path)));
    let text = read_text(path, deadline)?.ok_or_else(|| failed("not found"))?;
    match text.trim() {
        "" => Err(failed("is empty")),
        token => Ok(Secret::new(token.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE_ARN: &str = "ALIBABA_CLOUD_ROLE_ARN";
    const PROVIDER_ARN: &str = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";
    const TOKEN_FILE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";

    fn error(variables: &[(&str, &str)]) -> CredentialsError {
        let context = ProviderContext::of_test(variables);
        Oidc(context).fetch(SystemTime::now(), &Deadline::over()).map(drop).unwrap_err()
    }

    #[test]
    fn the_source_is_configured_by_three_variables() {
        for set in [&[][..], &[(ROLE_ARN, "r")]] {
            let error = error(set);
            assert!(error.is_not_configured(), "{set:?}");
            assert!(error.reason.ends_with("are not all set"), "{}", error.reason);
        }
        for (set, reason) in [
            (
                &[(TOKEN_FILE, "/f"), (ROLE_ARN, "r")][..],
                format!(
                    "{ROLE_ARN} and {TOKEN_FILE} require {PROVIDER_ARN}, which must be set too"
                ),
            ),
            (
                &[(TOKEN_FILE, "/f")],
                format!(
                    "{TOKEN_FILE} requires {ROLE_ARN} and {PROVIDER_ARN}, which must be set too"
                ),
            ),
        ] {
            let error = error(set);
            assert!(!error.is_not_configured());
            assert_eq!(error.reason, reason);
        }
    }

    #[test]
    fn missing_and_empty_token_files_are_named() {
        for (file, reason) in [
            ("/nonexistent/token", "OIDC token file not found: \"/nonexistent/token\""),
            ("/dev/null", "OIDC token file is empty: \"/dev/null\""),
        ] {
            let error = error(&[(ROLE_ARN, "r"), (PROVIDER_ARN, "p"), (TOKEN_FILE, file)]);
            assert_eq!(error.reason, reason);
        }
    }

    #[test]
    fn the_line_end_is_not_part_of_the_token() {
        let path = std::env::temp_dir().join(format!("libcas-{}-token", std::process::id()));
        std::fs::write(&path, "eyJ.e30.c2ln\r\n").unwrap();
        assert_eq!(read_token(&path, &Deadline::over()).unwrap().expose(), "eyJ.e30.c2ln");
        std::fs::remove_file(path).unwrap();
    }
}
