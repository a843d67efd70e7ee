//! Faults: what the emulator does wrong on purpose, for which calls, and how often.
//!
//! A fault is "the first N calls of this operation", never a probability, so that a failing test repeats.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::errors::{self, Known};
use crate::operation::{FIRST_VERSION, OPERATIONS};

/// A fault as it was given, and how many calls it still takes.
#[derive(Clone, Debug)]
pub struct Fault {
    given: Map<String, Value>,
    action: String,
    kind: Kind,
    /// How many calls it still lets pass.
    skip: u64,
    /// How many calls it still takes; `None` is any number.
    left: Option<u64>,
}

/// What happens to a call.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    DropBefore,
    DropAfter,
    Delay(Duration),
    DelayAfter(Duration),
    Error(Refusal),
    Truncate,
    Garbage,
    Empty,
    Reset,
    NoCertId,
    Retired(&'static Known),
    Lag(Duration),
}

/// An error that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// The names of the kinds, for who mistypes one.
const KINDS: &str = "drop-before, drop-after, delay, delay-after, error, truncate, garbage, empty, reset, \
                     no-cert-id, retired, lag";

/// Headers that the server writes itself, or that would change where the answer ends.
const OWN_HEADERS: [&str; 6] = [
    "connection",
    "content-length",
    "content-type",
    "keep-alive",
    "transfer-encoding",
    "x-acs-request-id",
];

impl Fault {
    /// The operation whose calls it takes; `*` is any.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// How many calls it still takes; `None` is any number.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        self.left
    }

    /// As it was given, with what is left.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = self.given.clone();
        json.insert("left".to_owned(), self.left.into());
        json.into()
    }

    fn matches(&self, action: Option<&str>, version: Option<&str>) -> bool {
        let of_version = !matches!(self.kind, Kind::Retired(_)) || version == Some(FIRST_VERSION);
        of_version && (self.action == "*" || action == Some(&self.action))
    }

    /// Counts a call; whether the fault takes it.
    fn count(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.left {
            Some(0) => return false,
            Some(left) => *left -= 1,
            None => {}
        }
        true
    }
}

impl Kind {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::DropBefore => "drop-before",
            Self::DropAfter => "drop-after",
            Self::Delay(_) => "delay",
            Self::DelayAfter(_) => "delay-after",
            Self::Error(_) => "error",
            Self::Truncate => "truncate",
            Self::Garbage => "garbage",
            Self::Empty => "empty",
            Self::Reset => "reset",
            Self::NoCertId => "no-cert-id",
            Self::Retired(_) => "retired",
            Self::Lag(_) => "lag",
        }
    }
}

/// The faults there are, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Faults {
    added: Mutex<Vec<Fault>>,
}

/// What a call has to suffer.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) kind: Option<Kind>,
    pub(crate) lag: Option<Duration>,
}

impl Taken {
    /// The kind of fault that took the call.
    pub(crate) fn name(&self) -> Option<&'static str> {
        self.kind.as_ref().map(Kind::name).or(self.lag.map(|lag| Kind::Lag(lag).name()))
    }
}

impl Faults {
    pub(crate) fn add(&self, faults: Vec<Fault>) {
        self.lock().extend(faults);
    }

    pub(crate) fn all(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Counts a call that names `action` and `version`.
    ///
    /// The first fault that takes it hides it from those after it, so that faults for one operation apply one
    /// after the other. A lag neither hides calls nor has them hidden: it says nothing of the answer.
    pub(crate) fn take(&self, action: Option<&str>, version: Option<&str>) -> Taken {
        let mut taken = Taken::default();
        for fault in self.lock().iter_mut().filter(|fault| fault.matches(action, version)) {
            if let Kind::Lag(lag) = fault.kind {
                if fault.count() {
                    taken.lag = taken.lag.max(Some(lag));
                }
            } else if taken.kind.is_none() && fault.count() {
                taken.kind = Some(fault.kind.clone());
            }
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a fault was not added. Displayed as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError(String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

/// Reads one fault or an array of them.
pub(crate) fn parse(json: &[u8]) -> Result<Vec<Fault>, FaultError> {
    let value = serde_json::from_slice(json).map_err(|error| {
        FaultError(format!("a fault is given as JSON, and this is none: {error}"))
    })?;
    match value {
        Value::Array(faults) => faults.into_iter().map(fault).collect(),
        value => fault(value).map(|fault| vec![fault]),
    }
}

fn fault(value: Value) -> Result<Fault, FaultError> {
    let Value::Object(given) = value else {
        // Not quoted: whoever pastes a key here must not read it again in a log.
        return Err(FaultError("a fault is a JSON object".to_owned()));
    };
    let mut members = Members(given.clone());
    let name = members
        .text("kind")?
        .ok_or_else(|| FaultError(format!("a fault needs a kind: {KINDS}")))?;
    let kind = kind(&name, &mut members)?;
    let action = members.text("action")?.unwrap_or_else(|| "*".to_owned());
    if action != "*" && OPERATIONS.iter().all(|operation| operation.action != action) {
        let mut known: Vec<_> = OPERATIONS.iter().map(|operation| operation.action).collect();
        known.sort_unstable();
        known.dedup();
        return Err(FaultError(format!(
            "there is no action {action:?}; there are *, {}",
            known.join(", ")
        )));
    }
    let times = members.number("times", 1)?;
    let unlimited = matches!(kind, Kind::Retired(_) | Kind::Lag(_));
    let left = if unlimited { times } else { times.or(Some(1)) };
    let skip = members.number("skip", 0)?.unwrap_or(0);
    match members.0.keys().next() {
        Some(unknown) => {
            Err(FaultError(format!("a fault of kind {name} has no member {unknown:?}")))
        }
        None => Ok(Fault { given, action, kind, skip, left }),
    }
}

fn kind(name: &str, members: &mut Members) -> Result<Kind, FaultError> {
    Ok(match name {
        "drop-before" => Kind::DropBefore,
        "drop-after" => Kind::DropAfter,
        "delay" => Kind::Delay(members.milliseconds()?),
        "delay-after" => Kind::DelayAfter(members.milliseconds()?),
        "error" => Kind::Error(refusal(members)?),
        "truncate" => Kind::Truncate,
        "garbage" => Kind::Garbage,
        "empty" => Kind::Empty,
        "reset" => Kind::Reset,
        "no-cert-id" => Kind::NoCertId,
        "retired" => Kind::Retired(retirement(members)?),
        "lag" => Kind::Lag(members.milliseconds()?),
        other => return Err(FaultError(format!("there is no kind {other:?}; there are {KINDS}"))),
    })
}

fn retirement(members: &mut Members) -> Result<&'static Known, FaultError> {
    let answers = [&errors::ACTION_NOT_FOUND, &errors::INVALID_VERSION];
    let Some(code) = members.text("code")? else { return Ok(answers[0]) };
    answers.into_iter().find(|known| known.code == code).ok_or_else(|| {
        FaultError(format!(
            "the code of a retired version is {} or {}",
            answers[0].code, answers[1].code
        ))
    })
}

fn refusal(members: &mut Members) -> Result<Refusal, FaultError> {
    let default = &errors::SERVICE_UNAVAILABLE;
    let status = members.number("status", 0)?.unwrap_or(default.status.into());
    // Those without a body would put connections out of step.
    let status = u16::try_from(status)
        .ok()
        .filter(|status| matches!(status, 200..=599) && ![204, 205, 304].contains(status));
    let status = status.ok_or_else(|| {
        FaultError(
            "\"status\" is an HTTP status from 200 to 599 whose answer has a body".to_owned(),
        )
    })?;
    let code = members.text("code")?.unwrap_or_else(|| default.code.to_owned());
    let message = members.text("message")?.unwrap_or_else(|| {
        let known = errors::ALL.into_iter().find(|known| known.code == code);
        known.unwrap_or(default).english.to_owned()
    });
    Ok(Refusal { status, code, message, headers: members.headers()? })
}

/// The members of a fault that are not understood yet.
struct Members(Map<String, Value>);

impl Members {
    fn text(&mut self, name: &str) -> Result<Option<String>, FaultError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(FaultError(format!("{name:?} is a text, not {other}"))),
        }
    }

    fn number(&mut self, name: &str, least: u64) -> Result<Option<u64>, FaultError> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        let number = value.as_u64().filter(|number| *number >= least);
        number.map(Some).ok_or_else(|| {
            FaultError(format!("{name:?} is a whole number from {least} on, not {value}"))
        })
    }

    fn milliseconds(&mut self) -> Result<Duration, FaultError> {
        let number = self.number("ms", 0)?.and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or_else(|| {
            FaultError(format!(
                "this kind needs \"ms\", a number of milliseconds up to {}",
                u32::MAX
            ))
        })?;
        Ok(Duration::from_millis(number.into()))
    }

    fn headers(&mut self) -> Result<Vec<(String, String)>, FaultError> {
        let given = match self.0.remove("headers") {
            None => return Ok(Vec::new()),
            Some(Value::Object(given)) => given,
            Some(other) => {
                return Err(FaultError(format!("\"headers\" is an object, not {other}")));
            }
        };
        let header = |(name, value): (String, Value)| {
            let usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if name.is_empty() || !name.bytes().all(usual) {
                return Err(FaultError(format!("{name:?} cannot be the name of a header")));
            }
            if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(FaultError(format!("the server writes the header {name} itself")));
            }
            match value {
                Value::String(value) if !value.contains(char::is_control) => Ok((name, value)),
                other => {
                    Err(FaultError(format!("the header {name} is a text of one line, not {other}")))
                }
            }
        };
        given.into_iter().map(header).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Faults {
        let faults = Faults::default();
        faults.add(parse(json.as_bytes()).unwrap());
        faults
    }

    fn names(faults: &Faults, calls: usize) -> Vec<&'static str> {
        let call = |_| {
            faults.take(Some("CreateUserCertificate"), Some(FIRST_VERSION)).name().unwrap_or("-")
        };
        (0..calls).map(call).collect()
    }

    #[test]
    fn faults_for_one_action_apply_one_after_the_other() {
        let faults = faults(
            r#"[{"kind":"empty","times":2}, {"kind":"reset","action":"DeleteUserCertificate"},
                {"kind":"garbage","action":"CreateUserCertificate","skip":1}, {"kind":"truncate","times":1}]"#,
        );
        // The third call is the first that the second fault of this action sees, and it is skipped.
        assert_eq!(names(&faults, 6), ["empty", "empty", "truncate", "garbage", "-", "-"]);
        let left: Vec<_> = faults.all().iter().map(Fault::left).collect();
        assert_eq!(left, [Some(0), Some(1), Some(0), Some(0)]);
        assert_eq!(faults.take(Some("DeleteUserCertificate"), None).name(), Some("reset"));
    }

    #[test]
    fn every_kind_that_is_named_is_known_by_its_name() {
        for name in KINDS.split(", ") {
            let ms =
                if ["delay", "delay-after", "lag"].contains(&name) { r#","ms":1"# } else { "" };
            let json = format!(r#"{{"kind":"{name}"{ms}}}"#);
            assert_eq!(parse(json.as_bytes()).unwrap()[0].kind(), name);
        }
        assert_eq!(KINDS.split(", ").count(), 12);
    }

    #[test]
    fn a_lag_leaves_the_call_to_the_other_faults() {
        let faults = faults(
            r#"[{"kind":"lag","ms":5},{"kind":"drop-after"},{"kind":"lag","ms":7,"times":1}]"#,
        );
        let first = faults.take(None, None);
        assert_eq!((first.name(), first.lag), (Some("drop-after"), Some(Duration::from_millis(7))));
        let second = faults.take(None, None);
        assert_eq!((second.name(), second.lag), (Some("lag"), Some(Duration::from_millis(5))));
    }

    #[test]
    fn a_retired_version_is_the_first() {
        let faults = faults(r#"{"kind":"retired"}"#);
        assert_eq!(names(&faults, 3), ["retired"; 3]);
        assert_eq!(faults.take(Some("UploadUserCertificate"), Some("2020-04-07")).name(), None);
        assert_eq!(faults.take(Some("CreateUserCertificate"), None).name(), None);
    }

    #[test]
    fn what_is_no_fault_is_refused_with_what_is_wrong() {
        let cases = [
            ("", "is none"),
            ("{", "is none"),
            ("7", "a fault is a JSON object"),
            ("[[]]", "a fault is a JSON object"),
            ("{}", "a fault needs a kind: drop-before, "),
            (r#"{"kind":7}"#, "\"kind\" is a text, not 7"),
            (r#"{"kind":"drop"}"#, "there is no kind \"drop\"; there are drop-before, "),
            (
                r#"{"kind":"empty","action":"Create"}"#,
                "there is no action \"Create\"; there are *, Create",
            ),
            (r#"{"kind":"empty","action":null}"#, "\"action\" is a text, not null"),
            (r#"{"kind":"empty","times":0}"#, "\"times\" is a whole number from 1 on, not 0"),
            (r#"{"kind":"empty","times":1.5}"#, "\"times\" is a whole number from 1 on, not 1.5"),
            (r#"{"kind":"empty","skip":-1}"#, "\"skip\" is a whole number from 0 on, not -1"),
            (r#"{"kind":"empty","skip":"1"}"#, "\"skip\" is a whole number from 0 on, not \"1\""),
            (r#"{"kind":"empty","ms":1}"#, "a fault of kind empty has no member \"ms\""),
            (r#"{"kind":"empty","left":1}"#, "a fault of kind empty has no member \"left\""),
            (r#"{"kind":"delay"}"#, "this kind needs \"ms\""),
            (r#"{"kind":"lag","ms":4294967296}"#, "this kind needs \"ms\""),
            (r#"{"kind":"retired","code":"NotFound"}"#, "InvalidAction.NotFound or InvalidVersion"),
            (r#"{"kind":"error","status":99}"#, "from 200 to 599"),
            (r#"{"kind":"error","status":204}"#, "whose answer has a body"),
            (r#"{"kind":"error","headers":[]}"#, "\"headers\" is an object, not []"),
            (r#"{"kind":"error","headers":{"a b":""}}"#, "\"a b\" cannot be the name of a header"),
            (r#"{"kind":"error","headers":{"a":1}}"#, "the header a is a text of one line, not 1"),
            (
                r#"{"kind":"error","headers":{"a":"b\r\nc: d"}}"#,
                "the header a is a text of one line",
            ),
            (
                r#"{"kind":"error","headers":{"Content-Length":""}}"#,
                "the server writes the header Content-Length itself",
            ),
        ];
        for (json, sentence) in cases {
            let error =
                parse(json.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(sentence), "{json}: {error:?} should say {sentence:?}");
        }
    }

    #[test]
    fn an_error_is_what_it_was_asked_to_be() {
        let refusal = |json: &str| match parse(json.as_bytes()).unwrap().remove(0).kind {
            Kind::Error(refusal) => refusal,
            other => panic!("{other:?}"),
        };
        let default = refusal(r#"{"kind":"error"}"#);
        assert_eq!((default.status, default.code.as_str()), (503, "ServiceUnavailable"));
        assert_eq!(default.message, errors::SERVICE_UNAVAILABLE.english);
        let known = refusal(r#"{"kind":"error","status":400,"code":"Throttling.User"}"#);
        assert_eq!(known.message, errors::THROTTLED.english);
        let own =
            refusal(r#"{"kind":"error","message":"m","headers":{"x-acs-retry-after":"200"}}"#);
        assert_eq!((own.message.as_str(), own.headers.len()), ("m", 1));
    }
}
