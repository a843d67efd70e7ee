//! Writes to the database, with group commit: those that arrive during a commit share the next one.
//!
//! A commit waits for the disk. Without this, every write would wait for all writes before it.

use std::mem;
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::StoreError;

/// A connection and the writes that wait for it.
pub(super) struct Writer {
    connection: Mutex<Connection>,
    pending: Mutex<Vec<Job>>,
}

/// The result of one write, and whether to keep its changes.
pub(super) enum Change<T> {
    Keep(T),
    Undo(T),
}

/// Runs one write and returns what reports its result after the commit.
type Job = Box<dyn FnOnce(&mut Transaction<'_>) -> Report + Send>;
type Report = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection: Mutex::new(connection), pending: Mutex::default() }
    }

    /// Runs `job` in a transaction. On return, its changes are on disk, or undone on an error.
    pub(super) fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<Change<T>, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let run = move |transaction: &mut Transaction<'_>| {
            let result = in_savepoint(transaction, job);
            let report = move |committed: Result<(), StoreError>| {
                // The receiver lives as long as this call of `write`.
                let _ = sender.send(committed.and(result));
            };
            Box::new(report) as Report
        };
        lock(&self.pending).push(Box::new(run));
        let mut connection = self.connection();
        // Another thread may have run it while this one waited.
        if let Ok(result) = receiver.try_recv() {
            return result;
        }
        let jobs = mem::take(&mut *lock(&self.pending));
        commit(&mut connection, jobs)?;
        drop(connection);
        receiver.recv().unwrap_or_else(|_| Err(StoreError::abandoned()))
    }

    /// The connection, for reading.
    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        lock(&self.connection)
    }
}

/// Commits all `jobs` together. If that fails, their senders are dropped.
fn commit(connection: &mut Connection, jobs: Vec<Job>) -> Result<(), StoreError> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let reports: Vec<Report> = jobs.into_iter().map(|job| job(&mut transaction)).collect();
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
