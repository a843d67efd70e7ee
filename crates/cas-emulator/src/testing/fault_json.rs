//! Faults as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::fault::{Fault, FaultKind, InjectedError};
use crate::operations::errors::{self, ErrorSpec};
use crate::operations::table::OPERATIONS;

/// A fault as JSON. Which of the members are allowed depends on the kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultJson {
    #[serde(default, deserialize_with = "kind_name")]
    kind: Option<KindName>,
    #[serde(default, deserialize_with = "not_null")]
    action: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    skip: Option<u64>,
    #[serde(default, deserialize_with = "not_null")]
    times: Option<u64>,
    #[serde(default, deserialize_with = "not_null")]
    ms: Option<u32>,
    #[serde(default, deserialize_with = "not_null")]
    status: Option<u16>,
    #[serde(default, deserialize_with = "not_null")]
    code: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    message: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindName {
    DropBefore,
    DropAfter,
    Delay,
    DelayAfter,
    Error,
    Truncate,
    Garbage,
    Empty,
    Reset,
    NoCertId,
    Retired,
    Lag,
    WorkerError,
    RollbackError,
}

/// All kinds, for error messages.
const KINDS: &str = "drop-before, drop-after, delay, delay-after, error, truncate, garbage, \
                     empty, reset, no-cert-id, retired, lag, worker-error, rollback-error";

/// Headers that the server sets itself, or that would change where the response ends.
const RESERVED_HEADERS: [&str; 6] = [
    "connection",
    "content-length",
    "content-type",
    "keep-alive",
    "transfer-encoding",
    "x-acs-request-id",
];

/// Why a fault was rejected. Displayed as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError(String);

impl FaultError {
    fn new(reason: impl fmt::Display) -> Self {
        Self(format!("invalid fault: {reason}"))
    }
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

/// Parses one fault or an array of faults.
pub(crate) fn parse(json: &[u8]) -> Result<Vec<Fault>, FaultError> {
    let given: Vec<Map<String, Value>> = parse_one_or_many(json).map_err(FaultError::new)?;
    let parsed: Vec<FaultJson> = parse_one_or_many(json).map_err(FaultError::new)?;
    given.into_iter().zip(parsed).map(|(given, parsed)| parsed.into_fault(given)).collect()
}

/// Parses a JSON object or an array of objects. The error is a reason that names line and column.
pub(super) fn parse_one_or_many<T: DeserializeOwned>(json: &[u8]) -> Result<Vec<T>, String> {
    if json.windows(10).any(|window| window == b"-----BEGIN") {
        // The messages below quote the JSON. This could be a private key.
        return Err("PEM where JSON is expected".to_owned());
    }
    // Derived types alone would also accept an array of their members.
    let _: Vec<Map<String, Value>> = one_or_many(json)?;
    one_or_many(json)
}

fn one_or_many<T: DeserializeOwned>(json: &[u8]) -> Result<Vec<T>, String> {
    let parsed = if json.trim_ascii_start().first() == Some(&b'[') {
        serde_json::from_slice(json)
    } else {
        serde_json::from_slice(json).map(|one| vec![one])
    };
    parsed.map_err(|error| json_terms(&error))
}

/// The message of `error`, with the types of JSON instead of Rust's.
fn json_terms(error: &serde_json::Error) -> String {
    let terms = [
        ("expected a map", "expected a JSON object"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number up to 4294967295"),
        ("expected u16", "expected a whole number up to 65535"),
        ("unknown field", "unknown member"),
        ("missing field", "missing member"),
        ("duplicate field", "duplicate member"),
    ];
    terms.iter().fold(error.to_string(), |text, (from, to)| text.replace(from, to))
}

impl FaultJson {
    fn into_fault(self, given: Map<String, Value>) -> Result<Fault, FaultError> {
        let Some(name) = self.kind else {
            return Err(FaultError::new(format!("missing `kind`, expected one of {KINDS}")));
        };
        self.check_members(name)?;
        let action = self.action.clone().unwrap_or_else(|| "*".to_owned());
        check_action(&action)?;
        if self.times == Some(0) {
            return Err(FaultError::new("`times` must be at least 1"));
        }
        let unlimited = matches!(name, KindName::Retired | KindName::Lag);
        let left = if unlimited { self.times } else { self.times.or(Some(1)) };
        let skip = self.skip.unwrap_or(0);
        Ok(Fault { given, action, kind: self.into_kind(name)?, skip, left })
    }

    /// Rejects members that belong to other kinds.
    fn check_members(&self, kind: KindName) -> Result<(), FaultError> {
        use KindName::{Delay, DelayAfter, Error, Lag, Retired};
        let members = [
            ("ms", self.ms.is_some(), &[Delay, DelayAfter, Lag][..]),
            ("status", self.status.is_some(), &[Error]),
            ("code", self.code.is_some(), &[Error, Retired]),
            ("message", self.message.is_some(), &[Error]),
            ("headers", self.headers.is_some(), &[Error]),
        ];
        // Workers are not calls.
        if self.action.is_some() && matches!(kind, KindName::WorkerError | KindName::RollbackError)
        {
            return Err(FaultError::new("`action` does not apply to this kind"));
        }
        let misplaced = members.iter().find(|(_, given, of)| *given && !of.contains(&kind));
        match misplaced {
            Some((member, ..)) => {
                Err(FaultError::new(format!("`{member}` does not apply to this kind")))
            }
            None => Ok(()),
        }
    }

    fn into_kind(self, name: KindName) -> Result<FaultKind, FaultError> {
        Ok(match name {
            KindName::DropBefore => FaultKind::DropBefore,
            KindName::DropAfter => FaultKind::DropAfter,
            KindName::Delay => FaultKind::Delay(self.milliseconds()?),
            KindName::DelayAfter => FaultKind::DelayAfter(self.milliseconds()?),
            KindName::Error => FaultKind::Error(self.into_error()?),
            KindName::Truncate => FaultKind::Truncate,
            KindName::Garbage => FaultKind::Garbage,
            KindName::Empty => FaultKind::Empty,
            KindName::Reset => FaultKind::Reset,
            KindName::NoCertId => FaultKind::NoCertId,
            KindName::Retired => FaultKind::Retired(self.retired_error()?),
            KindName::Lag => FaultKind::Lag(self.milliseconds()?),
            KindName::WorkerError => FaultKind::WorkerError,
            KindName::RollbackError => FaultKind::RollbackError,
        })
    }

    fn milliseconds(&self) -> Result<Duration, FaultError> {
        let missing = || FaultError::new("missing `ms`, which this kind requires");
        self.ms.map(|ms| Duration::from_millis(ms.into())).ok_or_else(missing)
    }

    fn retired_error(&self) -> Result<&'static ErrorSpec, FaultError> {
        let allowed = [&errors::ACTION_NOT_FOUND, &errors::INVALID_VERSION];
        let Some(code) = &self.code else { return Ok(allowed[0]) };
        allowed.into_iter().find(|spec| spec.code == code).ok_or_else(|| {
            let [first, second] = allowed.map(|spec| spec.code);
            FaultError::new(format!("`code` must be {first} or {second} for this kind"))
        })
    }

    fn into_error(self) -> Result<InjectedError, FaultError> {
        let default = &errors::SERVICE_UNAVAILABLE;
        let status = self.status.unwrap_or(default.status);
        // Without a body, the next response on the connection would be misread.
        if !matches!(status, 200..=599) || [204, 205, 304].contains(&status) {
            let reason = "`status` must be from 200 to 599, and not 204, 205 or 304";
            return Err(FaultError::new(reason));
        }
        let code = self.code.unwrap_or_else(|| default.code.to_owned());
        let message = self.message.unwrap_or_else(|| {
            let spec = errors::ALL.into_iter().find(|spec| spec.code == code);
            spec.unwrap_or(default).english.to_owned()
        });
        let headers: Vec<_> = self.headers.into_iter().flatten().collect();
        headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
        Ok(InjectedError { status, code, message, headers })
    }
}

fn check_action(action: &str) -> Result<(), FaultError> {
    let mut known: Vec<_> = OPERATIONS.iter().map(|operation| operation.action).collect();
    if action == "*" || known.contains(&action) {
        return Ok(());
    }
    known.sort_unstable();
    known.dedup();
    let known = known.join(", ");
    Err(FaultError::new(format!("unknown action `{action}`, expected one of *, {known}")))
}

fn check_header(name: &str, value: &str) -> Result<(), FaultError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(allowed) {
        let reason = "must consist of letters, digits, `-` and `_`";
        return Err(FaultError::new(format!("header name `{name}` {reason}")));
    }
    if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(FaultError::new(format!("header `{name}` is set by the server")));
    }
    if value.contains(char::is_control) {
        return Err(FaultError::new(format!("header `{name}` must not contain line breaks")));
    }
    Ok(())
}

/// A kind. Goes through a string, because `serde_json` has no message for values of other types.
fn kind_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<KindName>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let kind = KindName::deserialize(name.as_str().into_deserializer());
    kind.map(Some).map_err(|_: serde::de::value::Error| {
        D::Error::custom(format_args!("unknown kind `{name}`, expected one of {KINDS}"))
    })
}

/// An optional member that must not be null.
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name() {
        for name in KINDS.split(", ") {
            let needs_ms = ["delay", "delay-after", "lag"].contains(&name);
            let ms = if needs_ms { r#","ms":1"# } else { "" };
            let json = format!(r#"{{"kind":"{name}"{ms}}}"#);
            assert_eq!(parse(json.as_bytes()).unwrap()[0].kind(), name);
        }
        assert_eq!(KINDS.split(", ").count(), 14);
    }

    #[test]
    fn rejects_invalid_faults_and_says_why() {
        let cases = [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("drop-after", "expected value at line 1 column 1"),
            ("7", "expected a JSON object at line 1 column 1"),
            ("[[]]", "expected a JSON object at line 1 column 1"),
            (r#"[["empty"]]"#, "expected a JSON object at line 1 column 1"),
            ("{}", "missing `kind`, expected one of drop-before, "),
            (r#"{"kind":7}"#, "integer `7`, expected a string at line 1 column 9"),
            (r#"{"kind":"drop"}"#, "unknown kind `drop`, expected one of drop-before, "),
            (r#"{"kind":"empty","kind":"empty"}"#, "duplicate member `kind`"),
            (r#"{"kind":"empty","action":"Create"}"#, "unknown action `Create`, expected one of *"),
            (r#"{"kind":"empty","action":null}"#, "null, expected a string at line 1 column 29"),
            (r#"{"kind":"empty","times":0}"#, "`times` must be at least 1"),
            (
                r#"{"kind":"empty","times":1.5}"#,
                "floating point `1.5`, expected a whole number at line",
            ),
            (
                r#"{"kind":"empty","skip":-1}"#,
                "integer `-1`, expected a whole number at line 1 column 25",
            ),
            (
                r#"{"kind":"empty","skip":"1"}"#,
                "string \"1\", expected a whole number at line 1 column",
            ),
            (r#"{"kind":"empty","ms":1}"#, "`ms` does not apply to this kind"),
            (r#"{"kind":"delay","ms":1,"code":""}"#, "`code` does not apply to this kind"),
            (r#"{"kind":"empty","left":1}"#, "unknown member `left`, expected one of `kind`, "),
            (r#"{"kind":"delay"}"#, "missing `ms`"),
            (
                r#"{"kind":"lag","ms":4294967296}"#,
                "`4294967296`, expected a whole number up to 4294967295 at",
            ),
            (r#"{"kind":"retired","code":"NotFound"}"#, "InvalidAction.NotFound or InvalidVersion"),
            (r#"{"kind":"error","status":99}"#, "`status` must be from 200 to 599"),
            (r#"{"kind":"error","status":204}"#, "and not 204, 205 or 304"),
            (r#"{"kind":"error","headers":[]}"#, "sequence, expected a JSON object at line 1"),
            (r#"{"kind":"error","headers":{"a b":""}}"#, "header name `a b` must consist of"),
            (r#"{"kind":"error","headers":{"a":1}}"#, "integer `1`, expected a string at line 1"),
            (r#"{"kind":"error","headers":{"a":"b\r\nc: d"}}"#, "header `a` must not contain line"),
            (
                r#"{"kind":"error","headers":{"Content-Length":""}}"#,
                "header `Content-Length` is set by the server",
            ),
        ];
        for (json, message) in cases {
            let error = parse(json.as_bytes()).err().unwrap_or_else(|| panic!("{json} is valid"));
            let error = error.to_string();
            assert!(error.starts_with("invalid fault: "), "{error}");
            assert!(error.contains(message), "{json}: {error:?} must contain {message:?}");
        }
    }

    #[test]
    fn messages_never_quote_a_private_key() {
        let key = include_str!("../../tests/data/keys/p256.pkcs8.key");
        let quoted = Value::from(key).to_string();
        let member = format!(r#"{{"kind":"empty",{quoted}:1}}"#);
        let kind = format!(r#"{{"kind":{quoted}}}"#);
        for json in [key, &quoted, &format!("[{quoted}]"), &member, &kind] {
            let error = parse(json.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, "invalid fault: PEM where JSON is expected");
        }
    }

    #[test]
    fn errors_have_defaults() {
        let error = |json: &str| match parse(json.as_bytes()).unwrap().remove(0).kind {
            FaultKind::Error(error) => error,
            other => panic!("{other:?}"),
        };
        let default = error(r#"{"kind":"error"}"#);
        assert_eq!((default.status, default.code.as_str()), (503, "ServiceUnavailable"));
        assert_eq!(default.message, errors::SERVICE_UNAVAILABLE.english);
        let known = error(r#"{"kind":"error","status":400,"code":"Throttling.User"}"#);
        assert_eq!(known.message, errors::THROTTLED.english);
        let json = r#"{"kind":"error","message":"m","headers":{"x-acs-retry-after":"200"}}"#;
        let custom = error(json);
        assert_eq!((custom.message.as_str(), custom.headers.len()), ("m", 1));
    }
}
