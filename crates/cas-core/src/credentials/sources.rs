//! The sources of the credential provider chain, in the order of the official SDKs
//! (docs/service.md, Credential chain).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use crate::base::deadline::Deadline;
use crate::base::env::Variable;
use crate::base::quote::quoted;
use crate::credentials::context::{EXTERNAL_DISABLED, ProviderContext};
use crate::credentials::ecs_ram_role;
use crate::credentials::ecs_ram_role::EcsRamRole;
use crate::credentials::environment::Environment;
use crate::credentials::oidc::Oidc;
use crate::credentials::profile::cli::CliProfile;
use crate::credentials::profile::file::{Location, ProfileFile};
use crate::credentials::profile::ini::IniProfile;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::credentials::uri::CredentialsUri;
use crate::service::provider::CredentialsError;

const PROFILE: Variable = Variable::ALIBABA_CLOUD_PROFILE;
const CLI_FILE: Variable = Variable::ALIBABA_CLOUD_CONFIG_FILE;
pub(super) const CLI_DEFAULT: &str = ".aliyun/config.json";
const CLI_DISABLED: Variable = Variable::ALIBABA_CLOUD_CLI_PROFILE_DISABLED;
const INI_FILE: Variable = Variable::ALIBABA_CLOUD_CREDENTIALS_FILE;
/// The file of the official Go and Node.js packages, and that of the Python package.
const INI_DEFAULTS: [&str; 2] = [".alibabacloud/credentials", ".alibabacloud/credentials.ini"];

const IGNORED: &str = "ignored, because the program runs with raised privileges (set-user-ID, \
                       set-group-ID or file capabilities)";
/// A source of the chain.
pub(crate) enum ChainSource {
    Environment(Environment),
    Oidc(Oidc),
    Cli(CliProfile),
    Ini(IniProfile),
    MissingProfile(MissingProfile),
    EcsRamRole(EcsRamRole),
    Uri(CredentialsUri),
    Disabled(DisabledSource),
}

impl ChainSource {
    pub(crate) fn as_named(&self) -> &dyn NamedSource {
        match self {
            Self::Environment(source) => source,
            Self::Oidc(source) => source,
            Self::Cli(source) => source,
            Self::Ini(source) => source,
            Self::MissingProfile(source) => source,
            Self::EcsRamRole(source) => source,
            Self::Uri(source) => source,
            Self::Disabled(source) => source,
        }
    }

    pub(crate) fn boxed(self) -> Box<dyn NamedSource> {
        match self {
            Self::Environment(source) => Box::new(source),
            Self::Oidc(source) => Box::new(source),
            Self::Cli(source) => Box::new(source),
            Self::Ini(source) => Box::new(source),
            Self::MissingProfile(source) => Box::new(source),
            Self::EcsRamRole(source) => Box::new(source),
            Self::Uri(source) => Box::new(source),
            Self::Disabled(source) => Box::new(source),
        }
    }
}

/// The sources to ask, in order. `profile` is the one that the program set, if it did.
pub(crate) fn sources(context: &Arc<ProviderContext>, profile: Option<&str>) -> Vec<ChainSource> {
    let variables = &context.variables;
    let shared = || Arc::clone(context);
    let files_only = profile.is_some();
    let is_ignored = variables.is_ignored();
    let mut sources = Vec::new();
    if is_ignored {
        sources.push(DisabledSource::of("the environment", IGNORED));
    } else if !files_only {
        sources.push(ChainSource::Environment(Environment(shared())));
        sources.push(ChainSource::Oidc(Oidc(shared())));
    }
    sources.extend(profile_files(context, profile));
    if !files_only && let Some(name) = variables.get(PROFILE) {
        sources.push(ChainSource::MissingProfile(MissingProfile(name.into_owned())));
    }
    if !files_only {
        sources.push(if variables.is_true(ecs_ram_role::DISABLED) {
            DisabledSource::by("the instance RAM role", ecs_ram_role::DISABLED)
        } else {
            ChainSource::EcsRamRole(EcsRamRole::of_environment(shared()))
        });
        if context.is_external_disabled() {
            sources.push(DisabledSource::by("the credentials URI", EXTERNAL_DISABLED));
        } else if !is_ignored {
            sources.push(ChainSource::Uri(CredentialsUri::of_environment(shared())));
        }
    }
    sources
}

/// The sources that read profile files: config.json of the CLI, then the credentials files.
fn profile_files(context: &Arc<ProviderContext>, profile: Option<&str>) -> Vec<ChainSource> {
    let variables = &context.variables;
    let chosen = profile.map(Cow::from).or_else(|| variables.get(PROFILE)).map(Cow::into_owned);
    let file =
        |location| ProfileFile { context: Arc::clone(context), location, profile: chosen.clone() };
    let named =
        |variable| variables.path(variable).map(|path| Location::Named(path.to_owned(), variable));
    let mut sources: Vec<ChainSource> = Vec::new();
    // The switch turns the file off for the chain, not for a profile that the program sets.
    sources.push(if profile.is_none() && variables.is_true(CLI_DISABLED) {
        DisabledSource::by(CLI_DEFAULT, CLI_DISABLED)
    } else {
        let location = named(CLI_FILE).unwrap_or(Location::InHome(CLI_DEFAULT));
        ChainSource::Cli(CliProfile::new(file(location)))
    });
    let ini_files = match named(INI_FILE) {
        Some(location) => vec![location],
        None => INI_DEFAULTS.map(Location::InHome).into(),
    };
    for location in ini_files {
        sources.push(ChainSource::Ini(IniProfile(file(location))));
    }
    sources
}

/// Ends the search after the profile files: the environment names a profile that none of them has.
pub(crate) struct MissingProfile(pub(super) String);

impl NamedSource for MissingProfile {
    fn name(&self) -> String {
        PROFILE.to_string()
    }

    fn is_set_up(&self) -> bool {
        false
    }
}

impl Source for MissingProfile {
    fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        let reason = format!("no file has a usable profile {}", quoted(&self.0));
        Err(CredentialsError::fatal(reason).with_hint(format!(
            "Set {PROFILE} to a profile that one of these files has, or unset it."
        )))
    }
}

/// A source that is turned off, for the message that names all sources.
pub(crate) struct DisabledSource {
    name: &'static str,
    reason: String,
}

impl DisabledSource {
    fn of(name: &'static str, reason: impl Into<String>) -> ChainSource {
        ChainSource::Disabled(Self { name, reason: reason.into() })
    }

    /// Turned off by this environment variable.
    fn by(name: &'static str, variable: Variable) -> ChainSource {
        Self::of(name, format!("{variable} is set"))
    }
}

impl NamedSource for DisabledSource {
    fn name(&self) -> String {
        self.name.to_owned()
    }
}

impl Source for DisabledSource {
    fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        Err(CredentialsError::not_configured(self.reason.as_str()))
    }
}
