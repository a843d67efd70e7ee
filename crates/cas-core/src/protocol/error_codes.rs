//! Every error code of the gateway and the service that libcas knows: what it means and what helps.
//!
//! A code that is not listed still reaches the caller, as [`ErrorKind::Service`]. To add one, add a
//! row to [`KNOWN`] and its source to docs/service.md, Error codes. The sources behind the rows: G
//! gateway (docs/service.md, Gateway), C the error catalogue of CAS (CAS), T the Security Token
//! Service (STS), S captured in responses that others published, A assumed. Uses `base` only.

use zeroize::Zeroizing;

use crate::base::error::ErrorKind;
use crate::protocol::failure_class::{Correction, FailureClass};

/// What an error code means.
#[derive(Debug)]
pub(crate) struct ErrorClass {
    /// The kind of error that the caller gets.
    pub kind: ErrorKind,
    /// What it means for the call.
    pub(crate) class: FailureClass,
    /// What to do about it; empty if only the call site can say.
    pub hint: &'static str,
}

impl ErrorClass {
    /// Whether the same call may succeed later.
    #[must_use]
    pub(crate) fn retryable(&self) -> bool {
        matches!(self.class, FailureClass::Throttled(_) | FailureClass::OutcomeUnknown)
    }
}

/// A code, its meaning, and the hint. A code that ends in `*` stands for all that begin with it,
/// one that begins with `*` for all that end with it.
type Row = (&'static str, Meaning, &'static str);

/// The kind of error that a code becomes, and what it means for the call.
type Meaning = (ErrorKind, FailureClass);

/// Too many calls.
const THROTTLED: Meaning = (ErrorKind::Throttled, FailureClass::Throttled(None));
/// The name of the certificate is taken.
const NAME_TAKEN: Meaning = (ErrorKind::NameTaken, FailureClass::NameTaken);
/// No certificate has this ID.
const NOT_FOUND: Meaning = (ErrorKind::NotFound, FailureClass::Refused);
/// The access key may not do this.
const PERMISSION: Meaning = (ErrorKind::Permission, FailureClass::Refused);
/// Refused for a reason that has nothing to do with what is stored.
const REFUSED: Meaning = (ErrorKind::Service, FailureClass::Refused);
/// Refused because of the certificate or the key.
const REJECTED: Meaning = (ErrorKind::Service, FailureClass::CertificateRejected);
/// Refused, perhaps because the certificate is stored already.
const AMBIGUOUS: Meaning = (ErrorKind::Service, FailureClass::Ambiguous);
/// The access key was not accepted; another one may be.
const ACCESS_KEY: Meaning = (ErrorKind::Service, FailureClass::Correctable(Correction::AccessKey));
/// The clock is wrong; the `Date` of the response corrects it.
const CLOCK: Meaning = (ErrorKind::Service, FailureClass::Correctable(Correction::Clock));
/// The operation or its version no longer exists.
const VERSION_GONE: Meaning = (ErrorKind::Service, FailureClass::VersionGone);
/// The service failed, and may have applied the request.
const UNKNOWN: Meaning = (ErrorKind::Service, FailureClass::OutcomeUnknown);

const SLOW_DOWN: &str = "Make fewer calls per second: the documented limits are 10 for \
                         CreateUserCertificate and for lists, and 100 for UploadUserCertificate.";
const INTERNAL: &str = "The service failed internally. Call again later.";
const CONFLICT: &str = "The service is working on another request for this certificate. Call again \
                        later.";
const OTHER_NAME: &str = "Choose another name, or set another on_conflict rule.";
const LIST: &str = "List the certificates to see which IDs exist.";
const PROTECTED: &str =
    "The certificate is protected against deletion. Remove it from where it is in use first.";
const NONCE_USED: &str =
    "A proxy may have sent the request twice. Call again: each attempt has a new nonce.";
const QUOTA: &str = "Delete certificates that are no longer in use, or raise the quota.";
const OTHER_KEY: &str = "The private key does not match the first certificate. Put the leaf first, \
                         followed by its issuers.";
const NEEDS_TOKEN: &str = "Set the security token of the temporary access key as well.";
const RISK_CONTROL: &str =
    "Alibaba Cloud's risk control blocks this account. Contact their support.";
const REAL_NAME: &str = "Complete the account's real-name verification.";
const WRONG_HOST: &str = "This endpoint does not serve CAS. Check its name.";
const NOT_PEM: &str = "The service failed to read the certificate or the private key. Both must be \
                       PEM with line breaks, and the key must not be encrypted.";
const OLD_API: &str = "This endpoint does not support the API version that was used. Set the other \
                       version, or let libcas choose.";
const NEW_TOKEN: &str =
    "The security token is invalid or has expired. Fetch new temporary credentials.";
const NO_ROLE: &str = "Check the role's ARN: that account has no such role.";
const OIDC_TOKEN: &str =
    "The OIDC token is invalid or has expired. Check the program that writes its file.";
const SET_CLOCK: &str =
    "Set this machine's clock (NTP): the service accepts a difference of 15 minutes.";
const KEY_ID: &str = "Check the access key ID: the key may have been deleted.";
const INACTIVE: &str = "Enable the access key, or use another one.";
const CHANGED: &str = "Check for a proxy that changes requests.";
const HTTPS: &str = "Use an https endpoint.";

/// The first match wins, so exact codes precede their families. The source follows each row.
#[rustfmt::skip] // a table
const KNOWN: &[Row] = &[
    ("Throttling*",                      THROTTLED,    SLOW_DOWN),    // G
    ("FlowControlError",                 THROTTLED,    SLOW_DOWN),    // C, HTTP 400
    ("NameRepeat",                       NAME_TAKEN,   OTHER_NAME),   // C
    ("ParamRepeat",                      NAME_TAKEN,   OTHER_NAME),   // C, the name repeats
    ("NotFound",                         NOT_FOUND,    LIST),         // S
    ("-1008",                            REJECTED,     NOT_PEM),      // S
    ("ParseCertificateFailed",           REJECTED,     NOT_PEM),      // C
    ("PrivateKeyFormatError",            REJECTED,     NOT_PEM),      // A
    ("CertKeyNotMatch",                  REJECTED,     OTHER_KEY),    // A
    ("InsufficientQuota",                AMBIGUOUS,    QUOTA),        // C
    ("InvalidStatus.DeleteProtection",   REFUSED,      PROTECTED),    // C
    ("InvalidAccessKeyId.NotFound",      ACCESS_KEY,   KEY_ID),       // G, S
    ("InvalidAccessKeyId.Inactive",      ACCESS_KEY,   INACTIVE),     // G
    ("SignatureDoesNotMatch",            REFUSED,      ""),           // G, S
    ("SignatureNonceUsed",               UNKNOWN,      NONCE_USED),   // G
    ("InvalidTimeStamp.Expired",         CLOCK,        SET_CLOCK),    // G
    ("IllegalTimestamp",                 CLOCK,        SET_CLOCK),    // S, other products
    ("InvalidTimeStamp.Format",          REFUSED,      CHANGED),      // G
    ("InvalidSecurityToken*",            ACCESS_KEY,   NEW_TOKEN),    // G
    ("MissingSecurityToken",             REFUSED,      NEEDS_TOKEN),  // A
    ("Forbidden.RAM",                    PERMISSION,   ""),           // G
    ("Forbidden.RiskControl",            REFUSED,      RISK_CONTROL), // G
    ("Forbidden.UserVerification",       REFUSED,      REAL_NAME),    // G
    ("Forbidden*",                       PERMISSION,   ""),           // G
    ("NoPermission*",                    PERMISSION,   ""),           // S, other products
    ("PermissionDenied",                 PERMISSION,   ""),           // C
    ("InvalidAction.NotFound",           VERSION_GONE, OLD_API),      // G, S
    ("InvalidApi.NotFound",              VERSION_GONE, OLD_API),      // G
    ("InvalidVersion",                   VERSION_GONE, OLD_API),      // G
    ("NoSuchVersion",                    VERSION_GONE, OLD_API),      // G
    ("InvalidProduct.NotFound",          REFUSED,      WRONG_HOST),   // G
    ("InvalidProtocol.NeedSsl",          REFUSED,      HTTPS),        // G
    ("EntityNotExist.Role",              REFUSED,      NO_ROLE),      // T
    ("AuthenticationFail.OIDCToken*",    REFUSED,      OIDC_TOKEN),   // T
    ("InternalError*",                   UNKNOWN,      INTERNAL),     // G, HTTP 500
    ("SystemError*",                     UNKNOWN,      INTERNAL),     // A
    ("OperationConflict*",               UNKNOWN,      CONFLICT),     // A
    ("*Processing",                      UNKNOWN,      CONFLICT),     // A
    ("ServiceUnavailable*",              UNKNOWN,      INTERNAL),     // G, HTTP 503
    ("OperationDenied.SystemUpgrading",  UNKNOWN,      INTERNAL),     // C
];

/// Messages of the service that say a name is taken, for unknown codes (docs/service.md, CAS).
const NAME_TAKEN_MESSAGES: [&str; 2] = ["certificate name already exists", "名称重复"];

/// Classifies `code`; `message` and `http_status` decide where the code is not listed.
#[must_use]
pub(crate) fn classify(code: &str, message: &str, http_status: u16) -> ErrorClass {
    let known =
        KNOWN.iter().find(|(known, ..)| match (known.strip_suffix('*'), known.strip_prefix('*')) {
            (Some(beginning), _) => code.starts_with(beginning),
            (None, Some(end)) => code.ends_with(end),
            (None, None) => code == *known,
        });
    let failed = http_status >= 500 || http_status == 408;
    let message = Zeroizing::new(message.to_lowercase());
    let ((kind, class), hint) = match known {
        // Whatever failed may have failed after the request was applied.
        Some((_, (kind, FailureClass::Refused | FailureClass::Ambiguous), hint)) if failed => {
            ((*kind, FailureClass::OutcomeUnknown), *hint)
        }
        Some((_, meaning, hint)) => (*meaning, *hint),
        None if NAME_TAKEN_MESSAGES.iter().any(|part| message.contains(part)) => {
            (NAME_TAKEN, OTHER_NAME)
        }
        None if http_status == 429 => (THROTTLED, SLOW_DOWN),
        None if failed => (UNKNOWN, INTERNAL),
        None => (AMBIGUOUS, ""),
    };
    ErrorClass { kind, class, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorKind::{NameTaken, NotFound, Permission, Service, Throttled};

    #[test]
    fn codes_are_classified() {
        for (code, message, status, kind, retryable) in [
            ("Throttling.User", "", 400, Throttled, true),
            ("FlowControlError", "", 400, Throttled, true),
            ("Anything", "", 429, Throttled, true),
            ("NameRepeat", "", 400, NameTaken, false),
            ("New.Code", "The certificate name already exists.", 400, NameTaken, false),
            ("New.Code", "名称重复，请重新输入。", 400, NameTaken, false),
            ("Forbidden.RAM", "", 403, Permission, false),
            ("Forbidden.RiskControl", "", 403, Service, false),
            ("InvalidAccessKeyId.NotFound", "", 404, Service, false),
            ("InternalError", "", 500, Service, true),
            ("InternalError.Database", "", 400, Service, true),
            ("CertificateProcessing", "", 400, Service, true),
            ("OperationConflict", "", 400, Service, true),
            ("Unheard.Of", "", 502, Service, true),
            ("Unheard.Of", "", 408, Service, true),
            ("Forbidden.RAM", "", 502, Permission, true),
            ("InsufficientQuota", "", 500, Service, true),
            ("NameRepeat", "", 500, NameTaken, false),
            ("ServiceUnavailable.Zone", "", 400, Service, true),
            ("Unheard.Of", "", 400, Service, false),
            ("-1008", "", 400, Service, false),
            ("NotFound", "", 404, NotFound, false),
            ("NotFound.Other", "", 404, Service, false),
            ("Unheard.Of", "", 499, Service, false),
        ] {
            let class = classify(code, message, status);
            assert_eq!((class.kind, class.retryable()), (kind, retryable), "{code}");
        }
    }

    #[test]
    fn no_row_is_shadowed_by_another() {
        for (code, _, hint) in KNOWN {
            let code = code.trim_matches('*');
            assert_eq!(classify(code, "", 400).hint, *hint, "{code}");
        }
    }
}
