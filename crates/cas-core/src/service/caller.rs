//! Makes calls: one attempt (access key, signature, sending, classification), or attempts until one
//! succeeds, for operations that may be repeated.
//!
//! The caller says, once, what a failed attempt means for what is stored: a [`FailureClass`].
//! Whether an upload is sent again is decided by the state machine in `upload`.

use std::time::{Duration, Instant, SystemTime};

use cas_sign::{SignedForm, acs3, hmac_sha1};
use serde::de::DeserializeOwned;

use crate::base::deadline::Deadline;
use crate::base::error::Error;
use crate::base::logger::{Level, Logger};
use crate::base::random::{nonce, random};
use crate::base::time;
use crate::http::deadline::Connection;
use crate::protocol::Signature;
use crate::protocol::access_key::{AccessKey, display_id};
use crate::protocol::failure_class::{Correction, FailureClass};
use crate::protocol::fields::parse;
use crate::service::backoff;
use crate::service::clock_skew::ClockSkew;
use crate::service::failure::CallError;
use crate::service::messages::{
    CallContext, cancelled, incomplete, no_access_key, received, retrying, secret_in_name, sending,
};
use crate::service::provider::{CredentialsError, Provider};
use crate::service::transport::Transport;
use crate::service::types::{Operation, Response};

/// Makes calls to one endpoint, from any thread.
pub(crate) struct Caller {
    pub(crate) transport: Box<dyn Transport>,
    /// `None` for the one operation without a signature, `AssumeRoleWithOIDC`.
    pub(crate) credentials: Option<Box<dyn Provider>>,
    /// The value of the header `Host`; also for messages.
    pub(crate) endpoint: String,
    pub(crate) signature: Signature,
    pub(crate) max_attempts: u32,
    pub(crate) skew: ClockSkew,
    pub(crate) logger: Logger,
}

/// Whose credentials a client uses. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsInfo {
    /// The access key ID, quoted. Only its beginning is given if it does not look like an ID.
    pub access_key_id: String,
    /// The credential source of the key, such as `the environment`.
    pub origin: String,
}

impl Caller {
    /// Calls an operation that may be repeated, until an attempt succeeds, the attempts are used up
    /// or the deadline is too near. `subject` says in messages what the call is about.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        operation: &Operation<'_>,
        subject: &str,
        deadline: &Deadline,
    ) -> Result<Response<T>, CallError> {
        let response = self.repeat(operation, subject, deadline)?;
        self.typed(operation, subject, response)
    }

    /// Makes one attempt, which waits for an access key until `deadline`, and then for its response
    /// for half of the time that is left.
    pub(crate) fn attempt<T: DeserializeOwned>(
        &self,
        operation: &Operation<'_>,
        subject: &str,
        connection: Connection,
        deadline: &Deadline,
    ) -> Result<Response<T>, CallError> {
        let limit = Deadline::halfway;
        let response = self.attempt_once(operation, subject, connection, deadline, limit)?;
        self.typed(operation, subject, response)
    }

    /// A success without the fields of a `T` may come from something else than the service, so the
    /// outcome is unknown.
    fn typed<T: DeserializeOwned>(
        &self,
        operation: &Operation<'_>,
        subject: &str,
        response: Response,
    ) -> Result<Response<T>, CallError> {
        let Response { fields, request_id, http_status } = response;
        match parse(fields) {
            Ok(fields) => Ok(Response { fields, request_id, http_status }),
            Err(cause) => {
                let response = Response { fields: (), request_id, http_status };
                Err(incomplete(&self.endpoint, operation.action, subject, &cause, response))
            }
        }
    }

    fn repeat(
        &self,
        operation: &Operation<'_>,
        subject: &str,
        deadline: &Deadline,
    ) -> Result<Response, CallError> {
        let mut attempt = 1;
        let mut throttled = 0;
        let mut in_doubt = false;
        let mut corrected = Vec::new();
        let mut tried = 0;
        let mut connection = Connection::Any;
        loop {
            let last = attempt >= self.max_attempts;
            let limit = if last { Deadline::clone } else { Deadline::halfway };
            let result = self.attempt_once(operation, subject, connection, deadline, limit);
            let mut failure = match result {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            in_doubt |= failure.in_doubt;
            failure.in_doubt = in_doubt;
            tried += u32::from(failure.tried);
            failure.error = failure.error.with_attempts(tried);
            // A throttled request is not an attempt, unless the program wants a single one.
            let counts =
                !matches!(failure.class, FailureClass::Throttled(_)) || self.max_attempts == 1;
            throttled += u32::from(!counts);
            let delay = match failure.class {
                FailureClass::Correctable(correction) if !corrected.contains(&correction) => {
                    corrected.push(correction);
                    Some(Duration::ZERO)
                }
                FailureClass::NotSent | FailureClass::OutcomeUnknown => {
                    random().ok().map(|random| backoff::delay(attempt, random))
                }
                FailureClass::Throttled(requested) => random().ok().and_then(|random| {
                    backoff::throttled(throttled, requested, deadline.time_left(), random)
                }),
                _ => None,
            };
            match delay {
                Some(delay)
                    if (!last || !counts) && self.wait(delay, deadline, Some(&failure.error)) =>
                {
                    attempt += u32::from(counts);
                    connection = Connection::New;
                }
                // During the attempt or the wait.
                _ if deadline.is_cancelled() && !failure.class.is_final() => {
                    failure.error = cancelled(operation.action, subject).with_attempts(tried);
                    failure.class = FailureClass::Permanent;
                    return Err(failure);
                }
                _ => return Err(failure),
            }
        }
    }

    /// Returns whose access key signs the next request.
    pub(crate) fn credentials(&self, deadline: &Deadline) -> Result<CredentialsInfo, CallError> {
        let unsigned = || CredentialsError::not_configured("requests are not signed");
        let provider = self.credentials.as_ref().ok_or_else(unsigned).map_err(no_access_key)?;
        let now = self.skew.current().apply(SystemTime::now());
        let key = provider.access_key(now, deadline).map_err(|cause| {
            if deadline.is_cancelled() {
                return cancelled("The search for an access key", &provider.origin()).into();
            }
            no_access_key(cause)
        })?;
        Ok(CredentialsInfo { access_key_id: display_id(key.id()), origin: provider.origin() })
    }

    /// Sleeps for `delay` and logs the error it follows. Returns false at once if that would
    /// outlast the deadline, and as soon as the call is cancelled.
    pub(crate) fn wait(&self, delay: Duration, deadline: &Deadline, after: Option<&Error>) -> bool {
        if delay >= deadline.time_left() || deadline.is_cancelled() {
            return false;
        }
        if let Some(error) = after {
            self.logger.log(Level::Warn, || retrying(error, delay));
        }
        deadline.sleep(delay)
    }

    /// Whether another access key replaces `refused`, which the service did not accept.
    fn renew(&self, refused: Option<&AccessKey>, now: SystemTime, limit: &Deadline) -> bool {
        match (&self.credentials, refused) {
            (Some(provider), Some(refused)) => provider.renew(refused, now, limit),
            _ => false,
        }
    }

    /// `limit` is the share of the time for the request, once there is an access key. The key may
    /// take all of the time: as long as it is missing, nothing is sent.
    fn attempt_once(
        &self,
        operation: &Operation<'_>,
        subject: &str,
        connection: Connection,
        deadline: &Deadline,
        limit: fn(&Deadline) -> Deadline,
    ) -> Result<Response, CallError> {
        let action = operation.action;
        let skew = self.skew.current();
        let now = || skew.apply(SystemTime::now());
        let access_key = match &self.credentials {
            Some(provider) => Some(provider.access_key(now(), deadline).map_err(no_access_key)?),
            None => None,
        };
        let (now, limit) = (now(), &limit(deadline));
        let name = operation.params.get("Name").unwrap_or_default();
        if access_key.as_ref().is_some_and(|key| contains_secret(name, key.secret())) {
            return Err(secret_in_name().into());
        }
        let nonce = nonce()?;
        let timestamp = time::timestamp(now);
        let mut params = operation.params.clone();
        let form = match (&access_key, self.signature) {
            (None, _) => {
                params.set("Timestamp", timestamp.as_str());
                SignedForm::unsigned(&params)
            }
            (Some(access_key), Signature::HmacSha1) => {
                hmac_sha1::add_common(&mut params, access_key.borrowed(), &nonce, &timestamp);
                hmac_sha1::sign(&params, access_key.secret())
            }
            (Some(access_key), Signature::Acs3) => {
                acs3::sign(&params, &self.endpoint, access_key.borrowed(), &nonce, &timestamp)
            }
        };
        let started = Instant::now();
        self.logger
            .log(Level::Debug, || sending(action, subject, &self.endpoint, form.as_bytes().len()));
        let context = CallContext {
            operation,
            subject,
            endpoint: &self.endpoint,
            params: &params,
            access_key: access_key.as_deref(),
            credentials: self.credentials.as_deref(),
            form: &form,
        };
        let mut response = self
            .transport
            .post(&form, connection, limit)
            .map_err(|failure| context.no_response(failure))?;
        response.scrub_private_keys();
        self.logger.log(Level::Debug, || received(action, subject, &response, started.elapsed()));
        context.read(&response).map_err(|(class, error)| {
            let class = match class {
                FailureClass::Throttled(_) => FailureClass::Throttled(response.retry_after),
                FailureClass::Correctable(correction) => {
                    let corrected = match correction {
                        Correction::Clock => {
                            self.skew.update(skew, SystemTime::now(), response.date)
                        }
                        Correction::AccessKey => self.renew(access_key.as_deref(), now, limit),
                    };
                    match corrected {
                        true => class,
                        false if limit.is_cancelled() => FailureClass::NotSent,
                        false => FailureClass::Refused,
                    }
                }
                class => class,
            };
            CallError::new(class, error)
        })
    }
}

/// Whether a name reveals the access key secret. Real secrets have 30 characters; what is much
/// shorter may be a word.
fn contains_secret(name: &str, secret: &str) -> bool {
    name == secret || (secret.len() >= 16 && name.contains(secret))
}

#[cfg(test)]
pub(crate) mod tests;
