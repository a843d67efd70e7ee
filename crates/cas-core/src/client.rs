//! The one public door.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ring::rand::SystemRandom;

use crate::base::env::EnvSnapshot;
use crate::base::error::{Error, ErrorKind};
use crate::base::logger::Level;
use crate::base::quote::quoted;
use crate::base::time::UnixTime;
use crate::config::Config;
use crate::credentials::{ProviderContext, default_provider};
use crate::http::client::HttpClient;
use crate::http::roots::RootStore;
use crate::inspect;
use crate::inspect::{Inspection, Severity};
use crate::service::account::Account;
use crate::service::caller::Caller;
use crate::service::certificate::Certificate;
use crate::service::clock_skew::ClockSkew;
use crate::service::failure::CallError;
use crate::service::provider::{Provider, StaticProvider};
use crate::service::rate_limit::RateLimiter;
use crate::service::transport::HttpTransport;
use crate::service::types::CertId;
use crate::service::version::Versions;
use crate::upload::events::Outcome;
use crate::upload::request::{Receipt, Upload};
use crate::upload::run;

/// A client of one endpoint. Any number of threads may use it at once, and it survives `fork`.
pub struct Client {
    account: Account,
    timeout: Duration,
}

impl Client {
    /// Reads the environment and the CA file; sends nothing.
    pub fn new(config: &Config) -> Result<Self, Error> {
        config.check()?;
        let endpoint = config.resolved_endpoint()?;
        let variables = Arc::new(EnvSnapshot::capture());
        let proxy_policy = config.proxy_policy(&endpoint, &variables)?;
        let trust = match &config.ca_file {
            Some(path) => RootStore::of_file(path)?,
            None => RootStore::of_system(),
        };
        let connections = Arc::new(HttpClient::new(
            config.connect_timeout,
            trust,
            proxy_policy,
            config.user_agent.clone(),
        ));
        let transport = HttpTransport::new(Arc::clone(&connections), &endpoint)?;
        let profile = config.named_profile()?;
        let credentials: Box<dyn Provider> = if let Some(key) = config.given_key()? {
            Box::new(StaticProvider::new(key))
        } else {
            let (signature, logger) = (config.signature, config.logger.clone());
            let context = ProviderContext::new(variables, connections, signature, logger);
            default_provider(context, profile)
        };
        let caller = Caller {
            transport: Box::new(transport),
            credentials: Some(credentials),
            endpoint: endpoint.to_string(),
            signature: config.signature,
            max_attempts: config.max_attempts,
            skew: ClockSkew::default(),
            logger: config.logger.clone(),
        };
        let account = Account {
            caller,
            versions: Versions::new(config.api),
            rate_limiter: RateLimiter::new(config.rate_limit, Instant::now()),
            region: config.region.clone(),
        };
        Ok(Self { account, timeout: config.timeout })
    }

    /// Stores a certificate and its key at the service, once.
    pub fn upload(&self, upload: &Upload) -> Result<Receipt, Error> {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let result = self.checked(upload).and_then(|(key, inspection)| {
            let (certificate, key) = match &inspection {
                Some(inspection) => (inspection.certificate_pem.as_str(), inspection.key_pem()),
                None => {
                    (as_given("certificate text", &upload.certificate)?, as_given("key text", key)?)
                }
            };
            run::upload(&self.account, upload, certificate, key, deadline)
        });
        match &result {
            Ok(receipt) => {
                self.account.caller.logger.log(Level::Info, || {
                    let Receipt { cert_id, name, request_id, outcome, .. } = receipt;
                    let name = quoted(name);
                    let request_id = request_id.as_deref().unwrap_or("unknown");
                    let ms = started.elapsed().as_millis();
                    let what = match outcome {
                        Outcome::Created => "is stored",
                        Outcome::Reused => "was stored already",
                        Outcome::Replaced => "is stored in place of another one",
                    };
                    format!("{name} {what} as CertId {cert_id} (RequestId {request_id}, {ms} ms).")
                });
            }
            Err(error) => self.account.caller.logger.log(Level::Error, || error.to_string()),
        }
        result
    }

    /// What the service says about one certificate, but for its key.
    pub fn get(&self, id: CertId) -> Result<Certificate, Error> {
        self.logged(self.account.get(id, Instant::now() + self.timeout))
    }

    /// Every certificate of the account, expired ones included.
    pub fn list(&self) -> Result<Vec<Certificate>, Error> {
        self.logged(self.account.list(Instant::now() + self.timeout))
    }

    /// Deletes a certificate.
    pub fn delete(&self, id: CertId) -> Result<(), Error> {
        self.logged(self.account.delete(id, Instant::now() + self.timeout))
    }

    fn logged<T>(&self, result: Result<T, CallError>) -> Result<T, Error> {
        result.map_err(|failed| {
            self.account.caller.logger.log(Level::Error, || failed.error.to_string());
            failed.error
        })
    }

    /// The key of an upload that may be sent, and what was read; `None` where it is to be sent unread.
    fn checked<'a>(&self, upload: &'a Upload) -> Result<(&'a [u8], Option<Inspection>), Error> {
        let name = &upload.name;
        let missing = |what| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("The upload of {} has no {what}.", quoted(name)),
            )
            .with_hint("Set name, certificate and key before the upload.")
        };
        let warning = inspect::check_name(name, upload.skip_checks)?;
        let key = upload.key.as_ref().ok_or_else(|| missing("private key"))?;
        if upload.certificate.is_empty() {
            return Err(missing("certificate"));
        }
        if upload.skip_checks {
            return Ok((key, None));
        }
        // The service's time, where it is known to differ: it is the service that judges.
        let now = UnixTime::of(self.account.caller.skew.current().apply(SystemTime::now()));
        let random = SystemRandom::new();
        let inspection = inspect(&upload.certificate, Some(key), now, &random);
        if let Some(error) = inspection.refusal(name) {
            return Err(error);
        }
        for finding in warning.iter().chain(&inspection.findings) {
            let level =
                if finding.kind.severity() == Severity::Note { Level::Info } else { Level::Warn };
            self.account.caller.logger.log(level, || {
                format!("{} before its upload: {finding}. {}", quoted(name), finding.kind.advice())
            });
        }
        Ok((key, Some(inspection)))
    }
}

/// What is sent unread. Parameters are UTF-8.
fn as_given<'a>(what: &str, bytes: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|_| {
        let message =
            format!("Nothing was sent: the {what} is not UTF-8, and cannot be sent as it is.");
        Error::new(ErrorKind::Certificate, message)
            .with_hint("Save it as UTF-8, or let the checks tidy it (no skip_checks).")
    })
}
