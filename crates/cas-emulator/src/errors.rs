//! Every error an API call can end with: code, HTTP status, wording and where that is known from.
//!
//! The one table of the emulator; `docs/conformance.md` explains it and a test compares the two.

use std::time::Duration;

/// Where a code is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Alibaba Cloud's documentation names it.
    Documented,
    /// Somebody published what the real service answered.
    Captured,
    /// Nobody knows; the emulator's choice.
    Assumed,
}

/// One line of the table. `{}` in the code or the English message stands for the detail of an [`ApiError`].
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) english: &'static str,
    /// Only business errors are translated; the gateway speaks English.
    pub(crate) chinese: Option<&'static str>,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by the test against docs/conformance.md")
    )]
    pub(crate) source: Source,
}

const fn gateway(code: &'static str, status: u16, source: Source, english: &'static str) -> Known {
    Known { code, status, english, chinese: None, source }
}

const fn business(
    code: &'static str,
    source: Source,
    chinese: &'static str,
    english: &'static str,
) -> Known {
    Known { code, status: 400, english, chinese: Some(chinese), source }
}

use Source::{Assumed, Captured, Documented};

pub(crate) static MISSING: Known =
    gateway("Missing{}", 400, Captured, "{} is mandatory for this action.");
pub(crate) static INVALID: Known =
    gateway("Invalid{}", 400, Documented, "Specified parameter {} is not valid.");
pub(crate) static INVALID_FORMAT: Known =
    gateway("InvalidParameter.Format", 400, Documented, "Specified parameter format is not valid.");
pub(crate) static INVALID_VERSION: Known =
    gateway("InvalidVersion", 400, Assumed, "Specified parameter Version is not valid.");
pub(crate) static ACTION_NOT_FOUND: Known = gateway(
    "InvalidAction.NotFound",
    404,
    Captured,
    "Specified api is not found, please check your url and method.",
);
pub(crate) static UNSUPPORTED_METHOD: Known =
    gateway("UnsupportedHTTPMethod", 400, Documented, "This http method is not supported.");
pub(crate) static ACCESS_KEY_NOT_FOUND: Known =
    gateway("InvalidAccessKeyId.NotFound", 404, Captured, "Specified access key is not found.");
pub(crate) static MISSING_SECURITY_TOKEN: Known =
    gateway("MissingSecurityToken", 400, Assumed, "SecurityToken is mandatory for this action.");
pub(crate) static SECURITY_TOKEN_MISMATCH: Known = gateway(
    "InvalidSecurityToken.MismatchWithAccessKey",
    400,
    Assumed,
    "Specified SecurityToken mismatch with the AccessKey.",
);
pub(crate) static INVALID_SIGNATURE_METHOD: Known =
    gateway("InvalidSignatureMethod", 400, Documented, "Specified signature method is not valid.");
pub(crate) static TIMESTAMP_FORMAT: Known = gateway(
    "InvalidTimeStamp.Format",
    400,
    Documented,
    "Specified time stamp or date value is not well formatted.",
);
pub(crate) static TIMESTAMP_EXPIRED: Known = gateway(
    "InvalidTimeStamp.Expired",
    400,
    Documented,
    "Specified time stamp or date value is expired.",
);
pub(crate) static SIGNATURE_MISMATCH: Known = gateway(
    "SignatureDoesNotMatch",
    400,
    Captured,
    "Specified signature is not matched with our calculation. server string to sign is:{}",
);
pub(crate) static NONCE_USED: Known =
    gateway("SignatureNonceUsed", 400, Documented, "Specified signature nonce was used already.");
pub(crate) static INTERNAL: Known = gateway(
    "InternalError",
    500,
    Documented,
    "The request processing has failed due to some unknown error, exception or failure.",
);
pub(crate) static SERVICE_UNAVAILABLE: Known = gateway(
    "ServiceUnavailable",
    503,
    Documented,
    "The request has failed due to a temporary failure of the server.",
);
pub(crate) static THROTTLED: Known =
    gateway("Throttling.User", 400, Documented, "Request was denied due to user flow control.");
pub(crate) static TOKEN_MISMATCH: Known = gateway(
    "IdempotentParameterMismatch",
    400,
    Assumed,
    "The request uses the same client token as a previous, but non-identical request.",
);

pub(crate) static NAME_REPEAT: Known = business(
    "NameRepeat",
    Documented,
    "名称重复，请重新输入。",
    "The certificate name already exists.",
);
pub(crate) static CERTIFICATE_FORMAT: Known = business(
    "-1008",
    Captured,
    "证书格式异常，请检查输入内容。",
    "The format of the certificate is invalid. Check the input.",
);
pub(crate) static KEY_FORMAT: Known = business(
    "PrivateKeyFormatError",
    Assumed,
    "私钥格式异常，请检查输入内容。",
    "The format of the private key is invalid. Check the input.",
);
pub(crate) static KEY_MISMATCH: Known = business(
    "CertKeyNotMatch",
    Assumed,
    "证书和私钥不匹配，请检查输入内容。",
    "The certificate and the private key do not match.",
);
pub(crate) static NOT_FOUND: Known = business(
    "NotFound",
    Captured,
    "没有找到必要内容，请检查参数输入。",
    "The required content is not found. Check the parameters.",
);
pub(crate) static QUOTA_PASSED: Known = business(
    "InsufficientQuota",
    Documented,
    "证书数量超出配额。",
    "The quota of certificates is insufficient.",
);

/// The table, for whatever has to look at all of it.
pub(crate) static ALL: [&Known; 24] = [
    &MISSING,
    &INVALID,
    &INVALID_FORMAT,
    &INVALID_VERSION,
    &ACTION_NOT_FOUND,
    &UNSUPPORTED_METHOD,
    &ACCESS_KEY_NOT_FOUND,
    &MISSING_SECURITY_TOKEN,
    &SECURITY_TOKEN_MISMATCH,
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
    &QUOTA_PASSED,
];

/// The language of business errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Lang {
    #[default]
    Chinese,
    English,
}

/// Why a call was refused.
///
/// No `Debug`: the detail of a wrong signature is the string-to-sign, and that holds the private key.
pub(crate) struct ApiError {
    known: &'static Known,
    detail: String,
    /// When a throttled call may be repeated.
    pub(crate) retry_after: Option<Duration>,
}

impl ApiError {
    /// `known` about `detail`: a parameter's name, or the string-to-sign.
    pub(crate) fn about(known: &'static Known, detail: impl Into<String>) -> Self {
        Self { known, detail: detail.into(), retry_after: None }
    }

    /// Too many calls; the next one is let in after `retry_after`.
    pub(crate) fn throttled(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..(&THROTTLED).into() }
    }

    pub(crate) fn status(&self) -> u16 {
        self.known.status
    }

    pub(crate) fn code(&self) -> String {
        self.known.code.replace("{}", &self.detail)
    }

    pub(crate) fn message(&self, lang: Lang) -> String {
        match (lang, self.known.chinese) {
            (Lang::Chinese, Some(chinese)) => chinese.to_owned(),
            _ => self.known.english.replacen("{}", &self.detail, 1),
        }
    }
}

impl From<&'static Known> for ApiError {
    fn from(known: &'static Known) -> Self {
        Self { known, detail: String::new(), retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conformance_document_names_every_code_with_its_source() {
        let document = include_str!("../../../docs/conformance.md");
        for known in ALL {
            let cell = format!("| `{}` | {} | ", known.code.replace("{}", "<Param>"), known.status);
            let line = document.lines().find(|line| line.starts_with(&cell));
            let line = line.unwrap_or_else(|| panic!("docs/conformance.md has no line {cell:?}"));
            let source = format!("| {:?} |", known.source).to_lowercase();
            assert!(line.contains(&source), "{line:?} should say {source:?}");
        }
    }
}
