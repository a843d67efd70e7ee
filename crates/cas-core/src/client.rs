//! The client: the public entry point. Checks the input, sets the deadline, logs the result.
//!
//! Uses everything below it; see lib.rs for the order.

pub(crate) mod deployment;
pub(crate) mod served;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ring::rand::SystemRandom;

use crate::base::deadline::{Cancellation, Deadline};
use crate::base::error::{Error, ErrorKind};
use crate::base::logger::{ClientId, Level};
use crate::base::per_process::PerProcess;
use crate::base::quote::quoted;
use crate::base::time::UnixTime;
use crate::config::Config;
use crate::credentials::{ProviderContext, default_provider};
use crate::http::client::HttpClient;
use crate::inspect;
use crate::inspect::{Inspection, Severity};
use crate::service::account::Account;
use crate::service::caller::{Caller, CredentialsInfo};
use crate::service::certificate::Certificate;
use crate::service::clock_skew::ClockSkew;
use crate::service::failure::CallError;
use crate::service::provider::{Provider, StaticProvider};
use crate::service::rate_limit::RateLimiter;
use crate::service::transport::HttpTransport;
use crate::service::types::{CertId, PemPair};
use crate::service::version::{ApiVersion, Versions};
use crate::upload::messages::upload_succeeded;
use crate::upload::request::{EncryptionPair, Receipt, Upload};
use crate::upload::{run, stored};

/// A client of one endpoint. Any number of threads may use it at once, also after `fork`.
///
/// Every method blocks, for at most the timeout of the [`Config`], or that of the [`Upload`].
pub struct Client {
    account: Account,
    http: Arc<HttpClient>,
    timeout: Duration,
    cancellation: Cancellation,
    id: ClientId,
}

impl Client {
    /// Creates a client. Reads the environment and the CA file; sends nothing.
    ///
    /// Fails if a setter refused its value and none has set it right, with the error of the first.
    pub fn new(config: &Config) -> Result<Self, Error> {
        config.check()?;
        let endpoint = config.resolved_endpoint()?;
        let variables = Arc::new(config.read_environment());
        let proxy_policy = config.proxy_policy(&endpoint, &variables)?;
        let http = Arc::new(HttpClient::new(
            config.connect_timeout,
            config.root_store(&variables)?,
            proxy_policy,
            config.allow_plaintext,
            config.user_agent.clone(),
        ));
        let transport = HttpTransport::new(Arc::clone(&http), &endpoint)?;
        let id = ClientId::new();
        let logger = config.logger.clone().of(id);
        let credentials: Box<dyn Provider> = if let Some(key) = config.static_key()? {
            Box::new(StaticProvider::new(key))
        } else {
            let (http, signature) = (Arc::clone(&http), config.signature);
            let context = ProviderContext::new(variables, http, signature, logger.clone());
            default_provider(context, config.profile.as_deref())
        };
        let caller = Caller {
            transport: Box::new(transport),
            credentials: Some(credentials),
            endpoint: endpoint.to_string(),
            signature: config.signature,
            max_attempts: config.max_attempts,
            skew: ClockSkew::default(),
            logger,
        };
        let account = Account {
            caller,
            versions: Versions::new(config.api),
            rate_limiter: RateLimiter::of(config.rate_limit, Instant::now()),
            region: config.region.clone(),
            readings: PerProcess::new(Arc::default()),
        };
        let cancellation = Cancellation::default();
        Ok(Self { account, http, timeout: config.timeout, cancellation, id })
    }

    /// Stores a certificate and its private key at the service, exactly once.
    ///
    /// Fails if a setter of `upload` refused its value and none has set it right. Checks both
    /// before anything is sent, unless [`Upload::set_skip_checks`] or [`Upload::allow_finding`] say
    /// otherwise. If the outcome
    /// is unknown ([`ErrorKind::OutcomeUnknown`]), make the same call again.
    pub fn upload(&self, upload: &Upload) -> Result<Receipt, Error> {
        let started = Instant::now();
        let deadline = self.begin(upload.timeout)?;
        let result = self.checked(upload).and_then(|(key, inspected)| {
            let (pair, encryption) = match &inspected {
                Some((pair, encryption)) => (tidied(pair), encryption.as_ref().map(tidied)),
                None => unchecked(upload, key)?,
            };
            run::upload(&self.account, upload, pair, encryption, &deadline)
        });
        match &result {
            Ok(receipt) => {
                self.account
                    .caller
                    .logger
                    .log(Level::Info, || upload_succeeded(receipt, started.elapsed()));
            }
            Err(error) => self.account.caller.logger.log(Level::Error, || error.to_string()),
        }
        result
    }

    /// Looks for the certificate of an upload among `listed`, the result of [`Client::list`]: under
    /// its name, or under any if the upload allows that. A program with many certificates reads
    /// the list once, and uploads what it does not find; no key is sent for the others.
    ///
    /// Fails if the checks refuse the upload. May ask the service for a certificate whose SHA-256
    /// fingerprint is not in the list.
    pub fn find_stored(
        &self,
        listed: &[Certificate],
        upload: &Upload,
    ) -> Result<Option<Receipt>, Error> {
        let deadline = self.begin(upload.timeout)?;
        let (_, inspected) = self.checked(upload)?;
        let Some((pair, _)) = &inspected else { return Ok(None) };
        Ok(stored::find(&self.account, listed, upload, &pair.certificate_pem, &deadline))
    }

    /// Checks an upload as [`Client::upload`] does before it sends anything, and sends nothing.
    /// Returns what libcas found out about the certificate and its key.
    pub fn check(&self, upload: &Upload) -> Result<Inspection, Error> {
        self.checked(upload).map(|(_, inspected)| match inspected {
            Some((inspection, _)) => inspection,
            None => upload.inspect(),
        })
    }

    /// Returns the endpoint of the client, such as `https://cas.aliyuncs.com`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.account.caller.endpoint
    }

    /// Returns what the service says about one certificate, without its private key.
    pub fn get(&self, id: CertId) -> Result<Certificate, Error> {
        self.logged(self.account.get(id, &self.begin(None)?))
    }

    /// Returns every certificate of the account, including expired ones.
    pub fn list(&self) -> Result<Vec<Certificate>, Error> {
        self.logged(self.account.list(&self.begin(None)?))
    }

    /// Deletes a certificate.
    pub fn delete(&self, id: CertId) -> Result<(), Error> {
        self.logged(self.account.delete(id, None, &self.begin(None)?))
    }

    /// Returns whose credentials the client uses: the ID of the access key that signs the next
    /// request, and its source. Fetches the key if its source is remote; sends nothing to the
    /// service.
    pub fn credentials(&self) -> Result<CredentialsInfo, Error> {
        self.logged(self.account.caller.credentials(&self.begin(None)?))
    }

    /// Describes the root store that the client trusts: its file, its directory or the built-in
    /// roots, and the number of roots. Reads the store, as the next connection would.
    pub fn root_store(&self) -> Result<String, Error> {
        self.http.roots(&self.begin(None)?).map(|roots| roots.description).map_err(|failure| {
            let error = Error::new(
                ErrorKind::Network,
                format!("Failed to read the root store: {failure}."),
            )
            .with_retryable(!failure.permanent);
            match failure.hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        })
    }

    /// Ends every call that is in progress on this client, from any thread, within a tenth of a
    /// second. Calls that begin later are not affected.
    ///
    /// A call that may have changed something at the service ends with
    /// [`ErrorKind::OutcomeUnknown`], any other with [`ErrorKind::Cancelled`]. Does nothing but an
    /// atomic addition, so a signal handler may call it.
    pub fn cancel(&self) {
        self.cancellation.cancel();
    }

    /// Begins a call, with its own timeout or the client's.
    fn begin(&self, timeout: Option<Duration>) -> Result<Deadline, Error> {
        if self.id.is_logging() {
            let sentence = "Invalid call: the log function of a client called the same client.";
            return Err(Error::new(ErrorKind::InvalidArgument, sentence).with_hint(
                "Make the call after the log function has returned, or use another client.",
            ));
        }
        Ok(self.cancellation.deadline(Instant::now() + timeout.unwrap_or(self.timeout)))
    }

    fn logged<T>(&self, result: Result<T, CallError>) -> Result<T, Error> {
        result.map_err(|failure| {
            self.account.caller.logger.log(Level::Error, || failure.error.to_string());
            failure.error
        })
    }

    /// Checks an upload. Returns its key, and the inspections unless the checks are skipped.
    fn checked<'a>(&self, upload: &'a Upload) -> Result<(&'a [u8], Option<Inspected>), Error> {
        upload.check()?;
        let name = &upload.name;
        let invalid = |what: &str, hint: &str| {
            let message = format!("Invalid upload of {}: {what}.", quoted(name));
            Error::new(ErrorKind::InvalidArgument, message).with_hint(hint)
        };
        let missing = |what: &str| {
            let hint = "Set the name, the certificate and the private key before the upload.";
            invalid(&format!("missing {what}"), hint)
        };
        let warning = inspect::check_name(name, upload.skip_checks, upload.allowed)?;
        let key = upload.key.as_ref().ok_or_else(|| missing("private key"))?;
        if upload.certificate.is_empty() {
            return Err(missing("certificate"));
        }
        inspect::check_size("certificate", &upload.certificate)?;
        inspect::check_size("key", key)?;
        if let Some(pair) = &upload.sm2_encryption {
            let requested = self.account.versions.requested();
            if requested.is_some_and(|version| version != ApiVersion::OF_DOUBLE_CERTIFICATES) {
                return Err(invalid(
                    "API version 2018-07-13 has no SM2 double certificates",
                    "Let the client use 2020-04-07 (cas_config_set_api), or make a request \
                     without an encryption certificate.",
                ));
            }
            for (what, text) in [(ENCRYPTION[0], &pair.certificate), (ENCRYPTION[1], &pair.key)] {
                if text.is_empty() {
                    let hint = "Set both by cas_request_set_sm2_encryption before the upload.";
                    return Err(invalid(&format!("missing {what}"), hint));
                }
                inspect::check_size(what, text)?;
            }
        }
        if upload.skip_checks {
            return Ok((key, None));
        }
        // By the service's clock, if its skew is known: the service decides what has expired.
        let now = UnixTime::of(self.account.caller.skew.current().apply(SystemTime::now()));
        let random = SystemRandom::new();
        let pair = [&upload.certificate[..], &key[..]];
        let (mut inspection, mut encryption) = match &upload.sm2_encryption {
            Some(EncryptionPair { certificate, key }) => {
                let [signing, encryption] =
                    inspect::inspect_double(pair, [certificate, key], now, &random);
                (signing, Some(encryption))
            }
            None => (inspect(pair[0], Some(pair[1]), now, &random), None),
        };
        if let Some(error) = inspection.refusal(name, upload.allowed) {
            return Err(error);
        }
        // Adds nothing unless `chain-unrelated` is allowed.
        inspection.append_unrelated();
        if let Some(encryption) = &mut encryption {
            encryption.append_unrelated();
        }
        let single = inspect::single_sm2(&inspection).filter(|_| encryption.is_none());
        for finding in warning.iter().chain(&single).chain(&inspection.findings) {
            let level =
                if finding.kind.severity() == Severity::Note { Level::Info } else { Level::Warn };
            self.account.caller.logger.log(level, || {
                let is_refused = finding.kind.severity() == Severity::Refused;
                let allowed = if is_refused { ", as cas_request_allow_finding allows" } else { "" };
                format!("Checking {}: {finding}{allowed}. {}", quoted(name), finding.kind.advice())
            });
        }
        Ok((key, Some((inspection, encryption))))
    }
}

/// An inspected pair, and the encryption pair of SM2 double certificates.
type Inspected = (Inspection, Option<Inspection>);

/// What the two texts of an encryption pair are called in messages.
const ENCRYPTION: [&str; 2] = ["encryption certificate", "key of the encryption certificate"];

/// Returns the tidied texts to send.
fn tidied(inspection: &Inspection) -> PemPair<'_> {
    PemPair { certificate: &inspection.certificate_pem, key: inspection.key_pem() }
}

/// Returns the texts to send without checks.
fn unchecked<'a>(
    upload: &'a Upload,
    key: &'a [u8],
) -> Result<(PemPair<'a>, Option<PemPair<'a>>), Error> {
    let pair = |certificate, key, [certificate_name, key_name]: [&str; 2]| {
        let certificate = unchecked_text(certificate_name, certificate)?;
        Ok(PemPair { certificate, key: unchecked_text(key_name, key)? })
    };
    let encryption = upload.sm2_encryption.as_ref();
    let encryption = encryption.map(|other| pair(&other.certificate, &other.key, ENCRYPTION));
    Ok((pair(&upload.certificate, key, ["certificate", "key"])?, encryption.transpose()?))
}

/// Returns the text to send without checks. Parameters are UTF-8.
fn unchecked_text<'a>(what: &str, bytes: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|_| {
        let message = format!("Nothing was sent: the {what} is not UTF-8.");
        Error::new(ErrorKind::Certificate, message).with_hint(
            "Save it as UTF-8, or do not skip the checks (skip_checks): they convert it.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    fn config(id: &str) -> Config {
        let mut config = Config::default();
        config.set_endpoint("http://127.0.0.1:1").unwrap();
        config.set_access_key(id, Secret::new("hidden-secret".to_owned())).unwrap();
        config
    }

    #[test]
    fn the_credentials_are_named_without_their_secret() {
        let credentials = Client::new(&config("testid")).unwrap().credentials().unwrap();
        assert_eq!(credentials.access_key_id, "\"testid\"");
        assert_eq!(credentials.origin, "the program");
        let swapped = Client::new(&config("0123456789abcdefghijklmnopqrst")).unwrap();
        let shown = format!("{:?}", swapped.credentials().unwrap());
        assert!(!shown.contains("456") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn the_root_store_is_described() {
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        let path = std::env::temp_dir().join(format!("libcas-{}-roots.pem", std::process::id()));
        std::fs::write(&path, root.pem()).unwrap();
        let mut config = config("testid");
        config.set_ca_file(&path).unwrap();
        let client = Client::new(&config);
        std::fs::remove_file(&path).unwrap();
        let shown = client.unwrap().root_store().unwrap();
        assert!(shown.contains("-roots.pem") && shown.ends_with("1 root"), "{shown}");
    }

    #[test]
    fn a_refused_option_prevents_a_client() {
        let mut config = config("testid");
        config.set_region("Not a region").unwrap_err();
        let error = Client::new(&config).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.hint(), Some("Set a valid region."));
        let region = "Invalid region: expected a region ID such as cn-hangzhou.";
        assert_eq!(error.message(), format!("cas_config_set_region: {region}"));
    }

    #[test]
    fn an_incomplete_upload_is_refused() {
        let client = Client::new(&config("testid")).unwrap();
        let mut upload = Upload::new();
        upload.set_name("web");
        let error = client.upload(&upload).unwrap_err();
        assert_eq!(error.message(), "Invalid upload of \"web\": missing private key.");
        upload.set_key(b"made for this test").unwrap();
        let error = client.upload(&upload).unwrap_err();
        assert_eq!(error.message(), "Invalid upload of \"web\": missing certificate.");
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidArgument, 0));
        upload.set_lang("de").unwrap_err();
        let error = client.upload(&upload).unwrap_err();
        let lang = "cas_request_set_lang: Invalid language: must be zh or en.";
        assert_eq!((error.message(), error.attempts()), (lang, 0));
        upload.set_lang("en").unwrap();
        upload.set_skip_checks(true);
        upload.set_certificate(b"\xff").unwrap();
        let error = client.upload(&upload).unwrap_err();
        assert_eq!(error.message(), "Nothing was sent: the certificate is not UTF-8.");
    }
}
