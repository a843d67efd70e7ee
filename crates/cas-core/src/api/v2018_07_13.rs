//! API version 2018-07-13.

use serde_json::Value;

use super::{CertId, Format, Lang};
use crate::rpc::answer::integer;
use crate::rpc::params::Params;

const VERSION: &str = "2018-07-13";

/// `CreateUserCertificate`: stores a certificate and its key under a name.
#[derive(Clone, Copy)]
pub struct CreateUserCertificate<'a> {
    /// Unique in the account.
    pub name: &'a str,
    /// PEM, leaf first.
    pub certificate: &'a str,
    /// PEM, unencrypted.
    pub key: &'a str,
    /// The language of error messages; the service's default is Chinese.
    pub lang: Option<Lang>,
    /// The address of the person on whose behalf the call is made, for the service's audit trail.
    pub source_ip: Option<&'a str>,
}

impl<'a> CreateUserCertificate<'a> {
    /// The operation's name, as it stands in `Action` and in RAM policies.
    pub const ACTION: &'static str = "CreateUserCertificate";

    /// All parameters but those of the signature.
    #[must_use]
    pub fn params(&self, format: Format) -> Params<'a> {
        let mut params = super::operation(Self::ACTION, VERSION, format);
        params.set("Name", self.name);
        params.set("Cert", self.certificate);
        params.set("Key", self.key);
        if let Some(lang) = self.lang {
            params.set("Lang", lang.as_str());
        }
        if let Some(source_ip) = self.source_ip {
            params.set("SourceIp", source_ip);
        }
        params
    }

    /// The id in a successful answer.
    #[must_use]
    pub fn cert_id(answer: &Value) -> Option<CertId> {
        integer(answer, &["CertId"]).and_then(CertId::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_field_is_a_parameter() {
        let mut request =
            CreateUserCertificate { name: "n", certificate: "c", key: "k", lang: None, source_ip: None };
        let bare = "Action=CreateUserCertificate&Cert=c&Format=JSON&Key=k&Name=n&Version=2018-07-13";
        assert_eq!(request.params(Format::Json).canonical_query(), bare);
        request.lang = Some(Lang::English);
        request.source_ip = Some("192.0.2.1");
        let full = "Action=CreateUserCertificate&Cert=c&Format=XML&Key=k&Lang=en&Name=n&SourceIp=192.0.2.1\
                    &Version=2018-07-13";
        assert_eq!(request.params(Format::Xml).canonical_query(), full);
    }

    #[test]
    fn only_a_positive_number_is_an_id() {
        let id = |answer: Value| CreateUserCertificate::cert_id(&answer).map(CertId::get);
        assert_eq!(id(json!({"CertId": 5})), Some(5));
        assert_eq!(id(json!({"CertId": "5"})), Some(5));
        assert_eq!(id(json!({"CertId": 0})), None);
        assert_eq!(id(json!({"CertId": -5})), None);
        assert_eq!(id(json!({})), None);
    }
}
