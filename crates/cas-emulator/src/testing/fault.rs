//! Faults: which calls they affect, and what happens to those.
//!
//! A fault affects the first N calls of an operation. It has no probability, so that a failing test
//! fails again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::operations::deployment::progress::WorkerFaults;
use crate::operations::errors::ErrorSpec;
use crate::operations::version::VERSION_2018;

/// A fault, and how many more calls it affects. As JSON, it has the members that it was added with,
/// and `left`.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// The JSON that it was added with.
    #[serde(flatten)]
    pub(super) given: Map<String, Value>,
    #[serde(skip)]
    pub(super) action: String,
    #[serde(skip)]
    pub(super) kind: FaultKind,
    /// How many calls pass before the first that is affected.
    #[serde(skip)]
    pub(super) skip: u64,
    pub(super) left: Option<u64>,
}

/// What happens to a call.
#[derive(Clone, Debug)]
pub(crate) enum FaultKind {
    DropBefore,
    DropAfter,
    Delay(Duration),
    DelayAfter(Duration),
    Error(InjectedError),
    Truncate,
    Garbage,
    Empty,
    Reset,
    NoCertId,
    Retired(&'static ErrorSpec),
    Lag(Duration),
    WorkerError,
    RollbackError,
}

/// The error response of a fault of kind `error`.
#[derive(Clone, Debug)]
pub(crate) struct InjectedError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Fault {
    /// The action whose calls the fault affects; `*` for all actions.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The name of the kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// How many more calls the fault affects; `None` for any number.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        self.left
    }

    fn matches(&self, action: Option<&str>, version: Option<&str>) -> bool {
        let any_version = !matches!(self.kind, FaultKind::Retired(_));
        (any_version || version == Some(VERSION_2018))
            && (self.action == "*" || action == Some(&self.action))
    }

    /// Counts a matching call, and returns whether the fault affects it.
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

impl FaultKind {
    /// Whether it affects workers of deployment jobs, not calls.
    fn is_of_workers(&self) -> bool {
        matches!(self, Self::WorkerError | Self::RollbackError)
    }

    /// The name of the kind in JSON.
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
            Self::WorkerError => "worker-error",
            Self::RollbackError => "rollback-error",
        }
    }
}

/// All faults, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Faults {
    added: Mutex<Vec<Fault>>,
}

/// What the faults do to one call.
#[derive(Default)]
pub(crate) struct InjectedFault {
    pub(crate) kind: Option<FaultKind>,
    /// How long lists omit what the call stores.
    pub(crate) lag: Option<Duration>,
}

impl InjectedFault {
    /// The name of the kind of fault that affects the call.
    pub(crate) fn name(&self) -> Option<&'static str> {
        let lag = self.lag.map(|lag| FaultKind::Lag(lag).name());
        self.kind.as_ref().map(FaultKind::name).or(lag)
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

    /// Counts a call of `action` in `version`, and returns what happens to it.
    ///
    /// Later faults do not count a call that an earlier one affects, so that faults for one action
    /// apply one after the other. A lag does not change the response, so it counts every call and
    /// leaves it to the other faults.
    pub(crate) fn inject(&self, action: Option<&str>, version: Option<&str>) -> InjectedFault {
        let mut injected = InjectedFault::default();
        let mut added = self.lock();
        let of_calls = added.iter_mut().filter(|fault| !fault.kind.is_of_workers());
        for fault in of_calls.filter(|fault| fault.matches(action, version)) {
            if let FaultKind::Lag(lag) = fault.kind {
                if fault.count() {
                    injected.lag = injected.lag.max(Some(lag));
                }
            } else if injected.kind.is_none() && fault.count() {
                injected.kind = Some(fault.kind.clone());
            }
        }
        injected
    }

    /// Counts a worker, and returns whether a fault of this kind affects it.
    fn fails(&self, is_kind: impl Fn(&FaultKind) -> bool) -> bool {
        // Later faults do not count a worker that an earlier one affects.
        self.lock().iter_mut().filter(|fault| is_kind(&fault.kind)).any(Fault::count)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerFaults for Faults {
    fn deployment_fails(&self) -> bool {
        self.fails(|kind| matches!(kind, FaultKind::WorkerError))
    }

    fn rollback_fails(&self) -> bool {
        self.fails(|kind| matches!(kind, FaultKind::RollbackError))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse_faults;

    fn faults(json: &str) -> Faults {
        let faults = Faults::default();
        faults.add(parse_faults(json.as_bytes()).unwrap());
        faults
    }

    fn injected(faults: &Faults, calls: usize) -> Vec<&'static str> {
        let call = |_| {
            let injected = faults.inject(Some("CreateUserCertificate"), Some(VERSION_2018));
            injected.name().unwrap_or("-")
        };
        (0..calls).map(call).collect()
    }

    #[test]
    fn faults_for_one_action_apply_one_after_the_other() {
        let faults = faults(
            r#"[{"kind":"empty","times":2},
                {"kind":"reset","action":"DeleteUserCertificate"},
                {"kind":"garbage","action":"CreateUserCertificate","skip":1},
                {"kind":"truncate","times":1}]"#,
        );
        // The third call is the first that `garbage` counts, and it skips that one.
        let expected = ["empty", "empty", "truncate", "garbage", "-", "-"];
        assert_eq!(injected(&faults, 6), expected);
        let left: Vec<_> = faults.all().iter().map(Fault::left).collect();
        assert_eq!(left, [Some(0), Some(1), Some(0), Some(0)]);
        let injected = faults.inject(Some("DeleteUserCertificate"), None);
        assert_eq!(injected.name(), Some("reset"));
    }

    #[test]
    fn a_lag_leaves_the_call_to_the_other_faults() {
        let faults = faults(
            r#"[{"kind":"lag","ms":5},{"kind":"drop-after"},{"kind":"lag","ms":7,"times":1}]"#,
        );
        let first = faults.inject(None, None);
        assert_eq!(first.name(), Some("drop-after"));
        assert_eq!(first.lag, Some(Duration::from_millis(7)));
        let second = faults.inject(None, None);
        assert_eq!(second.name(), Some("lag"));
        assert_eq!(second.lag, Some(Duration::from_millis(5)));
    }

    #[test]
    fn retired_affects_version_2018_only() {
        let faults = faults(r#"{"kind":"retired"}"#);
        assert_eq!(injected(&faults, 3), ["retired"; 3]);
        let other = faults.inject(Some("UploadUserCertificate"), Some("2020-04-07"));
        assert_eq!(other.name(), None);
        assert_eq!(faults.inject(Some("CreateUserCertificate"), None).name(), None);
    }
}
