//! How a client is set up. Setters refuse at once what can be refused at once.

use std::path::PathBuf;
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

/// Everything a client can be told; `default()` is every default.
#[derive(Clone, Debug)]
pub struct Config {
    /// What was refused stays refused: going on without it would call another host, or as somebody else.
    pub(crate) access_key: Option<Result<(String, Secret), String>>,
    pub(crate) security_token: Option<Secret>,
    /// As with `access_key`.
    pub(crate) profile: Option<Result<String, String>>,
    pub(crate) region: String,
    pub(crate) vpc: bool,
    /// As with `access_key`.
    pub(crate) endpoint: Option<Result<Endpoint, String>>,
    pub(crate) allow_plaintext: bool,
    /// `None`: the environment's. As with `access_key`: without the refused one, requests would take another way.
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
    /// What else was refused and not set anew since: a client without it would be another one than was asked for.
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
            user_agent: own_user_agent(),
            logger: Logger::default(),
            refused: Vec::new(),
        }
    }
}

fn own_user_agent() -> String {
    format!("libcas/{}", env!("CARGO_PKG_VERSION"))
}

fn refuse(what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, what)
}

impl Config {
    /// The access key to sign with, in place of what the environment holds. After a refusal no client can
    /// be made until another key is set.
    pub fn set_access_key(&mut self, id: &str, secret: Secret) -> Result<(), Error> {
        match check_access_key(id, secret.expose()) {
            Ok(()) => {
                self.access_key = Some(Ok((id.to_owned(), secret)));
                Ok(())
            }
            Err(why) => {
                self.access_key = Some(Err(why.clone()));
                Err(refuse(&why))
            }
        }
    }

    /// The security token that belongs to a temporary access key (STS).
    pub fn set_security_token(&mut self, token: Secret) -> Result<(), Error> {
        let checked = check_security_token(token.expose());
        self.security_token = Some(token);
        self.note("security token", checked)
    }

    /// The profile of the credential files to take the access key from. No other source is asked then: a program that names a
    /// profile does not want to be somebody else where that is missing.
    /// After a refusal no client can be made until another one is set.
    pub fn set_profile(&mut self, name: &str) -> Result<(), Error> {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            let why = "The name of the profile is empty or holds control characters.";
            self.profile = Some(Err(why.to_owned()));
            return Err(refuse(why));
        }
        self.profile = Some(Ok(name.trim().to_owned()));
        Ok(())
    }

    /// The region whose host is called; it is also the suffix of certificate identifiers.
    pub fn set_region(&mut self, region: &str) -> Result<(), Error> {
        let plausible = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_id = (1..=63).contains(&region.len()) && region.bytes().all(plausible);
        region.clone_into(&mut self.region);
        let why = "The region is not a region id, such as cn-hangzhou.";
        self.note("region", if is_id { Ok(()) } else { Err(why.to_owned()) })
    }

    /// Whether to call the region's host inside Alibaba Cloud's private network (VPC), for machines that do not reach the
    /// internet.
    pub fn set_vpc(&mut self, vpc: bool) {
        self.vpc = vpc;
    }

    /// The host to call, in place of the region's. After a refusal no client can be made until another one
    /// is set.
    pub fn set_endpoint(&mut self, endpoint: &str) -> Result<(), Error> {
        let parsed = Endpoint::parse(endpoint);
        self.endpoint =
            Some(parsed.as_ref().map(Clone::clone).map_err(|error| error.message().to_owned()));
        parsed.map(drop)
    }

    /// Whether `http://` is allowed to a host other than this machine.
    pub fn set_allow_plaintext(&mut self, allow: bool) {
        self.allow_plaintext = allow;
    }

    /// The proxy to go through, in place of the environment's; an empty text is none at all. After a refusal no client
    /// can be made until another one is set.
    pub fn set_proxy(&mut self, url: &str) -> Result<(), Error> {
        let parsed = if url.trim().is_empty() { Ok(None) } else { Proxy::parse(url).map(Some) };
        let result = parsed.as_ref().map(drop).map_err(|why| proxy::invalid_proxy(None, why));
        self.proxy = Some(parsed.map_err(ToOwned::to_owned));
        result
    }

    /// A PEM bundle that replaces the system's roots; read when the client is made.
    pub fn set_ca_file(&mut self, path: &str) -> Result<(), Error> {
        let checked = if path.is_empty() {
            Err("The path of the CA file is empty.".to_owned())
        } else {
            Ok(())
        };
        self.ca_file = Some(path.into());
        self.note("CA file", checked)
    }

    /// How long making one connection may take: name look-up, TCP and TLS together.
    pub fn set_connect_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        if timeout.is_zero() {
            return Err(refuse("A connect timeout of 0 leaves no time to connect."));
        }
        self.connect_timeout = timeout;
        Ok(())
    }

    /// How long a whole call may take, all attempts and pauses included.
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        if timeout.is_zero() {
            return Err(refuse("A timeout of 0 leaves no time to call."));
        }
        self.timeout = timeout;
        Ok(())
    }

    /// Uploads a second, all threads of a client together. 0 for as many as the service takes; once it says that
    /// they are too many, a minute of its documented rate.
    pub fn set_rate_limit(&mut self, per_second: u32) {
        self.rate_limit = per_second;
    }

    /// The version of the API to speak. `None` is 2018-07-13 for as long as the service has it, then 2020-04-07.
    pub fn set_api(&mut self, version: Option<ApiVersion>) {
        self.api = version;
    }

    /// How requests are signed.
    pub fn set_signature(&mut self, signature: Signature) {
        self.signature = signature;
    }

    /// How often sending is tried at most; 1 means never again.
    pub fn set_max_attempts(&mut self, attempts: u32) -> Result<(), Error> {
        if attempts == 0 {
            return Err(refuse("0 attempts would never send anything."));
        }
        self.max_attempts = attempts;
        Ok(())
    }

    /// The program's name for the service's logs, such as `deployer/3.2`, put before the library's own.
    pub fn set_user_agent(&mut self, product: &str) -> Result<(), Error> {
        let printable = |b: u8| b == b' ' || b.is_ascii_graphic();
        if product.trim().is_empty() || product.len() > 200 || !product.bytes().all(printable) {
            return Err(refuse("The user agent must be printable ASCII of at most 200 bytes."));
        }
        self.user_agent = format!("{} {}", product.trim(), own_user_agent());
        Ok(())
    }

    /// Where the client's messages go.
    pub fn set_logger(&mut self, logger: Logger) {
        self.logger = logger;
    }

    /// Remembers what was refused of `what`, until it is set anew.
    fn note(&mut self, what: &'static str, checked: Result<(), String>) -> Result<(), Error> {
        self.refused.retain(|(known, _)| *known != what);
        checked.map_err(|why| {
            self.refused.push((what, why.clone()));
            refuse(&why)
        })
    }

    /// Fails with what was refused, if anything was.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.refused.first() {
            Some((what, why)) => Err(refuse(why).with_hint(format!("Set a {what} that is right."))),
            None => Ok(()),
        }
    }

    /// The key given by the program, if there is one.
    pub(crate) fn given_key(&self) -> Result<Option<AccessKey>, Error> {
        match (&self.access_key, &self.security_token) {
            (Some(Err(why)), _) => Err(refuse(why).with_hint("Set an access key that is whole.")),
            (Some(Ok((id, secret))), token) => {
                Ok(Some(AccessKey::new(id.clone(), secret.clone(), token.clone())))
            }
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err(refuse("A security token was set without the access key that it belongs to.")
                    .with_hint("Set the temporary access key's id and secret as well."))
            }
        }
    }

    /// The profile that the program named, if it did.
    pub(crate) fn named_profile(&self) -> Result<Option<&str>, Error> {
        match &self.profile {
            None => Ok(None),
            Some(Ok(name)) => Ok(Some(name)),
            Some(Err(why)) => Err(refuse(why).with_hint("Name a profile of the credential files.")),
        }
    }

    /// Which proxies lead to `endpoint` and the others.
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
            Some(Err(why)) => return Err(proxy::invalid_proxy(None, why)),
        };
        // What is wrong is said now.
        proxy_policy.proxy_for(endpoint)?;
        Ok(proxy_policy)
    }

    /// The host to call.
    pub(crate) fn resolved_endpoint(&self) -> Result<Endpoint, Error> {
        let endpoint = match &self.endpoint {
            None => self.endpoint_of_region(),
            Some(Ok(endpoint)) => endpoint.clone(),
            Some(Err(why)) => return Err(refuse(why).with_hint(endpoint::FORMS)),
        };
        if endpoint.is_plaintext() && !endpoint.is_loopback() && !self.allow_plaintext {
            return Err(refuse(&format!(
                "Plain http to {endpoint} would show the private key to the network."
            ))
            .with_hint("Use https, or allow plaintext explicitly if the network is trusted."));
        }
        Ok(endpoint)
    }
}

impl Config {
    fn endpoint_of_region(&self) -> Endpoint {
        let (endpoint, known) = regions::endpoint_of(&self.region, self.vpc);
        if !known {
            self.logger.log(Level::Debug, || {
                let what = if self.vpc { " inside the VPC" } else { "" };
                format!(
                    "No host{what} is documented for the region {}: {endpoint} is called.",
                    self.region
                )
            });
        }
        endpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_at_once() {
        let mut config = Config::default();
        let secret = |text: &str| Secret::new(text.to_owned());
        assert!(config.set_access_key("", secret("s")).is_err());
        assert!(config.set_access_key("i", secret("")).is_err());
        assert!(config.set_access_key("i", secret("s\n")).is_err());
        assert!(config.set_access_key(" i", secret("s")).is_err());
        assert!(config.set_security_token(secret("")).is_err());
        assert!(config.set_security_token(secret("t\n")).is_err());
        assert!(config.set_profile(" ").is_err());
        assert!(config.set_profile("a\nb").is_err());
        assert!(config.set_region("Not a region").is_err());
        assert!(config.set_region("").is_err());
        assert!(config.set_endpoint("host/path").is_err());
        assert!(config.set_ca_file("").is_err());
        assert!(config.set_connect_timeout(Duration::ZERO).is_err());
        assert!(config.set_timeout(Duration::ZERO).is_err());
        assert!(config.set_max_attempts(0).is_err());
        assert!(config.set_user_agent("a\r\nX-Evil: 1").is_err());
        assert!(config.set_user_agent(" ").is_err());
        assert!(config.check().is_err());
        // Nobody is called in place of an endpoint that was refused, or with another key.
        assert!(config.resolved_endpoint().unwrap_err().message().contains("endpoint"));
        assert!(config.given_key().unwrap_err().message().contains("access key"));
        assert!(config.named_profile().unwrap_err().message().contains("profile"));
        config.set_endpoint("127.0.0.1").unwrap();
        config.set_access_key("i", secret("s")).unwrap();
        config.set_profile("p").unwrap();
        config.set_region("cn-beijing").unwrap();
        config.set_ca_file("/ca.pem").unwrap();
        assert!(config.check().unwrap_err().message().contains("security token"));
        config.set_security_token(secret("t")).unwrap();
        config.check().unwrap();
        assert!(
            config.named_profile().is_ok()
                && config.resolved_endpoint().is_ok()
                && config.given_key().is_ok()
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut config = Config::default();
        config.set_access_key("id", Secret::new("hidden".to_owned())).unwrap();
        config.set_security_token(Secret::new("hidden".to_owned())).unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn plaintext_leaves_this_machine_only_when_allowed() {
        let mut config = Config::default();
        config.set_endpoint("http://127.0.0.1:1").unwrap();
        assert!(config.resolved_endpoint().is_ok());
        config.set_endpoint("http://10.0.0.1").unwrap();
        assert_eq!(config.resolved_endpoint().unwrap_err().kind(), ErrorKind::InvalidArgument);
        config.set_allow_plaintext(true);
        assert!(config.resolved_endpoint().is_ok());
    }

    #[test]
    fn a_token_needs_its_key() {
        let mut config = Config::default();
        config.set_security_token(Secret::new("t".to_owned())).unwrap();
        assert!(config.given_key().is_err());
        config.set_access_key("id", Secret::new("s".to_owned())).unwrap();
        assert_eq!(config.given_key().unwrap().unwrap().security_token(), Some("t"));
    }

    #[test]
    fn the_program_stands_before_the_library_in_the_user_agent() {
        let mut config = Config::default();
        config.set_user_agent("deployer/3.2").unwrap();
        assert_eq!(config.user_agent, format!("deployer/3.2 libcas/{}", env!("CARGO_PKG_VERSION")));
    }
}
