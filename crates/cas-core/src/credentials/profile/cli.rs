//! Profiles of `~/.aliyun/config.json`, the file of the official command line tool, with all its modes (FACTS.md 5).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use once_cell::race::OnceBox;

use crate::base::quote::{quoted, quoted_path};
use crate::credentials::assume_role::{AssumedRole, Role};
use crate::credentials::context::ProviderContext;
use crate::credentials::ecs_ram_role::EcsRamRole;
use crate::credentials::oidc::OidcRole;
use crate::credentials::profile::cli_file::File;
use crate::credentials::profile::cloud_sso::CloudSso;
use crate::credentials::profile::oauth::OAuth;
use crate::credentials::profile::process::CredentialProcess;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::credentials::uri::CredentialsUri;
use crate::service::provider::CredentialsError;

const MODES: &str = "AK, StsToken, RamRoleArn, ChainableRamRoleArn, EcsRamRole, OIDC, CloudSSO, OAuth, External, \
                     CredentialsURI";

/// One profile of one file, read anew for each key.
pub(crate) struct CliProfile {
    context: Arc<ProviderContext>,
    path: PathBuf,
    profile: Option<String>,
    /// The variable that names the file, if one does.
    variable: Option<&'static str>,
    /// The profile that served, whichever is the file's current one later.
    served: OnceBox<String>,
}

impl CliProfile {
    /// `profile`: `None` for the file's current one.
    pub(crate) fn new(
        context: Arc<ProviderContext>,
        path: PathBuf,
        profile: Option<String>,
        variable: Option<&'static str>,
    ) -> Self {
        Self { context, path, profile, variable, served: OnceBox::new() }
    }

    /// The source that a profile describes. `above` are the profiles that led to it.
    fn source(
        &self,
        file: &File<'_>,
        name: &str,
        above: &mut Vec<String>,
    ) -> Result<Box<dyn Source>, CredentialsError> {
        let profile = match file.profile(name)? {
            Some(profile) => profile,
            None if above.is_empty() => {
                return Err(CredentialsError::not_configured(format!(
                    "it has no profile {}",
                    quoted(name)
                )));
            }
            None => {
                let why = format!(
                    "it has no profile {}, which another one has as its source",
                    quoted(name)
                );
                return Err(CredentialsError::failed(why));
            }
        };
        let context = || Arc::clone(&self.context);
        let required = |field| profile.required(field).map(ToOwned::to_owned);
        let role = || {
            Ok(Role {
                arn: required("ram_role_arn")?,
                session_name: profile
                    .text("ram_session_name")
                    .or_else(|| profile.text("role_session_name")),
                duration: profile.text("expired_seconds"),
                policy: profile.text("policy"),
                external_id: profile.text("external_id"),
                region: profile.text("sts_region"),
                vpc: profile.get("enable_vpc").map(|flag| flag == "true"),
            })
        };
        let assumed = |base| Ok(AssumedRole { context: context(), base, role: role()? });
        Ok(match profile.required("mode")? {
            "AK" => Box::new(profile.access_key("")?),
            "StsToken" => {
                profile.required("sts_token")?;
                Box::new(profile.access_key("sts_token")?)
            }
            "RamRoleArn" => {
                Box::new(assumed(Box::new(profile.access_key("sts_token")?) as Box<dyn Source>)?)
            }
            "EcsRamRole" => Box::new(EcsRamRole::new(context(), profile.text("ram_role_name"))),
            "OIDC" => Box::new(OidcRole {
                context: context(),
                provider_arn: required("oidc_provider_arn")?,
                token_file: required("oidc_token_file")?,
                role: role()?,
            }),
            "ChainableRamRoleArn" => {
                let source = required("source_profile")?;
                above.push(name.to_owned());
                if above.contains(&source) {
                    return Err(profile.broken("is its own source, by way of source_profile"));
                }
                Box::new(assumed(self.source(file, &source, above)?)?)
            }
            "CloudSSO" => Box::new(CloudSso::new(context(), &profile)?),
            "OAuth" => Box::new(OAuth::new(context(), self.path.clone(), name, &profile)?),
            "External" => Box::new(CredentialProcess::new(&profile)?),
            "CredentialsURI" => {
                let uri = required("credentials_uri")?;
                Box::new(CredentialsUri::new(context(), &uri))
            }
            other => {
                return Err(profile.unknown("mode", other, MODES));
            }
        })
    }
}

impl NamedSource for CliProfile {
    fn name(&self) -> String {
        let path = quoted_path(&self.path);
        self.served
            .get()
            .map_or(path.clone(), |profile| format!("the profile {} of {path}", quoted(profile)))
    }
}

impl Source for CliProfile {
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let text = self.context.secret_file(&self.path, self.variable)?;
        let file = File::read(&text)?;
        let named = self.served.get().or(self.profile.as_ref());
        let name = named.or(file.current.as_ref());
        let name = name.ok_or_else(|| CredentialsError::failed("it names no current profile"))?;
        let source = self.source(&file, name, &mut Vec::new()).map_err(|failure| {
            // Absent is what the program or the environment asks for in vain; the file itself has to be sound.
            if failure.is_not_configured() && named.is_none() {
                let line = file.current_line;
                return CredentialsError::failed(format!(
                    "{}, its current one (line {line})",
                    failure.reason
                ));
            }
            failure
        });
        let fetched = source?.fetch(now, deadline).map_err(|failure| {
            let named = failure.reason.contains("the profile \"");
            if named { failure } else { failure.at(&format!("the profile {}", quoted(name))) }
        })?;
        // Never waits for a thread that `fork` left behind. It is the same as before, if there was one.
        let _ = self.served.set(Box::new(name.clone()));
        Ok(fetched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(json: &str, name: Option<&str>) -> Result<(), CredentialsError> {
        let context = ProviderContext::of_test(&[]);
        let cli =
            CliProfile::new(context, PathBuf::from("/gone"), name.map(ToOwned::to_owned), None);
        let file = File::read(json)?;
        let name = name.map(ToOwned::to_owned).or_else(|| file.current.clone()).unwrap();
        cli.source(&file, &name, &mut Vec::new()).map(drop)
    }

    #[test]
    fn what_a_profile_lacks_is_said_with_its_line() {
        let json = r#"{
  "current": "a",
  "profiles": [
    {"name": "other", "mode": "AK"},
    {
      "name": "a",
      "mode": "ChainableRamRoleArn",
      "source_profile": "b",
      "ram_role_arn": "acs:ram::1:role/x"
    },
    {"name": "b", "mode": "StsToken", "access_key_id": "hidden", "access_key_secret": "hidden"},
    {"name": "c", "mode": "ChainableRamRoleArn", "source_profile": "d"},
    {"name": "d", "mode": "ChainableRamRoleArn", "source_profile": "c"},
    {"name": "e", "mode": "ChainableRamRoleArn", "source_profile": "gone"},
    {"name": "f", "mode": "Bearer"},
    {"name": "g"},
    7
  ]
}"#;
        for (name, why, not_configured) in [
            (None, "the profile \"b\" (line 11) has no sts_token", false),
            (
                Some("c"),
                "the profile \"d\" (line 13) is its own source, by way of source_profile",
                false,
            ),
            (Some("e"), "it has no profile \"gone\", which another one has as its source", false),
            (
                Some("f"),
                "the profile \"f\" (line 15) has a mode that libcas does not know: \"Bearer\"",
                false,
            ),
            (Some("g"), "the profile \"g\" (line 16) has no mode", false),
            (Some("other"), "the profile \"other\" (line 4) has no access_key_id", false),
            (Some("nobody"), "it has no profile \"nobody\"", true),
        ] {
            let failure = source(json, name).unwrap_err();
            assert_eq!(
                (failure.reason.as_str(), failure.is_not_configured()),
                (why, not_configured),
                "{name:?}"
            );
        }
    }

    #[test]
    fn broken_json_is_said_by_its_line_without_a_word_of_it() {
        for (json, line) in
            [("{\n\"hidden\": \"hidden\n}", "line 2"), ("", "line 1"), ("[]", "line 1")]
        {
            let failure = source(json, Some("a")).unwrap_err();
            assert!(
                failure.reason.contains(line) && !failure.reason.contains("hidden"),
                "{}",
                failure.reason
            );
        }
        let failure = source("{\"current\": \"a\",\n \"profiles\": {}}", None).unwrap_err();
        assert!(failure.reason.contains("its profiles (line 2)"), "{}", failure.reason);
    }
}
