//! Which version of the API a client uses. Uses nothing of this crate.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// A version of the CAS API; the numbers are those of the C API (`cas_api`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ApiVersion {
    /// `CreateUserCertificate` and its family. Announced to end on 2024-12-31 (docs/service.md,
    /// Versions).
    V2018_07_13 = 1,
    /// `UploadUserCertificate` and its family.
    V2020_04_07 = 2,
}

impl ApiVersion {
    /// The one that has SM2 double certificates (docs/service.md, Version 2020-04-07).
    pub(crate) const OF_DOUBLE_CERTIFICATES: Self = Self::V2020_04_07;
    /// The one that has deployment (docs/service.md, Deployment).
    pub(crate) const OF_DEPLOYMENT: Self = Self::V2020_04_07;

    /// Returns the value of the parameter `Version`.
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

/// The version that the threads of a client use.
#[derive(Debug)]
pub(crate) struct Versions {
    /// The one that the program requested; `None` for the older one until the service no longer has
    /// it.
    requested: Option<ApiVersion>,
    /// Whether the service no longer has the older one.
    gone: AtomicBool,
}

impl Versions {
    /// `requested` only, or both with the older one first.
    #[must_use]
    pub(crate) fn new(requested: Option<ApiVersion>) -> Self {
        Self { requested, gone: AtomicBool::new(false) }
    }

    /// Returns the version that the program requested, if it requested one.
    #[must_use]
    pub(crate) fn requested(&self) -> Option<ApiVersion> {
        self.requested
    }

    /// Returns the version to use.
    #[must_use]
    pub(crate) fn current(&self) -> ApiVersion {
        match self.requested {
            Some(version) => version,
            None if self.gone.load(Ordering::Relaxed) => ApiVersion::V2020_04_07,
            None => ApiVersion::V2018_07_13,
        }
    }

    /// Records that the service no longer has `version`. Returns whether another one is used from
    /// now on. There is no way back: with a service that has neither, calls would never end.
    pub(crate) fn mark_gone(&self, version: ApiVersion) -> bool {
        let changes = self.requested.is_none() && version == ApiVersion::V2018_07_13;
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
    fn only_the_older_version_is_replaced_and_only_if_none_was_requested() {
        let auto = Versions::new(None);
        assert_eq!(auto.current(), V2018_07_13);
        assert!(auto.mark_gone(V2018_07_13));
        assert_eq!(auto.current(), V2020_04_07);
        assert!(!auto.mark_gone(V2020_04_07));
        // For a thread whose call used the older one, this is a change too.
        assert!(auto.mark_gone(V2018_07_13));
        assert_eq!(auto.current(), V2020_04_07);
        for version in [V2018_07_13, V2020_04_07] {
            let fixed = Versions::new(Some(version));
            assert!(!fixed.mark_gone(version));
            assert_eq!(fixed.current(), version);
        }
    }
}
