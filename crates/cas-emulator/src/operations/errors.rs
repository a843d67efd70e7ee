//! The errors of the API: code, HTTP status, messages, and how each is known.
//!
//! `docs/conformance.md` explains this table. A test compares the two.

use std::time::Duration;

use crate::request::Language;

/// How an error is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From Alibaba Cloud's documentation.
    Documented,
    /// From a published response of the service.
    Captured,
    /// Unknown: the emulator's choice.
    Assumed,
}

/// One error of the table. `{}` in the code and the English message is replaced by the detail of an
/// [`ApiError`].
#[derive(Debug)]
pub(crate) struct ErrorSpec {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) english: &'static str,
    /// Errors of operations have a Chinese message; errors of the gateway are in English only.
    pub(crate) chinese: Option<&'static str>,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by the test against docs/conformance.md")
    )]
    pub(crate) source: Source,
}

const fn gateway(
    code: &'static str,
    status: u16,
    source: Source,
    english: &'static str,
) -> ErrorSpec {
    ErrorSpec { code, status, english, chinese: None, source }
}

const fn business(
    code: &'static str,
    source: Source,
    chinese: &'static str,
    english: &'static str,
) -> ErrorSpec {
    ErrorSpec { code, status: 400, english, chinese: Some(chinese), source }
}

use Source::{Assumed, Captured, Documented};

pub(crate) static MISSING: ErrorSpec =
    gateway("Missing{}", 400, Captured, "{} is mandatory for this action.");
pub(crate) static INVALID: ErrorSpec =
    gateway("Invalid{}", 400, Documented, "Specified parameter {} is not valid.");
pub(crate) static INVALID_FORMAT: ErrorSpec =
    gateway("InvalidParameter.Format", 400, Documented, "Specified parameter format is not valid.");
pub(crate) static INVALID_VERSION: ErrorSpec =
    gateway("InvalidVersion", 400, Assumed, "Specified parameter Version is not valid.");
pub(crate) static ACTION_NOT_FOUND: ErrorSpec = gateway(
    "InvalidAction.NotFound",
    404,
    Captured,
    "Specified api is not found, please check your url and method.",
);
/// An operation of the service that the emulator does not have. Clients cannot tell it from
/// [`ACTION_NOT_FOUND`]; a header says what it is.
pub(crate) static NOT_EMULATED: ErrorSpec = ErrorSpec { ..ACTION_NOT_FOUND };
pub(crate) static UNSUPPORTED_METHOD: ErrorSpec =
    gateway("UnsupportedHTTPMethod", 400, Documented, "This http method is not supported.");
pub(crate) static ACCESS_KEY_NOT_FOUND: ErrorSpec =
    gateway("InvalidAccessKeyId.NotFound", 404, Captured, "Specified access key is not found.");
pub(crate) static MISSING_SECURITY_TOKEN: ErrorSpec =
    gateway("MissingSecurityToken", 400, Assumed, "SecurityToken is mandatory for this action.");
pub(crate) static SECURITY_TOKEN_MISMATCH: ErrorSpec = gateway(
    "InvalidSecurityToken.MismatchWithAccessKey",
    400,
    Assumed,
    "Specified SecurityToken mismatch with the AccessKey.",
);
pub(crate) static SECURITY_TOKEN_MALFORMED: ErrorSpec = gateway(
    "InvalidSecurityToken.Malformed",
    400,
    Assumed,
    "Specified SecurityToken is malformed.",
);
pub(crate) static SECURITY_TOKEN_EXPIRED: ErrorSpec =
    gateway("InvalidSecurityToken.Expired", 400, Assumed, "Specified SecurityToken is expired.");
pub(crate) static WRONGLY_FORMED: ErrorSpec =
    gateway("InvalidParameter.{}", 400, Documented, "The parameter {} is wrongly formed.");
pub(crate) static POLICY_GRAMMAR: ErrorSpec = gateway(
    "InvalidParameter.PolicyGrammar",
    400,
    Documented,
    "The parameter Policy has not passed grammar check.",
);
pub(crate) static OIDC_TOKEN_INVALID: ErrorSpec = gateway(
    "AuthenticationFail.OIDCToken.Invalid",
    400,
    Assumed,
    "The OIDC token is not a JSON Web Token with its claims.",
);
pub(crate) static OIDC_TOKEN_EXPIRED: ErrorSpec =
    gateway("AuthenticationFail.OIDCToken.Expired", 400, Assumed, "The OIDC token is expired.");
pub(crate) static INVALID_SIGNATURE_METHOD: ErrorSpec =
    gateway("InvalidSignatureMethod", 400, Documented, "Specified signature method is not valid.");
pub(crate) static TIMESTAMP_FORMAT: ErrorSpec = gateway(
    "InvalidTimeStamp.Format",
    400,
    Documented,
    "Specified time stamp or date value is not well formatted.",
);
pub(crate) static TIMESTAMP_EXPIRED: ErrorSpec = gateway(
    "InvalidTimeStamp.Expired",
    400,
    Documented,
    "Specified time stamp or date value is expired.",
);
pub(crate) static SIGNATURE_MISMATCH: ErrorSpec = gateway(
    "SignatureDoesNotMatch",
    400,
    Captured,
    "Specified signature is not matched with our calculation. server string to sign is:{}",
);
pub(crate) static NONCE_USED: ErrorSpec =
    gateway("SignatureNonceUsed", 400, Documented, "Specified signature nonce was used already.");
pub(crate) static INTERNAL: ErrorSpec = gateway(
    "InternalError",
    500,
    Documented,
    "The request processing has failed due to some unknown error, exception or failure.",
);
pub(crate) static SERVICE_UNAVAILABLE: ErrorSpec = gateway(
    "ServiceUnavailable",
    503,
    Documented,
    "The request has failed due to a temporary failure of the server.",
);
pub(crate) static THROTTLED: ErrorSpec =
    gateway("Throttling.User", 400, Documented, "Request was denied due to user flow control.");
pub(crate) static TOKEN_MISMATCH: ErrorSpec = gateway(
    "IdempotentParameterMismatch",
    400,
    Assumed,
    "The request uses the same client token as a previous, but non-identical request.",
);

pub(crate) static NAME_REPEAT: ErrorSpec = business(
    "NameRepeat",
    Documented,
    "名称重复，请重新输入。",
    "The certificate name already exists.",
);
pub(crate) static CERTIFICATE_FORMAT: ErrorSpec = business(
    "-1008",
    Captured,
    "证书格式异常，请检查输入内容。",
    "The format of the certificate is invalid. Check the input.",
);
pub(crate) static KEY_FORMAT: ErrorSpec = business(
    "PrivateKeyFormatError",
    Assumed,
    "私钥格式异常，请检查输入内容。",
    "The format of the private key is invalid. Check the input.",
);
pub(crate) static KEY_MISMATCH: ErrorSpec = business(
    "CertKeyNotMatch",
    Assumed,
    "证书和私钥不匹配，请检查输入内容。",
    "The certificate and the private key do not match.",
);
pub(crate) static NOT_FOUND: ErrorSpec = business(
    "NotFound",
    Captured,
    "没有找到必要内容，请检查参数输入。",
    "The required content is not found. Check the parameters.",
);
pub(crate) static INSUFFICIENT_QUOTA: ErrorSpec = business(
    "InsufficientQuota",
    Documented,
    "证书数量超出配额。",
    "The quota of certificates is insufficient.",
);

pub(crate) static TOO_MANY: ErrorSpec =
    gateway("NumberExceed.{}", 400, Assumed, "The maximum number of {} is exceeded.");
pub(crate) static DUPLICATE_TAG_KEY: ErrorSpec =
    gateway("Duplicate.TagKey", 400, Assumed, "A tag key occurs more than once.");

/// The whole table.
pub(crate) static ALL: [&ErrorSpec; 32] = [
    &MISSING,
    &INVALID,
    &INVALID_FORMAT,
    &INVALID_VERSION,
    &ACTION_NOT_FOUND,
    &UNSUPPORTED_METHOD,
    &ACCESS_KEY_NOT_FOUND,
    &MISSING_SECURITY_TOKEN,
    &SECURITY_TOKEN_MISMATCH,
    &SECURITY_TOKEN_MALFORMED,
    &SECURITY_TOKEN_EXPIRED,
    &WRONGLY_FORMED,
    &POLICY_GRAMMAR,
    &OIDC_TOKEN_INVALID,
    &OIDC_TOKEN_EXPIRED,
    &INVALID_SIGNATURE_METHOD,
    &TIMESTAMP_FORMAT,
    &TIMESTAMP_EXPIRED,
    &SIGNATURE_MISMATCH,
    &NONCE_USED,
    &INTERNAL,
    &SERVICE_UNAVAILABLE,
    &THROTTLED,
    &TOKEN_MISMATCH,
    &NAME_REPEAT,
    &CERTIFICATE_FORMAT,
    &KEY_FORMAT,
    &KEY_MISMATCH,
    &NOT_FOUND,
    &INSUFFICIENT_QUOTA,
    &TOO_MANY,
    &DUPLICATE_TAG_KEY,
];

/// An error response.
///
/// No `Debug`: the detail of `SignatureDoesNotMatch` is the string to sign, which contains the
/// private key.
pub(crate) struct ApiError {
    spec: &'static ErrorSpec,
    detail: String,
    /// How long to wait before a retry, for throttled calls.
    pub(crate) retry_after: Option<Duration>,
}

impl ApiError {
    /// `spec` with `detail`: the name of a parameter, or the string to sign.
    pub(crate) fn new(spec: &'static ErrorSpec, detail: impl Into<String>) -> Self {
        Self { spec, detail: detail.into(), retry_after: None }
    }

    /// `Throttling.User`: the next call is admitted after `retry_after`.
    pub(crate) fn throttled(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..(&THROTTLED).into() }
    }

    /// Whether the call names an operation of the service that the emulator does not have.
    pub(crate) fn not_emulated(&self) -> bool {
        std::ptr::eq(self.spec, &raw const NOT_EMULATED)
    }

    pub(crate) fn status(&self) -> u16 {
        self.spec.status
    }

    pub(crate) fn code(&self) -> String {
        self.spec.code.replace("{}", &self.detail)
    }

    pub(crate) fn message(&self, language: Language) -> String {
        match (language, self.spec.chinese) {
            (Language::Chinese, Some(chinese)) => chinese.to_owned(),
            _ => self.spec.english.replacen("{}", &self.detail, 1),
        }
    }
}

impl From<&'static ErrorSpec> for ApiError {
    fn from(spec: &'static ErrorSpec) -> Self {
        Self { spec, detail: String::new(), retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conformance_document_lists_every_code_with_its_source() {
        let document = include_str!("../../../../docs/conformance.md");
        for spec in ALL {
            let cell = format!("| `{}` | {} | ", spec.code.replace("{}", "<Param>"), spec.status);
            let line = document.lines().find(|line| line.starts_with(&cell));
            let line = line.unwrap_or_else(|| panic!("docs/conformance.md has no line {cell:?}"));
            let source = format!("| {:?} |", spec.source).to_lowercase();
            assert!(line.contains(&source), "{line:?} should say {source:?}");
        }
    }
}
