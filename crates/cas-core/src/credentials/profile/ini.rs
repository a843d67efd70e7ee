//! Profiles of `~/.alibabacloud/credentials`: sections with a `type`, as the official packages read them (FACTS.md 5).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::base::quote::{quoted, quoted_path};
use crate::base::secret::Secret;
use crate::credentials::assume_role::{AssumedRole, Role};
use crate::credentials::context::ProviderContext;
use crate::credentials::ecs_ram_role::EcsRamRole;
use crate::credentials::oidc::OidcRole;
use crate::credentials::profile::fields::Profile;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::service::provider::CredentialsError;

const TYPES: &str = "access_key, sts, ram_role_arn, ecs_ram_role, oidc_role_arn";

/// The section that is used when none is named.
const DEFAULT: &str = "default";

/// One section of one file, read anew for each key.
pub(crate) struct IniProfile {
    context: Arc<ProviderContext>,
    path: PathBuf,
    profile: Option<String>,
    /// The variable that names the file, if one does.
    variable: Option<&'static str>,
}

impl IniProfile {
    pub(crate) fn new(
        context: Arc<ProviderContext>,
        path: PathBuf,
        profile: Option<String>,
        variable: Option<&'static str>,
    ) -> Self {
        Self { context, path, profile, variable }
    }

    fn source(&self, profile: &Profile) -> Result<Box<dyn Source>, CredentialsError> {
        let context = || Arc::clone(&self.context);
        let role = || {
            Ok(Role {
                arn: profile.required("role_arn")?.to_owned(),
                session_name: profile.text("role_session_name"),
                policy: profile.text("policy"),
                ..Role::default()
            })
        };
        Ok(match profile.required("type")? {
            "access_key" => Box::new(profile.access_key("security_token")?),
            "sts" => {
                profile.required("security_token")?;
                Box::new(profile.access_key("security_token")?)
            }
            "ram_role_arn" => Box::new(AssumedRole {
                context: context(),
                base: Box::new(profile.access_key("security_token")?),
                role: role()?,
            }),
            "ecs_ram_role" => Box::new(EcsRamRole::new(context(), profile.text("role_name"))),
            "oidc_role_arn" => Box::new(OidcRole {
                context: context(),
                provider_arn: profile.required("oidc_provider_arn")?.to_owned(),
                token_file: profile.required("oidc_token_file_path")?.to_owned(),
                role: role()?,
            }),
            other => {
                return Err(profile.unknown("type", other, TYPES));
            }
        })
    }
}

impl NamedSource for IniProfile {
    fn name(&self) -> String {
        quoted_path(&self.path)
    }
}

impl Source for IniProfile {
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let text = self.context.secret_file(&self.path, self.variable)?;
        let wanted = self.profile.as_deref().unwrap_or(DEFAULT);
        match read(&text, wanted)? {
            Some(profile) => self.source(&profile)?.fetch(now, deadline),
            None => Err(CredentialsError::not_configured(format!(
                "it has no profile {}",
                quoted(wanted)
            ))),
        }
    }
}

/// The section called `wanted`. What other sections hold is nobody's concern.
fn read(text: &str, wanted: &str) -> Result<Option<Profile>, CredentialsError> {
    let mut found: Option<Profile> = None;
    let (mut any, mut is_wanted) = (false, false);
    let mut last: Option<(String, usize)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = without_comment(line);
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        // A line that stands further in goes on with the value before it, as in the official Python package.
        if let Some((name, above)) = &last
            && indent > *above
        {
            let value = found
                .as_mut()
                .filter(|_| is_wanted)
                .and_then(|profile| profile.fields.get_mut(name));
            if let Some(value) = value {
                *value = Secret::new(format!("{}\n{line}", value.expose()));
            }
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.strip_suffix(']').ok_or_else(|| {
                CredentialsError::failed(format!(
                    "line {number} begins like a [profile] and does not end so"
                ))
            })?;
            (any, is_wanted, last) = (true, name.trim() == wanted, None);
            if is_wanted && found.is_some() {
                let why =
                    format!("the profile {} begins a second time in line {number}", quoted(wanted));
                return Err(CredentialsError::failed(why));
            }
            if is_wanted {
                let place = format!("the profile {} (line {number})", quoted(wanted));
                found = Some(Profile { place, fields: BTreeMap::new() });
            }
            continue;
        }
        if !any {
            return Err(CredentialsError::failed(format!(
                "line {number} stands before any [profile]"
            )));
        }
        let Some(profile) = found.as_mut().filter(|_| is_wanted) else {
            last = Some((String::new(), indent));
            continue;
        };
        // The line itself may hold a secret.
        let (name, value) = line.split_once(['=', ':']).ok_or_else(|| {
            CredentialsError::failed(format!(
                "line {number} is neither [a profile] nor a name with a value"
            ))
        })?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        profile.fields.insert(name.clone(), Secret::new(bare.to_owned()));
        last = Some((name, indent));
    }
    Ok(found)
}

/// `#` begins a comment anywhere, as the official Python package has it; `;` where nothing stands before it.
fn without_comment(line: &str) -> &str {
    let line = line.split('#').next().unwrap_or_default();
    if line.trim_start().starts_with(';') { "" } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# made by hand
[default]
type = access_key            # a comment
access_key_id = id
access_key_secret = \"s=e:c\"
; another one

[web]
TYPE: sts
access_key_id=
policy = {
  \"Version\": \"1\"
  }
[other]
what is this?
";

    #[test]
    fn sections_values_and_comments() {
        let profile = read(FILE, "default").unwrap().unwrap();
        assert_eq!(profile.required("type").unwrap(), "access_key");
        assert_eq!(profile.get("access_key_secret"), Some("s=e:c"));
        assert_eq!(profile.place, "the profile \"default\" (line 2)");
        let web = read(FILE, "web").unwrap().unwrap();
        assert_eq!(web.get("type"), Some("sts"));
        assert_eq!(
            web.required("access_key_id").unwrap_err().reason,
            "the profile \"web\" (line 8) has no access_key_id"
        );
        assert_eq!(web.get("policy"), Some("{\n\"Version\": \"1\"\n}"));
        assert!(read(FILE, "gone").unwrap().is_none());
        let indented = format!("  {}", FILE.replace('\n', "\n  "));
        assert_eq!(read(&indented, "web").unwrap().unwrap().get("policy"), web.get("policy"));
        assert!(read(FILE, "other").map(drop).unwrap_err().reason.contains("line 15"));
    }

    #[test]
    fn what_is_broken_is_said_with_its_line_and_never_quoted() {
        for (text, why) in [
            ("[default]\nhidden\n", "line 2 is neither"),
            ("[default]\n[default\n", "line 2 begins like a [profile]"),
            ("hidden = x\n[default]\n", "line 1 stands before any"),
            ("[default]\na=b\n[other]\n[default]\n", "a second time in line 4"),
        ] {
            let failure = read(text, "default").map(drop).unwrap_err();
            assert!(
                failure.reason.contains(why) && !failure.reason.contains("hidden"),
                "{}",
                failure.reason
            );
            assert!(!failure.is_not_configured());
        }
    }
}
