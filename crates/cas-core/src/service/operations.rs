//! Operations of the service: typed input becomes parameters, an answer becomes typed output.
//!
//! Both versions of the API can do the same; what is named differently stands in one file for each.

use std::fmt;

use serde_json::Value;

use crate::protocol::params::Params;
use crate::protocol::reading::integer;
use crate::service::{v2018_07_13, v2020_04_07};

pub use super::certificate::{Certificate, Page};
pub use super::version::{ApiVersion, Versions};

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

/// The form in which answers are asked for; both are understood whichever was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `Format=JSON`.
    #[default]
    Json,
    /// `Format=XML`.
    Xml,
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
    pub(crate) fn new(action: &'static str, version: ApiVersion, format: Format) -> Self {
        let mut params = Params::new();
        params.set("Action", action);
        params.set("Version", version.as_str());
        params.set("Format", if format == Format::Json { "JSON" } else { "XML" });
        Self { ram: "yundun-cert", action, params }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<std::borrow::Cow<'a, str>>) -> Self {
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

impl ApiVersion {
    /// Stores a certificate and its key under a name.
    #[must_use]
    pub fn upload<'a>(self, new: &NewCertificate<'a>, format: Format) -> Operation<'a> {
        match self {
            Self::V2018_07_13 => v2018_07_13::create_user_certificate(new, format),
            Self::V2020_04_07 => v2020_04_07::upload_user_certificate(new, format),
        }
    }

    /// The lists that together hold every certificate, expired ones included.
    #[must_use]
    pub fn lists(self) -> &'static [List] {
        match self {
            Self::V2018_07_13 => v2018_07_13::LISTS,
            Self::V2020_04_07 => v2020_04_07::LISTS,
        }
    }

    /// One page of a list; pages count from 1.
    #[must_use]
    pub fn list_page(self, list: List, page: usize, format: Format) -> Operation<'static> {
        match self {
            Self::V2018_07_13 => v2018_07_13::describe_user_certificate_list(page, format),
            Self::V2020_04_07 => v2020_04_07::list_user_certificate_order(list, page, format),
        }
    }

    /// Everything about one certificate. `with_pem` asks for the certificate itself; its key then comes with
    /// it, as it always does in the older version.
    #[must_use]
    pub fn detail(self, id: CertId, with_pem: bool, format: Format) -> Operation<'static> {
        match self {
            Self::V2018_07_13 => v2018_07_13::describe_user_certificate_detail(id, format),
            Self::V2020_04_07 => v2020_04_07::get_user_certificate_detail(id, with_pem, format),
        }
    }

    /// Deletes one certificate. `client_token` is the same for each try of one deletion.
    #[must_use]
    pub fn delete(self, id: CertId, client_token: &str, format: Format) -> Operation<'_> {
        match self {
            Self::V2018_07_13 => v2018_07_13::delete_user_certificate(id, format),
            Self::V2020_04_07 => v2020_04_07::delete_user_certificate(id, client_token, format),
        }
    }
}

/// A list of certificates by the status that it asks for; empty for the version's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List(pub(crate) &'static str);

/// Certificates on a page: the documented default of both versions. No larger one is documented.
pub const PAGE_SIZE: usize = 50;

/// The id in the answer to an upload.
#[must_use]
pub fn new_id(answer: &Value) -> Option<CertId> {
    integer(answer, &["CertId"]).and_then(CertId::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NEW: NewCertificate<'_> = NewCertificate {
        name: "n",
        certificate: "c",
        key: "k",
        lang: Some(Lang::English),
        source_ip: Some("192.0.2.1"),
        client_token: "t",
    };

    fn query(operation: &Operation<'_>) -> String {
        operation.params.canonical_query()
    }

    #[test]
    fn the_rights_that_are_needed_are_documented() {
        let document = include_str!("../../../../docs/security.md");
        let id = CertId::new(7).unwrap();
        for version in [ApiVersion::V2018_07_13, ApiVersion::V2020_04_07] {
            let upload = version.upload(&NEW, Format::Json);
            let list = version.list_page(version.lists()[0], 1, Format::Json);
            let detail = version.detail(id, false, Format::Json);
            let delete = version.delete(id, "t", Format::Json);
            for Operation { ram, action, .. } in [upload, list, detail, delete] {
                assert!(document.contains(&format!("`{ram}:{action}`")), "{action}");
            }
        }
    }

    #[test]
    fn every_field_is_a_parameter() {
        let old = ApiVersion::V2018_07_13;
        assert_eq!(
            query(&old.upload(&NEW, Format::Xml)),
            "Action=CreateUserCertificate&Cert=c&Format=XML&Key=k&Lang=en&Name=n&SourceIp=192.0.2.1&Version=2018-07-13"
        );
        let bare = NewCertificate { lang: None, source_ip: None, ..NEW };
        assert_eq!(
            query(&old.upload(&bare, Format::Json)),
            "Action=CreateUserCertificate&Cert=c&Format=JSON&Key=k&Name=n&Version=2018-07-13"
        );
        assert_eq!(
            query(&ApiVersion::V2020_04_07.upload(&NEW, Format::Json)),
            "Action=UploadUserCertificate&Cert=c&ClientToken=t&Format=JSON&Key=k&Name=n&Version=2020-04-07"
        );
    }

    #[test]
    fn the_lists_hold_expired_certificates_and_uploaded_ones() {
        let pages = |version: ApiVersion| -> Vec<String> {
            version.lists().iter().map(|list| query(&version.list_page(*list, 2, Format::Json))).collect()
        };
        assert_eq!(
            pages(ApiVersion::V2018_07_13),
            ["Action=DescribeUserCertificateList&CurrentPage=2&Format=JSON&ShowSize=50&Version=2018-07-13"]
        );
        assert_eq!(
            pages(ApiVersion::V2020_04_07),
            [
                "Action=ListUserCertificateOrder&CurrentPage=2&Format=JSON&OrderType=CERT&ShowSize=50&Version=2020-04-07",
                "Action=ListUserCertificateOrder&CurrentPage=2&Format=JSON&OrderType=CERT&ShowSize=50&Status=EXPIRED\
                 &Version=2020-04-07",
            ]
        );
    }

    #[test]
    fn detail_and_deletion_name_the_certificate() {
        let id = CertId::new(7).unwrap();
        for (version, detail, delete) in [
            (
                ApiVersion::V2018_07_13,
                "Action=DescribeUserCertificateDetail&CertId=7&Format=JSON&Version=2018-07-13",
                "Action=DeleteUserCertificate&CertId=7&Format=JSON&Version=2018-07-13",
            ),
            (
                ApiVersion::V2020_04_07,
                "Action=GetUserCertificateDetail&CertFilter=true&CertId=7&Format=JSON&Version=2020-04-07",
                "Action=DeleteUserCertificate&CertId=7&ClientToken=t&Format=JSON&Version=2020-04-07",
            ),
        ] {
            assert_eq!(query(&version.detail(id, false, Format::Json)), detail);
            assert_eq!(query(&version.delete(id, "t", Format::Json)), delete);
        }
    }

    #[test]
    fn only_a_positive_number_is_an_id() {
        let id = |answer: Value| new_id(&answer).map(CertId::get);
        assert_eq!(id(json!({"CertId": 5})), Some(5));
        assert_eq!(id(json!({"CertId": "5"})), Some(5));
        assert_eq!(id(json!({"CertId": 0})), None);
        assert_eq!(id(json!({"CertId": -5})), None);
        assert_eq!(id(json!({})), None);
    }
}
