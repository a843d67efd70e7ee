//! Calls and helpers that several tests of operations use.

use serde_json::Value;

use crate::client::{Call, Response};

pub(super) fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

pub(super) fn by_id(call: Call, cert_id: i64) -> Call {
    call.set("CertId", &cert_id.to_string())
}

pub(super) fn detail_2018(port: u16, cert_id: i64) -> Response {
    by_id(Call::v2018("DescribeUserCertificateDetail"), cert_id).send(port)
}

pub(super) fn detail_2020(port: u16, cert_id: i64) -> Response {
    by_id(Call::v2020("GetUserCertificateDetail"), cert_id).send(port)
}

pub(super) fn delete_2020(cert_id: i64) -> Call {
    by_id(Call::v2020("DeleteUserCertificate"), cert_id)
}

pub(crate) fn orders() -> Call {
    Call::v2020("ListUserCertificateOrder").set("OrderType", "CERT")
}
