//! What the difference between two clocks means.

use std::time::{Duration, SystemTime};

use crate::diagnostics::diagnosis::{Diagnosis, Probe};

/// `Date` has whole seconds, and a response takes its time.
const UNNOTICED: i64 = 2;
/// From here on, the clock is not kept by NTP.
const NOTABLE: i64 = 60;
/// What the service accepts (docs/service.md, Clocks and nonces).
const ACCEPTED: i64 = 15 * 60;

const SET_CLOCK: &str = "Set this machine's clock by NTP (chrony, systemd-timesyncd).";

/// Compares the time of a response with this machine's, at the beginning and the end of the
/// request.
pub(super) fn compare(theirs: SystemTime, began: SystemTime, took: Duration) -> Diagnosis {
    let ours = began + took / 2;
    let seconds = |duration: Duration| {
        let rounded = duration.saturating_add(Duration::from_millis(500));
        i64::try_from(rounded.as_secs()).unwrap_or(i64::MAX)
    };
    // Positive if this machine is ahead.
    let ahead = match ours.duration_since(theirs) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    };
    let distance = ahead.saturating_abs();
    let allowed = UNNOTICED + seconds(took);
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    let differs = format!("This machine's clock is {} {direction} the service's.", words(distance));
    let found = match distance {
        _ if distance <= allowed => {
            Diagnosis::ok(Probe::Clock, "This machine's clock agrees with the service's.")
        }
        _ if distance <= NOTABLE => Diagnosis::ok(Probe::Clock, differs),
        _ if distance <= ACCEPTED => Diagnosis::warning(Probe::Clock, differs, SET_CLOCK),
        _ => {
            let message = format!(
                "{differs} The service refuses requests that are more than 15 minutes off; libcas \
                 corrects the time of its own."
            );
            Diagnosis::warning(Probe::Clock, message, SET_CLOCK)
        }
    };
    found.with("seconds_ahead", ahead.to_string())
}

fn words(seconds: i64) -> String {
    let rounded = |unit: i64| (seconds + unit / 2) / unit;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_140 => format!("{} min", rounded(60)),
        7_140..172_800 => format!("{} h", rounded(3_600)),
        _ => format!("{} days", rounded(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::diagnosis::Status;

    #[test]
    fn only_a_difference_that_matters_is_a_warning() {
        let theirs = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (ahead, status, words) in [
            (0, Status::Ok, "agrees"),
            (2, Status::Ok, "agrees"),
            (-2, Status::Ok, "agrees"),
            (30, Status::Ok, "30 s ahead of"),
            (-61, Status::Warning, "61 s behind"),
            (-299, Status::Warning, "5 min behind"),
            (900, Status::Warning, "15 min ahead of"),
            (7_199, Status::Warning, "2 h ahead of"),
            (-901, Status::Warning, "more than 15 minutes off"),
            (90_000, Status::Warning, "25 h ahead of"),
            (-31_536_000, Status::Warning, "365 days behind"),
        ] {
            let distance = Duration::from_secs(u64::try_from(i64::abs(ahead)).unwrap());
            let ours = if ahead < 0 { theirs - distance } else { theirs + distance };
            let found = compare(theirs, ours, Duration::from_millis(10));
            assert_eq!((found.status, found.hint.is_some()), (status, status != Status::Ok));
            assert!(found.message.contains(words), "{}", found.message);
            assert_eq!(found.details, [("seconds_ahead", ahead.to_string())]);
        }
    }

    #[test]
    fn a_slow_response_is_not_a_wrong_clock() {
        let theirs = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let found = compare(theirs, theirs, Duration::from_secs(20));
        assert!(found.message.contains("agrees"), "{}", found.message);
    }
}
