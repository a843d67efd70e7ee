//! What a model contains: the calls, the service and the faults. Everything that libcas assumes
//! about the service is a switch.

use super::Fault;
use super::service::StoredName;
use crate::upload::events::OnConflict;

/// A late request or a ghost that stays as long as it likes.
pub(super) const NEVER: u8 = u8::MAX;

/// A certificate, the oldest first. `X` and `Y` are uploaded; `Z` is there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Content {
    Z,
    X,
    Y,
}

/// The version of the API that a call uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// 2018-07-13, which has no `ClientToken`.
    Old,
    /// 2020-04-07.
    New,
    /// The old one, and the new one once the old one is gone.
    Auto,
}

/// A call of one process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) content: Content,
    pub(super) rule: OnConflict,
    pub(super) any_name: bool,
    pub(super) api: Api,
    pub(super) max_attempts: u32,
    /// In ticks.
    pub(super) deadline: u8,
}

/// A model. Times are in ticks.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Scenario {
    pub(super) calls: Vec<Call>,
    /// What is stored before.
    pub(super) before: Vec<(Content, StoredName)>,
    /// How many faults happen at most, and of which kinds.
    pub(super) faults: u8,
    pub(super) kinds: Vec<Fault>,
    /// How often time passes while something is on its way.
    pub(super) slow: u8,
    /// The certificates of a page; `None`: the list is read at one moment.
    pub(super) page: Option<usize>,
    /// Whether the service may take 2018-07-13 out of service.
    pub(super) retires: bool,
    /// How long a new certificate is not listed, at most.
    pub(super) lag: u8,
    /// How long a deleted one is still listed, at most.
    pub(super) ghosts: u8,
    /// How long after the client gave a request up the service may apply it.
    pub(super) late: u8,
    /// The service never has two certificates of one name.
    pub(super) unique_names: bool,
    /// Both versions have the same certificates.
    pub(super) one_store: bool,
    /// The service recognises a `ClientToken`.
    pub(super) tokens: bool,
    /// A certificate that is stored later has a lower CertId.
    pub(super) ids_fall: bool,
    /// A certificate that the service rejects, in each attempt.
    pub(super) rejects: Option<Content>,
    /// A name may be freed while a late request for it is on the way.
    pub(super) frees_names: bool,
    /// One copy of a certificate under all names of a family, not only under each name.
    pub(super) one_in_family: bool,
}

impl Call {
    pub(super) fn new(content: Content, rule: OnConflict, api: Api) -> Self {
        Self { content, rule, any_name: false, api, max_attempts: 2, deadline: 40 }
    }
}

impl Scenario {
    /// A service that is as libcas assumes it, and a network without faults.
    pub(super) fn new(calls: &[Call]) -> Self {
        Self {
            calls: calls.to_vec(),
            before: Vec::new(),
            faults: 0,
            kinds: Vec::new(),
            slow: 0,
            page: None,
            retires: false,
            lag: 0,
            ghosts: 0,
            late: NEVER,
            unique_names: true,
            one_store: true,
            tokens: true,
            ids_fall: false,
            rejects: None,
            frees_names: false,
            one_in_family: false,
        }
    }

    pub(super) fn faults(mut self, faults: u8, kinds: &[&[Fault]]) -> Self {
        self.faults = faults;
        self.kinds = kinds.concat();
        self
    }

    pub(super) fn before(mut self, before: &[(Content, StoredName)]) -> Self {
        self.before = before.to_vec();
        self
    }
}
