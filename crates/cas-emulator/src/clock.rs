//! The server's clock: the machine's, shifted by a fixed number of seconds; and times as the service writes them.

use std::time::{Duration, SystemTime};

/// What the server takes for the time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clock {
    offset_seconds: i64,
}

impl Clock {
    pub(crate) fn shifted(offset_seconds: i64) -> Self {
        Self { offset_seconds }
    }

    /// The server's time. An offset that leaves the range of the clock stops at 1970.
    pub(crate) fn now(self) -> SystemTime {
        let shift = Duration::from_secs(self.offset_seconds.unsigned_abs());
        let now = SystemTime::now();
        let shifted =
            if self.offset_seconds < 0 { now.checked_sub(shift) } else { now.checked_add(shift) };
        printable(shifted.unwrap_or(SystemTime::UNIX_EPOCH))
    }
}

/// The nearest time from 1970 to 9999: neither a Date header nor RFC 3339 can be written for others.
fn printable(time: SystemTime) -> SystemTime {
    let year_9999 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    time.clamp(SystemTime::UNIX_EPOCH, year_9999)
}

/// Seconds since 1970 as a time.
pub(crate) fn time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

/// Milliseconds since 1970.
pub(crate) fn millis(time: SystemTime) -> i64 {
    let number = |distance: Duration| i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => number(since),
        Err(before) => -number(before.duration()),
    }
}

/// `YYYY-MM-DDThh:mm:ssZ`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(printable(time)).to_string()
}

/// `YYYY-MM-DD`, in UTC.
pub(crate) fn day(time: SystemTime) -> String {
    rfc3339(time).chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_certificate_can_be_written() {
        assert_eq!(day(time(951_868_799)), "2000-02-29");
        assert_eq!(rfc3339(time(951_868_799)), "2000-02-29T23:59:59Z");
        // The first and the last second that a certificate can name.
        assert_eq!(
            (day(time(-631_152_000)), millis(time(-631_152_000))),
            ("1970-01-01".into(), -631_152_000_000)
        );
        assert_eq!(day(time(253_402_300_799)), "9999-12-31");
        assert_eq!(millis(time(253_402_300_799)), 253_402_300_799_000);
    }
}
