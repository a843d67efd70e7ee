//! What an upload is given and what it gives back.

use std::net::IpAddr;

use crate::api::{ApiVersion, CertId, Lang};
use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// Whether an upload made something new; the numbers are those of the C interface (`cas_outcome`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Outcome {
    /// The certificate was stored.
    Created = 0,
}

/// A certificate to upload. `Debug` shows no key.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub(crate) name: String,
    pub(crate) certificate: String,
    pub(crate) key: Option<Secret>,
    pub(crate) lang: Option<Lang>,
    pub(crate) source_ip: Option<String>,
    pub(crate) skip_checks: bool,
}

impl Upload {
    /// Nothing set yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The name under which the service keeps it; unique in the account.
    pub fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// The certificate and its chain, PEM, leaf first.
    pub fn set_certificate(&mut self, pem: &str) {
        pem.clone_into(&mut self.certificate);
    }

    /// The private key, PEM.
    pub fn set_key(&mut self, pem: Secret) {
        self.key = Some(pem);
    }

    /// The language of the service's messages: `zh` or `en`.
    pub fn set_lang(&mut self, lang: &str) -> Result<(), Error> {
        let lang = Lang::parse(lang)
            .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "The language is neither zh nor en."))?;
        self.lang = Some(lang);
        Ok(())
    }

    /// The address of the person on whose behalf the call is made, for the service's audit trail.
    pub fn set_source_ip(&mut self, ip: &str) -> Result<(), Error> {
        if ip.parse::<IpAddr>().is_err() {
            return Err(Error::new(ErrorKind::InvalidArgument, "The source address is not an IP address."));
        }
        self.source_ip = Some(ip.to_owned());
        Ok(())
    }

    /// Whether to send what the local checks would refuse.
    pub fn set_skip_checks(&mut self, skip: bool) {
        self.skip_checks = skip;
    }
}

/// What is known about a certificate after its upload.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Its id.
    pub cert_id: CertId,
    /// The name it has at the service.
    pub name: String,
    /// `<CertId>-<region>`, as OSS, CDN and SLB take it.
    pub cert_identifier: String,
    /// The id under which support finds the request.
    pub request_id: Option<String>,
    /// Whether it is new.
    pub outcome: Outcome,
    /// The API version that answered.
    pub api: ApiVersion,
    /// How often sending was tried.
    pub attempts: u32,
}
