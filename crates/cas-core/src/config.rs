//! The options of a client. Setters refuse an invalid value at once; every message about an option
//! is made here.
//!
//! Uses `http`, `protocol` and `service` for the types of the options, and `base`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::base::env::EnvSnapshot;
use crate::base::error::{Error, ErrorKind};
use crate::base::logger::{Level, Logger};
use crate::base::secret::Secret;
use crate::http::endpoint::Endpoint;
use crate::http::proxy::{Proxy, ProxyPolicy};
use crate::http::{endpoint, proxy};
use crate::protocol::Signature;
use crate::protocol::access_key::{AccessKey, check_access_key, check_security_token};
use crate::service::regions;
use crate::service::regions::DEFAULT_REGION;
use crate::service::version::ApiVersion;

/// The options of a client; `default()` has every default.
#[derive(Clone, Debug)]
pub struct Config {
    /// A refused value stays refused until another one is set: without it, a client would use
    /// another access key.
    pub(crate) access_key: Option<Result<(String, Secret), String>>,
    pub(crate) security_token: Option<Secret>,
    /// Like `access_key`.
    pub(crate) profile: Option<Result<String, String>>,
    pub(crate) region: String,
    pub(crate) vpc: bool,
    /// Like `access_key`: without it, a client would call another host.
    pub(crate) endpoint: Option<Result<Endpoint, String>>,
    pub(crate) allow_plaintext: bool,
    /// `None` for the proxy of the environment. Like `access_key`: without it, requests would take
    /// another route.
    pub(crate) proxy: Option<Result<Option<Proxy>, String>>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) rate_limit: u32,
    pub(crate) api: Option<ApiVersion>,
    pub(crate) signature: Signature,
    pub(crate) user_agent: String,
    pub(crate) logger: Logger,
    /// Other options that were refused and not set again, each with its sentence.
    refused: Vec<(&'static str, String)>,
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
            proxy: None,
            ca_file: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(60),
            max_attempts: 4,
            rate_limit: 0,
            api: None,
            signature: Signature::default(),
            user_agent: default_user_agent(),
            logger: Logger::default(),
            refused: Vec::new(),
        }
    }
}

fn default_user_agent() -> String {
    format!("libcas/{}", env!("CARGO_PKG_VERSION"))
}

/// The error of a setter for `option`, and how to fix it.
fn refused(option: &str, sentence: &str) -> Error {
    invalid(sentence).with_hint(format!("Set a valid {option}."))
}

fn invalid(sentence: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, sentence)
}

impl Config {
    /// Sets the access key to sign with, instead of the credential provider chain. After an error,
    /// no client can be created until a valid key is set.
    pub fn set_access_key(&mut self, id: &str, secret: Secret) -> Result<(), Error> {
        match check_access_key(id, secret.expose()) {
            Ok(()) => {
                self.access_key = Some(Ok((id.to_owned(), secret)));
                Ok(())
            }
            Err(sentence) => {
                self.access_key = Some(Err(sentence.clone()));
                Err(refused("access key", &sentence))
            }
        }
    }

    /// Sets the security token of a temporary access key (STS).
    pub fn set_security_token(&mut self, token: Secret) -> Result<(), Error> {
        let checked = check_security_token(token.expose());
        self.security_token = Some(token);
        self.note("security token", checked)
    }

    /// Sets the profile of the credential files that has the access key. libcas then uses no other
    /// source, even if the profile does not exist. After an error, no client can be created until a
    /// valid name is set.
    pub fn set_profile(&mut self, name: &str) -> Result<(), Error> {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            let sentence = "Invalid profile name: it is empty or contains control characters.";
            self.profile = Some(Err(sentence.to_owned()));
            return Err(invalid(sentence).with_hint("Name a profile of the credential files."));
        }
        self.profile = Some(Ok(name.trim().to_owned()));
        Ok(())
    }

    /// Sets the region: it selects the endpoint, and is the suffix of certificate identifiers.
    pub fn set_region(&mut self, region: &str) -> Result<(), Error> {
        let plausible = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_id = (1..=63).contains(&region.len()) && region.bytes().all(plausible);
        region.clone_into(&mut self.region);
        let sentence = "Invalid region: expected a region ID such as cn-hangzhou.";
        self.note("region", if is_id { Ok(()) } else { Err(sentence.to_owned()) })
    }

    /// Sets whether to call the region's endpoint inside Alibaba Cloud's private network (VPC), for
    /// machines without internet access.
    pub fn set_vpc(&mut self, vpc: bool) {
        self.vpc = vpc;
    }

    /// Sets the endpoint, instead of the region's. After an error, no client can be created until a
    /// valid one is set.
    pub fn set_endpoint(&mut self, endpoint: &str) -> Result<(), Error> {
        let parsed = Endpoint::parse(endpoint);
        self.endpoint =
            Some(parsed.as_ref().map(Clone::clone).map_err(|error| error.message().to_owned()));
        parsed.map(drop)
    }

    /// Sets whether `http://` is allowed to other hosts than this machine.
    pub fn set_allow_plaintext(&mut self, allow: bool) {
        self.allow_plaintext = allow;
    }

    /// Sets the proxy, instead of the environment's; an empty URL means no proxy. After an error,
    /// no client can be created until a valid one is set.
    pub fn set_proxy(&mut self, url: &str) -> Result<(), Error> {
        let parsed = if url.trim().is_empty() { Ok(None) } else { Proxy::parse(url).map(Some) };
        let result = parsed.as_ref().map(drop).map_err(|cause| proxy::invalid_proxy(None, cause));
        self.proxy = Some(parsed.map_err(ToOwned::to_owned));
        result
    }

    /// Sets the CA file: a PEM bundle that replaces the system's root store. It is read when the
    /// client is created.
    pub fn set_ca_file(&mut self, path: &Path) -> Result<(), Error> {
        let checked = if path.as_os_str().is_empty() {
            Err("Invalid CA file: the path is empty.".to_owned())
        } else {
            Ok(())
        };
        self.ca_file = Some(path.into());
        self.note("CA file", checked)
    }

    /// Sets the timeout of one connection: name resolution, TCP and TLS together.
    pub fn set_connect_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        if timeout.is_zero() {
            return Err(refused("connect timeout", "Invalid connect timeout 0: must be positive."));
        }
        self.connect_timeout = timeout;
        Ok(())
    }

    /// Sets the timeout of a whole call, including all attempts and delays.
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        if timeout.is_zero() {
            return Err(refused("timeout", "Invalid timeout 0: must be positive."));
        }
        self.timeout = timeout;
        Ok(())
    }

    /// Sets the rate limit: uploads per second, for all threads of a client together. 0 means no
    /// limit, and after throttling the documented rate for a minute.
    pub fn set_rate_limit(&mut self, per_second: u32) {
        self.rate_limit = per_second;
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

    /// Sets the most attempts to send a request; 1 means no retry.
    pub fn set_max_attempts(&mut self, attempts: u32) -> Result<(), Error> {
        if attempts == 0 {
            return Err(refused(
                "number of attempts",
                "Invalid number of attempts 0: must be positive.",
            ));
        }
        self.max_attempts = attempts;
        Ok(())
    }

    /// Sets the program's product token for the service's logs, such as `deployer/3.2`. It precedes
    /// that of libcas.
    pub fn set_user_agent(&mut self, product: &str) -> Result<(), Error> {
        let printable = |b: u8| b == b' ' || b.is_ascii_graphic();
        if product.trim().is_empty() || product.len() > 200 || !product.bytes().all(printable) {
            return Err(refused(
                "user agent",
                "Invalid user agent: must be printable ASCII of 1 to 200 bytes.",
            ));
        }
        self.user_agent = format!("{} {}", product.trim(), default_user_agent());
        Ok(())
    }

    /// Sets where the log messages of the client go.
    pub fn set_logger(&mut self, logger: Logger) {
        self.logger = logger;
    }

    /// Records whether `option` was refused, until it is set again.
    fn note(&mut self, option: &'static str, checked: Result<(), String>) -> Result<(), Error> {
        self.refused.retain(|(known, _)| *known != option);
        checked.map_err(|sentence| {
            self.refused.push((option, sentence.clone()));
            refused(option, &sentence)
        })
    }

    /// Fails if an option was refused and not set again.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.refused.first() {
            Some((option, sentence)) => Err(refused(option, sentence)),
            None => Ok(()),
        }
    }

    /// Returns the access key that the program set, if any.
    pub(crate) fn static_key(&self) -> Result<Option<AccessKey>, Error> {
        match (&self.access_key, &self.security_token) {
            (Some(Err(sentence)), _) => Err(invalid(sentence).with_hint("Set a valid access key.")),
            (Some(Ok((id, secret))), token) => {
                Ok(Some(AccessKey::new(id.clone(), secret.clone(), token.clone())))
            }
            (None, None) => Ok(None),
            (None, Some(_)) => Err(invalid("The security token is set, but not its access key.")
                .with_hint("Set the ID and the secret of the temporary access key as well.")),
        }
    }

    /// Returns the profile that the program set, if any.
    pub(crate) fn named_profile(&self) -> Result<Option<&str>, Error> {
        match &self.profile {
            None => Ok(None),
            Some(Ok(name)) => Ok(Some(name)),
            Some(Err(sentence)) => {
                Err(invalid(sentence).with_hint("Name a profile of the credential files."))
            }
        }
    }

    /// Returns which requests use which proxy. Fails if the proxy of `endpoint` is invalid.
    pub(crate) fn proxy_policy(
        &self,
        endpoint: &Endpoint,
        variables: &Arc<EnvSnapshot>,
    ) -> Result<ProxyPolicy, Error> {
        let proxy_policy = match &self.proxy {
            None => ProxyPolicy::Environment(Arc::clone(variables)),
            Some(Ok(proxy)) => {
                ProxyPolicy::Configured { proxy: proxy.clone(), endpoint: endpoint.clone() }
            }
            Some(Err(cause)) => return Err(proxy::invalid_proxy(None, cause)),
        };
        // A setting of the environment is parsed when it is used: report an invalid one now.
        proxy_policy.proxy_for(endpoint)?;
        Ok(proxy_policy)
    }

    /// Returns the endpoint to call.
    pub(crate) fn resolved_endpoint(&self) -> Result<Endpoint, Error> {
        let endpoint = match &self.endpoint {
            None => self.endpoint_of_region(),
            Some(Ok(endpoint)) => endpoint.clone(),
            Some(Err(sentence)) => return Err(invalid(sentence).with_hint(endpoint::FORMS)),
        };
        if endpoint.is_plaintext() && !endpoint.is_loopback() && !self.allow_plaintext {
            return Err(invalid(&format!(
                "Plain HTTP to {endpoint} would expose the private key to the network."
            ))
            .with_hint("Use https, or allow plaintext if the network is trusted."));
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
