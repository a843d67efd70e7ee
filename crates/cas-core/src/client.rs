//! The one public door.

use std::time::Instant;

use crate::api::ApiVersion;
use crate::api::v2018_07_13::CreateUserCertificate;
use crate::call::Caller;
use crate::certificate;
use crate::config::Config;
use crate::credentials::{Environment, Given, Provider};
use crate::error::{Error, ErrorKind, quoted};
use crate::logging::Level;
use crate::transport::{Http, Trust};
use crate::upload::{Outcome, Receipt, Upload};

/// A client of one endpoint. Any number of threads may use it at once, and it survives `fork`.
pub struct Client {
    caller: Caller,
    region: String,
    format: crate::api::Format,
}

impl Client {
    /// Reads the environment and the CA file; sends nothing.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let endpoint = config.resolved_endpoint()?;
        let credentials: Box<dyn Provider> = match config.given_key()? {
            Some(key) => Box::new(Given::new(key)),
            None => Box::new(Environment::read(|name| {
                std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
            })),
        };
        let trust = match &config.ca_file {
            Some(path) => Trust::of_file(path)?,
            None => Trust::of_system(),
        };
        let transport = Http::new(&endpoint, config.connect_timeout, trust, config.user_agent.clone())?;
        let caller = Caller {
            transport: Box::new(transport),
            credentials,
            endpoint: endpoint.to_string(),
            timeout: config.timeout,
            max_attempts: config.max_attempts,
            logger: config.logger.clone(),
        };
        Ok(Self { caller, region: config.region.clone(), format: config.format })
    }

    /// Stores a certificate and its key at the service.
    pub fn upload(&self, upload: &Upload) -> Result<Receipt, Error> {
        let started = Instant::now();
        let result = self.checked_upload(upload);
        match &result {
            Ok(Receipt { cert_id, name, request_id, .. }) => self.caller.logger.log(Level::Info, || {
                let request_id = request_id.as_deref().unwrap_or("unknown");
                let ms = started.elapsed().as_millis();
                format!("{} is stored as CertId {cert_id} (RequestId {request_id}, {ms} ms).", quoted(name))
            }),
            Err(error) => self.caller.logger.log(Level::Error, || error.to_string()),
        }
        result
    }

    fn checked_upload(&self, upload: &Upload) -> Result<Receipt, Error> {
        let name = &upload.name;
        let missing = |what| {
            Error::new(ErrorKind::InvalidArgument, format!("The upload of {} has no {what}.", quoted(name)))
                .with_hint("Set name, certificate and key before the upload.")
        };
        certificate::check_name(name, upload.skip_checks)?;
        let key = upload.key.as_ref().ok_or_else(|| missing("private key"))?;
        if upload.certificate.is_empty() {
            return Err(missing("certificate"));
        }
        if !upload.skip_checks {
            certificate::check(name, &upload.certificate, key.expose())?;
        }
        let request = CreateUserCertificate {
            name,
            certificate: &upload.certificate,
            key: key.expose(),
            lang: upload.lang,
            source_ip: upload.source_ip.as_deref(),
        };
        let action = CreateUserCertificate::ACTION;
        let answer = self.caller.call(action, name, &request.params(self.format))?;
        let Some(cert_id) = CreateUserCertificate::cert_id(&answer.fields) else {
            let sentence = format!(
                "{} answered {action} of {} with a success without a CertId.",
                self.caller.endpoint,
                quoted(name)
            );
            return Err(Error::new(ErrorKind::Protocol, sentence)
                .with_hint(format!(
                    "Look for {} in the list of certificates: it should be stored.",
                    quoted(name)
                ))
                .with_answer(answer.http_status, answer.request_id)
                .with_attempts(answer.attempts));
        };
        Ok(Receipt {
            cert_id,
            name: name.clone(),
            cert_identifier: format!("{cert_id}-{}", self.region),
            request_id: answer.request_id,
            outcome: Outcome::Created,
            api: ApiVersion::V2018_07_13,
            attempts: answer.attempts,
        })
    }
}
