//! Every error code of the gateway and the service that libcas knows, what it means and what helps.
//!
//! A code that is not listed is not lost: it reaches the caller as it came, as [`ErrorKind::Service`].
//! Sources: G the gateway's public error pages (document 48054, 51132, 435312); C the CAS error catalogue
//! (document 605000); T the error pages of STS; S seen in answers of the real service that others published; A assumed.

use zeroize::Zeroizing;

use crate::base::error::ErrorKind;

/// What a refusal means for the call that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Not applied, and sending it again would not help.
    Final,
    /// Not applied, for what may be that the certificate is there already: a look at the list decides.
    Unclear,
    /// Not applied: another certificate, or this one, has the name.
    NameTaken,
    /// Not applied: too many calls.
    Throttled,
    /// Not applied: the time of the request is too far from the service's.
    Clock,
    /// Not applied: the access key or its token is not known, or no longer.
    AccessKey,
    /// Not applied: the service no longer has this operation or version.
    VersionGone,
    /// May have been applied.
    Open,
}

/// What a code means for the caller.
#[derive(Debug)]
pub(crate) struct Meaning {
    /// The kind of error it becomes.
    pub kind: ErrorKind,
    /// What it says about the call.
    pub effect: Effect,
    /// What to do about it; empty where only the call site knows.
    pub hint: &'static str,
}

impl Meaning {
    /// Whether the same call later may work.
    #[must_use]
    pub(crate) fn retryable(&self) -> bool {
        matches!(self.effect, Effect::Throttled | Open)
    }
}

struct Row {
    /// The code; one that ends in `*` stands for all that begin so.
    code: &'static str,
    meaning: Meaning,
}

const fn row(code: &'static str, kind: ErrorKind, effect: Effect, hint: &'static str) -> Row {
    Row { code, meaning: Meaning { kind, effect, hint } }
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
const NEW_TOKEN: &str = "The security token is wrong or has expired: fetch new temporary credentials.";
const NO_ROLE: &str = "Check the role's ARN: no such role is in that account.";
const OIDC_TOKEN: &str = "The OIDC token is wrong or has expired: look at what writes its file.";
const SET_CLOCK: &str = "Set this machine's clock (NTP): the service accepts 15 minutes of difference.";

use Effect::{AccessKey, Clock, Final, Open, Unclear, VersionGone};
use ErrorKind::{NameTaken, NotFound, Permission, Service, Throttled};

/// First match wins, so exact codes stand before their families. The source of each stands behind it.
#[rustfmt::skip] // a table
const KNOWN: [Row; 37] = [
    row("Throttling*", Throttled, Effect::Throttled, SLOW_DOWN),                                         // G
    row("FlowControlError", Throttled, Effect::Throttled, SLOW_DOWN),                                    // C, with HTTP 400
    row("NameRepeat", NameTaken, Effect::NameTaken, OTHER_NAME),                                         // C
    row("ParamRepeat", NameTaken, Effect::NameTaken, OTHER_NAME),                                        // C; the name is all that must be unique
    row("NotFound", NotFound, Final, LIST_THEM),                                                         // S
    row("-1008", Service, Final, NOT_PEM),                                                               // S
    row("ParseCertificateFailed", Service, Final, NOT_PEM),                                              // C
    row("PrivateKeyFormatError", Service, Final, NOT_PEM),                                               // A
    row("CertKeyNotMatch", Service, Final, OTHER_KEY),                                                   // A
    row("InsufficientQuota", Service, Unclear, QUOTA),                                                   // C
    row("InvalidStatus.DeleteProtection", Service, Final, PROTECTED),                                    // C
    row("InvalidAccessKeyId.NotFound", Service, AccessKey, "Check the access key id; it may have been deleted."), // G, S
    row("InvalidAccessKeyId.Inactive", Service, AccessKey, "Enable the access key, or use another one."), // G
    row("SignatureDoesNotMatch", Service, Final, ""),                                                    // G, S
    row("SignatureNonceUsed", Service, Open, NONCE_USED),                                                // G
    row("InvalidTimeStamp.Expired", Service, Clock, SET_CLOCK),                                          // G
    row("IllegalTimestamp", Service, Clock, SET_CLOCK),                                                  // S, of other products
    row("InvalidTimeStamp.Format", Service, Final, "A proxy may have changed the request."),             // G
    row("InvalidSecurityToken*", Service, AccessKey, NEW_TOKEN),                                         // G
    row("MissingSecurityToken", Service, Final, NEEDS_TOKEN),                                            // A
    row("Forbidden.RAM", Permission, Final, ""),                                                         // G
    row("Forbidden.RiskControl", Service, Final, RISK_CONTROL),                                          // G
    row("Forbidden.UserVerification", Service, Final, REAL_NAME),                                        // G
    row("Forbidden*", Permission, Final, ""),                                                            // G
    row("NoPermission*", Permission, Final, ""),                                                         // S, of other products
    row("PermissionDenied", Permission, Final, ""),                                                      // C
    row("InvalidAction.NotFound", Service, VersionGone, OLD_VERSION),                                    // G, S
    row("InvalidApi.NotFound", Service, VersionGone, OLD_VERSION),                                       // G
    row("InvalidVersion", Service, VersionGone, OLD_VERSION),                                            // G
    row("NoSuchVersion", Service, VersionGone, OLD_VERSION),                                             // G
    row("InvalidProduct.NotFound", Service, Final, WRONG_HOST),                                          // G
    row("InvalidProtocol.NeedSsl", Service, Final, "Use an https endpoint."),                            // G
    row("EntityNotExist.Role", Service, Final, NO_ROLE),                                                 // T
    row("AuthenticationFail.OIDCToken*", Service, Final, OIDC_TOKEN),                                    // T
    row("InternalError", Service, Open, FAILED_INSIDE),                                                  // G, HTTP 500
    row("ServiceUnavailable", Service, Open, FAILED_INSIDE),                                             // G, HTTP 503
    row("OperationDenied.SystemUpgrading", Service, Open, FAILED_INSIDE),                                // C
];

/// Words of the service that say a name is taken, for codes never seen before (S: both are published).
const NAME_TAKEN_WORDS: [&str; 2] = ["certificate name already exists", "名称重复"];

/// What the service means by `code`; `message` and `http_status` help with codes that are not listed.
#[must_use]
pub(crate) fn meaning(code: &str, message: &str, http_status: u16) -> Meaning {
    let known = KNOWN.iter().find(|row| match row.code.strip_suffix('*') {
        Some(family) => code.starts_with(family),
        None => code == row.code,
    });
    let message = Zeroizing::new(message.to_lowercase());
    match known {
        Some(Row { meaning: Meaning { kind, effect, hint }, .. }) => {
            Meaning { kind: *kind, effect: *effect, hint }
        }
        None if NAME_TAKEN_WORDS.iter().any(|words| message.contains(words)) => {
            Meaning { kind: NameTaken, effect: Effect::NameTaken, hint: OTHER_NAME }
        }
        None if http_status == 429 => Meaning { kind: Throttled, effect: Effect::Throttled, hint: SLOW_DOWN },
        None if http_status >= 500 => Meaning { kind: Service, effect: Open, hint: FAILED_INSIDE },
        None => Meaning { kind: Service, effect: Unclear, hint: "" },
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
            let meaning = meaning(code, message, status);
            assert_eq!((meaning.kind, meaning.retryable()), (kind, retryable), "{code}");
        }
    }

    #[test]
    fn no_row_hides_behind_another() {
        for row in &KNOWN {
            let code = row.code.trim_end_matches('*');
            assert_eq!(meaning(code, "", 400).hint, row.meaning.hint, "{code}");
        }
    }
}
