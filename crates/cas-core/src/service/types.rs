//! What calls of the service are made of: ids, operations, lists.

use std::fmt;

use serde_json::Value;

use crate::protocol::params::Params;
use crate::service::version::ApiVersion;

/// The id that the service gives a certificate. Always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertId(i64);

impl CertId {
    /// `None` for what cannot be an id.
    #[must_use]
    pub fn new(id: i64) -> Option<Self> {
        (id > 0).then_some(Self(id))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for CertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The language of the service's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// Chinese, the service's own default.
    Chinese,
    /// English.
    English,
}

impl Lang {
    /// Reads `zh` or `en`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }
}

/// One call to make: the operation's name and all parameters but those of the signature.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// The product's name in RAM policies.
    pub ram: &'static str,
    /// The name, as it stands in `Action` and in RAM policies.
    pub action: &'static str,
    /// Everything to send.
    pub params: Params<'a>,
}

impl<'a> Operation<'a> {
    pub(crate) fn new(action: &'static str, version: ApiVersion) -> Self {
        let mut params = Params::new();
        params.set("Action", action);
        params.set("Version", version.as_str());
        params.set("Format", "JSON");
        Self { ram: "yundun-cert", action, params }
    }

    pub(crate) fn with(
        mut self,
        name: &'static str,
        value: impl Into<std::borrow::Cow<'a, str>>,
    ) -> Self {
        self.params.set(name, value);
        self
    }
}

/// What an upload sends.
#[derive(Clone, Copy)]
pub struct NewCertificate<'a> {
    /// Unique in the account.
    pub name: &'a str,
    /// PEM, leaf first.
    pub certificate: &'a str,
    /// PEM, unencrypted.
    pub key: &'a str,
    /// The language of error messages, where the version has one.
    pub lang: Option<Lang>,
    /// The address of the person on whose behalf the call is made, where the version takes one.
    pub source_ip: Option<&'a str>,
    /// The same for each try of one upload, where the version knows it.
    pub client_token: &'a str,
}

/// A list of certificates by the status that it asks for; empty for the version's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List(pub(crate) &'static str);

/// Certificates on a page: the documented default of both versions. No larger one is documented.
pub(crate) const PAGE_SIZE: usize = 50;

/// What a successful call brought.
pub(crate) struct Answer {
    /// The operation's fields, still untyped.
    pub fields: Value,
    /// The id under which support finds the request.
    pub request_id: Option<String>,
    /// HTTP status.
    pub http_status: u16,
}

/// Without the fields: what a server says is shown only after it is redacted.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("http_status", &self.http_status).finish_non_exhaustive()
    }
}
