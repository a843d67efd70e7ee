//! The emulator's clock, and times in the formats that the service writes.
//!
//! Uses no other module.

use std::time::{Duration, SystemTime};

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
