//! From a request to its answer: the API with its gateway, or the control interface.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

use crate::answer::{self, Format};
use crate::clock::Clock;
use crate::control;
use crate::credentials::Credentials;
use crate::errors::{self, ApiError, Lang};
use crate::fault::{Faults, Kind, Refusal, Taken};
use crate::gateway::Gateway;
use crate::http::{Delivery, Request, Response, request_id};
use crate::nonces::Nonces;
use crate::operation::Call;
use crate::parameters::Parameters;
use crate::pause::Pause;
use crate::record::{Outcome, RecordedRequest, Records};
use crate::server::Peer;
use crate::store::{Store, StoreError, StoredCertificate};
use crate::throttle::Throttle;

/// The whole of the emulated service.
pub(crate) struct Service {
    gateway: Gateway,
    store: Store,
    records: Records,
    throttle: Throttle,
    pub(crate) faults: Faults,
    /// What delayed calls wait on.
    pub(crate) pause: Arc<Pause>,
    region: String,
    /// The host that answers say they come from.
    host_id: String,
}

/// A call of the API as it came in.
struct Asked<'a> {
    request: &'a Request,
    parameters: &'a Parameters,
    request_id: String,
    /// The format that `Format` names; `None` if there is no such format.
    format: Option<Format>,
    taken: Taken,
}

/// An answer, and the error code that it is about.
struct Answer {
    response: Response,
    code: Option<String>,
}

impl Service {
    pub(crate) fn new(
        credentials: Credentials,
        clock: Clock,
        store: Store,
        region: &str,
        qps: Option<usize>,
    ) -> Self {
        let host_id = match region {
            "cn-hangzhou" => "cas.aliyuncs.com".to_owned(),
            other => format!("cas.{other}.aliyuncs.com"),
        };
        Self {
            gateway: Gateway { credentials, clock, nonces: Nonces::default() },
            store,
            records: Records::default(),
            throttle: Throttle::new(qps),
            faults: Faults::default(),
            pause: Arc::default(),
            region: region.to_owned(),
            host_id,
        }
    }

    pub(crate) fn answer(&self, request: &Request, peer: Peer) -> Response {
        let path = request.path();
        match path.strip_prefix(control::PREFIX) {
            Some("") => control::answer(self, request, peer),
            Some(rest) if rest.starts_with('/') => control::answer(self, request, peer),
            _ => self.call(request, peer),
        }
    }

    pub(crate) fn records(&self) -> Vec<RecordedRequest> {
        self.records.all()
    }

    pub(crate) fn certificates(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        self.store.all()
    }

    pub(crate) fn reset(&self) -> Result<(), StoreError> {
        self.store.clear()?;
        self.records.clear();
        self.gateway.nonces.clear();
        self.throttle.clear();
        self.faults.clear();
        Ok(())
    }

    fn call(&self, request: &Request, peer: Peer) -> Response {
        let parameters = &Parameters::of(request);
        let taken = self.faults.take(parameters.get("Action"), parameters.get("Version"));
        let format = parameters.get("Format").map_or(Some(Format::default()), Format::from_name);
        let asked = Asked { request, parameters, request_id: request_id(), format, taken };
        let Answer { mut response, code } = match &asked.taken.kind {
            Some(Kind::DropBefore) => asked.answer(503, None, String::new()),
            Some(Kind::Error(refusal)) => self.misrefuse(&asked, refusal),
            Some(Kind::Retired(known)) => self.refuse(&asked, &(*known).into()),
            kind => {
                if let Some(Kind::Delay(time)) = kind {
                    self.pause.wait(*time);
                }
                self.process(&asked)
            }
        };
        if let Some(kind) = &asked.taken.kind {
            spoil(&mut response, kind);
        }
        let outcome = Outcome {
            time: self.gateway.clock.now(),
            status: response.status_sent(),
            code,
            fault: asked.taken.name(),
            request_id: &asked.request_id,
            connection: peer.connection,
        };
        self.records.add(request, parameters, outcome);
        if let Some(Kind::DelayAfter(time)) = asked.taken.kind {
            self.pause.wait(time);
        }
        response
    }

    fn process(&self, asked: &Asked<'_>) -> Answer {
        let run = || {
            let format = asked.format.ok_or(&errors::INVALID_FORMAT)?;
            let operation = self.gateway.admit(asked.request, asked.parameters)?;
            self.throttle.admit(operation, Instant::now())?;
            let call = Call {
                parameters: asked.parameters,
                store: &self.store,
                request_id: &asked.request_id,
                host_id: &self.host_id,
                region: &self.region,
                now: self.gateway.clock.now(),
                lag: asked.taken.lag,
            };
            let mut fields = operation.run(&call)?;
            if matches!(asked.taken.kind, Some(Kind::NoCertId)) {
                fields.retain(|(name, _)| *name != "CertId");
            }
            Ok(answer::write(format, &operation.xml_root(), &fields))
        };
        match guarded(run) {
            Ok(body) => asked.answer(200, None, body),
            Err(error) => self.refuse(asked, &error),
        }
    }

    fn refuse(&self, asked: &Asked<'_>, error: &ApiError) -> Answer {
        let lang =
            if asked.parameters.get("Lang") == Some("en") { Lang::English } else { Lang::Chinese };
        let code = error.code();
        let body = self.error_body(asked, &code, &error.message(lang));
        let mut answer = asked.answer(error.status(), Some(code), body);
        if let Some(time) = error.retry_after {
            // Rounded up: a client that comes as soon as it may must be let in.
            let milliseconds = time.as_nanos().div_ceil(1_000_000);
            answer
                .response
                .headers
                .push(("x-acs-retry-after".to_owned(), milliseconds.to_string()));
        }
        answer
    }

    /// The error that a fault asks for.
    fn misrefuse(&self, asked: &Asked<'_>, refusal: &Refusal) -> Answer {
        let body = self.error_body(asked, &refusal.code, &refusal.message);
        let mut answer = asked.answer(refusal.status, Some(refusal.code.clone()), body);
        answer.response.headers.clone_from(&refusal.headers);
        answer
    }

    fn error_body(&self, asked: &Asked<'_>, code: &str, message: &str) -> String {
        answer::write_error(asked.answer_format(), code, message, &asked.request_id, &self.host_id)
    }
}

impl Asked<'_> {
    fn answer_format(&self) -> Format {
        self.format.unwrap_or_default()
    }

    fn answer(&self, status: u16, code: Option<String>, body: String) -> Answer {
        let response = Response {
            status,
            content_type: self.answer_format().content_type(),
            request_id: self.request_id.clone(),
            headers: Vec::new(),
            body: Zeroizing::new(body),
            delivery: Delivery::Whole,
        };
        Answer { response, code }
    }
}

/// What a fault does to an answer that is ready.
fn spoil(response: &mut Response, kind: &Kind) {
    match kind {
        Kind::DropBefore | Kind::DropAfter => response.delivery = Delivery::Nothing,
        Kind::Reset => response.delivery = Delivery::Reset,
        Kind::Truncate => response.delivery = Delivery::Half,
        Kind::Garbage => {
            response.status = 200;
            response.body = Zeroizing::new("this is no answer".to_owned());
        }
        Kind::Empty => {
            response.status = 200;
            response.body = Zeroizing::default();
        }
        Kind::Delay(_)
        | Kind::DelayAfter(_)
        | Kind::Error(_)
        | Kind::NoCertId
        | Kind::Retired(_)
        | Kind::Lag(_) => {}
    }
}

/// `run`, where a panic becomes an `InternalError`: a bug costs one call, not the server.
fn guarded(run: impl FnOnce() -> Result<String, ApiError>) -> Result<String, ApiError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err((&errors::INTERNAL).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error() {
        let error = guarded(|| panic!("wanted by a test")).err().unwrap();
        assert_eq!((error.status(), error.code().as_str()), (500, "InternalError"));
    }
}
