//! Time as the service, credential files and certificates write it. All of it is UTC.

use std::fmt;
use std::time::{Duration, SystemTime};

use x509_parser::time::ASN1Time;

/// When the last year begins that can be written in four digits, after 1970.
pub(crate) const YEAR_9999: Duration = Duration::from_secs(253_370_764_800);

/// `now` as `YYYY-MM-DDThh:mm:ssZ`, UTC, without fractions: the form of the `Timestamp` parameter.
#[must_use]
pub(crate) fn timestamp(now: SystemTime) -> String {
    humantime::format_rfc3339_seconds(now).to_string()
}

/// `YYYY-MM-DDThh:mm:ssZ`, which is UTC, whatever this machine's time zone is.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text.trim()).ok()
}

/// The time so many seconds after 1970 began, but no later than can be written; `None` for 0 and for what is no number.
pub(crate) fn from_unix_seconds(seconds: &str) -> Option<SystemTime> {
    let since_1970 = Duration::from_secs(seconds.trim().parse().ok()?).min(YEAR_9999);
    (!since_1970.is_zero()).then(|| SystemTime::UNIX_EPOCH + since_1970)
}

/// Seconds since 1970.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A moment in a certificate, in seconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// A moment of this machine's clock.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        let seconds =
            time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

/// RFC 3339 in UTC, without fractions.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ASN1Time::from_timestamp(self.0).map(|time| time.to_datetime()) {
            Ok(at) => write!(
                f,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                at.year(),
                u8::from(at.month()),
                at.day(),
                at.hour(),
                at.minute(),
                at.second()
            ),
            Err(_) => write!(f, "{} seconds after 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_utc_without_fractions() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_456_231_584_999);
        assert_eq!(timestamp(at), "2016-02-23T12:46:24Z");
    }

    #[test]
    fn expiry_is_utc() {
        let expiry = |text| parse(text).map(unix_seconds);
        assert_eq!(expiry("2026-11-24T08:00:00Z"), Some(1_795_507_200));
        assert_eq!(expiry("2026-11-24T08:00:00.123Z"), Some(1_795_507_200));
        for no_time in
            ["", "2026-11-24", "tomorrow", "2026-11-24T08:00:00+08:00", "2026-13-24T08:00:00Z"]
        {
            assert_eq!(expiry(no_time), None, "{no_time}");
        }
    }

    #[test]
    fn seconds_are_a_time_that_can_be_written() {
        assert_eq!(from_unix_seconds(" 1795507200").map(unix_seconds), Some(1_795_507_200));
        for no_time in ["", "0", "-1", "soon"] {
            assert_eq!(from_unix_seconds(no_time), None, "{no_time}");
        }
        for far in ["253402300800", "9223372036854775807", "18446744073709551615"] {
            assert_eq!(timestamp(from_unix_seconds(far).unwrap()), "9999-01-01T00:00:00Z");
        }
    }

    #[test]
    fn moments_are_written_in_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_704_067_200, "2024-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (-631_152_000, "1950-01-01T00:00:00Z"),
        ] {
            assert_eq!(UnixTime(seconds).to_string(), text);
        }
        assert!(UnixTime(i64::MAX).to_string().contains("seconds"));
    }
}
