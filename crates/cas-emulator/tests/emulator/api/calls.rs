//! Calls and helpers that several tests of operations use.

use serde_json::Value;

use crate::client::{Call, Response};

pub(crate) fn names(value: &Value) -> Vec<&str> {
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

/// The ID of the first certificate.
const FIRST_ID: i64 = 10_000_000;

/// The ID of the certificate that was stored as number `n`, counted from 1.
pub(super) fn nth_id(n: i64) -> i64 {
    FIRST_ID + n - 1
}

/// Which certificate has this ID, counted from 1; 0 for none.
pub(super) fn number(cert_id: &Value) -> i64 {
    let cert_id = cert_id.as_i64().unwrap();
    if cert_id == 0 { 0 } else { cert_id - FIRST_ID + 1 }
}
