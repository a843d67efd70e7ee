//! Operations of API version 2020-04-07 (docs/service.md, Version 2020-04-07). It has no parameters
//! for language and source address.

use crate::service::paging::PAGE_SIZE;
use crate::service::types::{CertId, List, NewCertificate, Operation, PemPair};
use crate::service::version::ApiVersion;

const VERSION: ApiVersion = ApiVersion::V2020_04_07;

/// Without a status, the list has valid certificates only; expired ones are a list of their own
/// (docs/service.md, Lists and paging).
pub(super) const LISTS: &[List] = &[List(""), List("EXPIRED")];

pub(super) fn upload_user_certificate<'a>(new: &NewCertificate<'a>) -> Operation<'a> {
    let operation = Operation::new("UploadUserCertificate", VERSION)
        .with("Name", new.name)
        .with("ClientToken", new.client_token);
    let PemPair { certificate, key } = new.pair;
    match new.encryption {
        None => operation.with("Cert", certificate).with("Key", key),
        // The service ignores these if `Cert` and `Key` are given as well.
        Some(encryption) => operation
            .with("SignCert", certificate)
            .with("SignPrivateKey", key)
            .with("EncryptCert", encryption.certificate)
            .with("EncryptPrivateKey", encryption.key),
    }
}

/// The default order type, CPACK, lists orders; CERT lists uploaded and issued certificates.
pub(super) fn list_user_certificate_order(
    list: List,
    page: usize,
    size: usize,
) -> Operation<'static> {
    let operation = Operation::new("ListUserCertificateOrder", VERSION)
        .with("OrderType", "CERT")
        .with("ShowSize", size.to_string())
        .with("CurrentPage", page.to_string());
    if list.0.is_empty() { operation } else { operation.with("Status", list.0) }
}

/// `Keyword` is a part of a domain. What it does not find may be in the list all the same.
pub(super) fn search_user_certificate_order(domain: &str) -> Operation<'_> {
    list_user_certificate_order(LISTS[0], 1, PAGE_SIZE).with("Keyword", domain)
}

/// `CertFilter` omits the private key from the response, and the certificate with it.
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
