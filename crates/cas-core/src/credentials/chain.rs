//! The order in which sources are asked: that of the official SDKs (FACTS.md 5).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use crate::base::logger::{Level, Logger};
use crate::credentials::context::ProviderContext;
use crate::credentials::ecs_ram_role;
use crate::credentials::ecs_ram_role::EcsRamRole;
use crate::credentials::environment::Environment;
use crate::credentials::oidc::Oidc;
use crate::credentials::profile::cli::CliProfile;
use crate::credentials::profile::ini::IniProfile;
use crate::credentials::source::{KeyWithExpiry, NamedSource, Source};
use crate::credentials::uri::CredentialsUri;
use crate::service::provider::CredentialsError;

const PROFILE: &str = "ALIBABA_CLOUD_PROFILE";
const CLI_FILE: &str = "ALIBABA_CLOUD_CONFIG_FILE";
const CLI_PLACE: &str = ".aliyun/config.json";
const CLI_DISABLED: &str = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED";
const INI_FILE: &str = "ALIBABA_CLOUD_CREDENTIALS_FILE";
/// Where the official Go and Node.js packages look, and where the Python one does.
const INI_PLACES: [&str; 2] = [".alibabacloud/credentials", ".alibabacloud/credentials.ini"];

/// What helps with something that is set up and broken.
const CORRECT: &str = "Correct what is set up there; docs/credentials.md says what belongs in it.";
const NO_PROFILE: &str =
    "Name a profile that one of these files has: no other source is asked for it.";

/// No source has served yet.
const NONE: usize = usize::MAX;

/// Sources, asked one after another until one serves. From then on that one alone is asked: a program does not change its
/// identity while it runs.
pub(crate) struct Chain {
    sources: Vec<Box<dyn NamedSource>>,
    used: AtomicUsize,
    /// Whether the program named a profile.
    files_alone: bool,
    logger: Logger,
}

impl Chain {
    pub(crate) fn new(context: &Arc<ProviderContext>, profile: Option<&str>) -> Self {
        let logger = context.logger.clone();
        let variables = &context.variables;
        let shared = || Arc::clone(context);
        let files_alone = profile.is_some();
        let profile = profile.or_else(|| variables.get(PROFILE)).map(ToOwned::to_owned);
        let below_home = |name: &str| variables.home().map(|home| home.join(name));
        let mut sources: Vec<Box<dyn NamedSource>> = Vec::new();
        if !files_alone {
            sources.push(Box::new(Environment(shared())));
            sources.push(Box::new(Oidc(shared())));
        }
        let no_home = || {
            DisabledSource::boxed(
                "files of the user",
                "there is no home directory (HOME is not set)",
            )
        };
        if !files_alone && variables.is_true(CLI_DISABLED) {
            sources.push(DisabledSource::boxed(CLI_PLACE, &format!("{CLI_DISABLED} is set")));
        } else if let Some(path) = variables.get(CLI_FILE) {
            sources.push(Box::new(CliProfile::new(
                shared(),
                path.into(),
                profile.clone(),
                Some(CLI_FILE),
            )));
        } else {
            let path = below_home(CLI_PLACE);
            sources.push(path.map_or_else(no_home, |path| {
                Box::new(CliProfile::new(shared(), path, profile.clone(), None)) as _
            }));
        }
        if let Some(path) = variables.get(INI_FILE) {
            sources.push(Box::new(IniProfile::new(
                shared(),
                path.into(),
                profile.clone(),
                Some(INI_FILE),
            )));
        } else {
            for path in INI_PLACES.into_iter().filter_map(below_home) {
                sources.push(Box::new(IniProfile::new(shared(), path, profile.clone(), None)));
            }
        }
        if !files_alone {
            if variables.is_true(ecs_ram_role::DISABLED) {
                sources.push(DisabledSource::boxed(
                    "the instance role",
                    &format!("{} is set", ecs_ram_role::DISABLED),
                ));
            } else {
                sources.push(Box::new(EcsRamRole::of_environment(shared())));
            }
            sources.push(Box::new(CredentialsUri::of_environment(shared())));
        }
        Self { sources, used: AtomicUsize::new(NONE), files_alone, logger }
    }
}

/// A source that is not asked.
struct DisabledSource {
    name: String,
    why: String,
}

impl DisabledSource {
    fn boxed(name: &str, why: &str) -> Box<dyn NamedSource> {
        Box::new(Self { name: name.to_owned(), why: why.to_owned() })
    }
}

impl NamedSource for DisabledSource {
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Source for DisabledSource {
    fn fetch(&self, _: SystemTime, _: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        Err(CredentialsError::not_configured(self.why.as_str()))
    }
}

impl NamedSource for Chain {
    fn name(&self) -> String {
        match self.sources.get(self.used.load(Ordering::Relaxed)) {
            Some(source) => source.name(),
            None => "the sources of access keys".to_owned(),
        }
    }
}

impl Source for Chain {
    fn fetch(&self, now: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let said = |source: &dyn NamedSource, failure: &CredentialsError| {
            format!("{}: {}", source.name(), failure.reason)
        };
        if let Some(source) = self.sources.get(self.used.load(Ordering::Relaxed)) {
            return source.fetch(now, deadline).map_err(|failure| failure.at(&source.name()));
        }
        let mut failures = Vec::new();
        for (index, source) in self.sources.iter().enumerate() {
            match source.fetch(now, deadline) {
                Ok(fetched) => {
                    self.used.store(index, Ordering::Relaxed);
                    self.logger.log(Level::Debug, || {
                        format!("The access key comes from {}.", source.name())
                    });
                    return Ok(fetched);
                }
                Err(failure) => {
                    if !failure.is_not_configured() {
                        self.logger.log(Level::Warn, || {
                            format!(
                                "No access key was found here: {}.",
                                said(source.as_ref(), &failure)
                            )
                        });
                    }
                    let fatal = failure.is_fatal();
                    failures.push((said(source.as_ref(), &failure), failure));
                    if fatal {
                        break;
                    }
                }
            }
        }
        let why = failures.iter().map(|(said, _)| said.as_str()).collect::<Vec<_>>().join("; ");
        let mut broken = failures.into_iter().filter(|(_, failure)| !failure.is_not_configured());
        // Where several went wrong, what helps with one may be beside the point.
        let (first, second) = (broken.next(), broken.next());
        let retryable = first.iter().chain(&second).any(|(_, failure)| failure.retryable);
        let hint = match (first, second) {
            (Some((_, failure)), None) => Some(failure.hint.unwrap_or_else(|| CORRECT.to_owned())),
            (None, _) if self.files_alone => Some(NO_PROFILE.to_owned()),
            (None, _) => None,
            (Some(_), Some(_)) => Some(CORRECT.to_owned()),
        };
        Err(CredentialsError { hint, ..CredentialsError::failed(why).with_retryable(retryable) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    use crate::base::secret::Secret;
    use crate::protocol::access_key::AccessKey;

    type Answers = Mutex<Vec<Result<&'static str, CredentialsError>>>;

    struct Scripted(&'static str, Answers);

    impl NamedSource for Scripted {
        fn name(&self) -> String {
            self.0.to_owned()
        }
    }

    impl Source for Scripted {
        fn fetch(&self, _: SystemTime, _: Instant) -> Result<KeyWithExpiry, CredentialsError> {
            let id = self.1.lock().unwrap().remove(0)?;
            Ok(KeyWithExpiry::without_expiry(AccessKey::new(
                id.to_owned(),
                Secret::new("s".to_owned()),
                None,
            )))
        }
    }

    fn chain(sources: Vec<(&'static str, Vec<Result<&'static str, CredentialsError>>)>) -> Chain {
        let boxed =
            |(name, answers)| Box::new(Scripted(name, Mutex::new(answers))) as Box<dyn NamedSource>;
        let sources = sources.into_iter().map(boxed).collect();
        Chain {
            sources,
            used: AtomicUsize::new(NONE),
            files_alone: false,
            logger: Logger::default(),
        }
    }

    fn fetch(chain: &Chain) -> Result<String, CredentialsError> {
        chain.fetch(SystemTime::now(), Instant::now()).map(|fetched| fetched.key.id().to_owned())
    }

    #[test]
    fn the_first_that_serves_is_used_from_then_on() {
        let broken = || Err(CredentialsError::failed("it broke").with_retryable(true));
        let chain = chain(vec![
            ("one", vec![Err(CredentialsError::not_configured("nothing"))]),
            ("two", vec![Ok("a"), broken(), Ok("b")]),
            ("three", vec![]),
        ]);
        assert_eq!(fetch(&chain).unwrap(), "a");
        let failure = fetch(&chain).unwrap_err();
        assert_eq!((failure.reason.as_str(), failure.retryable), ("two: it broke", true));
        assert_eq!(fetch(&chain).unwrap(), "b");
    }

    #[test]
    fn a_key_that_cannot_be_one_is_not_replaced_by_another_identity() {
        let broken = Err(CredentialsError::fatal("it holds a line break"));
        let failure =
            fetch(&chain(vec![("one", vec![broken]), ("two", vec![Ok("a")])])).unwrap_err();
        assert_eq!(failure.reason, "one: it holds a line break");
    }

    #[test]
    fn when_nothing_works_each_source_says_why_in_order() {
        let not_configured = || Err(CredentialsError::not_configured("nothing"));
        let broken = || Err(CredentialsError::failed("it broke").with_hint("mend it"));
        let one = fetch(&chain(vec![("one", vec![not_configured()]), ("two", vec![broken()])]))
            .unwrap_err();
        assert_eq!(
            (one.reason.as_str(), one.hint.as_deref()),
            ("one: nothing; two: it broke", Some("mend it"))
        );
        let two =
            fetch(&chain(vec![("one", vec![broken()]), ("two", vec![broken()])])).unwrap_err();
        assert_eq!((two.hint.as_deref(), two.retryable), (Some(CORRECT), false));
    }

    fn names(variables: &[(&str, &str)], profile: Option<&str>) -> Vec<String> {
        let chain = Chain::new(&ProviderContext::of_test(variables), profile);
        chain.sources.iter().map(|source| source.name()).collect()
    }

    #[test]
    fn the_order_is_the_official_one() {
        let home = ("HOME", "/h");
        let (cli, go, python) = (
            "/h/.aliyun/config.json",
            "/h/.alibabacloud/credentials",
            "/h/.alibabacloud/credentials.ini",
        );
        let quoted = |path: &str| format!("\"{path}\"");
        let files = [cli, go, python].map(quoted);
        let all = names(&[home], None);
        assert_eq!(all[0], "the environment");
        assert!(all[1].contains("OIDC"), "{all:?}");
        assert_eq!(all[2..5], files);
        assert!(
            all[5].contains("instance role") && all[6].contains("ALIBABA_CLOUD_CREDENTIALS_URI"),
            "{all:?}"
        );
        assert_eq!(all.len(), 7);
        let fewer = names(
            &[home, (CLI_DISABLED, "true"), (ecs_ram_role::DISABLED, "TRUE"), (INI_FILE, "/i")],
            None,
        );
        assert_eq!((fewer.len(), fewer[3].as_str()), (6, "\"/i\""));
        assert_eq!(names(&[home, (CLI_FILE, "/c")], Some("p")), ["/c", go, python].map(quoted));
    }
}
