//! The record of the last requests. Secrets are replaced by their SHA-256.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock;
use crate::gateway::SignatureMismatch;
use crate::hex;
use crate::request::{ApiCall, MergedParameter, Place, SignatureKind};

/// The number of requests that are kept.
const MAX_REQUESTS: usize = 1_000;
/// The most bytes that they take together, roughly.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The length in bytes beyond which a value is replaced by its hash, to limit memory.
const MAX_VALUE: usize = 64 * 1024;
/// The length in bytes beyond which a name is replaced by its hash: it is more likely a value.
const MAX_NAME: usize = 64;
/// The same for a host, with its port.
const MAX_HOST: usize = 261;
/// The recorded headers, which identify the client.
const HEADERS: [&str; 4] = ["content-type", "user-agent", "x-acs-action", "x-acs-version"];

/// One request to the API, successful or not. Requests to the control interface are not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedRequest {
    /// When it was processed, by the emulator's clock.
    #[serde(serialize_with = "serialize_time")]
    pub time: SystemTime,
    /// HTTP method.
    pub method: String,
    /// The parameter `Action`, if sent.
    pub action: Option<String>,
    /// The parameter `Version`, if sent.
    pub version: Option<String>,
    /// The kind of signature, valid or not.
    pub signature: Option<SignatureKind>,
    /// Parameters by name. A name that looks like a value is replaced by `sha256:` and its hash.
    pub parameters: BTreeMap<String, RecordedParameter>,
    /// HTTP status of the response; `None` if a fault suppressed it.
    pub status: Option<u16>,
    /// Error code of the call, sent or not; `None` on success.
    pub code: Option<String>,
    /// The kind of the fault that affected it.
    pub fault: Option<&'static str>,
    /// Both strings to sign, if the call ended with `SignatureDoesNotMatch`.
    pub signature_mismatch: Option<SignatureMismatch>,
    /// `RequestId` of the response.
    pub request_id: String,
    /// The host to which the client addressed it, if it said so: as in the header `Host`, or as
    /// in the URL that it sent to a proxy.
    pub host: Option<String>,
    /// The host and port of the tunnel through which it came, such as `cas.aliyuncs.com:443`.
    pub tunnel: Option<String>,
    /// Number of its connection, counted from 1 since the start of the server.
    pub connection: u64,
    /// Length of the request target in bytes.
    pub target_length: usize,
    /// Length of the body in bytes, without transfer coding.
    pub body_length: usize,
    /// `content-type`, `user-agent`, `x-acs-action` and `x-acs-version`, if sent.
    pub headers: BTreeMap<String, String>,
}

/// A parameter and where it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedParameter {
    /// The parts of the request that contained it.
    #[serde(rename = "in")]
    pub places: Vec<Place>,
    /// Its value. If the places disagree, this is the one that counts: the body's.
    pub value: RecordedValue,
}

/// A value, or the hash of a secret one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum RecordedValue {
    /// SHA-256 of the value, in lower-case hexadecimal: for keys, secrets, tokens, signatures, and
    /// values of more than 64 KiB.
    #[serde(rename = "sha256")]
    Sha256(String),
    /// The value itself.
    #[serde(untagged)]
    Plain(String),
}

/// How a call ended.
pub(crate) struct Outcome {
    pub(crate) time: SystemTime,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) fault: Option<&'static str>,
    pub(crate) signature_mismatch: Option<SignatureMismatch>,
    pub(crate) connection: u64,
}

impl RecordedRequest {
    /// The record of `call`.
    pub(crate) fn new(call: &ApiCall<'_>, outcome: Outcome) -> Self {
        let plain = |name: &'static str| match recorded_value(name, call.parameters.get(name)?) {
            RecordedValue::Plain(value) => Some(value),
            RecordedValue::Sha256(_) => None,
        };
        let parameter = |(name, merged): (&str, MergedParameter<'_>)| {
            let value = recorded_value(name, merged.value);
            (recorded_name(name), RecordedParameter { places: merged.places, value })
        };
        let header =
            |name: &'static str| Some((name.to_owned(), call.http.header(name)?.to_owned()));
        Self {
            time: outcome.time,
            method: recorded_name(&call.http.method),
            action: plain("Action"),
            version: plain("Version"),
            signature: call.signature_kind(),
            parameters: call.parameters.merged().into_iter().map(parameter).collect(),
            status: outcome.status,
            code: outcome.code,
            fault: outcome.fault,
            signature_mismatch: outcome.signature_mismatch,
            request_id: call.request_id.clone(),
            host: Some(call.http.host()).filter(|host| !host.is_empty()).map(recorded_host),
            tunnel: call.http.tunnel.as_deref().map(str::to_owned),
            connection: outcome.connection,
            target_length: call.http.target.len(),
            body_length: call.http.body.len(),
            headers: HEADERS.into_iter().filter_map(header).collect(),
        }
    }
}

/// The last requests, oldest first.
#[derive(Default)]
pub(crate) struct Records {
    kept: Mutex<Kept>,
    /// The bytes that requests take together: those that are kept, and those that are being read.
    bytes: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Kept {
    requests: VecDeque<Arc<Record>>,
    /// How many requests came before them. Numbers begin there.
    forgotten: u64,
    /// How many of those were removed to make room, since the last clearing.
    evicted: usize,
    /// The bytes of those since memory was last returned to the system.
    freed: usize,
}

/// A request that counts until it is neither kept nor read.
pub(crate) struct Record {
    request: RecordedRequest,
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl Deref for Record {
    type Target = RecordedRequest;

    fn deref(&self) -> &RecordedRequest {
        &self.request
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Records {
    pub(crate) fn add(&self, request: RecordedRequest) {
        let bytes = request.bytes();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let record = Arc::new(Record { request, bytes, total: Arc::clone(&self.bytes) });
        let mut kept = self.lock();
        kept.requests.push_back(record);
        while kept.requests.len() > MAX_REQUESTS || self.bytes.load(Ordering::Relaxed) > MAX_BYTES {
            let Some(oldest) = kept.requests.pop_front() else { break };
            kept.forgotten += 1;
            kept.evicted += 1;
            kept.freed += oldest.bytes;
        }
        let is_much = kept.freed > MAX_BYTES / 4;
        if is_much {
            kept.freed = 0;
        }
        drop(kept);
        if is_much {
            cas_sys::return_freed_memory();
        }
    }

    /// All requests, and how many earlier ones were removed to make room.
    pub(crate) fn all(&self) -> (Vec<Arc<Record>>, usize) {
        let kept = self.lock();
        (kept.requests.iter().cloned().collect(), kept.evicted)
    }

    /// How many requests `is_wanted` selects, and the numbers of the requests after the one with
    /// this `RequestId`: of all requests without an ID, or if that one is not kept.
    pub(crate) fn select(
        &self,
        after: Option<&str>,
        is_wanted: impl Fn(&RecordedRequest) -> bool,
    ) -> (usize, Range<u64>) {
        let kept = self.lock();
        let count = kept.requests.iter().filter(|request| is_wanted(request)).count();
        let is_last = |id| kept.requests.iter().rposition(|request| request.request_id == id);
        let skipped = after.and_then(is_last).map_or(0, |index| index + 1);
        let numbers = kept.numbers();
        (count, numbers.start + skipped as u64..numbers.end)
    }

    /// The first request of `numbers` that is still kept and that `is_wanted` selects; `numbers`
    /// are then those that follow. `None` if there are no more.
    ///
    /// A request that is being read to a slow client stays in memory, so clients read one by one.
    pub(crate) fn next(
        &self,
        numbers: &mut Range<u64>,
        is_wanted: impl Fn(&RecordedRequest) -> bool,
    ) -> Option<Arc<Record>> {
        let kept = self.lock();
        let first = numbers.start.max(kept.forgotten);
        let skipped = usize::try_from(first - kept.forgotten).unwrap_or(usize::MAX);
        let mut left = (first..numbers.end).zip(kept.requests.iter().skip(skipped));
        let (number, found) = left.find(|(_, request)| is_wanted(request))?;
        numbers.start = number + 1;
        Some(Arc::clone(found))
    }

    pub(crate) fn clear(&self) {
        let mut kept = self.lock();
        kept.forgotten = kept.numbers().end;
        kept.evicted = 0;
        kept.requests = VecDeque::new();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The numbers of the requests.
    fn numbers(&self) -> Range<u64> {
        self.forgotten..self.forgotten + self.requests.len() as u64
    }
}

impl RecordedRequest {
    /// The memory that it takes, roughly.
    fn bytes(&self) -> usize {
        /// What a text takes beside its bytes, and its share of a map.
        const TEXT: usize = 64;
        let parameter = |(name, parameter): (&String, &RecordedParameter)| {
            let (RecordedValue::Plain(value) | RecordedValue::Sha256(value)) = &parameter.value;
            name.len() + value.len() + 2 * TEXT
        };
        let header = |(name, value): (&String, &String)| name.len() + value.len() + 2 * TEXT;
        let texts = [&self.action, &self.version, &self.code, &self.host, &self.tunnel];
        let mismatch = self.signature_mismatch.as_ref().map_or(0, |mismatch| {
            mismatch.expected.len() + mismatch.signed.as_ref().map_or(0, String::len) + 2 * TEXT
        });
        size_of::<Self>()
            + mismatch
            + texts.into_iter().flatten().map(|text| text.len() + TEXT).sum::<usize>()
            + self.parameters.iter().map(parameter).sum::<usize>()
            + self.headers.iter().map(header).sum::<usize>()
    }
}

fn recorded_value(name: &str, value: &str) -> RecordedValue {
    let name = name.to_ascii_lowercase();
    let secret = ["key", "signature"].contains(&name.as_str())
        || ["secret", "token", "password", "privatekey"].iter().any(|part| name.contains(part))
        // Under any name.
        || value.contains("PRIVATE KEY");
    if secret || value.len() > MAX_VALUE {
        RecordedValue::Sha256(sha256(value))
    } else {
        RecordedValue::Plain(value.to_owned())
    }
}

/// A name and a value for people to read: certificates and secrets are replaced by a few digits of
/// their SHA-256.
pub(crate) fn masked(name: &str, value: &str) -> (Zeroizing<String>, Zeroizing<String>) {
    let hash = match recorded_value(name, value) {
        RecordedValue::Sha256(hash) => Some(hash),
        RecordedValue::Plain(value) => value.contains("-----BEGIN ").then(|| sha256(&value)),
    };
    let value = hash.map_or_else(|| value.to_owned(), |hash| format!("sha256:{}", &hash[..8]));
    (Zeroizing::new(recorded_name(name)), Zeroizing::new(value))
}

fn recorded_name(name: &str) -> String {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if name.len() <= MAX_NAME && name.bytes().all(allowed) {
        name.to_owned()
    } else {
        format!("sha256:{}", sha256(name))
    }
}

fn recorded_host(host: &str) -> String {
    if host.len() <= MAX_HOST { host.to_owned() } else { format!("sha256:{}", sha256(host)) }
}

fn sha256(text: &str) -> String {
    hex::lower(&Sha256::digest(text))
}

fn serialize_time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::rfc3339_milliseconds(*time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hashed_under_any_name() {
        let is_hashed =
            |name, value| matches!(recorded_value(name, value), RecordedValue::Sha256(_));
        let secret =
            ["Key", "key", "Signature", "SecurityToken", "AccessKeySecret", "SignPrivateKey"];
        for name in secret {
            assert!(is_hashed(name, "v"), "{name}");
        }
        for name in ["Cert", "Name", "AccessKeyId", "Tags.1.Key", "SignatureNonce"] {
            assert!(!is_hashed(name, "v"), "{name}");
            assert!(is_hashed(name, "-----BEGIN RSA PRIVATE KEY-----"), "{name}");
        }
        assert!(is_hashed("Name", &"n".repeat(MAX_VALUE + 1)));
        assert_eq!(recorded_name("Tags.1.Key"), "Tags.1.Key");
        assert!(recorded_name("MIIE+/==").starts_with("sha256:"));
    }
}
