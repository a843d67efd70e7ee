//! What calls of the service consist of: IDs, operations, responses.

use std::borrow::Cow;
use std::fmt;

use cas_sign::Params;
use serde::Deserialize;
use serde_json::Value;

use crate::protocol::fields::Text;
use crate::service::version::ApiVersion;

/// The ID that the service gives a certificate. Always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Text")]
pub struct CertId(i64);

impl CertId {
    /// Returns `None` if `id` is not positive.
    #[must_use]
    pub fn new(id: i64) -> Option<Self> {
        (id > 0).then_some(Self(id))
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<Text> for CertId {
    type Error = &'static str;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        text.integer().and_then(Self::new).ok_or("invalid CertId")
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
    /// Parses `zh` or `en`.
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

/// One call to make: the operation's name, and all parameters except those of the signature.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// The product's name in RAM policies.
    pub ram: &'static str,
    /// The operation's name, in `Action` and in RAM policies.
    pub action: &'static str,
    /// The parameters to send.
    pub params: Params<'a>,
}

impl<'a> Operation<'a> {
    // Not inlined into each operation.
    #[inline(never)]
    pub(crate) fn new(action: &'static str, version: ApiVersion) -> Self {
        let mut params = Params::new();
        params.set("Action", action);
        params.set("Version", version.as_str());
        params.set("Format", "JSON");
        Self { ram: "yundun-cert", action, params }
    }

    #[inline(never)]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.params.set(name, value);
        self
    }
}

/// A certificate chain and its private key.
#[derive(Clone, Copy)]
pub struct PemPair<'a> {
    /// The certificate chain, PEM, leaf first.
    pub certificate: &'a str,
    /// The private key, PEM, unencrypted.
    pub key: &'a str,
}

/// The input of an upload.
#[derive(Clone, Copy)]
pub struct NewCertificate<'a> {
    /// The name, unique in the account.
    pub name: &'a str,
    /// The certificate and its key; of SM2 double certificates, the signing pair.
    pub pair: PemPair<'a>,
    /// The encryption pair of SM2 double certificates; only 2020-04-07 has it.
    pub encryption: Option<PemPair<'a>>,
    /// The language of error messages; only 2018-07-13 has it.
    pub lang: Option<Lang>,
    /// The IP address of the person on whose behalf the call is made; only 2018-07-13 has it.
    pub source_ip: Option<&'a str>,
    /// The idempotency token, the same for each attempt of one upload; only 2020-04-07 has it.
    pub client_token: &'a str,
}

/// A list of certificates, by the status that it asks for; empty for the version's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List(pub(crate) &'static str);

/// A successful response.
pub(crate) struct Response<T = Value> {
    /// The operation's fields.
    pub fields: T,
    /// The RequestId, by which Alibaba Cloud's support finds the request.
    pub request_id: Option<String>,
    /// HTTP status.
    pub http_status: u16,
}

/// Without the fields: what a server sends is shown only after it is redacted.
impl<T> fmt::Debug for Response<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("http_status", &self.http_status).finish_non_exhaustive()
    }
}

/// The response to an upload.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NewId {
    pub cert_id: CertId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::fields::parse;
    use serde_json::json;

    #[test]
    fn only_a_positive_number_is_an_id() {
        let id = |fields: Value| parse::<NewId>(fields).map(|new| new.cert_id.get());
        assert_eq!(id(json!({"CertId": 5, "RequestId": "R"})).unwrap(), 5);
        assert_eq!(id(json!({"CertId": "9223372036854775807"})).unwrap(), i64::MAX);
        for invalid in [json!(0), json!(-5), json!(""), json!(null), json!([5]), json!(1.5)] {
            let error = id(json!({"CertId": invalid})).unwrap_err();
            assert_eq!(error.to_string(), "invalid CertId");
        }
        assert_eq!(id(json!({})).unwrap_err().to_string(), "missing field `CertId`");
    }

    #[test]
    fn debug_prints_no_field() {
        let response = Response { fields: json!("hidden"), request_id: None, http_status: 200 };
        assert!(!format!("{response:?}").contains("hidden"));
    }
}
