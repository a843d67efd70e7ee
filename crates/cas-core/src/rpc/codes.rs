//! Every error code of the gateway and the service that libcas knows, what it means and what helps.
//!
//! A code that is not listed is not lost: it reaches the caller as it came, as [`ErrorKind::Service`].
//! Sources: G the gateway's public error pages (document 48054, 51132, 435312); C the CAS error catalogue
//! (document 605000); S seen in answers of the real service that others published; A assumed.

use zeroize::Zeroizing;

use crate::error::ErrorKind;

/// What a code means for the caller.
#[derive(Debug)]
pub struct Meaning {
    /// The kind of error it becomes.
    pub kind: ErrorKind,
    /// Whether the same call later may work.
    pub retryable: bool,
    /// What to do about it; empty where only the call site knows.
    pub hint: &'static str,
}

struct Row {
    /// The code; one that ends in `*` stands for all that begin so.
    code: &'static str,
    meaning: Meaning,
}

const fn row(code: &'static str, kind: ErrorKind, retryable: bool, hint: &'static str) -> Row {
    Row { code, meaning: Meaning { kind, retryable, hint } }
}

const SLOW_DOWN: &str = "Make fewer calls a second: the documented limit is 10 for CreateUserCertificate.";
const PERHAPS_APPLIED: &str = "The service failed inside; the certificate may or may not be stored. Look for its name before sending it again.";
const OTHER_NAME: &str = "Choose another name. If the answer to an earlier upload was lost, the certificate there may \
                          be this very one: compare before you delete it.";
const QUOTA: &str = "Delete certificates that are no longer used, or raise the quota.";
const OTHER_KEY: &str =
    "The key does not belong to the first certificate: the leaf comes first, then its issuers.";
const NEEDS_TOKEN: &str = "A temporary access key needs its security token as well.";
const RISK_CONTROL: &str = "Alibaba Cloud's risk control blocks this account: contact support.";
const REAL_NAME: &str = "Complete the account's real-name verification.";
const WRONG_HOST: &str = "This endpoint does not serve CAS: check its name.";
const NOT_PEM: &str = "The service could not read the certificate or key: both must be PEM with their line breaks, the key unencrypted.";
const OLD_VERSION: &str = "This endpoint no longer offers the API version that was used.";
const NEW_TOKEN: &str = "The security token is wrong or has expired: fetch new temporary credentials.";
const SET_CLOCK: &str = "Set this machine's clock (NTP): the service accepts 15 minutes of difference.";

use ErrorKind::{NameTaken, Permission, Service, Throttled};

/// First match wins, so exact codes stand before their families. The source of each stands behind it.
#[rustfmt::skip] // a table
const KNOWN: [Row; 33] = [
    row("Throttling*", Throttled, true, SLOW_DOWN),                                                      // G
    row("FlowControlError", Throttled, true, SLOW_DOWN),                                                 // C, with HTTP 400
    row("NameRepeat", NameTaken, false, OTHER_NAME),                                                     // C
    row("ParamRepeat", NameTaken, false, OTHER_NAME),                                                    // C; the name is all that must be unique
    row("-1008", Service, false, NOT_PEM),                                                               // S
    row("ParseCertificateFailed", Service, false, NOT_PEM),                                              // C
    row("PrivateKeyFormatError", Service, false, NOT_PEM),                                               // A
    row("CertKeyNotMatch", Service, false, OTHER_KEY),                                                   // A
    row("InsufficientQuota", Service, false, QUOTA),                                                     // C
    row("InvalidAccessKeyId.NotFound", Service, false, "Check the access key id; it may have been deleted."), // G, S
    row("InvalidAccessKeyId.Inactive", Service, false, "Enable the access key, or use another one."),    // G
    row("SignatureDoesNotMatch", Service, false, ""),                                                    // G, S
    row("SignatureNonceUsed", Service, true, "Call again: each attempt gets a new nonce."),              // G
    row("InvalidTimeStamp.Expired", Service, false, SET_CLOCK),                                          // G
    row("IllegalTimestamp", Service, false, SET_CLOCK),                                                  // S, of other products
    row("InvalidTimeStamp.Format", Service, false, "A proxy may have changed the request."),             // G
    row("InvalidSecurityToken*", Service, false, NEW_TOKEN),                                             // G
    row("MissingSecurityToken", Service, false, NEEDS_TOKEN),                                            // A
    row("Forbidden.RAM", Permission, false, ""),                                                         // G
    row("Forbidden.RiskControl", Service, false, RISK_CONTROL),                                          // G
    row("Forbidden.UserVerification", Service, false, REAL_NAME),                                        // G
    row("Forbidden*", Permission, false, ""),                                                            // G
    row("NoPermission*", Permission, false, ""),                                                         // S, of other products
    row("PermissionDenied", Permission, false, ""),                                                      // C
    row("InvalidAction.NotFound", Service, false, OLD_VERSION),                                          // G, S
    row("InvalidApi.NotFound", Service, false, OLD_VERSION),                                             // G
    row("InvalidVersion", Service, false, OLD_VERSION),                                                  // G
    row("NoSuchVersion", Service, false, OLD_VERSION),                                                   // G
    row("InvalidProduct.NotFound", Service, false, WRONG_HOST),                                          // G
    row("InvalidProtocol.NeedSsl", Service, false, "Use an https endpoint."),                            // G
    row("InternalError", Service, true, PERHAPS_APPLIED),                                                // G, HTTP 500
    row("ServiceUnavailable", Service, true, PERHAPS_APPLIED),                                           // G, HTTP 503
    row("OperationDenied.SystemUpgrading", Service, true, PERHAPS_APPLIED),                              // C
];

/// Words of the service that say a name is taken, for codes never seen before (S: both are published).
const NAME_TAKEN_WORDS: [&str; 2] = ["certificate name already exists", "名称重复"];

/// What the service means by `code`; `message` and `http_status` help with codes that are not listed.
#[must_use]
pub fn meaning(code: &str, message: &str, http_status: u16) -> Meaning {
    let known = KNOWN.iter().find(|row| match row.code.strip_suffix('*') {
        Some(family) => code.starts_with(family),
        None => code == row.code,
    });
    let message = Zeroizing::new(message.to_lowercase());
    match known {
        Some(Row { meaning: Meaning { kind, retryable, hint }, .. }) => {
            Meaning { kind: *kind, retryable: *retryable, hint }
        }
        None if NAME_TAKEN_WORDS.iter().any(|words| message.contains(words)) => {
            Meaning { kind: NameTaken, retryable: false, hint: OTHER_NAME }
        }
        None if http_status == 429 => Meaning { kind: Throttled, retryable: true, hint: SLOW_DOWN },
        None if http_status >= 500 => Meaning { kind: Service, retryable: true, hint: PERHAPS_APPLIED },
        None => Meaning { kind: Service, retryable: false, hint: "" },
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
            assert_eq!((meaning.kind, meaning.retryable), (kind, retryable), "{code}");
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
