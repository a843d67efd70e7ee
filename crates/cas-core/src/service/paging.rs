//! Which page of a list to request next, and whether the pages that were read are the whole list.
//! Pure: no I/O, no clock (docs/service.md, How libcas reads lists).

use std::collections::BTreeSet;

use crate::service::certificate::Page;

/// Entries of a page: the documented default of both versions, which no source forbids.
pub(crate) const PAGE_SIZE: usize = 50;

/// More pages than any account has: a limit for a server that never ends its list.
const MAX_PAGES: usize = 10_000;

/// How often a list that changes while it is read is read from its first page.
pub(crate) const MAX_READINGS: u32 = 5;

/// What to do after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Request the next page.
    Page,
    /// The list is complete.
    End,
    /// An entry may have been missed: forget the pages, and request the first one again.
    Again,
    /// As `Again`, but the list was read often enough.
    Unstable,
}

/// What matters of a page for the next request.
pub(crate) struct PageInfo {
    /// How many entries all pages have, if the response says so.
    pub(crate) total: Option<usize>,
    /// How many entries this page has.
    pub(crate) entries: usize,
    /// How many entries a page has, if the response says so.
    pub(crate) size: Option<usize>,
    /// The IDs of those entries of this page that have one.
    pub(crate) ids: Vec<i64>,
}

/// One list, read page by page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Paging {
    /// The page to request, from 1.
    number: usize,
    /// The entries to request for each page.
    size: usize,
    /// How often the first page was requested.
    readings: u32,
    /// Entries of the pages so far, each once, and how many of them were read again.
    entries: usize,
    repeated: usize,
    /// By how much the total grew since the first page.
    added: usize,
    /// Entries of the first page.
    first: usize,
    /// How many entries the last page says that the list has.
    total: Option<usize>,
    /// The IDs of the entries of the pages so far.
    ids: BTreeSet<i64>,
    /// The entries of an earlier reading that ended before its total was reached.
    short: Option<usize>,
}

impl Paging {
    pub(crate) fn new() -> Self {
        Self::reading(1, PAGE_SIZE, None)
    }

    fn reading(readings: u32, size: usize, short: Option<usize>) -> Self {
        Self {
            number: 1,
            size,
            readings,
            entries: 0,
            repeated: 0,
            added: 0,
            first: 0,
            total: None,
            ids: BTreeSet::new(),
            short,
        }
    }

    /// The number of the page to request, and how many entries to request.
    pub(crate) fn request(&self) -> (usize, usize) {
        (self.number, self.size)
    }

    /// Takes the page of certificates that was requested.
    #[cold]
    pub(crate) fn add(&mut self, page: &Page) -> Next {
        let Page { total, entries, size, certificates, .. } = page;
        let ids = certificates.iter().map(|certificate| certificate.id.get()).collect();
        self.add_page(&PageInfo { total: *total, entries: *entries, size: *size, ids })
    }

    /// Takes the page that was requested.
    #[cold]
    pub(crate) fn add_page(&mut self, page: &PageInfo) -> Next {
        let mut known = 0;
        for id in &page.ids {
            known += usize::from(!self.ids.insert(*id));
        }
        let is_new = page.entries > known;
        if self.number == 1 {
            self.first = page.entries;
            // The service may allow smaller pages only, or have larger ones.
            let most = self.size.max(page.entries);
            let size = page.size.unwrap_or(self.size);
            self.size = size.clamp(page.entries.max(1), most);
        }
        if let (Some(before), Some(now)) = (self.total, page.total) {
            // After a deletion, an entry may have moved to a page that was read before. An addition
            // alone hides nothing, but may hide a deletion.
            if now < before || now != before && self.readings == 1 {
                return self.again(self.size, self.short);
            }
            self.added += now - before;
        }
        self.total = page.total.or(self.total);
        // A page that was read before adds nothing: the server may repeat it for ever.
        self.entries += page.entries - known;
        self.repeated += known;
        // An addition moves an entry to the next page, where it is read again. If more of them are,
        // an addition hides a deletion.
        let read = self.entries + self.repeated.min(self.added);
        // A total that is lower than the number of entries read is ignored.
        match self.total.filter(|total| read <= *total) {
            Some(total) if read == total => Next::End,
            _ if is_new && self.number < MAX_PAGES => {
                self.number += 1;
                Next::Page
            }
            _ if is_new => Next::Unstable,
            // An entry moved, or the service counts what it does not list: then another reading
            // ends in the same way. Pages as small as the first one lose nothing if the service
            // shortens pages and does not say so.
            Some(_) if self.short != Some(read) => {
                self.again(self.first.clamp(1, self.size), Some(read))
            }
            _ => Next::End,
        }
    }

    fn again(&mut self, size: usize, short: Option<usize>) -> Next {
        if self.readings == MAX_READINGS {
            return Next::Unstable;
        }
        *self = Self::reading(self.readings + 1, size, short);
        Next::Again
    }
}

#[cfg(test)]
mod tests;
