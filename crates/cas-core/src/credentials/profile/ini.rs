//! Profiles of `~/.alibabacloud/credentials` and `credentials.ini`: sections with a `type`. See
//! docs/service.md, Profiles of the credentials file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::base::deadline::Deadline;
use crate::base::quote::quoted;
use crate::base::secret::Secret;
use crate::credentials::assume_role::AssumedRole;
use crate::credentials::ecs_ram_role::EcsRamRole;
use crate::credentials::oidc::OidcRole;
use crate::credentials::profile::fields::Profile;
use crate::credentials::profile::file::ProfileFile;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::service::provider::CredentialsError;

const TYPES: &str = "access_key, sts, ram_role_arn, ecs_ram_role and oidc_role_arn";

/// The profile that is used if none is named.
const DEFAULT: &str = "default";

/// One profile of a credentials file.
pub(crate) struct IniProfile(pub(crate) ProfileFile);

impl IniProfile {
    /// The profile in use, whose fields are complete. Asks no service.
    pub(crate) fn look(&self, deadline: &Deadline) -> Result<Profile, CredentialsError> {
        let profile = self.profile(deadline)?;
        self.source(&profile).map(|_| profile)
    }

    fn profile(&self, deadline: &Deadline) -> Result<Profile, CredentialsError> {
        let text = self.0.read(deadline)?;
        let name = self.0.profile.as_deref().unwrap_or(DEFAULT);
        parse(&text, name)?.ok_or_else(|| {
            CredentialsError::not_configured(format!("profile {} not found", quoted(name)))
        })
    }

    fn source(&self, profile: &Profile) -> Result<Box<dyn Source>, CredentialsError> {
        let context = || Arc::clone(&self.0.context);
        let role = || profile.role("role_arn", &["role_session_name"]);
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
                token_file: profile.required("oidc_token_file_path")?.into(),
                role: role()?,
            }),
            other => return Err(profile.unknown("type", other, TYPES)),
        })
    }
}

impl NamedSource for IniProfile {
    fn name(&self) -> String {
        self.0.name()
    }
}

impl Source for IniProfile {
    fn fetch(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<KeyWithExpiry, CredentialsError> {
        let profile = self.profile(deadline)?;
        let source = self.source(&profile)?;
        profile.source(source).fetch(now, deadline)
    }
}

/// The profile of that name. Errors in the fields of other profiles are ignored.
fn parse(text: &str, name: &str) -> Result<Option<Profile>, CredentialsError> {
    let error = |line: usize, reason: &str| {
        // The line itself may contain a secret.
        CredentialsError::failed(format!("line {line}: {reason}"))
    };
    let mut found: Option<Profile> = None;
    let (mut in_section, mut in_profile) = (false, false);
    // The name and the indentation of the last field.
    let mut last: Option<(String, usize)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let (whole, line) = (line, without_comment(line));
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        // A line that is indented deeper continues a value, as in the official Python package.
        if let Some((field, above)) = &last
            && indent > *above
        {
            let value = found
                .as_mut()
                .filter(|_| in_profile)
                .and_then(|profile| profile.fields.get_mut(field));
            if let Some(value) = value {
                *value = Secret::new(format!("{}\n{line}", value.expose()));
            }
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let section = rest
                .strip_suffix(']')
                .ok_or_else(|| error(number, "\"]\" is missing after the name of the profile"))?;
            (in_section, in_profile, last) = (true, section.trim() == name, None);
            if in_profile && found.is_some() {
                return Err(error(number, &format!("duplicate profile {}", quoted(name))));
            }
            if in_profile {
                found = Some(Profile::new(name, number, BTreeMap::new()));
            }
            continue;
        }
        if !in_section {
            return Err(error(number, "expected a [profile] first"));
        }
        let Some(profile) = found.as_mut().filter(|_| in_profile) else {
            last = Some((String::new(), indent));
            continue;
        };
        let (field, value) = line
            .split_once(['=', ':'])
            .ok_or_else(|| error(number, "expected a [profile] or NAME = VALUE"))?;
        let value = whole
            .split_once(['=', ':'])
            .and_then(|(_, value)| in_quotes(value.trim()))
            .unwrap_or(value.trim());
        let field = field.trim().to_ascii_lowercase();
        profile.fields.insert(field.clone(), Secret::new(value.to_owned()));
        last = Some((field, indent));
    }
    Ok(found)
}

/// A `#` begins a comment anywhere, as in the official Python package; a `;` only at the beginning
/// of a line.
fn without_comment(line: &str) -> &str {
    let line = line.split('#').next().unwrap_or_default();
    if line.trim_start().starts_with(';') { "" } else { line }
}

/// The value between quotes, as the official Node.js and Go packages read it: a `#` there is no
/// comment, but there may be one after them.
fn in_quotes(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let ends = |after: &str| matches!(after.trim_start().chars().next(), None | Some('#'));
    // A quote may be in the value, or in the comment.
    let splits = [value[1..].split_once(quote), value[1..].rsplit_once(quote)];
    splits.into_iter().flatten().find(|(_, after)| ends(after)).map(|(inside, _)| inside)
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
    fn sections_values_and_comments_are_read() {
        let profile = parse(FILE, "default").unwrap().unwrap();
        assert_eq!(profile.required("type").unwrap(), "access_key");
        assert_eq!(profile.get("access_key_secret"), Some("s=e:c"));
        assert_eq!(profile.place, "profile \"default\" (line 2)");
        let web = parse(FILE, "web").unwrap().unwrap();
        assert_eq!(web.get("type"), Some("sts"));
        assert_eq!(
            web.required("access_key_id").unwrap_err().reason,
            "profile \"web\" (line 8): access_key_id is missing"
        );
        assert_eq!(web.get("policy"), Some("{\n\"Version\": \"1\"\n}"));
        assert!(parse(FILE, "none").unwrap().is_none());
        let indented = format!("  {}", FILE.replace('\n', "\n  "));
        assert_eq!(parse(&indented, "web").unwrap().unwrap().get("policy"), web.get("policy"));
        assert!(parse(FILE, "other").map(drop).unwrap_err().reason.starts_with("line 15: "));
    }

    #[test]
    fn values_lose_their_quotes() {
        for (written, read) in [
            ("\"s\"", "s"),
            ("'s'", "s"),
            ("\"a # b\"", "a # b"),
            ("'a'  # it's mine", "a"),
            ("\"a\" # \"b\" c", "a"),
            ("\"a\" # from \"b\"", "a"),
            ("'a\"b'", "a\"b"),
            ("\"\"", ""),
            ("\"a", "\"a"),
            ("a\"", "a\""),
            ("\"a' # '", "\"a'"),
            ("a 'b' # c", "a 'b'"),
            ("'a' b", "'a' b"),
            ("\"", "\""),
        ] {
            let profile = parse(&format!("[default]\na = {written}\n"), "default");
            let profile = profile.unwrap().unwrap();
            assert_eq!(profile.fields["a"].expose(), read, "{written}");
        }
    }

    #[test]
    fn errors_name_the_line_and_quote_nothing() {
        for (text, reason) in [
            ("[default]\nhidden\n", "line 2: expected a [profile] or NAME = VALUE"),
            ("[default]\n[default\n", "line 2: \"]\" is missing after the name of the profile"),
            ("hidden = x\n[default]\n", "line 1: expected a [profile] first"),
            ("[default]\na=b\n[other]\n[default]\n", "line 4: duplicate profile \"default\""),
        ] {
            let error = parse(text, "default").map(drop).unwrap_err();
            assert_eq!(error.reason, reason);
            assert!(!error.is_not_configured());
        }
    }

    #[test]
    fn continuation_lines_of_other_profiles_are_ignored() {
        let text = "[default]\na = b\n[other]\nc = d\n  a = hidden\n[third]\n";
        let profile = parse(text, "default").unwrap().unwrap();
        assert_eq!((profile.get("a"), profile.fields.len()), (Some("b"), 1));
    }
}
