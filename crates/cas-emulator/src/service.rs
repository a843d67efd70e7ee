//! From a request to its answer: the API with its gateway, or the control interface.

use std::panic::{AssertUnwindSafe, catch_unwind};

use zeroize::Zeroizing;

use crate::answer::{self, Format};
use crate::clock::Clock;
use crate::control;
use crate::credentials::Credentials;
use crate::errors::{self, ApiError, Lang};
use crate::gateway::Gateway;
use crate::http::{Request, Response, request_id};
use crate::nonces::Nonces;
use crate::operation::Call;
use crate::parameters::Parameters;
use crate::record::{Outcome, RecordedRequest, Records};
use crate::server::Peer;
use crate::store::{Store, StoredCertificate};

/// The whole of the emulated service.
pub(crate) struct Service {
    gateway: Gateway,
    store: Store,
    records: Records,
    /// The host that answers say they come from.
    host_id: String,
}

impl Service {
    pub(crate) fn new(credentials: Credentials, clock: Clock, store: Store, region: &str) -> Self {
        let host_id = match region {
            "cn-hangzhou" => "cas.aliyuncs.com".to_owned(),
            other => format!("cas.{other}.aliyuncs.com"),
        };
        let gateway = Gateway { credentials, clock, nonces: Nonces::default() };
        Self { gateway, store, records: Records::default(), host_id }
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

    pub(crate) fn certificates(&self) -> rusqlite::Result<Vec<StoredCertificate>> {
        self.store.all()
    }

    pub(crate) fn reset(&self) -> rusqlite::Result<()> {
        self.store.clear()?;
        self.records.clear();
        self.gateway.nonces.clear();
        Ok(())
    }

    fn call(&self, request: &Request, peer: Peer) -> Response {
        let parameters = Parameters::of(request);
        let request_id = request_id();
        let asked = parameters.get("Format").map_or(Some(Format::default()), Format::from_name);
        let format = asked.unwrap_or_default();

        let run = || {
            let operation = self.gateway.admit(request, &parameters)?;
            let call = Call {
                parameters: &parameters,
                store: &self.store,
                request_id: &request_id,
                host_id: &self.host_id,
            };
            let fields = operation.run(&call)?;
            Ok(answer::write(format, operation.action, &fields))
        };
        let result = match asked {
            Some(_) => guarded(run),
            None => Err((&errors::INVALID_FORMAT).into()),
        };
        let (status, code, body) = match result {
            Ok(body) => (200, None, body),
            Err(error) => {
                let lang = if parameters.get("Lang") == Some("en") { Lang::English } else { Lang::Chinese };
                let body = answer::write_error(format, &error, lang, &request_id, &self.host_id);
                (error.status(), Some(error.code()), body)
            }
        };
        let time = self.gateway.clock.now();
        let connection = peer.connection;
        let outcome = Outcome { time, status, code, request_id: &request_id, connection };
        self.records.add(request, &parameters, outcome);
        Response { status, content_type: format.content_type(), request_id, body: Zeroizing::new(body) }
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
