//! The server's clock: the machine's, shifted by a fixed number of seconds.

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
        let shifted = if self.offset_seconds < 0 { now.checked_sub(shift) } else { now.checked_add(shift) };
        // Past 9999 neither a Date header nor RFC 3339 can be written, and before 1970 the header cannot.
        let year_9999 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        shifted.unwrap_or(SystemTime::UNIX_EPOCH).clamp(SystemTime::UNIX_EPOCH, year_9999)
    }
}
