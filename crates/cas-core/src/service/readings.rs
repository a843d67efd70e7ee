//! Readings of the lists, which the threads of a client share: each page is requested by one of the
//! threads that need it. A large account has hundreds of pages, and the service allows few calls a
//! second.
//!
//! A reading serves only the threads that asked before its first page was requested: a thread that
//! asks later may have sent a certificate meanwhile. It waits for the next reading.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::base::deadline::Deadline;
use crate::service::certificate::{Certificate, Page};
use crate::service::paging::{Next, Paging};
use crate::service::types::{List, Response};
use crate::service::version::ApiVersion;

/// What was read of the lists.
#[derive(Default)]
pub(crate) struct Entries {
    pub(crate) pages: Vec<Arc<Page>>,
    /// The RequestId of the last request.
    pub(crate) request_id: Option<String>,
}

impl Entries {
    /// What one page of a list has.
    pub(crate) fn of_page(response: Response<Page>) -> Self {
        Self { pages: vec![Arc::new(response.fields)], request_id: response.request_id }
    }

    /// The certificates in the order of the lists, each once.
    #[cold]
    pub(crate) fn certificates(&self) -> Vec<&Certificate> {
        let (mut all, mut ids) = (Vec::new(), BTreeSet::new());
        for page in &self.pages {
            all.extend(&page.certificates);
        }
        all.retain(|certificate: &&Certificate| ids.insert(certificate.id));
        all
    }

    /// The certificates, if no other thread has read them as well.
    #[cold]
    pub(crate) fn into_certificates(self) -> Vec<Certificate> {
        let (mut all, mut ids) = (Vec::new(), BTreeSet::new());
        for page in self.pages {
            if let Some(page) = Arc::into_inner(page) {
                all.extend(page.certificates);
            }
        }
        all.retain(|certificate: &Certificate| ids.insert(certificate.id));
        all
    }

    /// The names of the entries whose certificate ID cannot be read.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = &String> {
        self.pages.iter().flat_map(|page| &page.unreadable)
    }
}

/// The readings of a client in one process, one at a time.
#[derive(Default)]
pub(crate) struct Readings {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The newest, as long as a thread takes part or may do so.
    reading: Option<Reading>,
    /// How many have begun: the number of the newest.
    begun: u64,
    /// How many threads take part in none yet.
    waiting: usize,
    /// How often anything has changed.
    changes: u64,
}

struct Reading {
    version: ApiVersion,
    /// How many threads take part.
    threads: usize,
    /// Whether one of them is making a request.
    requesting: bool,
    /// The list that is being read, as an index of the version's lists.
    list: usize,
    paging: Paging,
    /// The pages of all lists.
    pages: Vec<Arc<Page>>,
    /// How many of them belong to lists that were read to their end.
    complete: usize,
    /// How often pages were removed again.
    restarts: u32,
    request_id: Option<String>,
    /// `End` or `Unstable` once there is nothing more to request.
    next: Next,
}

/// What a thread has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Request a page of this number and size of a list, and pass the response to [`Reader::add`].
    Request(List, usize, usize),
    /// Look at the pages from this one on, and go on unless they are enough.
    Look(usize),
    /// The lists are complete.
    End,
    /// The lists changed whenever they were read.
    Unstable,
    /// Read the lists without the others: they take too long.
    Alone,
    /// The call must end.
    Over,
}

/// One thread that reads the lists.
pub(crate) struct Reader<'a> {
    readings: &'a Readings,
    version: ApiVersion,
    deadline: &'a Deadline,
    /// The newest reading that had begun when the thread asked.
    asked: u64,
    /// Whether it takes part in the newest reading now.
    joined: bool,
    /// Whether it is making a request for the others.
    requesting: bool,
    /// What it has seen of the reading since this number of restarts.
    seen: Entries,
    restarts: u32,
    /// How often anything had changed when it began to wait, and until when it waits for the next
    /// change.
    changes: u64,
    patience: Instant,
}

impl Readings {
    pub(crate) fn reader<'a>(&'a self, version: ApiVersion, deadline: &'a Deadline) -> Reader<'a> {
        let mut state = self.lock();
        state.waiting += 1;
        Reader {
            readings: self,
            version,
            deadline,
            asked: state.begun,
            joined: false,
            requesting: false,
            seen: Entries::default(),
            restarts: 0,
            changes: state.changes,
            patience: deadline.halfway().instant(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// Waits until this thread has something to do.
    #[cold]
    pub(crate) fn turn(&mut self) -> Turn {
        let mut guard = self.readings.lock();
        loop {
            let state = &mut *guard;
            if !self.joined {
                match &mut state.reading {
                    Some(reading) if reading.version != self.version => return Turn::Alone,
                    Some(reading) if state.begun > self.asked => {
                        reading.threads += 1;
                        self.joined = true;
                    }
                    Some(reading) if reading.threads > 0 => {}
                    _ => {
                        state.reading = Some(Reading::new(self.version));
                        state.begun += 1;
                        self.joined = true;
                    }
                }
                state.waiting -= usize::from(self.joined);
            }
            if let Some(reading) = state.reading.as_mut().filter(|_| self.joined) {
                if self.restarts != reading.restarts {
                    self.restarts = reading.restarts;
                    self.seen.pages.truncate(reading.complete);
                }
                let seen = self.seen.pages.len();
                if seen < reading.pages.len() {
                    self.seen.pages.extend_from_slice(&reading.pages[seen..]);
                    self.seen.request_id.clone_from(&reading.request_id);
                    return Turn::Look(seen);
                }
                match reading.next {
                    Next::End => return Turn::End,
                    Next::Unstable => return Turn::Unstable,
                    Next::Page | Next::Again if reading.requesting => {}
                    Next::Page | Next::Again => {
                        (reading.requesting, self.requesting) = (true, true);
                        let (number, size) = reading.paging.request();
                        return Turn::Request(self.version.lists()[reading.list], number, size);
                    }
                }
            }
            // The requests of others take no more of this thread's time than its own would.
            if self.changes != state.changes {
                self.changes = state.changes;
                self.patience = self.deadline.halfway().instant();
            }
            let Ok(tick) = self.deadline.tick() else { return Turn::Over };
            if Instant::now() >= self.patience {
                return Turn::Alone;
            }
            let waiting = self.readings.changed.wait_timeout(guard, tick);
            guard = waiting.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Passes on the response to the request of this thread.
    #[cold]
    pub(crate) fn add(&mut self, response: Response<Page>) {
        let mut state = self.readings.lock();
        state.changes += 1;
        self.requesting = false;
        if let Some(reading) = &mut state.reading {
            reading.add(response);
        }
        drop(state);
        self.readings.changed.notify_all();
    }

    /// What it has looked at.
    pub(crate) fn seen(&mut self) -> &mut Entries {
        &mut self.seen
    }
}

/// The thread has what it needs, or its request failed: another one makes the next request.
impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut state = self.readings.lock();
        state.changes += 1;
        state.waiting -= usize::from(!self.joined);
        let waiting = state.waiting;
        if let Some(reading) = state.reading.as_mut().filter(|_| self.joined) {
            reading.threads -= 1;
            reading.requesting &= !self.requesting;
        }
        if waiting == 0 && state.reading.as_ref().is_some_and(|reading| reading.threads == 0) {
            state.reading = None;
        }
        drop(state);
        self.readings.changed.notify_all();
    }
}

impl Reading {
    /// A reading with one thread.
    fn new(version: ApiVersion) -> Self {
        Self {
            version,
            threads: 1,
            requesting: false,
            list: 0,
            paging: Paging::new(),
            pages: Vec::new(),
            complete: 0,
            restarts: 0,
            request_id: None,
            next: Next::Page,
        }
    }

    fn add(&mut self, response: Response<Page>) {
        self.requesting = false;
        self.request_id = response.request_id;
        self.next = self.paging.add(&response.fields);
        if self.next == Next::Again {
            self.pages.truncate(self.complete);
            self.restarts += 1;
        } else {
            self.pages.push(Arc::new(response.fields));
        }
        if self.next == Next::End && self.list + 1 < self.version.lists().len() {
            self.next = Next::Page;
            self.list += 1;
            self.paging = Paging::new();
            self.complete = self.pages.len();
        }
    }
}

#[cfg(test)]
mod tests;
