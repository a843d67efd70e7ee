//! Operations of API version 2018-07-13 (docs/service.md, Version 2018-07-13).

use crate::service::types::{CertId, List, NewCertificate, Operation};
use crate::service::version::ApiVersion;

const VERSION: ApiVersion = ApiVersion::V2018_07_13;

/// One list without a status; nothing says that it hides any certificate.
pub(super) const LISTS: &[List] = &[List("")];

pub(super) fn create_user_certificate<'a>(new: &NewCertificate<'a>) -> Operation<'a> {
    let mut operation = Operation::new("CreateUserCertificate", VERSION)
        .with("Name", new.name)
        .with("Cert", new.pair.certificate)
        .with("Key", new.pair.key);
    if let Some(lang) = new.lang {
        operation = operation.with("Lang", lang.as_str());
    }
    if let Some(source_ip) = new.source_ip {
        operation = operation.with("SourceIp", source_ip);
    }
    operation
}

pub(super) fn describe_user_certificate_list(page: usize, size: usize) -> Operation<'static> {
    Operation::new("DescribeUserCertificateList", VERSION)
        .with("ShowSize", size.to_string())
        .with("CurrentPage", page.to_string())
}

/// The response always includes the private key.
pub(super) fn describe_user_certificate_detail(id: CertId) -> Operation<'static> {
    Operation::new("DescribeUserCertificateDetail", VERSION).with("CertId", id.to_string())
}

pub(super) fn delete_user_certificate(id: CertId) -> Operation<'static> {
    Operation::new("DeleteUserCertificate", VERSION).with("CertId", id.to_string())
}
