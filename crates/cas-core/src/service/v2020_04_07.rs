//! API version 2020-04-07. It knows no language and no source address.

use crate::service::types::{CertId, List, NewCertificate, Operation, PAGE_SIZE};
use crate::service::version::ApiVersion;

const VERSION: ApiVersion = ApiVersion::V2020_04_07;

/// Without a status the list holds what is valid; expired ones have to be asked for (the operation's
/// documentation).
pub(super) const LISTS: &[List] = &[List(""), List("EXPIRED")];

pub(super) fn upload_user_certificate<'a>(new: &NewCertificate<'a>) -> Operation<'a> {
    Operation::new("UploadUserCertificate", VERSION)
        .with("Name", new.name)
        .with("Cert", new.certificate)
        .with("Key", new.key)
        .with("ClientToken", new.client_token)
}

/// The default order type, CPACK, lists orders and no certificate; CERT lists uploaded and issued ones.
pub(super) fn list_user_certificate_order(list: List, page: usize) -> Operation<'static> {
    let operation = Operation::new("ListUserCertificateOrder", VERSION)
        .with("OrderType", "CERT")
        .with("ShowSize", PAGE_SIZE.to_string())
        .with("CurrentPage", page.to_string());
    if list.0.is_empty() { operation } else { operation.with("Status", list.0) }
}

/// `CertFilter` leaves the key out of the answer, and with it the certificate.
pub(super) fn get_user_certificate_detail(id: CertId, with_pem: bool) -> Operation<'static> {
    Operation::new("GetUserCertificateDetail", VERSION)
        .with("CertId", id.to_string())
        .with("CertFilter", if with_pem { "false" } else { "true" })
}

pub(super) fn delete_user_certificate(id: CertId, client_token: &str) -> Operation<'_> {
    Operation::new("DeleteUserCertificate", VERSION)
        .with("CertId", id.to_string())
        .with("ClientToken", client_token)
}
