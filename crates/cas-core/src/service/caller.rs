//! One call: credentials, signature, sending, judging; and for calls that may be repeated, again until done.
//!
//! What a failed attempt means for what is stored is judged here, once, as a [`Fate`]. Whether an upload is sent
//! again is decided in [`crate::upload::machine`].

use std::fmt;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;

use crate::base::error::{Error, ErrorKind};
use crate::base::logger::{Level, Logger};
use crate::credentials::{AccessKey, Provider, Unavailable, shown_id};
use crate::http::{Failure, Reach, Transport};
use crate::protocol::error_codes::Effect;
use crate::protocol::params::Params;
use crate::protocol::reading::{HttpAnswer, Reading};
use crate::protocol::redact::Secrets;
use crate::protocol::signed_form::SignedForm;
use crate::protocol::{Signature, acs3, error_codes, hmac_sha1};
use crate::service::clock_skew::Skew;
use crate::service::operations::Operation;
use crate::service::{backoff, clock_skew};

/// Makes calls for one client, from any thread.
pub struct Caller {
    pub(crate) transport: Box<dyn Transport>,
    /// `None` for the one operation that is not signed: its proof is a token among its parameters.
    pub(crate) credentials: Option<Box<dyn Provider>>,
    /// For messages, and as it stands in the header `Host`.
    pub(crate) endpoint: String,
    pub(crate) signature: Signature,
    pub(crate) max_attempts: u32,
    pub(crate) skew: Skew,
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
}

/// Without the fields: what a server says is shown only after it is redacted.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("http_status", &self.http_status).finish_non_exhaustive()
    }
}

/// What was mended. Each helps once: what is wrong after it was mended will be wrong again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cure {
    /// The time of the request was too far from the service's, which is known now.
    Clock,
    /// The access key was no good, and there is another one now.
    AccessKey,
}

/// What a failed attempt means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Not sent, nor will it be: no access key, or no connection for a reason that stays.
    Hopeless,
    /// Not sent; trying again may help.
    Unsent,
    /// It may have been applied.
    Lost,
    /// Refused for rate, with the pause that the service asked for.
    Throttled(Option<Duration>),
    /// Refused for something that is mended now.
    Mended(Cure),
    /// The service no longer has the operation.
    VersionGone,
    /// The name is taken.
    NameTaken,
    /// Refused, perhaps because the certificate is there already.
    RefusedUnclearly,
    /// Refused for good.
    Refused,
}

/// An attempt that failed.
#[derive(Debug)]
pub struct Failed {
    /// What to tell the caller.
    pub error: Error,
    /// What it means.
    pub fate: Fate,
    /// Whether it, or an attempt before it, may have been applied.
    pub in_doubt: bool,
    /// Whether sending was tried at all.
    pub tried: bool,
}

impl Failed {
    fn new(fate: Fate, error: Error) -> Self {
        Self { error, fate, in_doubt: fate == Fate::Lost, tried: true }
    }
}

/// What fails before sending is tried.
impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { tried: false, ..Self::new(Fate::Hopeless, error) }
    }
}

impl Caller {
    /// Calls an operation that does no harm when it is repeated, until it succeeds, its attempts are used up or
    /// the deadline is too near. `subject` says in messages what the call is about.
    pub fn call(
        &self,
        operation: &Operation<'_>,
        subject: &str,
        deadline: Instant,
    ) -> Result<Answer, Failed> {
        let mut attempt = 1;
        let mut in_doubt = false;
        let mut mended = Vec::new();
        let mut tried = 0;
        loop {
            let last = attempt >= self.max_attempts;
            let limit = if last { deadline } else { half_way(deadline) };
            let mut failed = match self.attempt(operation, subject, limit) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            in_doubt |= failed.in_doubt;
            failed.in_doubt = in_doubt;
            tried += u32::from(failed.tried);
            failed.error = failed.error.with_attempts(tried);
            let wait = match failed.fate {
                Fate::Mended(cure) if !mended.contains(&cure) => {
                    mended.push(cure);
                    Some(Duration::ZERO)
                }
                Fate::Unsent | Fate::Lost | Fate::Throttled(None) => Some(backoff::pause(attempt, random()?)),
                Fate::Throttled(Some(asked)) => Some(asked),
                _ => None,
            };
            match wait {
                Some(wait) if !last && self.wait(wait, deadline, Some(&failed.error)) => attempt += 1,
                _ => return Err(failed),
            }
        }
    }

    /// Sleeps, and says why; or returns false at once where that would outlast the deadline.
    pub(crate) fn wait(&self, wait: Duration, deadline: Instant, after: Option<&Error>) -> bool {
        if Instant::now() + wait >= deadline {
            return false;
        }
        if let Some(error) = after {
            self.logger.log(Level::Warn, || format!("{error} Going on in {} ms.", wait.as_millis()));
        }
        thread::sleep(wait);
        true
    }

    /// Whether there is another access key now than the one that was refused.
    fn renewed(&self, refused: Option<&AccessKey>, now: SystemTime, limit: Instant) -> bool {
        match (&self.credentials, refused) {
            (Some(provider), Some(refused)) => provider.renew(refused, now, limit),
            _ => false,
        }
    }

    /// One attempt, whose answer is waited for until `limit`.
    pub(crate) fn attempt(
        &self,
        operation: &Operation<'_>,
        subject: &str,
        limit: Instant,
    ) -> Result<Answer, Failed> {
        let action = operation.action;
        let skew = self.skew.known();
        let now = skew.apply(SystemTime::now());
        let access_key = match &self.credentials {
            Some(provider) => Some(provider.access_key(now, limit).map_err(no_access_key)?),
            None => None,
        };
        let secret = access_key.as_ref().map(|key| key.secret());
        if operation.params.get("Name").is_some_and(|name| secret.is_some_and(|it| holds_secret(name, it))) {
            return Err(Error::new(ErrorKind::InvalidArgument, "The name holds the access key secret.")
                .with_hint("A name is public: choose another one, and a new access key if it was ever used.")
                .into());
        }
        let nonce = nonce()?;
        let timestamp = clock_skew::timestamp(now);
        let mut params = operation.params.clone();
        let form = match (&access_key, self.signature) {
            (None, _) => {
                params.set("Timestamp", timestamp.as_str());
                SignedForm::with_own_proof(&params)
            }
            (Some(access_key), Signature::HmacSha1) => {
                hmac_sha1::add_common(&mut params, access_key, &nonce, &timestamp);
                hmac_sha1::sign(&params, access_key.secret())
            }
            (Some(access_key), Signature::Acs3) => {
                acs3::sign(&params, &self.endpoint, access_key, &nonce, &timestamp)
            }
        };
        let started = Instant::now();
        self.logger.log(Level::Debug, || {
            format!("{action} of {subject} to {}: {} bytes.", self.endpoint, form.as_bytes().len())
        });
        let exchange = Exchange {
            operation,
            subject,
            endpoint: &self.endpoint,
            params: &params,
            access_key: access_key.as_deref(),
            credentials: self.credentials.as_deref(),
            form: &form,
        };
        let mut answer = self.transport.post(&form, limit).map_err(|failure| exchange.no_answer(failure))?;
        answer.forget_keys();
        self.logger.log(Level::Debug, || {
            let (status, size, ms) = (answer.status, answer.body.len(), started.elapsed().as_millis());
            format!("{action} of {subject}: HTTP {status}, {size} bytes, {ms} ms.")
        });
        exchange.judge(&answer).map_err(|(effect, error)| {
            let fate = match effect {
                Effect::Unclear => Fate::RefusedUnclearly,
                Effect::NameTaken => Fate::NameTaken,
                Effect::Throttled => Fate::Throttled(answer.retry_after),
                Effect::Clock if self.skew.learn(skew, SystemTime::now(), answer.date) => {
                    Fate::Mended(Cure::Clock)
                }
                Effect::AccessKey if self.renewed(access_key.as_deref(), now, limit) => {
                    Fate::Mended(Cure::AccessKey)
                }
                Effect::Clock | Effect::AccessKey | Effect::Final => Fate::Refused,
                Effect::VersionGone => Fate::VersionGone,
                Effect::Open => Fate::Lost,
            };
            Failed::new(fate, error)
        })
    }
}

fn no_access_key(reason: Unavailable) -> Failed {
    let hint = reason.hint.unwrap_or_else(|| {
        "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or set up another of the sources in \
         docs/credentials.md, or give the client a key."
            .to_owned()
    });
    let sentence = format!("No usable access key was found: {}.", reason.why);
    let error = Error::new(ErrorKind::Credentials, sentence).with_hint(hint).with_retryable(reason.retryable);
    let failed = Failed::from(error);
    if reason.retryable { Failed { fate: Fate::Unsent, ..failed } } else { failed }
}

/// Half of the time that is left: an answer that does not come must leave time to find out what happened.
pub(crate) fn half_way(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

/// One request and all that is needed to speak about its answer.
struct Exchange<'a> {
    operation: &'a Operation<'a>,
    subject: &'a str,
    endpoint: &'a str,
    params: &'a Params<'a>,
    access_key: Option<&'a AccessKey>,
    /// Where the access key comes from.
    credentials: Option<&'a dyn Provider>,
    form: &'a SignedForm,
}

impl Exchange<'_> {
    fn judge(&self, answer: &HttpAnswer) -> Result<Answer, (Effect, Error)> {
        match answer.read() {
            Reading::Success(fields) => Ok(Answer {
                request_id: self.shown_id(answer.request_id(Some(&fields))),
                fields,
                http_status: answer.status,
            }),
            Reading::Refusal { code, message, request_id } => {
                let request_id = self.shown_id(request_id);
                let (effect, refusal) = self.refused(&code, &message, answer.status);
                Err((effect, refusal.with_answer(answer.status, request_id)))
            }
            Reading::NoAnswer { instead, turned_away } => {
                let effect = match (turned_away, answer.status) {
                    (true, 429) => Effect::Throttled,
                    (true, _) => Effect::Final,
                    (false, _) => Effect::Open,
                };
                Err((effect, self.not_understood(&instead, answer)))
            }
        }
    }

    fn refused(&self, code: &str, message: &str, http_status: u16) -> (Effect, Error) {
        let Self { operation: Operation { action, ram, .. }, endpoint, subject, .. } = self;
        let meaning = error_codes::meaning(code, message, http_status);
        let shown_code = self.secrets().redact(code);
        let sentence = match meaning.kind {
            ErrorKind::NameTaken => {
                format!("{endpoint} already has a certificate named {subject} ({shown_code}).")
            }
            ErrorKind::NotFound => format!("{endpoint} has no certificate with {subject} ({shown_code})."),
            ErrorKind::Permission => {
                format!(
                    "{endpoint} refused {action} of {subject}: the access key lacks the RAM action {ram}:{action} ({shown_code})."
                )
            }
            ErrorKind::Throttled => {
                format!("{endpoint} refuses {action} of {subject} because of too many calls ({shown_code}).")
            }
            _ => format!("{endpoint} refused {action} of {subject}: {shown_code}."),
        };
        let mut error = Error::new(meaning.kind, sentence)
            .with_retryable(meaning.retryable())
            .with_service(shown_code, (!message.is_empty()).then(|| self.secrets().redact(message)));
        let hint = match (meaning.kind, code) {
            (ErrorKind::Permission, _) => {
                format!("Grant {ram}:{action} to the RAM user or role of this access key.")
            }
            (_, "SignatureDoesNotMatch") => self.why_signatures_differ(message).to_owned(),
            (_, code) if code.starts_with("InvalidAccessKeyId") => {
                let id = self.access_key.map_or("", AccessKey::id);
                format!("{} The id was {}.", meaning.hint, shown_id(id))
            }
            _ => meaning.hint.to_owned(),
        };
        let is_about_key = meaning.effect == Effect::AccessKey || code == "SignatureDoesNotMatch";
        let hint = match self.credentials {
            Some(provider) if is_about_key => {
                format!("{hint} The access key comes from {}.", provider.origin())
            }
            _ => hint,
        };
        if !hint.is_empty() {
            error = error.with_hint(hint);
        }
        (meaning.effect, error)
    }

    /// The gateway echoes its string-to-sign. Where it is ours, only the secret can be wrong.
    fn why_signatures_differ(&self, message: &str) -> &'static str {
        let is_ours = |theirs: &str| match self.form.string_to_sign() {
            Some(ours) => theirs == ours,
            None => theirs == hmac_sha1::string_to_sign("POST", self.params).as_str(),
        };
        match message.split_once("string to sign is:") {
            Some((_, theirs)) if is_ours(theirs.trim()) => {
                "The access key secret is wrong: the request arrived as it was sent."
            }
            Some(_) => {
                "The request was changed on its way: look for a proxy or gateway that rewrites requests."
            }
            None => "Check the access key secret.",
        }
    }

    fn not_understood(&self, instead: &str, answer: &HttpAnswer) -> Error {
        let Self { operation: Operation { action, .. }, endpoint, subject, .. } = self;
        let instead = self.secrets().redact(instead);
        Error::new(
            ErrorKind::Protocol,
            format!("{endpoint} gave no API answer to {action} of {subject}, but {instead}."),
        )
        .with_hint("Check that the endpoint is Alibaba Cloud's and no proxy answers in its place.")
        .with_answer(answer.status, self.shown_id(answer.request_id(None)))
        .with_retryable(answer.status >= 500 || matches!(answer.status, 408 | 429))
    }

    fn no_answer(&self, failure: Failure) -> Failed {
        let Self { operation: Operation { action, .. }, subject, .. } = self;
        let what = failure.what;
        let sent = format!("{action} of {subject} was sent, but {what}.");
        let (kind, sentence, hint) = match failure.reach {
            Reach::Nowhere if failure.deadline_passed => (
                ErrorKind::Timeout,
                format!("{action} of {subject} ran out of time: {what}."),
                "Nothing was sent. Check the network, or allow more time.".to_owned(),
            ),
            Reach::Nowhere => (
                ErrorKind::Network,
                format!("{action} of {subject} was not sent: {what}."),
                failure.hint.unwrap_or_else(|| "Check the network.".to_owned()),
            ),
            // Whatever is slow may still be at work.
            Reach::Sent if failure.deadline_passed => (
                ErrorKind::OutcomeUnknown,
                sent,
                "Allow more time, or call again: what is stored is found then.".to_owned(),
            ),
            Reach::Sent => {
                (ErrorKind::Network, sent, "Check the network and proxies, and call again.".to_owned())
            }
            Reach::Answered => (
                ErrorKind::Protocol,
                sent,
                "Check that the endpoint is Alibaba Cloud's and no proxy cuts its answers.".to_owned(),
            ),
        };
        let fate = match failure.reach {
            Reach::Nowhere if failure.permanent => Fate::Hopeless,
            Reach::Nowhere => Fate::Unsent,
            Reach::Sent | Reach::Answered => Fate::Lost,
        };
        let mut error = Error::new(kind, sentence).with_hint(hint).with_retryable(!failure.permanent);
        if let Some(status) = failure.http_status {
            let request_id = self.shown_id(failure.request_id);
            error = error.with_answer(status, request_id);
        }
        Failed::new(fate, error)
    }

    /// A request id, unless a server put something there that must not be shown.
    fn shown_id(&self, id: Option<String>) -> Option<String> {
        // The service's own are UUIDs; anything else is looked at.
        let uuid =
            |id: &str| id.len() == 36 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F' | b'-'));
        id.filter(|id| uuid(id) || self.secrets().redact(id) == *id)
    }

    fn secrets(&self) -> Secrets<'_> {
        let mut others = vec![self.form.signature()];
        others.extend(self.access_key.map(AccessKey::secret));
        others.extend(self.access_key.and_then(AccessKey::security_token));
        others.extend(self.params.get("OIDCToken").map(str::trim));
        Secrets { private_key: self.params.get("Key"), others }
    }
}

/// Whether a name gives the secret away. Real ones have 30 characters; what is much shorter may be a word.
fn holds_secret(name: &str, secret: &str) -> bool {
    name == secret || (secret.len() >= 16 && name.contains(secret))
}

/// An answer that is one, and does not hold what it must.
pub(crate) fn incomplete(
    endpoint: &str,
    action: &str,
    subject: &str,
    lacks: &str,
    answer: &Answer,
) -> Failed {
    let error = Error::new(
        ErrorKind::Protocol,
        format!("{endpoint} answered {action} of {subject} with a success without {lacks}."),
    )
    .with_hint("Check that the endpoint is Alibaba Cloud's and no proxy answers in its place.")
    .with_answer(answer.http_status, answer.request_id.clone());
    Failed::new(Fate::Lost, error)
}

fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Error::new(ErrorKind::Internal, "The system gave no random numbers.")
            .with_hint("Check that getrandom or /dev/urandom works in this environment.")
    })?;
    Ok(bytes)
}

pub(crate) fn random() -> Result<u64, Error> {
    random_bytes().map(u64::from_ne_bytes)
}

/// 128 random bits as 32 hex digits: as long as the official SDKs' nonces.
pub(crate) fn nonce() -> Result<String, Error> {
    random_bytes().map(|bytes| format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests;
