//! The emulator's clock, and times in the formats that the service writes.
//!
//! Uses no other module.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The last second of the year 9999, in seconds since 1970: later times have no RFC 3339 form.
const END_OF_YEAR_9999: u64 = 253_402_300_799;

/// The machine's clock, shifted by a fixed number of seconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clock {
    offset_seconds: i64,
}

impl Clock {
    /// A clock that runs `offset_seconds` ahead of the machine's, or behind it if negative.
    pub(crate) fn with_offset(offset_seconds: i64) -> Self {
        Self { offset_seconds }
    }

    /// The current time by this clock. An offset that overflows gives 1970.
    pub(crate) fn now(self) -> SystemTime {
        let offset = Duration::from_secs(self.offset_seconds.unsigned_abs());
        let now = SystemTime::now();
        let shifted =
            if self.offset_seconds < 0 { now.checked_sub(offset) } else { now.checked_add(offset) };
        clamp(shifted.unwrap_or(SystemTime::UNIX_EPOCH))
    }
}

/// The clock of expiry: what has expired, what does soon, and how many days remain.
///
/// It runs like the machine's, and can be set. Signatures have another clock, so that clients stay
/// valid.
pub(crate) struct ExpiryClock {
    real: Clock,
    /// What it was set to at the start; `None` for the machine's time.
    initial: Option<SystemTime>,
    /// What it was set to, and when.
    set: Mutex<Option<(SystemTime, Instant)>>,
}

impl ExpiryClock {
    /// A clock that starts with `initial`, or with the time of `real`.
    pub(crate) fn new(real: Clock, initial: Option<SystemTime>) -> Self {
        let clock = Self { real, initial, set: Mutex::default() };
        clock.set(initial);
        clock
    }

    /// The current time by this clock.
    pub(crate) fn now(&self) -> SystemTime {
        let set = *self.set.lock().unwrap_or_else(PoisonError::into_inner);
        set.map_or_else(|| self.real.now(), |(time, at)| clamp(time + at.elapsed()))
    }

    /// Sets it to `time`, from which it goes on, or to the machine's time.
    pub(crate) fn set(&self, time: Option<SystemTime>) {
        let set = time.map(|time| (clamp(time), Instant::now()));
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = set;
    }

    /// Sets it as at the start.
    pub(crate) fn reset(&self) {
        self.set(self.initial);
    }
}

/// A time in RFC 3339: `YYYY-MM-DDThh:mm:ss`, a fraction if wanted, and `Z` or an offset such as
/// `+08:00`. `None` if `text` is something else, or before 1970.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    if text.ends_with('Z') {
        return humantime::parse_rfc3339(text).ok();
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let part = |digits: &str, below: u64| {
        let valid = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|number| valid && *number < below)
    };
    let offset_length = Duration::from_secs(60 * (60 * part(hours, 24)? + part(minutes, 60)?));
    let local = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    match offset.as_bytes().first()? {
        b'+' => local.checked_sub(offset_length),
        b'-' => local.checked_add(offset_length),
        _ => None,
    }
}

/// The nearest time between 1970 and 9999: a `Date` header and RFC 3339 cover no others.
fn clamp(time: SystemTime) -> SystemTime {
    let latest = SystemTime::UNIX_EPOCH + Duration::from_secs(END_OF_YEAR_9999);
    time.clamp(SystemTime::UNIX_EPOCH, latest)
}

/// The time `seconds` after 1970, or before it if negative.
pub(crate) fn from_unix_seconds(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

/// Seconds since 1970, rounded up: whole seconds that are fewer are before `time`, others are not.
pub(crate) fn unix_seconds_ceil(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => {
            let seconds = since.as_secs() + u64::from(since.subsec_nanos() > 0);
            i64::try_from(seconds).unwrap_or(i64::MAX)
        }
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    }
}

/// Milliseconds since 1970; negative for earlier times.
pub(crate) fn unix_milliseconds(time: SystemTime) -> i64 {
    let milliseconds = |distance: Duration| i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => milliseconds(since),
        Err(before) => -milliseconds(before.duration()),
    }
}

/// `YYYY-MM-DDThh:mm:ssZ`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(clamp(time)).to_string()
}

/// `YYYY-MM-DDThh:mm:ss.mmmZ`.
pub(crate) fn rfc3339_milliseconds(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(clamp(time)).to_string()
}

/// `YYYY-MM-DD`, in UTC.
pub(crate) fn date(time: SystemTime) -> String {
    rfc3339(time).chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_expiry_can_be_set_and_runs_on() {
        let day = Duration::from_secs(86_400);
        let start = from_unix_seconds(4_000_000_000);
        let clock = ExpiryClock::new(Clock::default(), Some(start));
        let is_at = |time: SystemTime| (time..time + day).contains(&clock.now());
        assert!(is_at(start));
        clock.set(Some(start + 30 * day));
        let before = clock.now();
        assert!(is_at(start + 30 * day) && clock.now() >= before);
        clock.set(None);
        assert!(clock.now() < start);
        clock.reset();
        assert!(is_at(start));
    }

    #[test]
    fn reads_times_with_any_offset() {
        let expected = Some(from_unix_seconds(1_798_761_600));
        for same in
            ["2027-01-01T00:00:00Z", "2027-01-01T08:00:00+08:00", "2026-12-31T23:30:00-00:30"]
        {
            assert_eq!(parse_rfc3339(same), expected, "{same}");
        }
        for bad in ["", "2027-01-01", "2027-01-01T00:00:00", "2027-13-01T00:00:00Z", "now"]
            .into_iter()
            .chain([
                "2027-01-01T00:00:00+0800",
                "2027-01-01T00:00:00+24:00",
                "Zeit+01:00",
                "é+01:0",
            ])
        {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn rounds_up_to_whole_seconds() {
        let epoch = SystemTime::UNIX_EPOCH;
        let ms = Duration::from_millis;
        let rounded = [epoch - ms(1001), epoch - ms(999), epoch, epoch + ms(1), epoch + ms(2000)];
        assert_eq!(rounded.map(unix_seconds_ceil), [-1, 0, 0, 1, 2]);
    }

    #[test]
    fn formats_the_whole_range_of_certificate_dates() {
        assert_eq!(date(from_unix_seconds(951_868_799)), "2000-02-29");
        assert_eq!(rfc3339(from_unix_seconds(951_868_799)), "2000-02-29T23:59:59Z");
        // The first and the last second that a certificate can contain.
        let (first, last) = (from_unix_seconds(-631_152_000), from_unix_seconds(253_402_300_799));
        assert_eq!(
            (date(first), unix_milliseconds(first)),
            ("1970-01-01".into(), -631_152_000_000)
        );
        assert_eq!(
            (date(last), unix_milliseconds(last)),
            ("9999-12-31".into(), 253_402_300_799_000)
        );
    }
}
