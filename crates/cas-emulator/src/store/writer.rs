//! Writes to the database, with group commit: those that arrive during a commit share the next one.
//!
//! A commit waits for the disk. Without this, every write would wait for all writes before it. A
//! commit also waits a little for half of the clients that upload: one that has its response sends
//! its next upload at once.

use std::mem;
use std::sync::mpsc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::StoreError;

/// How long a commit waits for other clients at most.
const GATHER: Duration = Duration::from_millis(100);
/// A commit waits no longer once none has arrived for this time.
const QUIET: Duration = Duration::from_millis(20);

/// A connection and the writes that wait for it.
pub(super) struct Writer {
    connection: Mutex<Connection>,
    /// Whether a commit waits for the disk.
    is_durable: bool,
    /// Locked before the connection by each change.
    changing: Mutex<()>,
    pending: Mutex<Pending>,
    /// A write has arrived.
    arrived: Condvar,
}

/// The writes that wait for the connection.
#[derive(Default)]
struct Pending {
    jobs: Vec<Job>,
    /// How many to wait for before the commit.
    wanted: usize,
    /// One of the threads commits, or has been told to.
    has_leader: bool,
}

/// The result of one write, and whether to keep its changes.
pub(super) enum Change<T> {
    Keep(T),
    Undo(T),
}

/// One write.
struct Job {
    /// Runs it and returns what reports its result after the commit.
    run: Box<dyn FnOnce(&mut Transaction<'_>) -> Report + Send>,
    /// Makes its thread the one that commits.
    lead: Box<dyn FnOnce() + Send>,
}

type Report = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What a thread that waits for its write hears.
enum Signal<T> {
    Lead,
    Done(Result<T, StoreError>),
}

impl Pending {
    /// Makes the thread of the first write commit, if there is one.
    fn appoint_leader(&mut self) {
        self.has_leader = !self.jobs.is_empty();
        if let Some(job) = self.jobs.first_mut() {
            mem::replace(&mut job.lead, Box::new(|| ()))();
        }
    }
}

impl Writer {
    pub(super) fn new(connection: Connection, is_durable: bool) -> Self {
        let (pending, arrived) = (Mutex::default(), Condvar::new());
        let changing = Mutex::default();
        Self { connection: Mutex::new(connection), is_durable, changing, pending, arrived }
    }

    /// Runs `job` in a transaction. `other_uploaders` are likely to write as well. On return, its
    /// changes are on disk, or undone on an error.
    pub(super) fn write<T: Send + 'static>(
        &self,
        other_uploaders: usize,
        job: impl FnOnce(&Connection) -> Result<Change<T>, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, signals) = mpsc::channel();
        let lead = done.clone();
        let run = move |transaction: &mut Transaction<'_>| {
            let result = in_savepoint(transaction, job);
            let report = move |committed: Result<(), StoreError>| {
                // The receiver lives as long as this call of `write`.
                let _ = done.send(Signal::Done(committed.and(result)));
            };
            Box::new(report) as Report
        };
        let lead = move || {
            let _ = lead.send(Signal::Lead); // likewise
        };
        let mut pending = lock(&self.pending);
        pending.jobs.push(Job { run: Box::new(run), lead: Box::new(lead) });
        if !pending.has_leader {
            pending.appoint_leader();
        }
        pending.wanted = pending.wanted.max(other_uploaders.div_ceil(2));
        drop(pending);
        self.arrived.notify_one();
        loop {
            match signals.recv() {
                Ok(Signal::Lead) => self.lead()?,
                Ok(Signal::Done(result)) => return result,
                Err(_) => return Err(StoreError::abandoned()),
            }
        }
    }

    /// Commits the writes that are pending, among them that of this thread.
    fn lead(&self) -> Result<(), StoreError> {
        let _handover = Handover(self);
        let jobs = self.gather();
        let _changing = self.pause();
        commit(&mut self.connection(), jobs)
    }

    /// The writes to commit together.
    fn gather(&self) -> Vec<Job> {
        let mut pending = lock(&self.pending);
        let end = Instant::now() + GATHER;
        while self.is_durable && pending.jobs.len() < pending.wanted && Instant::now() < end {
            let waited = self.arrived.wait_timeout(pending, QUIET);
            let (waited, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            pending = waited;
            if timeout.timed_out() {
                break;
            }
        }
        pending.wanted = 0;
        mem::take(&mut pending.jobs)
    }

    /// Keeps all other changes waiting.
    pub(super) fn pause(&self) -> MutexGuard<'_, ()> {
        lock(&self.changing)
    }

    /// The connection: for reading, or for changes during a pause.
    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        lock(&self.connection)
    }
}

/// Makes another thread commit the writes that have arrived meanwhile, also after a panic.
struct Handover<'a>(&'a Writer);

impl Drop for Handover<'_> {
    fn drop(&mut self) {
        lock(&self.0.pending).appoint_leader();
    }
}

/// Commits all `jobs` together. If that fails, their senders are dropped.
fn commit(connection: &mut Connection, jobs: Vec<Job>) -> Result<(), StoreError> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let reports: Vec<Report> = jobs.into_iter().map(|job| (job.run)(&mut transaction)).collect();
    let committed = transaction.commit().map_err(StoreError::from);
    for report in reports {
        report(committed.clone());
    }
    Ok(())
}

fn in_savepoint<T>(
    transaction: &mut Transaction<'_>,
    job: impl FnOnce(&Connection) -> Result<Change<T>, StoreError>,
) -> Result<T, StoreError> {
    let savepoint = transaction.savepoint()?;
    match job(&savepoint)? {
        Change::Keep(result) => {
            savepoint.commit()?;
            Ok(result)
        }
        // Dropping the savepoint rolls it back.
        Change::Undo(result) => Ok(result),
    }
}

/// Ignores poisoning: a panic rolls back its transaction, so the database stays consistent.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
