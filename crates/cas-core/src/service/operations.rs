//! Operations of the service: typed input becomes parameters.
//!
//! Both versions of the API offer the same operations; each version's names are in a file of its
//! own.

use crate::service::types::{CertId, List, NewCertificate, Operation};
use crate::service::version::ApiVersion;
use crate::service::{v2018_07_13, v2020_04_07};

impl ApiVersion {
    /// Stores a certificate and its key under a name.
    #[must_use]
    pub fn upload<'a>(self, new: &NewCertificate<'a>) -> Operation<'a> {
        match self {
            Self::V2018_07_13 => v2018_07_13::create_user_certificate(new),
            Self::V2020_04_07 => v2020_04_07::upload_user_certificate(new),
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

    /// One page of a list; pages count from 1 and have `size` entries.
    #[must_use]
    pub fn list_page(self, list: List, page: usize, size: usize) -> Operation<'static> {
        match self {
            Self::V2018_07_13 => v2018_07_13::describe_user_certificate_list(page, size),
            Self::V2020_04_07 => v2020_04_07::list_user_certificate_order(list, page, size),
        }
    }

    /// The first page of the certificates of a domain. `None` in the older version, whose list has
    /// no filter.
    #[must_use]
    pub fn search(self, domain: &str) -> Option<Operation<'_>> {
        match self {
            Self::V2018_07_13 => None,
            Self::V2020_04_07 => Some(v2020_04_07::search_user_certificate_order(domain)),
        }
    }

    /// Everything about one certificate. `with_pem` requests the PEM chain as well; the response
    /// then includes the private key, as it always does in the older version.
    #[must_use]
    pub fn detail(self, id: CertId, with_pem: bool) -> Operation<'static> {
        match self {
            Self::V2018_07_13 => v2018_07_13::describe_user_certificate_detail(id),
            Self::V2020_04_07 => v2020_04_07::get_user_certificate_detail(id, with_pem),
        }
    }

    /// Deletes one certificate. `client_token` is the same for each attempt of one deletion.
    #[must_use]
    pub fn delete(self, id: CertId, client_token: &str) -> Operation<'_> {
        match self {
            Self::V2018_07_13 => v2018_07_13::delete_user_certificate(id),
            Self::V2020_04_07 => v2020_04_07::delete_user_certificate(id, client_token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::types::{Lang, PemPair};

    const NEW: NewCertificate<'_> = NewCertificate {
        name: "n",
        pair: PemPair { certificate: "c", key: "k" },
        encryption: None,
        lang: Some(Lang::English),
        source_ip: Some("192.0.2.1"),
        client_token: "t",
    };

    fn query(operation: &Operation<'_>) -> String {
        operation.params.canonical_query()
    }

    #[test]
    fn the_required_ram_actions_are_documented() {
        let document = include_str!("../../../../docs/security.md");
        let id = CertId::new(7).unwrap();
        for version in [ApiVersion::V2018_07_13, ApiVersion::V2020_04_07] {
            let upload = version.upload(&NEW);
            let list = version.list_page(version.lists()[0], 1, 50);
            let detail = version.detail(id, false);
            let delete = version.delete(id, "t");
            for Operation { ram, action, .. } in [upload, list, detail, delete] {
                assert!(document.contains(&format!("`{ram}:{action}`")), "{action}");
            }
        }
    }

    #[test]
    fn every_field_becomes_a_parameter() {
        let old = ApiVersion::V2018_07_13;
        assert_eq!(
            query(&old.upload(&NEW)),
            "Action=CreateUserCertificate&Cert=c&Format=JSON&Key=k&Lang=en&Name=n\
             &SourceIp=192.0.2.1&Version=2018-07-13"
        );
        let bare = NewCertificate { lang: None, source_ip: None, ..NEW };
        assert_eq!(
            query(&old.upload(&bare)),
            "Action=CreateUserCertificate&Cert=c&Format=JSON&Key=k&Name=n&Version=2018-07-13"
        );
        assert_eq!(
            query(&ApiVersion::V2020_04_07.upload(&NEW)),
            "Action=UploadUserCertificate&Cert=c&ClientToken=t&Format=JSON&Key=k&Name=n\
             &Version=2020-04-07"
        );
        let encryption = Some(PemPair { certificate: "e", key: "f" });
        let double = NewCertificate { encryption, ..NEW };
        assert_eq!(
            query(&ApiVersion::OF_DOUBLE_CERTIFICATES.upload(&double)),
            "Action=UploadUserCertificate&ClientToken=t&EncryptCert=e&EncryptPrivateKey=f\
             &Format=JSON&Name=n&SignCert=c&SignPrivateKey=k&Version=2020-04-07"
        );
    }

    #[test]
    fn the_lists_include_expired_and_uploaded_certificates() {
        let pages = |version: ApiVersion| -> Vec<String> {
            version.lists().iter().map(|list| query(&version.list_page(*list, 2, 50))).collect()
        };
        assert_eq!(
            pages(ApiVersion::V2018_07_13),
            ["Action=DescribeUserCertificateList&CurrentPage=2&Format=JSON&ShowSize=50\
                 &Version=2018-07-13"]
        );
        assert_eq!(
            pages(ApiVersion::V2020_04_07),
            [
                "Action=ListUserCertificateOrder&CurrentPage=2&Format=JSON&OrderType=CERT\
                 &ShowSize=50&Version=2020-04-07",
                "Action=ListUserCertificateOrder&CurrentPage=2&Format=JSON&OrderType=CERT\
                 &ShowSize=50&Status=EXPIRED&Version=2020-04-07",
            ]
        );
    }

    #[test]
    fn only_the_newer_version_has_a_search() {
        assert!(ApiVersion::V2018_07_13.search("example.com").is_none());
        assert_eq!(
            query(&ApiVersion::V2020_04_07.search("example.com").unwrap()),
            "Action=ListUserCertificateOrder&CurrentPage=1&Format=JSON&Keyword=example.com\
             &OrderType=CERT&ShowSize=50&Version=2020-04-07"
        );
    }

    #[test]
    fn detail_and_deletion_send_the_id() {
        let id = CertId::new(7).unwrap();
        for (version, detail, delete) in [
            (
                ApiVersion::V2018_07_13,
                "Action=DescribeUserCertificateDetail&CertId=7&Format=JSON&Version=2018-07-13",
                "Action=DeleteUserCertificate&CertId=7&Format=JSON&Version=2018-07-13",
            ),
            (
                ApiVersion::V2020_04_07,
                "Action=GetUserCertificateDetail&CertFilter=true&CertId=7&Format=JSON\
                 &Version=2020-04-07",
                "Action=DeleteUserCertificate&CertId=7&ClientToken=t&Format=JSON\
                 &Version=2020-04-07",
            ),
        ] {
            assert_eq!(query(&version.detail(id, false)), detail);
            assert_eq!(query(&version.delete(id, "t")), delete);
        }
    }
}
