//! Which credential sources are set up, which of them serves, and why the others do not. For
//! diagnostics: the search itself is in `chain`.

use std::sync::Arc;
use std::time::SystemTime;

use crate::base::deadline::Deadline;
use crate::base::quote::{quoted, quoted_path};
use crate::base::time::UnixTime;
use crate::credentials::chain::{ProviderChain, fetch_patiently};
use crate::credentials::context::ProviderContext;
use crate::credentials::ecs_ram_role;
use crate::credentials::oidc::read_token;
use crate::credentials::profile::fields::Profile;
use crate::credentials::source::KeyWithExpiry;
use crate::credentials::sources::{ChainSource, sources};
use crate::protocol::access_key::{AccessKey, masked_id};
use crate::service::provider::CredentialsError;

/// Fields of profiles that are neither secret nor likely to hold a secret.
const PUBLIC_FIELDS: [&str; 17] = [
    "mode",
    "type",
    "ram_role_arn",
    "role_arn",
    "ram_role_name",
    "role_name",
    "ram_session_name",
    "role_session_name",
    "source_profile",
    "oidc_provider_arn",
    "oidc_token_file",
    "oidc_token_file_path",
    "cloud_sso_account_id",
    "cloud_sso_access_config",
    "oauth_site_type",
    "sts_region",
    "enable_vpc",
];

/// Modes of profiles that hold their key.
const LOCAL_MODES: [&str; 4] = ["AK", "StsToken", "access_key", "sts"];

/// What a credential source does.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It serves: requests are signed with its access key.
    Serves,
    /// Only a request can tell whether it serves, and none was made.
    MayServe,
    /// It is not set up.
    NotConfigured,
    /// It is set up, and returns no access key.
    Failed,
    /// An earlier source serves, or has ended the search.
    NotAsked,
}

impl SourceState {
    /// The name of the state for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Serves => "serves",
            Self::MayServe => "may-serve",
            Self::NotConfigured => "not-configured",
            Self::Failed => "failed",
            Self::NotAsked => "not-asked",
        }
    }
}

/// A credential source. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceReport {
    /// Its name, such as `the environment`.
    pub name: String,
    /// What it does.
    pub state: SourceState,
    /// Why it does not serve, as a clause.
    pub reason: Option<String>,
    /// What is public of its settings: name and value.
    pub details: Vec<(&'static str, String)>,
}

/// The access key that requests are signed with. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// Its ID without its middle, such as `LTAI****abcd`.
    pub access_key_id: String,
    /// Whether it comes with a security token.
    pub is_temporary: bool,
    /// When it expires, if that is known.
    pub expires: Option<UnixTime>,
}

impl KeyReport {
    pub(crate) fn of(key: &AccessKey, expires: Option<SystemTime>) -> Self {
        Self {
            access_key_id: masked_id(key.id()),
            is_temporary: key.security_token().is_some(),
            expires: expires.map(UnixTime::of),
        }
    }
}

/// The result of a survey.
pub(crate) struct Survey {
    pub(crate) sources: Vec<SourceReport>,
    /// The key of the source that serves, unless it has to be fetched and is not.
    pub(crate) key: Option<KeyWithExpiry>,
    /// Why no source serves or may serve.
    pub(crate) error: Option<CredentialsError>,
}

/// Looks at the sources in order. With `fetch`, those that are set up are asked for a key, as
/// before a request; otherwise nothing is sent, and no program is run.
pub(crate) fn survey(
    context: &Arc<ProviderContext>,
    profile: Option<&str>,
    fetch: bool,
    now: SystemTime,
    deadline: &Deadline,
) -> Survey {
    let (mut reports, mut errors, mut key) = (Vec::new(), Vec::new(), None);
    let (mut ended, mut may_serve) = (false, false);
    for source in sources(context, profile) {
        let name = source.as_named().name();
        let report = |state, reason, details| SourceReport { name, state, reason, details };
        if ended {
            reports.push(report(SourceState::NotAsked, None, Vec::new()));
            continue;
        }
        let mut details = Vec::new();
        let looked = look(&source, &mut details, deadline);
        let fetched = match looked {
            Ok(Known::Local) => fetch_patiently(source.as_named(), now, deadline).map(Some),
            Ok(Known::Remote { .. }) if fetch => {
                fetch_patiently(source.as_named(), now, deadline).map(Some)
            }
            Ok(Known::Remote { is_set_up: false }) => {
                may_serve = true;
                reports.push(report(SourceState::MayServe, None, details));
                continue;
            }
            Ok(Known::Remote { is_set_up: true }) => Ok(None),
            Err(error) => Err(error),
        };
        match fetched {
            Ok(fetched) => {
                (key, ended, may_serve) = (fetched, true, true);
                reports.push(report(SourceState::Serves, None, details));
            }
            Err(error) => {
                let state = if error.is_not_configured() {
                    SourceState::NotConfigured
                } else {
                    SourceState::Failed
                };
                ended = error.is_fatal() || deadline.is_cancelled();
                errors.push(error.clone().at(&source.as_named().name()));
                reports.push(report(state, Some(error.reason), details));
            }
        }
    }
    let error = (!may_serve).then(|| ProviderChain::new(context, profile).error(errors));
    Survey { sources: reports, key, error }
}

/// What has to be done for a key.
enum Known {
    /// Nothing is sent for it.
    Local,
    /// A service or program is asked. `is_set_up`: someone has configured it.
    Remote { is_set_up: bool },
}

/// Looks at what a source would do, and notes what is public of it.
fn look(
    source: &ChainSource,
    details: &mut Vec<(&'static str, String)>,
    deadline: &Deadline,
) -> Result<Known, CredentialsError> {
    let remote = Ok(Known::Remote { is_set_up: true });
    match source {
        ChainSource::Environment(_) | ChainSource::MissingProfile(_) | ChainSource::Disabled(_) => {
            Ok(Known::Local)
        }
        ChainSource::Oidc(source) => {
            let role = source.role()?;
            details.push(("role_arn", plain(&role.role.arn)));
            details.push(("oidc_provider_arn", plain(&role.provider_arn)));
            details.push(("oidc_token_file", quoted_path(&role.token_file)));
            read_token(&role.token_file, deadline)?;
            remote
        }
        ChainSource::Cli(source) => Ok(of_profile(&source.look(deadline)?, details)),
        ChainSource::Ini(source) => Ok(of_profile(&source.look(deadline)?, details)),
        ChainSource::EcsRamRole(source) => {
            details.extend(source.role.as_deref().map(|role| ("ram_role_name", plain(role))));
            details.push(("address", ecs_ram_role::address().to_owned()));
            Ok(Known::Remote { is_set_up: source.role.is_some() })
        }
        ChainSource::Uri(source) if source.is_set() => {
            details.extend(source.host().map(|host| ("host", host)));
            remote
        }
        ChainSource::Uri(_) => Ok(Known::Local),
    }
}

fn of_profile(profile: &Profile, details: &mut Vec<(&'static str, String)>) -> Known {
    details.push(("profile", profile.place.clone()));
    for field in PUBLIC_FIELDS {
        details.extend(profile.get(field).map(|value| (field, plain(value))));
    }
    details.extend(profile.get("access_key_id").map(|id| ("access_key_id", masked_id(id))));
    let mode = profile.get("mode").or_else(|| profile.get("type")).unwrap_or_default();
    if LOCAL_MODES.contains(&mode) { Known::Local } else { Known::Remote { is_set_up: true } }
}

/// A value for output, unless it may be a key in the wrong place.
fn plain(value: &str) -> String {
    let quoted = quoted(value);
    let bare = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    bare.unwrap_or(&quoted).to_owned()
}

#[cfg(test)]
mod tests;
