//! The service: what is stored, what the list shows, and what an upload is answered.

use super::scenario::{Api, Content, Scenario};
use crate::service::types::CertId;

/// The name of a stored certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum StoredName {
    Requested,
    /// One that differs from it in case only: to the service it is the same.
    Similar,
    /// The one that is made from this certificate.
    Alternate(Content),
    Third,
}

impl StoredName {
    /// Whether the service takes them for the same name.
    fn is(self, other: Self) -> bool {
        let canonical = |name| if name == Self::Similar { Self::Requested } else { name };
        canonical(self) == canonical(other)
    }
}

/// The version of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Version {
    Old,
    New,
}

impl From<Api> for Version {
    fn from(api: Api) -> Self {
        if api == Api::New { Self::New } else { Self::Old }
    }
}

/// An upload on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Request {
    pub(super) process: u8,
    /// Which call of this process: a process that died begins another one.
    pub(super) run: u8,
    pub(super) name: StoredName,
    pub(super) content: Content,
    pub(super) version: Version,
    /// For how many more ticks the service may apply it.
    pub(super) life: u8,
}

impl Request {
    fn owner(&self) -> Owner {
        (self.process, self.run)
    }
}

/// The process and the run of a call. It uses one token for each name.
pub(super) type Owner = (u8, u8);

/// A stored certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) id: u8,
    pub(super) content: Content,
    pub(super) name: StoredName,
    /// The call that stored it.
    pub(super) owner: Option<Owner>,
    version: Version,
    /// For how many ticks the list may not show it yet.
    pub(super) hidden: u8,
    /// Deleted, and for how many ticks the list may still show it.
    pub(super) removed: bool,
    pub(super) shown: u8,
}

/// What the service says about an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Stored(u8),
    NameTaken,
    CertificateRejected,
    VersionGone,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Service {
    pub(super) entries: Vec<Entry>,
    /// The content of each CertId that was ever given.
    contents: Vec<Content>,
    /// Whether a later certificate has a lower CertId.
    ids_fall: bool,
    pub(super) retired: bool,
}

/// The highest CertId, if they fall.
const HIGHEST: u8 = 15;

impl Service {
    pub(super) fn new(before: &[(Content, StoredName)], ids_fall: bool) -> Self {
        let (entries, contents) = (Vec::new(), Vec::new());
        let mut service = Self { entries, contents, ids_fall, retired: false };
        for (content, name) in before {
            service.store(*content, *name, None, Version::Old, 0);
        }
        service
    }

    fn store(
        &mut self,
        content: Content,
        name: StoredName,
        owner: Option<Owner>,
        version: Version,
        hidden: u8,
    ) -> u8 {
        let number = u8::try_from(self.contents.len()).expect("few certificates");
        self.contents.push(content);
        let id = if self.ids_fall { HIGHEST - number } else { number + 1 };
        let (removed, shown) = (false, 0);
        self.entries.push(Entry { id, content, name, owner, version, hidden, removed, shown });
        id
    }

    /// Applies an upload.
    pub(super) fn upload(&mut self, request: &Request, scenario: &Scenario) -> Answer {
        if self.retired && request.version == Version::Old {
            return Answer::VersionGone;
        }
        if scenario.rejects == Some(request.content) {
            return Answer::CertificateRejected;
        }
        let owner = Some(request.owner());
        let of_this_name = |entry: &&Entry| {
            entry.name.is(request.name) && (scenario.one_store || entry.version == request.version)
        };
        let holders: Vec<_> = self.live().filter(of_this_name).collect();
        if scenario.tokens && request.version == Version::New {
            let same_token = |entry: &Entry| entry.owner == owner && entry.version == Version::New;
            if let Some(known) = holders.iter().find(|entry| same_token(entry)) {
                return Answer::Stored(known.id);
            }
        }
        if scenario.unique_names && !holders.is_empty() {
            return Answer::NameTaken;
        }
        let Request { content, name, version, .. } = *request;
        Answer::Stored(self.store(content, name, owner, version, scenario.lag))
    }

    pub(super) fn delete(&mut self, id: CertId, scenario: &Scenario) {
        let Some(entry) = self.entries.iter_mut().find(|entry| i64::from(entry.id) == id.get())
        else {
            return;
        };
        if !entry.removed {
            (entry.removed, entry.shown) = (true, scenario.ghosts);
            self.drop_forgotten();
        }
    }

    fn drop_forgotten(&mut self) {
        self.entries.retain(|entry| !entry.removed || entry.shown > 0);
    }

    pub(super) fn catch_up(&mut self, id: u8) {
        for entry in self.entries.iter_mut().filter(|entry| entry.id == id) {
            entry.hidden = 0;
        }
    }

    pub(super) fn forget(&mut self, id: u8) {
        self.entries.retain(|entry| entry.id != id);
    }

    pub(super) fn pass(&mut self, ticks: u8) {
        for entry in &mut self.entries {
            entry.hidden = entry.hidden.saturating_sub(ticks);
            entry.shown = entry.shown.saturating_sub(ticks);
        }
        self.drop_forgotten();
    }

    /// The list, the newest first.
    pub(super) fn list(&self, version: Version, scenario: &Scenario) -> Vec<&Entry> {
        let listed =
            |entry: &&Entry| entry.hidden == 0 && (scenario.one_store || entry.version == version);
        self.entries.iter().rev().filter(listed).collect()
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.removed)
    }

    /// Whether a certificate has the requested name, or one that is made from it.
    pub(super) fn has_family(&self) -> bool {
        self.live().any(|entry| entry.name != StoredName::Third)
    }

    /// How many certificates a call has stored, of those that are there.
    pub(super) fn stored_by(&self, owner: Owner) -> usize {
        self.live().filter(|entry| entry.owner == Some(owner)).count()
    }

    pub(super) fn has(&self, content: Content) -> bool {
        self.live().any(|entry| entry.content == content)
    }

    /// Whether this certificate was ever stored.
    pub(super) fn had(&self, content: Content) -> bool {
        self.contents.contains(&content)
    }

    pub(super) fn content(&self, id: CertId) -> Option<Content> {
        let number = if self.ids_fall { i64::from(HIGHEST) - id.get() } else { id.get() - 1 };
        let index = usize::try_from(number).ok()?;
        self.contents.get(index).copied()
    }

    pub(super) fn name_of(&self, id: CertId) -> Option<StoredName> {
        let entry = self.live().find(|entry| i64::from(entry.id) == id.get());
        entry.map(|entry| entry.name)
    }

    /// The certificate that has the requested name.
    pub(super) fn requested(&self) -> Option<CertId> {
        let entry = self.live().find(|entry| entry.name == StoredName::Requested)?;
        CertId::new(i64::from(entry.id))
    }
}
