//! Counts calls, for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::record::RecordedRequest;

/// Series that are counted apart; further ones are counted as `other`. Clients choose actions.
const MAX_SERIES: usize = 200;

/// The labels of a series.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    action: String,
    version: String,
    code: String,
}

/// Calls since the start. A reset does not change them: counters of Prometheus never decrease.
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
    /// Counts a call that took `time` to process.
    pub(crate) fn add(&self, request: &RecordedRequest, time: Duration) {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let series = Series {
            action: text(&request.action),
            version: text(&request.version),
            code: text(&request.code),
        };
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = counters.calls.contains_key(&series);
        let series = if is_known || counters.calls.len() < MAX_SERIES {
            series
        } else {
            let other = || "other".to_owned();
            Series { action: other(), version: other(), code: other() }
        };
        *counters.calls.entry(series).or_default() += 1;
        counters.time += time;
    }

    /// The metrics in Prometheus' text format, with the gauges given: name, help and value.
    pub(crate) fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::from(
            "# HELP cas_emulator_calls_total API calls; code is empty for success.\n\
             # TYPE cas_emulator_calls_total counter\n",
        );
        for (Series { action, version, code }, calls) in &counters.calls {
            let [action, version, code] = [action, version, code].map(|label| escape(label));
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
