//! One logical call: credentials, signature, sending, judging; again where that is certainly harmless.
//!
//! Sent again is only what was certainly not applied: where no connection stood, and where the service
//! refused for rate. Anything else ends the call.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;

use crate::clock;
use crate::credentials::{AccessKey, Provider};
use crate::error::{Error, ErrorKind, quoted};
use crate::logging::{Level, Logger};
use crate::retry;
use crate::rpc::answer::{HttpAnswer, Reading};
use crate::rpc::codes;
use crate::rpc::params::Params;
use crate::rpc::redact::Secrets;
use crate::rpc::v1::{self, SignedForm};
use crate::transport::{Failure, Reach, Transport};

/// Makes calls for one client, from any thread.
pub struct Caller {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) credentials: Box<dyn Provider>,
    /// For messages.
    pub(crate) endpoint: String,
    pub(crate) timeout: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) logger: Logger,
}

/// What a successful call brought.
pub struct Answer {
    /// The operation's fields, still untyped.
    pub fields: Value,
    /// The id under which support finds the request.
    pub request_id: Option<String>,
    /// HTTP status.
    pub http_status: u16,
    /// How often sending was tried.
    pub attempts: u32,
}

/// Without the fields: what a server says is shown only after it is redacted.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}

/// An attempt that failed.
struct Failed {
    error: Error,
    /// Whether sending again is harmless and may help.
    again: bool,
    /// How long the service asked to wait.
    wait: Option<Duration>,
    /// Sending was not even tried.
    unsent: bool,
}

impl Failed {
    fn for_good(error: Error) -> Self {
        Self { error, again: false, wait: None, unsent: false }
    }
}

/// What fails before sending is tried.
impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { unsent: true, ..Self::for_good(error) }
    }
}

impl Caller {
    /// Calls `action` with `params`. `name` is the certificate's, for messages.
    pub fn call(&self, action: &str, name: &str, params: &Params<'_>) -> Result<Answer, Error> {
        let deadline = Instant::now() + self.timeout;
        let mut attempt = 1;
        loop {
            let failed = match self.attempt(action, name, params, attempt, deadline) {
                Ok(answer) => return Ok(Answer { attempts: attempt, ..answer }),
                Err(failed) => failed,
            };
            let unsent = u32::from(failed.unsent);
            if !failed.again || attempt >= self.max_attempts {
                return Err(failed.error.with_attempts(attempt - unsent));
            }
            let wait = match failed.wait {
                Some(wait) => wait,
                None => retry::pause(attempt, random()?),
            };
            if Instant::now() + wait >= deadline {
                return Err(failed.error.with_attempts(attempt));
            }
            self.logger
                .log(Level::Warn, || format!("{} Trying again in {} ms.", failed.error, wait.as_millis()));
            thread::sleep(wait);
            attempt += 1;
        }
    }

    fn attempt(
        &self,
        action: &str,
        name: &str,
        params: &Params<'_>,
        attempt: u32,
        deadline: Instant,
    ) -> Result<Answer, Failed> {
        let access_key = self.credentials.access_key().map_err(|why| {
            Error::new(ErrorKind::Credentials, format!("No usable access key was found: {why}."))
                .with_hint("Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or give the client a key.")
        })?;
        if holds_secret(name, access_key.secret()) {
            return Err(Error::new(ErrorKind::InvalidArgument, "The name holds the access key secret.")
                .with_hint("A name is public: choose another one, and a new access key if it was ever used.")
                .into());
        }
        let nonce = nonce()?;
        let timestamp = clock::timestamp(SystemTime::now());
        let mut params = params.clone();
        v1::add_common(&mut params, &access_key, &nonce, &timestamp);
        let form = v1::sign(&params, access_key.secret());
        let started = Instant::now();
        self.logger.log(Level::Debug, || {
            format!(
                "{action} {} to {}: attempt {attempt}, {} bytes.",
                quoted(name),
                self.endpoint,
                form.as_bytes().len()
            )
        });
        let exchange = Exchange {
            action,
            name,
            endpoint: &self.endpoint,
            params: &params,
            access_key: &access_key,
            form: &form,
        };
        let answer = match self.transport.post(&form, deadline) {
            Ok(answer) => answer,
            Err(failure) => return Err(exchange.no_answer(failure)),
        };
        self.logger.log(Level::Debug, || {
            let (status, size, ms) = (answer.status, answer.body.len(), started.elapsed().as_millis());
            format!("{action} {}: HTTP {status}, {size} bytes, {ms} ms.", quoted(name))
        });
        exchange.judge(&answer)
    }
}

/// One request and all that is needed to speak about its answer.
struct Exchange<'a> {
    action: &'a str,
    name: &'a str,
    endpoint: &'a str,
    params: &'a Params<'a>,
    access_key: &'a AccessKey,
    form: &'a SignedForm,
}

impl Exchange<'_> {
    fn judge(&self, answer: &HttpAnswer) -> Result<Answer, Failed> {
        match answer.read() {
            Reading::Success(fields) => Ok(Answer {
                request_id: self.shown_id(answer.request_id(Some(&fields))),
                fields,
                http_status: answer.status,
                attempts: 0,
            }),
            Reading::Refusal { code, message, request_id } => {
                let request_id = self.shown_id(request_id);
                let refusal =
                    self.refused(&code, &message, answer.status).with_answer(answer.status, request_id);
                let again = refusal.kind() == ErrorKind::Throttled;
                Err(Failed { again, wait: answer.retry_after, ..Failed::for_good(refusal) })
            }
            Reading::NoAnswer(instead) => Err(Failed::for_good(self.not_understood(&instead, answer))),
        }
    }

    fn refused(&self, code: &str, message: &str, http_status: u16) -> Error {
        let Self { action, endpoint, .. } = self;
        let name = quoted(self.name);
        let meaning = codes::meaning(code, message, http_status);
        let shown_code = self.secrets().redact(code);
        let sentence = match meaning.kind {
            ErrorKind::NameTaken => {
                format!("{endpoint} already has a certificate named {name} ({shown_code}).")
            }
            ErrorKind::Permission => {
                format!(
                    "{endpoint} refused {action} of {name}: the access key lacks the RAM action yundun-cert:{action} ({shown_code})."
                )
            }
            ErrorKind::Throttled => {
                format!("{endpoint} refuses {action} of {name} because of too many calls ({shown_code}).")
            }
            _ => format!("{endpoint} refused {action} of {name}: {shown_code}."),
        };
        let mut error = Error::new(meaning.kind, sentence)
            .with_retryable(meaning.retryable)
            .with_service(shown_code, (!message.is_empty()).then(|| self.secrets().redact(message)));
        let hint = match (meaning.kind, code) {
            (ErrorKind::Permission, _) => {
                format!("Grant yundun-cert:{action} to the RAM user or role of this access key.")
            }
            (_, "SignatureDoesNotMatch") => self.why_signatures_differ(message).to_owned(),
            (_, code) if code.starts_with("InvalidAccessKeyId") => {
                format!("{} The id was {}.", meaning.hint, quoted(self.access_key.id()))
            }
            _ => meaning.hint.to_owned(),
        };
        if !hint.is_empty() {
            error = error.with_hint(hint);
        }
        error
    }

    /// The gateway echoes its string-to-sign. Where it is ours, only the secret can be wrong.
    fn why_signatures_differ(&self, message: &str) -> &'static str {
        match message.split_once("string to sign is:") {
            Some((_, theirs)) if theirs.trim() == v1::string_to_sign("POST", self.params).as_str() => {
                "The access key secret is wrong: the request arrived as it was sent."
            }
            Some(_) => {
                "The request was changed on its way: look for a proxy or gateway that rewrites requests."
            }
            None => "Check the access key secret.",
        }
    }

    fn not_understood(&self, instead: &str, answer: &HttpAnswer) -> Error {
        let Self { action, endpoint, .. } = self;
        let instead = self.secrets().redact(instead);
        let sentence =
            format!("{endpoint} gave no API answer to {action} of {}, but {instead}.", quoted(self.name));
        Error::new(ErrorKind::Protocol, sentence)
            .with_hint(
                "Check that the endpoint is Alibaba Cloud's and no proxy answers in its place; then look whether the \
                 certificate is stored before sending it again.",
            )
            .with_answer(answer.status, self.shown_id(answer.request_id(None)))
            .with_retryable(answer.status >= 500)
    }

    fn no_answer(&self, failure: Failure) -> Failed {
        let Self { action, .. } = self;
        let name = quoted(self.name);
        let what = failure.what;
        let unknown = format!(
            "Look for {name} in the list of certificates. Calling again cannot store it twice: a name is unique."
        );
        let (kind, sentence, hint) = match failure.reach {
            Reach::Nowhere if failure.deadline_passed => {
                let hint = "Nothing was sent. Check the network, or allow more time.".to_owned();
                (ErrorKind::Timeout, format!("{action} of {name} ran out of time: {what}."), hint)
            }
            Reach::Nowhere => (
                ErrorKind::Network,
                format!("{action} of {name} was not sent: {what}."),
                failure.hint.unwrap_or_else(|| "Check the network.".to_owned()),
            ),
            Reach::Sent => (
                ErrorKind::OutcomeUnknown,
                format!("{action} of {name} was sent, but {what}: it may be stored."),
                unknown,
            ),
            Reach::Answered => (
                ErrorKind::Protocol,
                format!("{action} of {name} was sent, but {what}: it may be stored."),
                unknown,
            ),
        };
        let again = kind == ErrorKind::Network && !failure.permanent;
        let mut error = Error::new(kind, sentence).with_hint(hint).with_retryable(!failure.permanent);
        if let Some(status) = failure.http_status {
            let request_id = self.shown_id(failure.request_id);
            error = error.with_answer(status, request_id);
        }
        Failed { again, ..Failed::for_good(error) }
    }

    /// A request id, unless a server put something there that must not be shown.
    fn shown_id(&self, id: Option<String>) -> Option<String> {
        // The service's own are UUIDs; anything else is looked at.
        let uuid =
            |id: &str| id.len() == 36 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F' | b'-'));
        id.filter(|id| uuid(id) || self.secrets().redact(id) == *id)
    }

    fn secrets(&self) -> Secrets<'_> {
        let mut others = vec![self.access_key.secret(), self.form.signature()];
        others.extend(self.access_key.security_token());
        Secrets { private_key: self.params.get("Key"), others }
    }
}

/// Whether a name gives the secret away. Real ones have 30 characters; what is much shorter may be a word.
fn holds_secret(name: &str, secret: &str) -> bool {
    name == secret || (secret.len() >= 16 && name.contains(secret))
}

fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Error::new(ErrorKind::Internal, "The system gave no random numbers.")
            .with_hint("Check that getrandom or /dev/urandom works in this environment.")
    })?;
    Ok(bytes)
}

fn random() -> Result<u64, Error> {
    random_bytes().map(u64::from_ne_bytes)
}

/// 128 random bits as 32 hex digits: as long as the official SDKs' nonces.
fn nonce() -> Result<String, Error> {
    random_bytes().map(|bytes| format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use crate::api::Format;
    use crate::api::v2018_07_13::CreateUserCertificate;
    use crate::credentials::Given;
    use crate::secret::Secret;
    use zeroize::Zeroizing;

    type Outcome = Result<HttpAnswer, Failure>;

    /// Answers as told and keeps what was sent.
    struct Scripted {
        outcomes: Mutex<VecDeque<Outcome>>,
        sent: Arc<Mutex<Vec<String>>>,
    }

    impl Transport for Scripted {
        fn post(&self, form: &SignedForm, _: Instant) -> Outcome {
            self.sent.lock().unwrap().push(String::from_utf8(form.as_bytes().to_vec()).unwrap());
            self.outcomes.lock().unwrap().pop_front().expect("no more attempts than outcomes")
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "an outcome, like those of `failure`")]
    fn answer(status: u16, body: &str) -> Outcome {
        Ok(HttpAnswer {
            status,
            body: Zeroizing::new(body.into()),
            retry_after: Some(Duration::ZERO),
            ..HttpAnswer::default()
        })
    }

    fn failure(reach: Reach, permanent: bool) -> Outcome {
        let what = "it broke".to_owned();
        Err(Failure {
            reach,
            deadline_passed: false,
            what,
            hint: None,
            permanent,
            http_status: None,
            request_id: None,
        })
    }

    /// Calls with four attempts; gives the result and how many requests were sent.
    fn call(outcomes: Vec<Outcome>) -> (Result<Answer, Error>, Vec<String>) {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let key = AccessKey::new("id".to_owned(), Secret::new("hidden-secret".to_owned()), None);
        let caller = Caller {
            transport: Box::new(Scripted { outcomes: Mutex::new(outcomes.into()), sent: Arc::clone(&sent) }),
            credentials: Box::new(Given::new(key)),
            endpoint: "cas.example".to_owned(),
            timeout: Duration::from_secs(3600),
            max_attempts: 4,
            logger: Logger::default(),
        };
        let request =
            CreateUserCertificate { name: "web", certificate: "c", key: "k", lang: None, source_ip: None };
        let result = caller.call(CreateUserCertificate::ACTION, "web", &request.params(Format::Json));
        let sent = std::mem::take(&mut *sent.lock().unwrap());
        (result, sent)
    }

    #[test]
    fn only_what_was_certainly_not_applied_is_sent_again() {
        let again = [
            failure(Reach::Nowhere, false),
            answer(400, r#"{"Code":"Throttling.User"}"#),
            answer(503, r#"{"Code":"FlowControlError"}"#),
            answer(429, r#"{"Code":"Any"}"#),
        ];
        for first in again {
            let shown = format!("{first:?}");
            let (result, sent) = call(vec![first, answer(200, r#"{"CertId":1}"#)]);
            assert_eq!((result.unwrap().attempts, sent.len()), (2, 2), "{shown}");
        }
        let never = [
            failure(Reach::Nowhere, true),
            failure(Reach::Sent, false),
            failure(Reach::Answered, false),
            answer(200, "<html></html>"),
            answer(500, r#"{"Code":"InternalError"}"#),
            answer(503, r#"{"Code":"ServiceUnavailable"}"#),
            answer(400, r#"{"Code":"NameRepeat"}"#),
            answer(400, r#"{"Code":"InvalidTimeStamp.Expired"}"#),
            answer(302, ""),
        ];
        for first in never {
            let shown = format!("{first:?}");
            let (result, sent) = call(vec![first]);
            assert_eq!((result.unwrap_err().attempts(), sent.len()), (1, 1), "{shown}");
        }
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let throttled = || answer(400, r#"{"Code":"Throttling"}"#);
        let (result, sent) = call(vec![throttled(), throttled(), throttled(), throttled()]);
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.attempts(), sent.len()), (ErrorKind::Throttled, 4, 4));
    }

    #[test]
    fn what_may_have_been_applied_says_so() {
        for (reach, kind) in
            [(Reach::Sent, ErrorKind::OutcomeUnknown), (Reach::Answered, ErrorKind::Protocol)]
        {
            let error = call(vec![failure(reach, false)]).0.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.message().contains("may be stored") && error.hint().unwrap().contains("\"web\""));
        }
    }

    #[test]
    fn a_deadline_before_anything_was_sent_is_a_timeout() {
        let Err(failure) = failure(Reach::Nowhere, false) else { unreachable!() };
        let error = call(vec![Err(Failure { deadline_passed: true, ..failure })]).0.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    }

    #[test]
    fn a_changed_request_is_told_from_a_wrong_secret() {
        let hint = |echo: &str| {
            let message = format!("no match. server string to sign is:{echo}");
            let body = serde_json::json!({"Code": "SignatureDoesNotMatch", "Message": message}).to_string();
            let error = call(vec![answer(400, &body)]).0.unwrap_err();
            assert!(!error.service_message().unwrap().contains("POST"));
            error.hint().unwrap().to_owned()
        };
        assert!(hint("POST&%2F&Action%3DSomethingElse").contains("changed on its way"));
        let body = r#"{"Code":"SignatureDoesNotMatch","Message":"no"}"#;
        assert!(call(vec![answer(400, body)]).0.unwrap_err().hint().unwrap().contains("secret"));
    }

    #[test]
    fn permission_names_the_action_to_grant() {
        let error = call(vec![answer(403, r#"{"Code":"Forbidden.RAM"}"#)]).0.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Permission);
        assert!(error.hint().unwrap().contains("yundun-cert:CreateUserCertificate"));
    }

    #[test]
    fn a_name_that_gives_the_secret_away_is_told_from_one_that_shares_a_word() {
        assert!(holds_secret("x-0123456789abcdef-y", "0123456789abcdef"));
        assert!(holds_secret("testsecret", "testsecret"));
        assert!(!holds_secret("my testsecret", "test"));
    }

    #[test]
    fn nonces_differ_and_are_as_long_as_the_official_ones() {
        let (one, two) = (nonce().unwrap(), nonce().unwrap());
        assert_ne!(one, two);
        assert!(one.len() == 32 && one.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
