//! Counts calls, for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::log::beginning;
use super::record::RecordedRequest;
use crate::operations::table;

/// Series that are counted apart; further ones are counted as `other`. Faults choose codes.
const MAX_SERIES: usize = 200;
/// Characters of a code that a label shows.
const MAX_CODE: usize = 64;

/// The labels of a series.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    action: &'static str,
    version: &'static str,
    code: String,
}

/// What does not get a series of its own.
const OTHER: &str = "other";

/// Calls since the start, or since a reset.
#[derive(Default)]
pub(crate) struct Metrics {
    counters: Mutex<Counters>,
}

#[derive(Default)]
struct Counters {
    calls: BTreeMap<Series, u64>,
    time: Duration,
}

impl Metrics {
    /// Counts a call that took `time` to process. Operations that the service does not have are
    /// counted together, because clients can make up any number of them.
    pub(crate) fn add(&self, request: &RecordedRequest, time: Duration) {
        let named = request.version.as_deref().zip(request.action.as_deref());
        let known = named.and_then(|(version, action)| table::known(version, action));
        let (version, action) = known.unwrap_or((OTHER, OTHER));
        let code = beginning(request.code.as_deref().unwrap_or_default(), MAX_CODE).to_owned();
        let series = Series { action, version, code };
        let mut counters = self.lock();
        let is_counted = counters.calls.contains_key(&series);
        let series = if is_counted || counters.calls.len() < MAX_SERIES {
            series
        } else {
            Series { action: OTHER, version: OTHER, code: OTHER.to_owned() }
        };
        *counters.calls.entry(series).or_default() += 1;
        counters.time += time;
    }

    /// Forgets all calls.
    pub(crate) fn clear(&self) {
        *self.lock() = Counters::default();
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The metrics in Prometheus' text format, with the gauges given: name, help and value.
    pub(crate) fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let counters = self.lock();
        let mut text = String::from(
            "# HELP cas_emulator_calls_total API calls; code is empty for success.\n\
             # TYPE cas_emulator_calls_total counter\n",
        );
        for (Series { action, version, code }, calls) in &counters.calls {
            let code = escape(code);
            let labels = format!(r#"action="{action}",version="{version}",code="{code}""#);
            let _ = writeln!(text, "cas_emulator_calls_total{{{labels}}} {calls}");
        }
        let _ = writeln!(
            text,
            "# HELP cas_emulator_call_seconds_total Time in which calls were processed.\n\
             # TYPE cas_emulator_call_seconds_total counter\n\
             cas_emulator_call_seconds_total {}",
            counters.time.as_secs_f64()
        );
        for (name, help, value) in gauges {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
        text
    }
}

/// Escapes a value of a label.
fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
