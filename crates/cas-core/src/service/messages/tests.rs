//! What the messages of failed attempts say.

use super::*;
use crate::service::caller::tests::{attempt, response};

#[test]
fn a_foreign_response_is_retryable_if_that_may_help() {
    for (status, retryable) in
        [(200, false), (302, false), (403, false), (408, true), (429, true), (500, true)]
    {
        let error = attempt(response(status, "<html></html>")).unwrap_err().error;
        assert_eq!(error.is_retryable(), retryable, "{status}");
        let (kind, begins) = match status {
            429 => (ErrorKind::Throttled, "cas.example, or a proxy, throttled"),
            _ => (ErrorKind::Protocol, "Invalid response from cas.example"),
        };
        assert!(error.kind() == kind && error.message().starts_with(begins), "{error}");
    }
}

#[test]
fn a_request_id_that_is_a_secret_is_not_shown() {
    for (id, shown) in [
        ("hidden-secret", None),
        ("R-1", Some("R-1")),
        ("473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E", Some("473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E")),
    ] {
        let refused = HttpResponse {
            request_id: Some(id.to_owned()),
            ..response(403, r#"{"Code":"Forbidden.RiskControl"}"#).unwrap()
        };
        let error = attempt(Ok(refused)).unwrap_err().error;
        assert_eq!(error.request_id(), shown);
        let success =
            HttpResponse { request_id: Some(id.to_owned()), ..response(200, "{}").unwrap() };
        assert_eq!(attempt(Ok(success)).unwrap().request_id.as_deref(), shown);
    }
}

#[test]
fn an_access_key_error_names_the_key_and_its_source() {
    let body = r#"{"Code":"InvalidAccessKeyId.NotFound"}"#;
    let failure = attempt(response(404, body)).unwrap_err();
    let hint = failure.error.hint().unwrap();
    assert!(hint.contains("The access key ID is \"id\"."), "{hint}");
    assert!(hint.ends_with("The access key comes from the program."), "{hint}");
    // There is no other key.
    assert_eq!(failure.class, FailureClass::Refused);
}

#[test]
fn a_permission_error_names_the_ram_action() {
    let error = attempt(response(403, r#"{"Code":"Forbidden.RAM"}"#)).unwrap_err().error;
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(error.hint().unwrap().contains("yundun-cert:CreateUserCertificate"));
}
