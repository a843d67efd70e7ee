//! The emulated service: runs API calls through faults, gateway and operations, and records them.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::browser;
use crate::clock::{self, Clock, ExpiryClock};
use crate::gateway::{AccessKeys, Gateway, RateLimit};
use crate::http::{Delivery, Peer, Request, Response, ShutdownSignal};
use crate::operations::encode::{encode, encode_error};
use crate::operations::errors::{self, ApiError};
use crate::operations::version::VERSION_STS;
use crate::operations::{Context, Dialect};
use crate::request::ApiCall;
use crate::store::cloud_resources::{self, NewCloudResource, NewContact};
use crate::store::{Export, SnapshotError, Store, StoreError, StoredCertificate};
use crate::testing::{self, FaultKind, Faults, InjectedError, InjectedFault, Log};
use crate::testing::{Metrics, Outcome, RecordedRequest, Records, Seed, Stderr};

/// The emulated service.
pub(crate) struct Service {
    gateway: Gateway,
    /// For signatures and records.
    clock: Clock,
    pub(crate) expiry_clock: ExpiryClock,
    pub(crate) store: Arc<Store>,
    pub(crate) records: Arc<Records>,
    pub(crate) metrics: Metrics,
    log: Log,
    stderr: Stderr,
    pub(crate) faults: Faults,
    seed: Seed,
    /// The certificate of its own authority.
    pub(crate) ca_pem: Option<String>,
    /// Ends the delays of faults.
    pub(crate) shutdown: Arc<ShutdownSignal>,
    region: String,
    dialect: Dialect,
    /// The host name in responses.
    host_id: String,
}

/// The code of a request that a page of another site may have sent. Only the record has it.
const OTHER_SITE: &str = "OtherSite";

/// A response to an API call, and its error code.
struct ApiResponse {
    http: Response,
    code: Option<String>,
}

impl Service {
    pub(crate) fn new(
        access_keys: AccessKeys,
        clock: Clock,
        expiry_clock: ExpiryClock,
        store: Store,
        region: &str,
        dialect: Dialect,
        rate: RateLimit,
    ) -> Self {
        let host_id = match region {
            "cn-hangzhou" => "cas.aliyuncs.com".to_owned(),
            other => format!("cas.{other}.aliyuncs.com"),
        };
        Self {
            gateway: Gateway::new(access_keys, clock, rate),
            clock,
            expiry_clock,
            store: Arc::new(store),
            records: Arc::default(),
            metrics: Metrics::default(),
            log: Log::default(),
            stderr: Stderr::new(),
            faults: Faults::default(),
            seed: Seed::default(),
            ca_pem: None,
            shutdown: Arc::default(),
            region: region.to_owned(),
            dialect,
            host_id,
        }
    }

    /// Adds cloud resources and contacts, now and after every reset.
    pub(crate) fn seed(&mut self, seed: Seed) -> Result<(), StoreError> {
        self.seed = seed;
        self.apply_seed()
    }

    fn apply_seed(&self) -> Result<(), StoreError> {
        self.add_cloud_resources(&self.seed.cloud_resources)?;
        self.add_contacts(&self.seed.contacts())
    }

    /// Adds cloud resources to all accounts.
    pub(crate) fn add_cloud_resources(
        &self,
        resources: &[NewCloudResource],
    ) -> Result<(), StoreError> {
        let now = clock::unix_milliseconds(self.expiry_clock.now());
        let accounts = self.gateway.accounts();
        self.store.change(|transaction| {
            let mut accounts = accounts.into_iter();
            accounts.try_for_each(|it| cloud_resources::add(transaction, it, resources, now))
        })
    }

    /// Adds contacts to all accounts.
    pub(crate) fn add_contacts(&self, contacts: &[NewContact]) -> Result<(), StoreError> {
        let accounts = self.gateway.accounts();
        self.store.change(|transaction| {
            let mut accounts = accounts.into_iter();
            accounts.try_for_each(|it| cloud_resources::add_contacts(transaction, it, contacts))
        })
    }

    /// Prints a line about each call.
    pub(crate) fn with_log(self, log: Log) -> Self {
        Self { log, ..self }
    }

    /// A snapshot of all that is stored, which each of the access keys opens.
    pub(crate) fn export(&self) -> Result<Export, SnapshotError> {
        Export::new(&self.gateway.secrets())
    }

    /// Replaces all that is stored by a snapshot, and returns memory to the system. After an error,
    /// everything is as it was.
    pub(crate) fn import(&self, document: &mut dyn Read) -> Result<(), SnapshotError> {
        let imported = self.store.import(&self.gateway.secrets(), document);
        cas_sys::return_freed_memory();
        imported
    }

    /// The stored certificates, oldest first.
    pub(crate) fn certificates(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        self.store.all()
    }

    /// Tells an emulator that finds the data file in use where this one listens.
    pub(crate) fn announce(&self, url: &str) {
        self.store.announce(url);
    }

    /// Deletes certificates, jobs, records, metrics, faults and nonces, sets clock, cloud resources
    /// and contacts as at the start, and returns memory to the system.
    pub(crate) fn reset(&self) -> Result<(), StoreError> {
        self.store.clear()?;
        self.apply_seed()?;
        self.records.clear();
        self.metrics.clear();
        self.gateway.reset();
        self.faults.clear();
        self.expiry_clock.reset();
        cas_sys::return_freed_memory();
        Ok(())
    }

    /// Prints a sentence about the emulator's use, in the format of the log.
    pub(crate) fn warn(&self, message: &str) {
        self.stderr.write(self.log.warning(message, self.clock.now()));
    }

    /// Responds to an API call and records it.
    pub(crate) fn respond(&self, request: &Request, peer: Peer) -> Response {
        let started = Instant::now();
        let call = ApiCall::parse(request);
        if let Err(message) = browser::check(request) {
            let request_id = call.request_id.clone();
            let http = Response { request_id, ..Response::error(403, message) };
            let outcome = self.outcome(&http, Some(OTHER_SITE.to_owned()), peer);
            self.record(&call, outcome, started);
            return http;
        }
        let parameters = &call.parameters;
        let fault = self.faults.inject(parameters.get("Action"), parameters.get("Version"));
        let ApiResponse { mut http, code } = match &fault.kind {
            Some(FaultKind::DropBefore) => success(&call, String::new()),
            Some(FaultKind::Error(error)) => self.inject_error(&call, error),
            Some(FaultKind::Retired(spec)) => self.reject(&call, &(*spec).into()),
            Some(FaultKind::Delay(time)) => {
                self.shutdown.wait(*time);
                self.process(&call, peer, &fault)
            }
            _ => self.process(&call, peer, &fault),
        };
        if let Some(kind) = &fault.kind {
            corrupt_response(&mut http, kind);
        }
        let is_mismatch = code.as_deref() == Some(errors::SIGNATURE_MISMATCH.code);
        let signature_mismatch =
            is_mismatch.then(|| self.gateway.explain(&call, &testing::masked)).flatten();
        let outcome = self.outcome(&http, code, peer);
        let outcome = Outcome { fault: fault.name(), signature_mismatch, ..outcome };
        self.record(&call, outcome, started);
        if let Some(FaultKind::DelayAfter(time)) = fault.kind {
            self.shutdown.wait(time);
        }
        http
    }

    fn outcome(&self, response: &Response, code: Option<String>, peer: Peer) -> Outcome {
        Outcome {
            time: self.clock.now(),
            status: response.status_sent(),
            code,
            fault: None,
            signature_mismatch: None,
            connection: peer.connection,
        }
    }

    fn record(&self, call: &ApiCall<'_>, outcome: Outcome, started: Instant) {
        let recorded = RecordedRequest::new(call, outcome);
        let time = started.elapsed();
        self.metrics.add(&recorded, time);
        if let Some(line) = self.log.line(&recorded, time) {
            self.stderr.write(line);
        }
        self.records.add(recorded);
    }

    fn process(&self, call: &ApiCall<'_>, peer: Peer, fault: &InjectedFault) -> ApiResponse {
        let run = || {
            let format = call.format.ok_or(&errors::INVALID_FORMAT)?;
            let (operation, caller) = self.gateway.admit(call)?;
            let mut output = operation.run(&Context {
                parameters: &call.parameters,
                store: &self.store,
                account: caller.base.account,
                dialect: self.dialect,
                request_id: &call.request_id,
                host_id: &self.host_id,
                region: &self.region,
                now: self.expiry_clock.now(),
                caller: &caller,
                lag: fault.lag,
                other_uploaders: peer.other_uploaders,
                worker_faults: &self.faults,
            })?;
            if matches!(fault.kind, Some(FaultKind::NoCertId)) {
                output.remove_cert_id();
            }
            let is_upload = output.is_upload();
            Ok((encode(format, &operation.xml_root(), &output), is_upload))
        };
        match catch_panic(run) {
            Ok((body, is_upload)) => {
                let ApiResponse { http, code } = success(call, body);
                ApiResponse { http: Response { is_upload, ..http }, code }
            }
            Err(error) => self.reject(call, &error),
        }
    }

    /// The response to a rejected call.
    fn reject(&self, call: &ApiCall<'_>, error: &ApiError) -> ApiResponse {
        let message = error.message(call.language);
        let mut response = self.failure(call, error.status(), error.code(), &message);
        if error.not_emulated() {
            let name = |name| call.parameters.get(name).unwrap_or_default();
            let (action, version) = (name("Action"), name("Version"));
            let line = format!("cas-emulator: {action} of version {version} is not emulated");
            self.stderr.write(line);
            let header = ("x-cas-emulator".to_owned(), "not-emulated".to_owned());
            response.http.headers.push(header);
        }
        if let Some(time) = error.retry_after {
            // Rounded up, so that a client that waits exactly this long is admitted.
            let milliseconds = time.as_nanos().div_ceil(1_000_000);
            let header = ("x-acs-retry-after".to_owned(), milliseconds.to_string());
            response.http.headers.push(header);
        }
        response
    }

    /// The response that a fault of kind `error` asks for.
    fn inject_error(&self, call: &ApiCall<'_>, error: &InjectedError) -> ApiResponse {
        let mut response = self.failure(call, error.status, error.code.clone(), &error.message);
        response.http.headers.extend_from_slice(&error.headers);
        response
    }

    fn failure(&self, call: &ApiCall<'_>, status: u16, code: String, message: &str) -> ApiResponse {
        let format = call.response_format();
        let host_id = match call.parameters.get("Version") {
            Some(VERSION_STS) => self.host_id.replacen("cas", "sts", 1),
            _ => self.host_id.clone(),
        };
        let body = encode_error(format, &code, message, &call.request_id, &host_id);
        ApiResponse { http: respond_with(call, status, body), code: Some(code) }
    }
}

fn success(call: &ApiCall<'_>, body: String) -> ApiResponse {
    ApiResponse { http: respond_with(call, 200, body), code: None }
}

fn respond_with(call: &ApiCall<'_>, status: u16, body: String) -> Response {
    Response {
        content_type: call.response_format().content_type(),
        request_id: call.request_id.clone(),
        headers: gateway_headers(&body),
        ..Response::json(status, body)
    }
}

/// Headers that the real gateway adds to every response.
fn gateway_headers(body: &str) -> Vec<(String, String)> {
    let etag = STANDARD_NO_PAD.encode(&Sha256::digest(body)[..16]);
    [
        ("access-control-allow-origin", "*".to_owned()),
        ("access-control-expose-headers", "*".to_owned()),
        ("x-acs-trace-id", uuid::Uuid::new_v4().simple().to_string()),
        ("etag", format!("1{etag}0")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Applies a fault to a finished response.
fn corrupt_response(response: &mut Response, kind: &FaultKind) {
    match kind {
        FaultKind::DropBefore | FaultKind::DropAfter => response.delivery = Delivery::Nothing,
        FaultKind::Reset => response.delivery = Delivery::Reset,
        FaultKind::Truncate => response.delivery = Delivery::Half,
        FaultKind::Garbage => {
            response.status = 200;
            response.body = Zeroizing::new("neither JSON nor XML".to_owned());
        }
        FaultKind::Empty => {
            response.status = 200;
            response.body = Zeroizing::default();
        }
        FaultKind::Delay(_)
        | FaultKind::DelayAfter(_)
        | FaultKind::Error(_)
        | FaultKind::NoCertId
        | FaultKind::Retired(_)
        | FaultKind::WorkerError
        | FaultKind::RollbackError
        | FaultKind::Lag(_) => {}
    }
}

/// Turns a panic into `InternalError`, so that a bug affects one call only.
fn catch_panic<T>(run: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err((&errors::INTERNAL).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_internal_error() {
        let error = catch_panic::<()>(|| panic!("on purpose")).err().unwrap();
        assert_eq!((error.status(), error.code().as_str()), (500, "InternalError"));
    }
}
