//! Which version of the API a client speaks.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// A version of the CAS API; the numbers are those of the C interface (`cas_api`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ApiVersion {
    /// `CreateUserCertificate` and its family. Announced to end on 2024-12-31 (the vendor's notice on API
    /// operations of earlier versions).
    V2018_07_13 = 1,
    /// `UploadUserCertificate` and its family.
    V2020_04_07 = 2,
}

impl ApiVersion {
    /// As it stands in `Version`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2018_07_13 => "2018-07-13",
            Self::V2020_04_07 => "2020-04-07",
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The version that a client's threads speak now.
#[derive(Debug)]
pub(crate) struct Versions {
    /// The one that was asked for; `None` for the older one until the service says that it is gone.
    asked_for: Option<ApiVersion>,
    /// The older one is gone.
    gone: AtomicBool,
}

impl Versions {
    /// `asked_for` alone, or both with the older one first.
    #[must_use]
    pub(crate) fn new(asked_for: Option<ApiVersion>) -> Self {
        Self { asked_for, gone: AtomicBool::new(false) }
    }

    /// The one to speak.
    #[must_use]
    pub(crate) fn current(&self) -> ApiVersion {
        match self.asked_for {
            Some(version) => version,
            None if self.gone.load(Ordering::Relaxed) => ApiVersion::V2020_04_07,
            None => ApiVersion::V2018_07_13,
        }
    }

    /// The service says that `version` is gone; returns whether another one is spoken from now on. It is
    /// never taken back: a service that knows neither would be asked for ever.
    pub(crate) fn is_gone(&self, version: ApiVersion) -> bool {
        let changes = self.asked_for.is_none() && version == ApiVersion::V2018_07_13;
        if changes {
            self.gone.store(true, Ordering::Relaxed);
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ApiVersion::{V2018_07_13, V2020_04_07};

    #[test]
    fn only_the_older_version_is_ever_left_and_only_where_none_was_asked_for() {
        let auto = Versions::new(None);
        assert_eq!(auto.current(), V2018_07_13);
        assert!(auto.is_gone(V2018_07_13));
        assert_eq!(auto.current(), V2020_04_07);
        assert!(!auto.is_gone(V2020_04_07));
        // A thread that was under way with the older one still has somewhere to go.
        assert!(auto.is_gone(V2018_07_13));
        assert_eq!(auto.current(), V2020_04_07);
        for version in [V2018_07_13, V2020_04_07] {
            let fixed = Versions::new(Some(version));
            assert!(!fixed.is_gone(version));
            assert_eq!(fixed.current(), version);
        }
    }
}
