//! Times as the service, credential files and certificates write them. What libcas writes is UTC.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Start of the year 9999, since 1970: the last year with four digits.
pub(crate) const YEAR_9999: Duration = Duration::from_secs(253_370_764_800);

/// `time` as `YYYY-MM-DDThh:mm:ssZ` without fractions: the format of the `Timestamp` parameter.
#[must_use]
pub(crate) fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Seconds since 1970 that are this many are milliseconds: as seconds, they are the year 5138.
const MILLISECONDS: u64 = 100_000_000_000;

/// Parses what programs and services write, in every form that an official package reads:
/// `YYYY-MM-DDThh:mm:ssZ`, with a space for the `T`, with or without seconds and fractions, with an
/// offset such as `+08:00` for the `Z`, or without either, which is UTC; or the seconds or
/// milliseconds since 1970.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if is_digits(whole) && is_digits(fraction) {
        let number: u64 = whole.parse().ok()?;
        return of_unix_seconds(if number < MILLISECONDS { number } else { number / 1000 });
    }
    let (local, offset) = split_offset(text)?;
    let with_seconds = if local.len() == "YYYY-MM-DD hh:mm".len() {
        humantime::parse_rfc3339_weak(&format!("{local}:00"))
    } else {
        humantime::parse_rfc3339_weak(local)
    };
    let (time, offset_seconds) = (with_seconds.ok()?, Duration::from_secs(offset.unsigned_abs()));
    if offset < 0 { time.checked_add(offset_seconds) } else { time.checked_sub(offset_seconds) }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits a time into the local time and its offset from UTC in seconds.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return Some((utc.trim_end(), 0));
    }
    // Before, there are the minus signs of the date.
    let date = "YYYY-MM-DD".len();
    let Some(at) = text.get(date..)?.rfind(['+', '-']).map(|at| date + at) else {
        return Some((text, 0));
    };
    let digits = text[at + 1..].replacen(':', "", 1);
    let (hours, minutes) = match digits.len() {
        2 => (digits.as_str(), "0"),
        4 => digits.split_at_checked(2)?,
        _ => return None,
    };
    if !is_digits(hours) || !is_digits(minutes) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = (hours * 60 + minutes) * 60;
    (hours < 24 && minutes < 60).then(|| {
        (text[..at].trim_end(), if text[at..].starts_with('-') { -seconds } else { seconds })
    })
}

/// Parses seconds since 1970. Returns `None` for 0 and for invalid numbers; limits the result to
/// [`YEAR_9999`].
pub(crate) fn from_unix_seconds(seconds: &str) -> Option<SystemTime> {
    of_unix_seconds(seconds.trim().parse().ok()?)
}

fn of_unix_seconds(seconds: u64) -> Option<SystemTime> {
    let since_1970 = Duration::from_secs(seconds).min(YEAR_9999);
    (!since_1970.is_zero()).then(|| SystemTime::UNIX_EPOCH + since_1970)
}

/// Seconds since 1970; 0 for earlier times.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A time in seconds since 1970, such as the ends of a certificate's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// Converts a time of this machine's clock, without fractions. Times before 1970 become 1970.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        Self(i64::try_from(unix_seconds(time)).unwrap_or(i64::MAX))
    }
}

/// RFC 3339 in UTC without fractions, for the years 0 to 9999.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const YEARS_0_TO_9999: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;
        const DAY: i64 = 24 * 60 * 60;
        if !YEARS_0_TO_9999.contains(&self.0) {
            return write!(f, "{} seconds after 1970", self.0);
        }
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// The day of a date as the service writes it, `YYYY-MM-DD`, in days since 1970-01-01; what follows
/// the date is ignored. `None` for any other text.
pub(crate) fn unix_day(date: &str) -> Option<i64> {
    const SECONDS: u64 = 24 * 60 * 60;
    let midnight = humantime::parse_rfc3339(&format!("{}T00:00:00Z", date.get(..10)?)).ok()?;
    i64::try_from(unix_seconds(midnight) / SECONDS).ok()
}

/// Year, month and day of the day that is `days` after 1970-01-01, from the year 0 on.
fn date(days: i64) -> (i64, i64, i64) {
    // The calendar repeats every 400 years. Years begin on 1 March here: leap days come last.
    let days_since_march_0 = days + 719_468;
    let (era, day) =
        (days_since_march_0.div_euclid(146_097), days_since_march_0.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + i64::from(month >= 10);
    (year, if month < 10 { month + 3 } else { month - 9 }, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timestamps_are_utc_without_fractions() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_456_231_584_999);
        assert_eq!(timestamp(time), "2016-02-23T12:46:24Z");
    }

    #[test]
    fn times_are_parsed_as_programs_write_them() {
        let seconds = |text| parse(text).map(unix_seconds);
        for same in [
            "2026-11-24T08:00:00Z",
            " 2026-11-24T08:00:00.123Z\n",
            "2026-11-24T08:00z",
            "2026-11-24 08:00:00",
            "2026-11-24 08:00 Z",
            "2026-11-24T16:00:00+08:00",
            "2026-11-24T16:00:00.5+0800",
            "2026-11-24 16:00 +08",
            "2026-11-24T02:30:00-05:30",
            "2026-11-23T23:59-0801",
            "1795507200",
            "1795507200.0",
            "1795507200999",
        ] {
            assert_eq!(seconds(same), Some(1_795_507_200), "{same}");
        }
        for invalid in [
            "",
            "0",
            "-1795507200",
            "1.7955072e9",
            "1795507200.",
            "99999999999999999999",
            "2026-11-24",
            "2026-11-24T",
            "2026-11-24T08Z",
            "tomorrow",
            "2026-13-24T08:00:00Z",
            "2026-11-24T25:00Z",
            "2026-11-24T16:00:00+24:00",
            "2026-11-24T16:00:00+08:60",
            "2026-11-24T16:00:00+8",
            "2026-11-24T16:00:00+ 8:00",
            "2026-11-24T16:00:00+08:00Z",
            "2026-11-2\u{e9}T16:00:00+08:00",
            "2026-11-24T16:00:00+\u{e9}8",
            "1970-01-01T00:00:00+00:01",
        ] {
            assert!(parse(invalid).is_none_or(|time| time < SystemTime::UNIX_EPOCH), "{invalid}");
        }
    }

    #[test]
    fn unix_seconds_are_parsed_and_limited() {
        assert_eq!(from_unix_seconds(" 1795507200").map(unix_seconds), Some(1_795_507_200));
        assert_eq!(from_unix_seconds("1").map(unix_seconds), Some(1));
        for invalid in ["", "0", "-1", "soon", "1.5"] {
            assert_eq!(from_unix_seconds(invalid), None, "{invalid}");
        }
        for far in ["253370764800", "253402300800", "9223372036854775807", "18446744073709551615"] {
            assert_eq!(timestamp(from_unix_seconds(far).unwrap()), "9999-01-01T00:00:00Z");
        }
    }

    #[test]
    fn system_time_becomes_unix_time() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(UnixTime::of(epoch + Duration::from_millis(1_999)), UnixTime(1));
        assert_eq!(UnixTime::of(epoch - Duration::from_secs(1)), UnixTime(0));
    }

    #[test]
    fn unix_time_displays_as_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_704_067_199, "2023-12-31T23:59:59Z"),
            (1_704_067_200, "2024-01-01T00:00:00Z"),
            (-631_152_000, "1950-01-01T00:00:00Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (-62_162_035_201, "0000-02-29T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800 seconds after 1970"),
            (-62_167_219_201, "-62167219201 seconds after 1970"),
            (i64::MAX, "9223372036854775807 seconds after 1970"),
            (i64::MIN, "-9223372036854775808 seconds after 1970"),
        ] {
            assert_eq!(UnixTime(seconds).to_string(), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn unix_time_displays_like_humantime(seconds in 0..253_402_300_800_u64) {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            prop_assert_eq!(UnixTime::of(time).to_string(), timestamp(time));
        }
    }
}
