//! Time as the service writes it.

use std::time::SystemTime;

/// `now` as `YYYY-MM-DDThh:mm:ssZ`, UTC, without fractions: the form of the `Timestamp` parameter.
#[must_use]
pub fn timestamp(now: SystemTime) -> String {
    humantime::format_rfc3339_seconds(now).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps_are_utc_without_fractions() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_456_231_584_999);
        assert_eq!(timestamp(at), "2016-02-23T12:46:24Z");
    }
}
