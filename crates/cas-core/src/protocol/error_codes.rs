//! Every error code of the gateway and the service that libcas knows, what it means and what helps.
//!
//! A code that is not listed is not lost: it reaches the caller as it came, as [`ErrorKind::Service`].
//! Sources: G the gateway's public error pages (document 48054, 51132, 435312); C the CAS error catalogue
//! (document 605000); T the error pages of STS; S seen in answers of the real service that others published; A assumed.

use zeroize::Zeroizing;

use crate::base::error::ErrorKind;
use crate::protocol::failure_class::{Correction, FailureClass};

/// What a code means for the caller.
#[derive(Debug)]
pub(crate) struct ErrorClass {
    /// The kind of error it becomes.
    pub kind: ErrorKind,
    /// What it means for the call.
    pub(crate) class: FailureClass,
    /// What to do about it; empty where only the call site knows.
    pub hint: &'static str,
}

impl ErrorClass {
    /// Whether the same call later may work.
    #[must_use]
    pub(crate) fn retryable(&self) -> bool {
        matches!(self.class, FailureClass::Throttled(_) | OutcomeUnknown)
    }
}

struct Row {
    /// The code; one that ends in `*` stands for all that begin so.
    code: &'static str,
    class: ErrorClass,
}

const fn row(code: &'static str, kind: ErrorKind, class: FailureClass, hint: &'static str) -> Row {
    Row { code, class: ErrorClass { kind, class, hint } }
}

const SLOW_DOWN: &str = "Make fewer calls a second: the documented limits are 10 for CreateUserCertificate and for lists, \
                         100 for UploadUserCertificate.";
const FAILED_INSIDE: &str = "The service failed inside: call again later.";
const OTHER_NAME: &str = "Choose another name, or another rule for conflicts.";
const LIST_THEM: &str = "List the certificates to see which ids there are.";
const PROTECTED: &str = "The certificate is protected against deletion: take it out of use first.";
const NONCE_USED: &str =
    "A proxy may have sent the request twice. Call again: each attempt gets a new nonce.";
const QUOTA: &str = "Delete certificates that are no longer used, or raise the quota.";
const OTHER_KEY: &str =
    "The key does not belong to the first certificate: the leaf comes first, then its issuers.";
const NEEDS_TOKEN: &str = "A temporary access key needs its security token as well.";
const RISK_CONTROL: &str = "Alibaba Cloud's risk control blocks this account: contact support.";
const REAL_NAME: &str = "Complete the account's real-name verification.";
const WRONG_HOST: &str = "This endpoint does not serve CAS: check its name.";
const NOT_PEM: &str = "The service could not read the certificate or key: both must be PEM with their line breaks, the key unencrypted.";
const OLD_VERSION: &str = "This endpoint does not offer the API version that was used: choose the other one, or leave the \
                           choice to the library.";
const NEW_TOKEN: &str =
    "The security token is wrong or has expired: fetch new temporary credentials.";
const NO_ROLE: &str = "Check the role's ARN: no such role is in that account.";
const OIDC_TOKEN: &str = "The OIDC token is wrong or has expired: look at what writes its file.";
const SET_CLOCK: &str =
    "Set this machine's clock (NTP): the service accepts 15 minutes of difference.";

use ErrorKind::{NameTaken, NotFound, Permission, Service, Throttled};
use FailureClass::{Ambiguous, OutcomeUnknown, Refused, VersionGone};

const SLOWER: FailureClass = FailureClass::Throttled(None);
const CLOCK: FailureClass = FailureClass::Correctable(Correction::Clock);
const ACCESS_KEY: FailureClass = FailureClass::Correctable(Correction::AccessKey);

/// First match wins, so exact codes stand before their families. The source of each stands behind it.
#[rustfmt::skip] // a table
const KNOWN: [Row; 37] = [
    row("Throttling*", Throttled, SLOWER, SLOW_DOWN),                                         // G
    row("FlowControlError", Throttled, SLOWER, SLOW_DOWN),                                    // C, with HTTP 400
    row("NameRepeat", NameTaken, FailureClass::NameTaken, OTHER_NAME),                                         // C
    row("ParamRepeat", NameTaken, FailureClass::NameTaken, OTHER_NAME),                                        // C; the name is all that must be unique
    row("NotFound", NotFound, Refused, LIST_THEM),                                                         // S
    row("-1008", Service, Refused, NOT_PEM),                                                               // S
    row("ParseCertificateFailed", Service, Refused, NOT_PEM),                                              // C
    row("PrivateKeyFormatError", Service, Refused, NOT_PEM),                                               // A
    row("CertKeyNotMatch", Service, Refused, OTHER_KEY),                                                   // A
    row("InsufficientQuota", Service, Ambiguous, QUOTA),                                                   // C
    row("InvalidStatus.DeleteProtection", Service, Refused, PROTECTED),                                    // C
    row("InvalidAccessKeyId.NotFound", Service, ACCESS_KEY, "Check the access key id; it may have been deleted."), // G, S
    row("InvalidAccessKeyId.Inactive", Service, ACCESS_KEY, "Enable the access key, or use another one."), // G
    row("SignatureDoesNotMatch", Service, Refused, ""),                                                    // G, S
    row("SignatureNonceUsed", Service, OutcomeUnknown, NONCE_USED),                                                // G
    row("InvalidTimeStamp.Expired", Service, CLOCK, SET_CLOCK),                                          // G
    row("IllegalTimestamp", Service, CLOCK, SET_CLOCK),                                                  // S, of other products
    row("InvalidTimeStamp.Format", Service, Refused, "A proxy may have changed the request."),             // G
    row("InvalidSecurityToken*", Service, ACCESS_KEY, NEW_TOKEN),                                         // G
    row("MissingSecurityToken", Service, Refused, NEEDS_TOKEN),                                            // A
    row("Forbidden.RAM", Permission, Refused, ""),                                                         // G
    row("Forbidden.RiskControl", Service, Refused, RISK_CONTROL),                                          // G
    row("Forbidden.UserVerification", Service, Refused, REAL_NAME),                                        // G
    row("Forbidden*", Permission, Refused, ""),                                                            // G
    row("NoPermission*", Permission, Refused, ""),                                                         // S, of other products
    row("PermissionDenied", Permission, Refused, ""),                                                      // C
    row("InvalidAction.NotFound", Service, VersionGone, OLD_VERSION),                                    // G, S
    row("InvalidApi.NotFound", Service, VersionGone, OLD_VERSION),                                       // G
    row("InvalidVersion", Service, VersionGone, OLD_VERSION),                                            // G
    row("NoSuchVersion", Service, VersionGone, OLD_VERSION),                                             // G
    row("InvalidProduct.NotFound", Service, Refused, WRONG_HOST),                                          // G
    row("InvalidProtocol.NeedSsl", Service, Refused, "Use an https endpoint."),                            // G
    row("EntityNotExist.Role", Service, Refused, NO_ROLE),                                                 // T
    row("AuthenticationFail.OIDCToken*", Service, Refused, OIDC_TOKEN),                                    // T
    row("InternalError", Service, OutcomeUnknown, FAILED_INSIDE),                                                  // G, HTTP 500
    row("ServiceUnavailable", Service, OutcomeUnknown, FAILED_INSIDE),                                             // G, HTTP 503
    row("OperationDenied.SystemUpgrading", Service, OutcomeUnknown, FAILED_INSIDE),                                // C
];

/// Words of the service that say a name is taken, for codes never seen before (S: both are published).
const NAME_TAKEN_WORDS: [&str; 2] = ["certificate name already exists", "名称重复"];

/// What the service means by `code`; `message` and `http_status` help with codes that are not listed.
#[must_use]
pub(crate) fn classify(code: &str, message: &str, http_status: u16) -> ErrorClass {
    let known = KNOWN.iter().find(|row| match row.code.strip_suffix('*') {
        Some(family) => code.starts_with(family),
        None => code == row.code,
    });
    let message = Zeroizing::new(message.to_lowercase());
    match known {
        Some(Row { class: ErrorClass { kind, class, hint }, .. }) => {
            ErrorClass { kind: *kind, class: *class, hint }
        }
        None if NAME_TAKEN_WORDS.iter().any(|words| message.contains(words)) => {
            ErrorClass { kind: NameTaken, class: FailureClass::NameTaken, hint: OTHER_NAME }
        }
        None if http_status == 429 => {
            ErrorClass { kind: Throttled, class: SLOWER, hint: SLOW_DOWN }
        }
        None if http_status >= 500 => {
            ErrorClass { kind: Service, class: OutcomeUnknown, hint: FAILED_INSIDE }
        }
        None => ErrorClass { kind: Service, class: Ambiguous, hint: "" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_what_a_caller_can_act_on() {
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
            ("Unheard.Of", "", 502, Service, true),
            ("Unheard.Of", "", 400, Service, false),
            ("-1008", "", 400, Service, false),
        ] {
            let class = classify(code, message, status);
            assert_eq!((class.kind, class.retryable()), (kind, retryable), "{code}");
        }
    }

    #[test]
    fn no_row_hides_behind_another() {
        for row in &KNOWN {
            let code = row.code.trim_end_matches('*');
            assert_eq!(classify(code, "", 400).hint, row.class.hint, "{code}");
        }
    }
}
