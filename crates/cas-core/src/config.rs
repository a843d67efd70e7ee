//! The options of a client. Setters refuse an invalid value at once, and a client cannot be created
//! until it is set right; every message about an option is made here.
//!
//! Uses `http`, `protocol` and `service` for the types of the options, and `base`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::base::env::{EnvSnapshot, Group};
use crate::base::error::{Error, ErrorKind};
use crate::base::logger::{Level, Logger};
use crate::base::refusals::Refusals;
use crate::base::secret::Secret;
use crate::http::endpoint::{AVOID_PLAINTEXT, Endpoint};
use crate::http::proxy;
use crate::http::proxy::{Proxy, ProxyPolicy};
use crate::http::roots::RootStore;
use crate::protocol::Signature;
use crate::protocol::access_key::{AccessKey, check_access_key, check_security_token};
use crate::service::rate_limit::RateLimit;
use crate::service::regions;
use crate::service::regions::DEFAULT_REGION;
use crate::service::version::ApiVersion;

/// The options of a client; `default()` has every default.
///
/// After an error of a setter, no client can be created until a valid value is set: it would use
/// another access key, call another host or trust other roots than the program wanted.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) access_key: Option<(String, Secret)>,
    pub(crate) security_token: Option<Secret>,
    pub(crate) profile: Option<String>,
    pub(crate) region: String,
    pub(crate) vpc: bool,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) allow_plaintext: bool,
    pub(crate) proxy: ProxyChoice,
    pub(crate) roots: Option<ConfiguredRoots>,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) rate_limit: RateLimit,
    pub(crate) api: Option<ApiVersion>,
    pub(crate) signature: Signature,
    pub(crate) user_agent: String,
    pub(crate) logger: Logger,
    pub(crate) trust_environment: bool,
    refusals: Refusals,
}

/// Which proxy the program chose.
#[derive(Clone, Debug)]
pub(crate) enum ProxyChoice {
    /// Those of the environment.
    Environment,
    /// No proxy.
    Direct,
    Through(Proxy),
}

/// The root certificates that the program chose.
#[derive(Clone, Debug)]
pub(crate) enum ConfiguredRoots {
    /// A PEM file, which is read when the client is created.
    File(PathBuf),
    /// A PEM text, already read.
    Pem(RootStore),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            access_key: None,
            security_token: None,
            profile: None,
            region: DEFAULT_REGION.to_owned(),
            vpc: false,
            endpoint: None,
            allow_plaintext: false,
            proxy: ProxyChoice::Environment,
            roots: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(60),
            max_attempts: 4,
            rate_limit: RateLimit::PerSecond(0),
            api: None,
            signature: Signature::default(),
            user_agent: default_user_agent(),
            logger: Logger::default(),
            trust_environment: false,
            refusals: Refusals::default(),
        }
    }
}

fn default_user_agent() -> String {
    format!("libcas/{}", env!("CARGO_PKG_VERSION"))
}

/// The error for an invalid value of `option`, and how to fix it.
fn refused(option: &str, sentence: &str) -> Error {
    invalid(sentence).with_hint(format!("Set a valid {option}."))
}

fn invalid(sentence: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, sentence)
}

/// Fails unless the value of `option` is valid.
fn ensure(is_valid: bool, option: &str, sentence: &str) -> Result<(), Error> {
    if is_valid { Ok(()) } else { Err(refused(option, sentence)) }
}

impl Config {
    /// Sets the access key to sign with, instead of the credential provider chain.
    pub fn set_access_key(&mut self, id: &str, secret: Secret) -> Result<(), Error> {
        let checked = check_access_key(id, secret.expose())
            .map_err(|sentence| refused("access key", &sentence));
        self.refusals.accept("cas_config_set_access_key", checked)?;
        self.access_key = Some((id.to_owned(), secret));
        Ok(())
    }

    /// Sets the security token of a temporary access key (STS).
    pub fn set_security_token(&mut self, token: Secret) -> Result<(), Error> {
        let checked = check_security_token(token.expose())
            .map_err(|sentence| refused("security token", &sentence));
        self.refusals.accept("cas_config_set_security_token", checked)?;
        self.security_token = Some(token);
        Ok(())
    }

    /// Sets the profile of the credential files that has the access key. libcas then uses no other
    /// source, even if the profile does not exist.
    pub fn set_profile(&mut self, name: &str) -> Result<(), Error> {
        let is_valid =
            !name.is_empty() && name.trim() == name && !name.chars().any(char::is_control);
        let sentence = "Invalid profile name: it is empty, contains control characters, or begins \
                        or ends with white space.";
        let checked = is_valid
            .then_some(())
            .ok_or_else(|| invalid(sentence).with_hint("Name a profile of the credential files."));
        self.refusals.accept("cas_config_set_profile", checked)?;
        self.profile = Some(name.to_owned());
        Ok(())
    }

    /// Sets the region: it selects the endpoint, and is the suffix of certificate identifiers.
    pub fn set_region(&mut self, region: &str) -> Result<(), Error> {
        let plausible = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_id = (1..=63).contains(&region.len()) && region.bytes().all(plausible);
        let sentence = "Invalid region: expected a region ID such as cn-hangzhou.";
        self.refusals.accept("cas_config_set_region", ensure(is_id, "region", sentence))?;
        region.clone_into(&mut self.region);
        Ok(())
    }

    /// Sets whether to call the region's endpoint inside Alibaba Cloud's private network (VPC), for
    /// machines without internet access.
    pub fn set_vpc(&mut self, vpc: bool) {
        self.vpc = vpc;
    }

    /// Sets the endpoint, instead of the region's.
    pub fn set_endpoint(&mut self, endpoint: &str) -> Result<(), Error> {
        let parsed = Endpoint::parse(endpoint);
        self.endpoint = Some(self.refusals.accept("cas_config_set_endpoint", parsed)?);
        Ok(())
    }

    /// Sets whether `http://` is allowed to other hosts than this machine, in the endpoint and in a
    /// credentials URI.
    pub fn set_allow_plaintext(&mut self, allow: bool) {
        self.allow_plaintext = allow;
    }

    /// Sets the proxy, instead of the environment's; an empty URL means no proxy.
    pub fn set_proxy(&mut self, url: &str) -> Result<(), Error> {
        let choice = if url.is_empty() {
            Ok(ProxyChoice::Direct)
        } else {
            Proxy::parse(url).map(ProxyChoice::Through)
        };
        let choice = choice.map_err(|cause| proxy::invalid_proxy(None, cause));
        self.proxy = self.refusals.accept("cas_config_set_proxy", choice)?;
        Ok(())
    }

    /// Sets the CA file: a PEM bundle that replaces the system's root store. It is read when the
    /// client is created. Replaces the CA PEM.
    pub fn set_ca_file(&mut self, path: &Path) -> Result<(), Error> {
        let checked =
            ensure(!path.as_os_str().is_empty(), "CA file", "Invalid CA file: the path is empty.");
        self.refusals.accept("cas_config_set_ca_file", checked)?;
        self.roots = Some(ConfiguredRoots::File(path.into()));
        Ok(())
    }

    /// Sets the CA PEM: a PEM bundle that replaces the system's root store. It is read now.
    /// Replaces the CA file.
    pub fn set_ca_pem(&mut self, pem: &[u8]) -> Result<(), Error> {
        let parsed = RootStore::from_pem(pem);
        let store = self.refusals.accept("cas_config_set_ca_pem", parsed)?;
        self.roots = Some(ConfiguredRoots::Pem(store));
        Ok(())
    }

    /// Sets the timeout of one connection: name resolution, TCP and TLS together.
    pub fn set_connect_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        let sentence = "Invalid connect timeout 0: must be positive.";
        let checked = ensure(!timeout.is_zero(), "connect timeout", sentence);
        self.refusals.accept("cas_config_set_connect_timeout_ms", checked)?;
        self.connect_timeout = timeout;
        Ok(())
    }

    /// Sets the timeout of a whole call, including all attempts and delays.
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        let sentence = "Invalid timeout 0: must be positive.";
        let checked = ensure(!timeout.is_zero(), "timeout", sentence);
        self.refusals.accept("cas_config_set_timeout_ms", checked)?;
        self.timeout = timeout;
        Ok(())
    }

    /// Sets the rate limit: uploads per second, for all threads of a client together. 0 means no
    /// limit, and after throttling the documented rate for a minute.
    pub fn set_rate_limit(&mut self, per_second: u32) {
        self.rate_limit = RateLimit::PerSecond(per_second);
    }

    /// Sets the rate limit to the rate that the service documents for the API version in use: for
    /// programs that upload many certificates.
    pub fn set_documented_rate_limit(&mut self) {
        self.rate_limit = RateLimit::Documented;
    }

    /// Sets the API version. `None` means 2018-07-13 for as long as the service has it, then
    /// 2020-04-07.
    pub fn set_api(&mut self, version: Option<ApiVersion>) {
        self.api = version;
    }

    /// Sets how requests are signed.
    pub fn set_signature(&mut self, signature: Signature) {
        self.signature = signature;
    }

    /// Sets the most attempts to send a request; 1 means no retry. Throttled attempts count only
    /// then.
    pub fn set_max_attempts(&mut self, attempts: u32) -> Result<(), Error> {
        let sentence = "Invalid number of attempts 0: must be positive.";
        let checked = ensure(attempts > 0, "number of attempts", sentence);
        self.refusals.accept("cas_config_set_max_attempts", checked)?;
        self.max_attempts = attempts;
        Ok(())
    }

    /// Sets the program's product token for the service's logs, such as `deployer/3.2`. It precedes
    /// that of libcas.
    pub fn set_user_agent(&mut self, product: &str) -> Result<(), Error> {
        let printable = |b: u8| b == b' ' || b.is_ascii_graphic();
        let is_valid =
            !product.trim().is_empty() && product.len() <= 200 && product.bytes().all(printable);
        let sentence = "Invalid user agent: must be printable ASCII of 1 to 200 bytes.";
        let checked = ensure(is_valid, "user agent", sentence);
        self.refusals.accept("cas_config_set_user_agent", checked)?;
        self.user_agent = format!("{} {}", product.trim(), default_user_agent());
        Ok(())
    }

    /// Sets where the log messages of the client go.
    pub fn set_logger(&mut self, logger: Logger) {
        self.logger = logger;
    }

    /// Sets whether libcas uses the environment although the program runs with raised privileges
    /// (set-user-ID, set-group-ID, file capabilities). Without this, it ignores the environment of
    /// such a program.
    pub fn set_trust_environment(&mut self, trust: bool) {
        self.trust_environment = trust;
    }

    /// Reads what the program leaves to the environment, and nothing else.
    pub(crate) fn read_environment(&self) -> EnvSnapshot {
        let any_source = self.access_key.is_none() && self.profile.is_none();
        let groups = [
            (Group::Proxy, matches!(self.proxy, ProxyChoice::Environment)),
            (Group::Roots, self.roots.is_none()),
            (Group::Sources, any_source),
            (Group::Former, any_source),
            (Group::Profiles, self.access_key.is_none()),
        ];
        let groups = groups.into_iter().filter_map(|(group, left)| left.then_some(group)).collect();
        if self.trust_environment || !cas_sys::secure_execution() {
            EnvSnapshot::read(groups)
        } else {
            EnvSnapshot::ignored(groups)
        }
    }

    /// Records whether `setter`, a C function, set its value. After a failure, of any kind, no
    /// client can be created until it succeeds.
    pub fn record(&mut self, setter: &'static str, set: Result<(), Error>) -> Result<(), Error> {
        self.refusals.accept(setter, set)
    }

    /// Fails if an option was refused and not set right: with the error of the first one.
    pub fn check(&self) -> Result<(), Error> {
        self.refusals.check()
    }

    /// Returns the access key that the program set, if any.
    pub(crate) fn static_key(&self) -> Result<Option<AccessKey>, Error> {
        match (&self.access_key, &self.security_token) {
            (Some((id, secret)), token) => {
                Ok(Some(AccessKey::new(id.clone(), secret.clone(), token.clone())))
            }
            (None, None) => Ok(None),
            (None, Some(_)) => Err(invalid("The security token is set, but not its access key.")
                .with_hint("Call cas_config_set_access_key with its ID and secret as well.")),
        }
    }

    /// Returns the roots that the program chose, or else those of the environment or the system.
    pub(crate) fn root_store(&self, variables: &EnvSnapshot) -> Result<RootStore, Error> {
        match &self.roots {
            Some(ConfiguredRoots::File(path)) => RootStore::from_file(path),
            Some(ConfiguredRoots::Pem(store)) => Ok(store.clone()),
            None => Ok(RootStore::of_environment(variables)),
        }
    }

    /// Returns which requests use which proxy. Fails if the environment's proxy of `endpoint` is
    /// invalid.
    pub(crate) fn proxy_policy(
        &self,
        endpoint: &Endpoint,
        variables: &Arc<EnvSnapshot>,
    ) -> Result<ProxyPolicy, Error> {
        let configured = |proxy| ProxyPolicy::Configured { proxy, endpoint: endpoint.clone() };
        let proxy_policy = match &self.proxy {
            ProxyChoice::Environment => ProxyPolicy::Environment(Arc::clone(variables)),
            ProxyChoice::Direct => configured(None),
            ProxyChoice::Through(proxy) => configured(Some(proxy.clone())),
        };
        // A setting of the environment is parsed when it is used: report an invalid one now.
        proxy_policy.proxy_for(endpoint)?;
        Ok(proxy_policy)
    }

    /// Returns the endpoint to call.
    pub(crate) fn resolved_endpoint(&self) -> Result<Endpoint, Error> {
        let endpoint = self.endpoint.clone().unwrap_or_else(|| self.endpoint_of_region());
        if endpoint.is_exposed() && !self.allow_plaintext {
            return Err(invalid(&format!(
                "Plain HTTP to {endpoint} would expose the private key to the network."
            ))
            .with_hint(AVOID_PLAINTEXT));
        }
        Ok(endpoint)
    }
}

impl Config {
    fn endpoint_of_region(&self) -> Endpoint {
        let (endpoint, documented) = regions::endpoint_of(&self.region, self.vpc);
        if !documented {
            self.logger.log(Level::Debug, || {
                let kind = if self.vpc { "VPC endpoint" } else { "endpoint" };
                let region = &self.region;
                format!("No {kind} is documented for the region {region}: using {endpoint}.")
            });
        }
        endpoint
    }
}

#[cfg(test)]
mod tests;
