//! Responses of the services that issue access keys. Errors show the code of a service, but no
//! other text of it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::error::ErrorKind;
use crate::credentials::json;
use crate::http::response::HttpResponse;
use crate::protocol::error_codes::classify;
use crate::protocol::reading::ApiResponse;
use crate::service::provider::CredentialsError;

/// An error response of an OAuth server (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct OAuthError {
    error: String,
}

/// The fields of a successful response of `service`, its host for messages.
///
/// An error shows the service's code, unless the code could be one of the `secrets` of the request.
/// `None`: any part of the request may be secret, so no code is shown.
pub(crate) fn read<T: DeserializeOwned + Default>(
    response: &HttpResponse,
    service: &str,
    secrets: Option<&[&str]>,
) -> Result<T, CredentialsError> {
    read_untyped(response, service, secrets).map(json::fields)
}

fn read_untyped(
    response: &HttpResponse,
    service: &str,
    secrets: Option<&[&str]>,
) -> Result<Value, CredentialsError> {
    let (status, size) = (response.status, response.body.len());
    let refused = |code: &str| {
        let shown = secrets.is_some_and(|secrets| is_code(code, secrets));
        let code = if shown { format!(": {code}") } else { String::new() };
        format!("{service} refused the request{code} (HTTP {status})")
    };
    let mut retryable = status >= 500 || status == 429;
    let reason = match response.read() {
        ApiResponse::Success(fields) => return Ok(fields),
        ApiResponse::Refusal { code, .. } => {
            retryable |= classify(&code, "", status).kind == ErrorKind::Throttled;
            refused(&code)
        }
        ApiResponse::Unrecognized { .. } => match serde_json::from_slice(&response.body) {
            Ok(OAuthError { error }) => refused(&error),
            Err(_) => {
                format!("unrecognized response from {service} (HTTP {status}, {size} bytes)")
            }
        },
    };
    Err(CredentialsError::failed(reason).with_retryable(retryable))
}

/// Whether `text` looks like an error code and neither contains a secret nor is part of one.
fn is_code(text: &str, secrets: &[&str]) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && !secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .any(|secret| text.contains(secret) || secret.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn error(status: u16, body: &str, secrets: Option<&[&str]>) -> CredentialsError {
        let body = Zeroizing::new(body.into());
        let response = HttpResponse { status, body, ..HttpResponse::default() };
        read_untyped(&response, "them", secrets).unwrap_err()
    }

    #[test]
    fn errors_show_a_code_and_nothing_of_the_request() {
        for (body, reason) in [
            (
                r#"{"Code":"ServiceUnavailable","Message":"hidden"}"#,
                "them refused the request: ServiceUnavailable (HTTP 503)",
            ),
            (r#"{"error":"invalid_grant"}"#, "them refused the request: invalid_grant (HTTP 503)"),
            (r#"{"error":"token-1 is unknown"}"#, "them refused the request (HTTP 503)"),
            (r#"{"error":"token-1"}"#, "them refused the request (HTTP 503)"),
            (r#"{"Code":"no.token-1"}"#, "them refused the request (HTTP 503)"),
            (r#"{"Code":"token"}"#, "them refused the request (HTTP 503)"),
            (
                "<html><title>hidden</title></html>",
                "unrecognized response from them (HTTP 503, 34 bytes)",
            ),
            (r#"{"error":7}"#, "unrecognized response from them (HTTP 503, 11 bytes)"),
        ] {
            assert_eq!(error(503, body, Some(&["token-1", ""])).reason, reason);
        }
        let long = format!(r#"{{"Code":"{}"}}"#, "a".repeat(65));
        assert_eq!(error(400, &long, Some(&[])).reason, "them refused the request (HTTP 400)");
        let code = r#"{"Code":"Forbidden"}"#;
        assert_eq!(error(403, code, None).reason, "them refused the request (HTTP 403)");
    }

    #[test]
    fn server_errors_and_rate_limits_are_retryable() {
        for (status, retryable) in [(400, false), (403, false), (429, true), (500, true)] {
            for body in [r#"{"Code":"Busy"}"#, "<html></html>"] {
                assert_eq!(error(status, body, None).retryable, retryable, "{status} {body}");
            }
        }
        for code in ["Throttling.User", "FlowControlError"] {
            assert!(error(400, &format!(r#"{{"Code":"{code}"}}"#), None).retryable, "{code}");
        }
    }
}
