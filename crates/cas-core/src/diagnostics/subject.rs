//! What is examined, and the parts of it that stand alone: settings, credentials, permission.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use cas_sign::SignedForm;

use crate::base::deadline::{Cancellation, Deadline};
use crate::base::env::EnvSnapshot;
use crate::base::error::{Error, ErrorKind};
use crate::base::per_process::PerProcess;
use crate::config::Config;
use crate::credentials::ProviderContext;
use crate::credentials::identity::{Identity, has_endpoint, identity};
use crate::credentials::survey::{KeyReport, SourceReport, SourceState, Survey, survey};
use crate::diagnostics::messages::not_connected;
use crate::http::client::HttpClient;
use crate::http::endpoint::Endpoint;
use crate::http::proxy::ProxyPolicy;
use crate::http::roots::{LoadedRoots, RootStore};
use crate::protocol::Signature;
use crate::protocol::access_key::AccessKey;
use crate::service::account::Account;
use crate::service::caller::Caller;
use crate::service::clock_skew::ClockSkew;
use crate::service::messages::no_access_key;
use crate::service::provider::FetchedProvider;
use crate::service::rate_limit::RateLimiter;
use crate::service::transport::HttpTransport;
use crate::service::version::{ApiVersion, Versions};

/// Longest time for a request or for the search for an access key.
const MAX_STEP: Duration = Duration::from_secs(15);

/// What hosts of the service end with.
const SERVICE_DOMAIN: &str = ".aliyuncs.com";

/// How a client with these options would reach the service. Holds no secret.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The URL of the endpoint.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// The API version; `None`: the older one for as long as the service has it.
    pub api: Option<ApiVersion>,
    /// How requests are signed.
    pub signature: Signature,
    /// The proxy for the endpoint, with asterisks for its login; `None` if there is none.
    pub proxy: Result<Option<String>, Error>,
    /// Where the choice of the proxy comes from.
    pub proxy_reason: String,
    /// The root store: its source, and how many roots it has.
    pub roots: Result<String, Error>,
}

/// Which credential sources are set up, and which of them serves. Holds no secret.
#[derive(Clone, Debug)]
pub struct CredentialsReport {
    /// All sources, in the order in which they are asked.
    pub sources: Vec<SourceReport>,
    /// The access key, unless it has to be fetched and was not.
    pub key: Option<KeyReport>,
    /// Why there is no access key.
    pub error: Option<Error>,
}

impl CredentialsReport {
    /// The source that serves, or may serve.
    #[must_use]
    pub fn serving(&self) -> Option<&SourceReport> {
        let is = |state| self.sources.iter().find(|source| source.state == state);
        is(SourceState::Serves).or_else(|| is(SourceState::MayServe))
    }
}

/// A signed call that changed nothing succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessTest {
    /// The operation that was called.
    pub action: &'static str,
    /// The API version that the service has.
    pub api: ApiVersion,
    /// The request ID.
    pub request_id: Option<String>,
}

/// Examines the way of an upload. Changes nothing at the service.
///
/// Every method blocks, for at most 15 seconds for each step, and not longer than the timeouts of
/// the [`Config`].
pub struct Diagnostics {
    pub(super) config: Config,
    pub(super) endpoint: Endpoint,
    pub(super) variables: Arc<EnvSnapshot>,
    pub(super) policy: Result<ProxyPolicy, Error>,
    pub(super) root_store: Result<RootStore, Error>,
    /// `None` if the proxy or the root store is unusable.
    pub(super) http: Option<Arc<HttpClient>>,
    pub(super) cancellation: Cancellation,
    /// The access key that was fetched, and its source.
    pub(super) fetched: Mutex<Option<(AccessKey, String)>>,
}

impl Diagnostics {
    /// Reads the environment and the CA file; sends nothing.
    ///
    /// Fails if an option or the endpoint is invalid. A proxy or a root store that is unusable is a
    /// finding.
    pub fn new(config: &Config) -> Result<Self, Error> {
        config.check()?;
        let endpoint = config.resolved_endpoint()?;
        let variables = Arc::new(config.read_environment());
        let policy = config.proxy_policy(&endpoint, &variables);
        let root_store = config.root_store(&variables);
        let http = match (config.proxy_policy(&endpoint, &variables), &root_store) {
            (Ok(policy), Ok(roots)) => Some(client(config, roots.clone(), policy)),
            _ => None,
        };
        Ok(Self {
            config: config.clone(),
            endpoint,
            variables,
            policy,
            root_store,
            http,
            cancellation: Cancellation::default(),
            fetched: Mutex::default(),
        })
    }

    /// Ends the steps that are in progress, from any thread.
    pub fn cancel(&self) {
        self.cancellation.cancel();
    }

    /// How a client with these options would reach the service. Reads the root store.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let policy = self.policy.as_ref();
        let proxy =
            policy.map_err(Clone::clone).and_then(|policy| policy.proxy_for(&self.endpoint));
        Settings {
            endpoint: self.endpoint.url(),
            region: self.config.region.clone(),
            api: self.config.api,
            signature: self.config.signature,
            proxy: proxy.map(|proxy| proxy.map(|proxy| proxy.masked_url())),
            proxy_reason: policy
                .map_or_else(|_| "invalid".to_owned(), |policy| policy.reason(&self.endpoint)),
            roots: self.roots().map(|roots| roots.description),
        }
    }

    /// Which credential sources are set up, and which of them serves. With `fetch`, a source that
    /// has to be asked is asked; otherwise nothing is sent, and no program is run.
    #[must_use]
    pub fn credentials(&self, fetch: bool) -> CredentialsReport {
        let now = SystemTime::now();
        match self.config.static_key() {
            Err(error) => {
                return CredentialsReport { sources: Vec::new(), key: None, error: Some(error) };
            }
            Ok(Some(key)) => {
                let (name, details) = ("the program".to_owned(), Vec::new());
                let state = SourceState::Serves;
                let report = KeyReport::of(&key, None);
                self.keep(key, &name);
                let sources = vec![SourceReport { name, state, reason: None, details }];
                return CredentialsReport { sources, key: Some(report), error: None };
            }
            Ok(None) => {}
        }
        let fetch = fetch && self.http.is_some();
        let profile = self.config.profile.as_deref();
        let found = survey(&self.context(), profile, fetch, now, &self.deadline());
        let Survey { sources, key, error } = found;
        let report = key.as_ref().map(|key| KeyReport::of(&key.key, key.expires));
        let serving = sources.iter().find(|source| source.state == SourceState::Serves);
        if let (Some(key), Some(source)) = (key, serving) {
            self.keep(key.key, &source.name);
        }
        let error = error.map(|cause| no_access_key(cause).error);
        CredentialsReport { sources, key: report, error }
    }

    /// Makes one signed call that changes nothing: a list of one certificate. If the access key may
    /// not do that, the hint of the error names the RAM action.
    pub fn test_access(&self) -> Result<AccessTest, Error> {
        let http = self.http.as_ref().ok_or_else(|| self.unusable())?;
        let (key, origin) = self.key()?;
        let caller = Caller {
            transport: Box::new(HttpTransport::new(Arc::clone(http), &self.endpoint)?),
            credentials: Some(Box::new(FetchedProvider { key: Arc::new(key), origin })),
            endpoint: self.endpoint.to_string(),
            signature: self.config.signature,
            max_attempts: self.config.max_attempts,
            skew: ClockSkew::default(),
            logger: self.config.logger.clone(),
        };
        let account = Account {
            caller,
            versions: Versions::new(self.config.api),
            rate_limiter: RateLimiter::of(self.config.rate_limit, Instant::now()),
            region: self.config.region.clone(),
            readings: PerProcess::new(Arc::default()),
        };
        let tested = account.list_one(&self.deadline()).map_err(|failure| failure.error)?;
        let (api, action, request_id) = tested;
        Ok(AccessTest { action, api, request_id })
    }

    /// Asks STS whose access key it is, which needs no permission. `None` if the program set the
    /// key, or if the endpoint is not one of Alibaba Cloud and the environment names no host of
    /// STS: a key for another service is not used there.
    pub fn identity(&self) -> Option<Result<Identity, Error>> {
        if self.http.is_none() || self.config.access_key.is_some() {
            return None;
        }
        let context = self.context();
        if !self.is_of_service() && !has_endpoint(&context) {
            return None;
        }
        let found = self.key().and_then(|(key, origin)| {
            identity(&context, key, origin, &self.deadline()).map_err(|failure| failure.error)
        });
        Some(found)
    }

    pub(super) fn roots(&self) -> Result<LoadedRoots, Error> {
        let store = self.root_store.as_ref().map_err(Clone::clone)?;
        store.load(&self.deadline()).map_err(not_connected)
    }

    /// The access key, fetched if it was not yet.
    pub(super) fn key(&self) -> Result<(AccessKey, String), Error> {
        let kept = || self.fetched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(key) = kept() {
            return Ok(key);
        }
        let report = self.credentials(true);
        kept().ok_or_else(|| report.error.unwrap_or_else(|| self.unusable()))
    }

    pub(super) fn keep(&self, key: AccessKey, origin: &str) {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        *fetched = Some((key, origin.to_owned()));
    }

    /// Why no request can be sent at all.
    pub(super) fn unusable(&self) -> Error {
        let errors = [self.policy.as_ref().err(), self.root_store.as_ref().err()];
        let error = errors.into_iter().flatten().next().cloned();
        error.unwrap_or_else(|| Error::new(ErrorKind::Internal, "No request can be sent."))
    }

    /// What sources work with. Without a usable proxy and root store, they may only look at files
    /// and variables.
    pub(super) fn context(&self) -> Arc<ProviderContext> {
        let http = self.http.clone().unwrap_or_else(|| {
            let (proxy, endpoint) = (None, self.endpoint.clone());
            let policy = ProxyPolicy::Configured { proxy, endpoint };
            client(&self.config, RootStore::System { ignores_environment: true }, policy)
        });
        let (variables, signature) = (Arc::clone(&self.variables), self.config.signature);
        Arc::new(ProviderContext::new(variables, http, signature, self.config.logger.clone()))
    }

    /// The request of [`Self::test_access`] without a signature.
    pub(super) fn unsigned(&self) -> SignedForm {
        let version = Versions::new(self.config.api).current();
        SignedForm::unsigned(&version.list_page(version.lists()[0], 1, 1).params)
    }

    pub(super) fn is_of_service(&self) -> bool {
        self.endpoint.host().trim_end_matches('.').ends_with(SERVICE_DOMAIN)
    }

    /// The deadline of a step that begins now.
    pub(super) fn deadline(&self) -> Deadline {
        self.cancellation.deadline(Instant::now() + self.config.timeout.min(MAX_STEP))
    }
}

fn client(config: &Config, roots: RootStore, policy: ProxyPolicy) -> Arc<HttpClient> {
    Arc::new(HttpClient::new(
        config.connect_timeout,
        roots,
        policy,
        config.allow_plaintext,
        config.user_agent.clone(),
    ))
}
