//! What a failed attempt means.

use std::time::Duration;

use crate::base::error::Error;

/// What was mended. Each helps once: what is wrong after it was mended will be wrong again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cure {
    /// The time of the request was too far from the service's, which is known now.
    Clock,
    /// The access key was no good, and there is another one now.
    AccessKey,
}

/// What a failed attempt means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Not sent, nor will it be: no access key, or no connection for a reason that stays.
    Hopeless,
    /// Not sent; trying again may help.
    Unsent,
    /// It may have been applied.
    Lost,
    /// Refused for rate, with the pause that the service asked for.
    Throttled(Option<Duration>),
    /// Refused for something that is mended now.
    Mended(Cure),
    /// The service no longer has the operation.
    VersionGone,
    /// The name is taken.
    NameTaken,
    /// Refused, perhaps because the certificate is there already.
    RefusedUnclearly,
    /// Refused for good.
    Refused,
}

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What to tell the caller.
    pub error: Error,
    /// What it means.
    pub fate: Fate,
    /// Whether it, or an attempt before it, may have been applied.
    pub in_doubt: bool,
    /// Whether sending was tried at all.
    pub tried: bool,
}

impl Failed {
    pub(crate) fn new(fate: Fate, error: Error) -> Self {
        Self { error, fate, in_doubt: fate == Fate::Lost, tried: true }
    }
}

/// What fails before sending is tried.
impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { tried: false, ..Self::new(Fate::Hopeless, error) }
    }
}
