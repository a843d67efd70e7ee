//! One call: credentials, signature, sending, judging; and for calls that may be repeated, again until done.
//!
//! What a failed attempt means for what is stored is judged here, once, as a [`FailureClass`]. Whether an upload is sent
//! again is decided in [`crate::upload::machine`].

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::base::error::{Error, ErrorKind};
use crate::base::logger::{Level, Logger};
use crate::base::random::{nonce, random};
use crate::base::time;
use crate::protocol::access_key::AccessKey;
use crate::protocol::failure_class::{Correction, FailureClass};
use crate::protocol::signed_form::SignedForm;
use crate::protocol::{Signature, acs3, hmac_sha1};
use crate::service::backoff;
use crate::service::clock_skew::ClockSkew;
use crate::service::failure::CallError;
use crate::service::messages::{CallContext, no_access_key};
use crate::service::provider::Provider;
use crate::service::transport::Transport;
use crate::service::types::{Answer, Operation};

/// Makes calls for one client, from any thread.
pub(crate) struct Caller {
    pub(crate) transport: Box<dyn Transport>,
    /// `None` for the one operation that is not signed: its proof is a token among its parameters.
    pub(crate) credentials: Option<Box<dyn Provider>>,
    /// For messages, and as it stands in the header `Host`.
    pub(crate) endpoint: String,
    pub(crate) signature: Signature,
    pub(crate) max_attempts: u32,
    pub(crate) skew: ClockSkew,
    pub(crate) logger: Logger,
}

impl Caller {
    /// Calls an operation that does no harm when it is repeated, until it succeeds, its attempts are used up or
    /// the deadline is too near. `subject` says in messages what the call is about.
    pub(crate) fn call(
        &self,
        operation: &Operation<'_>,
        subject: &str,
        deadline: Instant,
    ) -> Result<Answer, CallError> {
        let mut attempt = 1;
        let mut in_doubt = false;
        let mut corrected = Vec::new();
        let mut tried = 0;
        loop {
            let last = attempt >= self.max_attempts;
            let limit = if last { deadline } else { halfway_to(deadline) };
            let mut failed = match self.attempt(operation, subject, limit) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            in_doubt |= failed.in_doubt;
            failed.in_doubt = in_doubt;
            tried += u32::from(failed.tried);
            failed.error = failed.error.with_attempts(tried);
            let wait = match failed.class {
                FailureClass::Correctable(correction) if !corrected.contains(&correction) => {
                    corrected.push(correction);
                    Some(Duration::ZERO)
                }
                FailureClass::NotSent
                | FailureClass::OutcomeUnknown
                | FailureClass::Throttled(None) => Some(backoff::delay(attempt, random()?)),
                FailureClass::Throttled(Some(asked)) => Some(asked),
                _ => None,
            };
            match wait {
                Some(wait) if !last && self.wait(wait, deadline, Some(&failed.error)) => {
                    attempt += 1;
                }
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
            self.logger
                .log(Level::Warn, || format!("{error} Going on in {} ms.", wait.as_millis()));
        }
        thread::sleep(wait);
        true
    }

    /// Whether another access key replaces `refused`, which the service did not accept.
    fn renews(&self, refused: Option<&AccessKey>, now: SystemTime, limit: Instant) -> bool {
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
    ) -> Result<Answer, CallError> {
        let action = operation.action;
        let skew = self.skew.current();
        let now = skew.apply(SystemTime::now());
        let access_key = match &self.credentials {
            Some(provider) => Some(provider.access_key(now, limit).map_err(no_access_key)?),
            None => None,
        };
        let secret = access_key.as_ref().map(|key| key.secret());
        if operation
            .params
            .get("Name")
            .is_some_and(|name| secret.is_some_and(|it| holds_secret(name, it)))
        {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "The name holds the access key secret.",
            )
            .with_hint(
                "A name is public: choose another one, and a new access key if it was ever used.",
            )
            .into());
        }
        let nonce = nonce()?;
        let timestamp = time::timestamp(now);
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
        let exchange = CallContext {
            operation,
            subject,
            endpoint: &self.endpoint,
            params: &params,
            access_key: access_key.as_deref(),
            credentials: self.credentials.as_deref(),
            form: &form,
        };
        let mut answer =
            self.transport.post(&form, limit).map_err(|failure| exchange.no_answer(failure))?;
        answer.scrub_private_keys();
        self.logger.log(Level::Debug, || {
            let (status, size, ms) =
                (answer.status, answer.body.len(), started.elapsed().as_millis());
            format!("{action} of {subject}: HTTP {status}, {size} bytes, {ms} ms.")
        });
        exchange.judge(&answer).map_err(|(class, error)| {
            let class = match class {
                FailureClass::Throttled(_) => FailureClass::Throttled(answer.retry_after),
                FailureClass::Correctable(correction) => {
                    let corrected = match correction {
                        Correction::Clock => self.skew.update(skew, SystemTime::now(), answer.date),
                        Correction::AccessKey => self.renews(access_key.as_deref(), now, limit),
                    };
                    if corrected { class } else { FailureClass::Refused }
                }
                class => class,
            };
            CallError::new(class, error)
        })
    }
}

/// Half of the time that is left: an answer that does not come must leave time to find out what happened.
pub(crate) fn halfway_to(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

/// Whether a name gives the secret away. Real ones have 30 characters; what is much shorter may be a word.
fn holds_secret(name: &str, secret: &str) -> bool {
    name == secret || (secret.len() >= 16 && name.contains(secret))
}

#[cfg(test)]
mod tests;
