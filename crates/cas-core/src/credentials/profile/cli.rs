//! Profiles of `~/.aliyun/config.json`, the file of the official CLI, in all its modes. See
//! docs/service.md, Profiles of config.json.

use std::sync::Arc;
use std::time::SystemTime;

use once_cell::race::OnceBox;
use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::quote::quoted;
use crate::credentials::assume_role::{AssumedRole, Role};
use crate::credentials::context::EXTERNAL_DISABLED;
use crate::credentials::ecs_ram_role::EcsRamRole;
use crate::credentials::oidc::OidcRole;
use crate::credentials::profile::cli_file::{ConfigFile, read_whole};
use crate::credentials::profile::cloud_sso::CloudSso;
use crate::credentials::profile::fields::Profile;
use crate::credentials::profile::file::ProfileFile;
use crate::credentials::profile::oauth::OAuth;
use crate::credentials::profile::process::CredentialProcess;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::credentials::uri::CredentialsUri;
use crate::service::provider::CredentialsError;

const MODES: &str = "AK, StsToken, RamRoleArn, ChainableRamRoleArn, EcsRamRole, OIDC, CloudSSO, \
                     OAuth, External and CredentialsURI";

/// How many roles may be assumed one with another. Each needs room on the stack of the program.
const MOST_ROLES: usize = 4;

/// One profile of config.json.
pub(crate) struct CliProfile {
    file: ProfileFile,
    /// The profile that returned a key first. It stays in use even if another one becomes the
    /// current profile of the file.
    used: OnceBox<String>,
}

impl CliProfile {
    pub(crate) fn new(file: ProfileFile) -> Self {
        Self { file, used: OnceBox::new() }
    }

    fn read(&self, deadline: &Deadline) -> Result<Zeroizing<String>, CredentialsError> {
        read_whole(|deadline| self.file.read(deadline), deadline)
    }

    /// The profile in use, whose fields are complete. Asks no service.
    pub(crate) fn look(&self, deadline: &Deadline) -> Result<Profile, CredentialsError> {
        let text = self.read(deadline)?;
        let config = ConfigFile::parse(&text)?;
        let (name, _) = self.current(&config, deadline)?;
        let missing = || CredentialsError::not_configured("profile not found");
        config.profile(name).ok_or_else(missing)
    }

    /// The name of the profile in use, and the source that it describes.
    fn current<'a>(
        &'a self,
        config: &'a ConfigFile<'_>,
        deadline: &Deadline,
    ) -> Result<(&'a str, Box<dyn Source>), CredentialsError> {
        let chosen = self.used.get().or(self.file.profile.as_ref());
        let name = chosen
            .or(config.current.as_ref())
            .ok_or_else(|| CredentialsError::failed("no current profile is set"))?;
        let source = self.source(config, name, &mut Vec::new(), deadline).map_err(|error| {
            // The profile that the program or the environment names may be in another file, but the
            // current profile must exist.
            if error.is_not_configured() && chosen.is_none() {
                let (name, line) = (quoted(name), config.current_line);
                CredentialsError::failed(format!("current profile {name} (line {line}) not found"))
            } else {
                error
            }
        })?;
        Ok((name, source))
    }

    /// The source that a profile describes. `above` are the profiles that name it, directly or not,
    /// as their `source_profile`.
    fn source(
        &self,
        config: &ConfigFile<'_>,
        name: &str,
        above: &mut Vec<String>,
        deadline: &Deadline,
    ) -> Result<Box<dyn Source>, CredentialsError> {
        let Some(profile) = config.profile(name) else {
            return Err(if above.is_empty() {
                CredentialsError::not_configured(format!("profile {} not found", quoted(name)))
            } else {
                CredentialsError::failed(format!("source_profile {} not found", quoted(name)))
            });
        };
        let context = || Arc::clone(&self.file.context);
        let required = |field| profile.required(field).map(ToOwned::to_owned);
        let assumed = |base| -> Result<Box<dyn Source>, CredentialsError> {
            Ok(Box::new(AssumedRole { context: context(), base, role: role(&profile)? }))
        };
        let source: Box<dyn Source> = match profile.required("mode")? {
            "AK" => Box::new(profile.access_key("")?),
            "StsToken" => {
                profile.required("sts_token")?;
                Box::new(profile.access_key("sts_token")?)
            }
            "RamRoleArn" => assumed(Box::new(profile.access_key("sts_token")?))?,
            "ChainableRamRoleArn" => {
                let base = required("source_profile")?;
                above.push(name.to_owned());
                if above.contains(&base) {
                    let base = quoted(&base);
                    return Err(profile.error(&format!("source_profile leads back to {base}")));
                }
                if above.len() > MOST_ROLES {
                    return Err(profile.error("source_profile: more than 4 roles in a chain"));
                }
                let base = self.source(config, &base, above, deadline);
                assumed(base.map_err(|error| error.at(&profile.place))?)?
            }
            "EcsRamRole" => Box::new(EcsRamRole::new(context(), profile.text("ram_role_name"))),
            "OIDC" => Box::new(OidcRole {
                context: context(),
                provider_arn: required("oidc_provider_arn")?,
                token_file: required("oidc_token_file")?.into(),
                role: role(&profile)?,
            }),
            "CloudSSO" => Box::new(CloudSso::new(context(), &profile)?),
            "OAuth" => {
                let path = self.file.path(deadline)?.into_owned();
                Box::new(OAuth::new(context(), path, name, &profile)?)
            }
            "External" | "CredentialsURI" if self.file.context.is_external_disabled() => {
                return Err(profile.error(&format!("{EXTERNAL_DISABLED} is set")));
            }
            "External" => {
                let is_isolated = self.file.context.variables.is_ignored();
                Box::new(CredentialProcess::new(&profile, is_isolated)?)
            }
            "CredentialsURI" => {
                Box::new(CredentialsUri::new(context(), profile.required("credentials_uri")?))
            }
            other => return Err(profile.unknown("mode", other, MODES)),
        };
        Ok(profile.source(source))
    }
}

/// The role to assume. Official packages differ in the name of the session's field.
fn role(profile: &Profile) -> Result<Role, CredentialsError> {
    Ok(Role {
        duration: profile.text("expired_seconds"),
        external_id: profile.text("external_id"),
        endpoint: profile.text("sts_endpoint"),
        region: profile.text("sts_region"),
        vpc: profile.get("enable_vpc").map(|flag| flag == "true"),
        ..profile.role("ram_role_arn", &["ram_session_name", "role_session_name"])?
    })
}

impl NamedSource for CliProfile {
    fn name(&self) -> String {
        let path = self.file.name();
        match self.used.get() {
            Some(profile) => format!("profile {} in {path}", quoted(profile)),
            None => path,
        }
    }
}

impl Source for CliProfile {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let text = self.read(deadline)?;
        let config = ConfigFile::parse(&text)?;
        let (name, source) = self.current(&config, deadline)?;
        let fetched = source.fetch(now, deadline)?;
        // Takes no lock, which may never be unlocked after a fork. It is set only once: later
        // names are the same.
        let _ = self.used.set(Box::new(name.to_owned()));
        Ok(fetched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use crate::base::env::Variable;
    use crate::base::logger::{Level, Logger};
    use crate::credentials::context::ProviderContext;
    use crate::credentials::profile::file::Location;

    fn cli(profile: Option<&str>) -> CliProfile {
        CliProfile::new(ProfileFile {
            context: ProviderContext::of_test(&[]),
            location: Location::InHome("nonexistent"),
            profile: profile.map(ToOwned::to_owned),
        })
    }

    fn source(json: &str, name: Option<&str>) -> Result<(), CredentialsError> {
        let config = ConfigFile::parse(json)?;
        let name = name.map(ToOwned::to_owned).or_else(|| config.current.clone()).unwrap();
        cli(None).source(&config, &name, &mut Vec::new(), &Deadline::over()).map(drop)
    }

    const CONFIG: &str = r#"{
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
    {"name": "e", "mode": "ChainableRamRoleArn", "source_profile": "missing"},
    {"name": "f", "mode": "Bearer"},
    {"name": "g"},
    {"name": "self", "mode": "ChainableRamRoleArn", "source_profile": "self"},
    7
  ]
}"#;

    #[test]
    fn errors_name_the_profile_its_line_and_the_field() {
        for (name, reason, not_configured) in [
            (None, "profile \"a\" (line 5): profile \"b\" (line 11): sts_token is missing", false),
            (
                Some("c"),
                "profile \"c\" (line 12): profile \"d\" (line 13): source_profile leads back to \
                 \"c\"",
                false,
            ),
            (
                Some("self"),
                "profile \"self\" (line 17): source_profile leads back to \"self\"",
                false,
            ),
            (Some("e"), "profile \"e\" (line 14): source_profile \"missing\" not found", false),
            (
                Some("f"),
                "profile \"f\" (line 15): libcas does not support the mode \"Bearer\"",
                false,
            ),
            (Some("g"), "profile \"g\" (line 16): mode is missing", false),
            (Some("other"), "profile \"other\" (line 4): access_key_id is missing", false),
            (Some("none"), "profile \"none\" not found", true),
        ] {
            let error = source(CONFIG, name).unwrap_err();
            assert_eq!(error.reason, reason);
            assert_eq!(error.is_not_configured(), not_configured, "{name:?}");
        }
    }

    #[test]
    fn a_switch_turns_programs_and_uris_off() {
        let json = r#"{"profiles": [
            {"name": "a", "mode": "External", "process_command": "/bin/false"},
            {"name": "b", "mode": "CredentialsURI", "credentials_uri": "http://127.0.0.1/"}]}"#;
        let config = ConfigFile::parse(json).unwrap();
        for name in ["a", "b"] {
            let source = |variables: &[(&str, &str)]| {
                let mut cli = cli(None);
                cli.file.context = ProviderContext::of_test(variables);
                cli.source(&config, name, &mut Vec::new(), &Deadline::over()).map(drop)
            };
            source(&[]).unwrap();
            let error = source(&[("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS", "1")]).unwrap_err();
            assert!(
                error.reason.ends_with("): ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS is set"),
                "{}",
                error.reason
            );
            assert!(!error.is_not_configured());
        }
    }

    #[test]
    fn a_chain_has_at_most_four_roles() {
        let role = |i: i32| {
            let base = i - 1;
            format!(
                r#"{{"name": "{i}", "mode": "ChainableRamRoleArn", "source_profile": "{base}",
                    "ram_role_arn": "acs:ram::1:role/x"}},"#
            )
        };
        let roles: Vec<_> = (1..6).map(role).collect();
        let key = r#"{"name": "0", "mode": "AK", "access_key_id": "a", "access_key_secret": "b"}"#;
        let json = format!(r#"{{"profiles": [{}{key}]}}"#, roles.concat());
        source(&json, Some("4")).unwrap();
        let error = source(&json, Some("5")).unwrap_err();
        assert!(error.reason.ends_with("more than 4 roles in a chain"), "{}", error.reason);
        assert!(!error.is_not_configured());
    }

    #[test]
    fn errors_in_json_name_the_line_and_quote_nothing() {
        for (json, reason) in [
            ("{\n\"hidden\": \"hidden\n}", "invalid JSON at line 2, column 17"),
            ("", "invalid JSON at line 1, column 0"),
            (
                "{\"hidden\": \"hid",
                "invalid JSON at line 1, column 15: the end of the file is missing",
            ),
            ("[]", "not a JSON object: line 1, column 0"),
            ("{\"current\": \"a\",\n \"profiles\": {}}", "\"profiles\" (line 2) is not a list"),
        ] {
            let error = source(json, Some("a")).unwrap_err();
            assert_eq!(error.reason, reason);
            assert_eq!(error.is_fatal(), reason.contains("the end of the file"), "{reason}");
        }
    }

    #[test]
    fn a_file_that_is_being_written_is_read_again() {
        const WHOLE: &str = "{\"current\": \"a\"}";
        let path = std::env::temp_dir().join(format!("libcas-{}-cli", std::process::id()));
        let read = |left| {
            std::fs::write(&path, &WHOLE[..9]).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            let mut context = Arc::into_inner(ProviderContext::of_test(&[])).unwrap();
            // The warning about the mode follows the first reading.
            let written = path.clone();
            context.logger = Logger::new(Level::Warn, move |_, _| {
                std::fs::write(&written, WHOLE).unwrap();
            });
            let mut cli = cli(None);
            cli.file.context = Arc::new(context);
            let variable = Variable::ALIBABA_CLOUD_CONFIG_FILE;
            cli.file.location = Location::Named(path.clone(), variable);
            cli.read(&Deadline::after(left)).unwrap().to_string()
        };
        assert_eq!(read(Duration::from_secs(60)), WHOLE);
        assert_eq!(read(Duration::ZERO), WHOLE[..9]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn roles_have_all_options_of_config_json() {
        let config = ConfigFile::parse(
            r#"{"profiles": [{"name": "a", "ram_role_arn": "r", "role_session_name": "s",
                "expired_seconds": 900, "external_id": "x", "sts_region": "cn-beijing",
                "sts_endpoint": "sts.example", "enable_vpc": true, "policy": "{}"},
                {"name": "b", "ram_role_arn": "r", "ram_session_name": "t",
                 "role_session_name": "s", "enable_vpc": false}]}"#,
        );
        let config = config.unwrap();
        let of = |name| role(&config.profile(name).unwrap()).unwrap();
        let (a, b) = (of("a"), of("b"));
        assert_eq!((a.arn.as_str(), a.session_name.as_deref()), ("r", Some("s")));
        assert_eq!((a.duration.as_deref(), a.external_id.as_deref()), (Some("900"), Some("x")));
        assert_eq!((a.region.as_deref(), a.vpc), (Some("cn-beijing"), Some(true)));
        assert_eq!((a.policy.as_deref(), a.endpoint.as_deref()), (Some("{}"), Some("sts.example")));
        assert_eq!((b.session_name.as_deref(), b.vpc), (Some("t"), Some(false)));
        assert_eq!((b.duration, b.policy), (None, None));
    }
}
