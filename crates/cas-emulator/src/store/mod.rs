//! The certificates of the account, in a SQLite database in memory or in a file.
//!
//! Private keys are stored encrypted. Knows nothing of the API. May use `certificates` and `clock`.

mod account;
mod browse;
pub(crate) mod cloud_resources;
mod data_lock;
mod deletion;
pub(crate) mod deployment;
mod error;
mod json;
mod key_sealer;
mod keys;
mod listing;
mod row;
mod schema;
mod search;
mod snapshot;
pub(crate) mod tags;
#[cfg(test)]
mod tests;
mod upload;
mod writer;

use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};

use data_lock::DataLock;
use key_sealer::KeySealer;
use listing::Hidden;
use schema::SchemaError;
use search::Searches;
use upload::PendingUpload;
use writer::{Writer, lock};
use zeroize::Zeroizing;

pub(crate) use account::Account;
pub(crate) use browse::Browse;
pub(crate) use deletion::DeleteResult;
pub use error::StoreError;
pub(crate) use keys::CertificateWithKey;
pub(crate) use listing::ListFilter;
pub use row::StoredCertificate;
pub(crate) use row::{cert_id_of, resource_id};
pub(crate) use snapshot::{Export, SnapshotError};
pub(crate) use upload::{InsertResult, NewCertificate, PemPair};

/// The certificates of all accounts.
pub(crate) struct Store {
    sealer: Arc<KeySealer>,
    /// The largest number of certificates of an account; `None` for any number.
    quota: Option<u64>,
    writer: Writer,
    /// For a data file, so that lists and details do not wait for the disk. A database in memory
    /// has one connection.
    reader: Option<Mutex<Connection>>,
    hidden: Arc<Mutex<Hidden>>,
    /// Locked before a connection.
    searches: Mutex<Searches>,
    /// After the connections: fields drop in order.
    lock: Option<DataLock>,
}

impl Store {
    /// Opens `file`, which it creates if missing, or a database in memory. An error is a sentence
    /// for the user.
    pub(crate) fn open(file: Option<&Path>, quota: Option<u64>) -> Result<Self, String> {
        let mut connection = match file {
            None => schema::in_memory().map_err(|error| error.to_string())?,
            Some(file) => open_file(file)?,
        };
        let failure = |error| match (error, file) {
            (SchemaError::Foreign, Some(file)) => {
                format!("{} is not a cas-emulator database; it was not changed", file.display())
            }
            (SchemaError::Newer { version, supported }, Some(file)) => format!(
                "{} was created by a newer cas-emulator (schema {version}; this version supports \
                 up to {supported})",
                file.display()
            ),
            (SchemaError::Sqlite(error), Some(file)) => {
                format!("failed to read {}: {error}", file.display())
            }
            (error, None) => format!("failed to create a database in memory: {error:?}"),
        };
        // Before the lock, which creates a file beside it.
        schema::check(&connection).map_err(failure)?;
        // By its real path: a link must not hide that two emulators use one file.
        let real = file.map(|file| file.canonicalize().unwrap_or_else(|_| file.to_owned()));
        let lock = real.as_deref().map(DataLock::acquire).transpose()?;
        schema::prepare(&mut connection).map_err(failure)?;
        let (sealer, reader) = match file {
            None => (KeySealer::in_memory()?, None),
            Some(file) => (open_key_sealer(&connection, file)?, Some(open_file(file)?)),
        };
        Ok(Self {
            sealer: Arc::new(sealer),
            quota,
            writer: Writer::new(connection, file.is_some()),
            reader: reader.map(Mutex::new),
            hidden: Arc::default(),
            searches: Mutex::new(Searches::new()),
            lock,
        })
    }

    /// Tells an emulator that finds the data file in use where this one listens.
    pub(crate) fn announce(&self, url: &str) {
        if let Some(lock) = &self.lock {
            let _ = lock.announce(url); // its message would only be less helpful
        }
    }

    /// Stores a certificate if its name is free. On return, the row is on disk.
    pub(crate) fn insert(&self, new: &NewCertificate<'_>) -> Result<InsertResult, StoreError> {
        let upload = PendingUpload::new(new, &self.sealer, self.quota, &self.hidden)?;
        self.writer.write(new.other_uploaders, |connection| upload.run(connection))
    }

    /// Deletes a certificate. Its name becomes free, its ID does not. On return, the deletion is on
    /// disk.
    pub(crate) fn delete(
        &self,
        account: Account,
        cert_id: i64,
        client_token: Option<&str>,
    ) -> Result<DeleteResult, StoreError> {
        let client_token = client_token.map(str::to_owned);
        self.writer.write(0, move |connection| {
            deletion::delete(connection, account, cert_id, client_token.as_deref())
        })
    }

    /// The certificate of `account` with this ID.
    pub(crate) fn find(
        &self,
        account: Account,
        cert_id: i64,
    ) -> Result<Option<CertificateWithKey>, StoreError> {
        let found = self
            .read()
            .prepare_cached(
                "SELECT * FROM certificate JOIN material USING (cert_id)
                 WHERE account = ?1 AND cert_id = ?2",
            )?
            .query_row(params![account, cert_id], |row| keys::with_keys(row, &self.sealer))
            .optional()?;
        Ok(found.transpose()?)
    }

    /// The certificate of `account` with this name.
    pub(crate) fn find_by_name(
        &self,
        account: Account,
        name: &str,
    ) -> Result<Option<CertificateWithKey>, StoreError> {
        let select = "SELECT cert_id FROM certificate WHERE account = ?1 AND name = ?2";
        let cert_id = self.query(|connection| {
            connection.query_row(select, params![account, name], |row| row.get(0)).optional()
        })?;
        cert_id.map_or(Ok(None), |cert_id| self.find(account, cert_id))
    }

    /// All certificates of all accounts, oldest first.
    pub(crate) fn all(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        let connection = self.read();
        let mut select = connection.prepare_cached(
            "SELECT * FROM certificate JOIN material USING (cert_id) ORDER BY cert_id",
        )?;
        let all = select.query_map([], row::with_pem)?.collect::<Result<_, _>>()?;
        Ok(all)
    }

    /// The certificates that a list shows, newest first: all that `filter` selects except those
    /// whose lag has not ended. Returns how many there are, and those in `range`, without their
    /// PEM.
    pub(crate) fn listed(
        &self,
        filter: &ListFilter<'_>,
        range: &Range<usize>,
    ) -> Result<(usize, Vec<StoredCertificate>), StoreError> {
        let mut searches = lock(&self.searches);
        let connection = self.read();
        let now = Instant::now();
        let mut hidden = lock(&self.hidden);
        hidden.retain(|_, until| now < *until);
        let hidden = hidden.clone();
        listing::list(&connection, filter, &hidden, range, &mut searches.keyword)
    }

    /// The certificates that `browse` selects: how many there are, and the IDs of its page.
    pub(crate) fn browse(&self, browse: &Browse<'_>) -> Result<(usize, Vec<i64>), StoreError> {
        let mut searches = lock(&self.searches);
        browse.run(&self.read(), &mut searches.identity)
    }

    /// The certificates with these IDs that are still stored, without their PEM unless `with_pem`.
    pub(crate) fn with_ids(
        &self,
        ids: &[i64],
        with_pem: bool,
    ) -> Result<Vec<StoredCertificate>, StoreError> {
        browse::rows(&self.read(), ids, with_pem)
    }

    /// How many certificates there are.
    pub(crate) fn count(&self) -> Result<usize, StoreError> {
        Ok(search::count(&self.read())?)
    }

    /// Deletes everything and gives the memory back. The next ID is the first one again.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        self.replace(|_| Ok::<_, StoreError>(()))?;
        if self.reader.is_some() {
            self.writer.connection().execute_batch("VACUUM")?;
        }
        Ok(())
    }

    /// Writes a snapshot. Meanwhile nothing is stored, and everything can be read.
    pub(crate) fn write_snapshot(&self, export: &Export, to: &mut dyn Write) -> io::Result<()> {
        let _paused = self.writer.pause();
        export.write(&self.sealer, || self.read(), to)
    }

    /// Replaces everything by a snapshot, whose private keys are sealed for one of these access
    /// keys. After an error, everything is as it was.
    pub(crate) fn import(
        &self,
        secrets: &[(String, Zeroizing<String>)],
        document: &mut dyn Read,
    ) -> Result<(), SnapshotError> {
        self.replace(|empty| snapshot::import(empty, &self.sealer, secrets, document))
    }

    /// Replaces everything by what `fill` adds to an empty database, unless that fails. On return,
    /// it is on disk.
    fn replace<E: From<rusqlite::Error>>(
        &self,
        fill: impl FnOnce(&Connection) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.reader.is_none() {
            let mut new = schema::in_memory()?;
            let transaction = new.transaction()?;
            fill(&transaction)?;
            transaction.commit()?;
            let _paused = self.writer.pause();
            let _searches = self.forget();
            *self.writer.connection() = new;
        } else {
            let _paused = self.writer.pause();
            let mut connection = self.writer.connection();
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(&schema::clear())?;
            fill(&transaction)?;
            let searches = self.forget();
            transaction.commit()?;
            drop(searches);
            connection.execute_batch("PRAGMA shrink_memory")?;
            self.read().execute_batch("PRAGMA shrink_memory")?;
        }
        Ok(())
    }

    /// Forgets what is in memory beside the database. Nothing is searched before the result is
    /// dropped, because the same IDs are used again.
    fn forget(&self) -> MutexGuard<'_, Searches> {
        let mut searches = lock(&self.searches);
        *searches = Searches::new();
        lock(&self.hidden).clear();
        searches
    }

    /// The connection for reading.
    fn read(&self) -> MutexGuard<'_, Connection> {
        self.reader.as_ref().map_or_else(|| self.writer.connection(), lock)
    }

    /// Reads other tables with `run`.
    pub(crate) fn query<T>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        Ok(run(&self.read())?)
    }

    /// Changes other tables with `run`, in a transaction of its own. On return, the change is on
    /// disk.
    pub(crate) fn change<T>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let _paused = self.writer.pause();
        let mut connection = self.writer.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = run(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

fn open_file(file: &Path) -> Result<Connection, String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    Connection::open_with_flags(file, flags)
        .map_err(|error| format!("failed to open {}: {error}", file.display()))
}

/// The key sealer of a data file, once it has decrypted one of the private keys in the file.
fn open_key_sealer(connection: &Connection, file: &Path) -> Result<KeySealer, String> {
    let encrypted: Option<(String, Vec<u8>)> = connection
        .query_row(
            "SELECT name, sealed_key FROM material JOIN certificate USING (cert_id)
             WHERE sealed_key IS NOT NULL LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(|error| format!("failed to read {}: {error}", file.display()))?;
    let sealer = KeySealer::beside(file, encrypted.is_some())?;
    match encrypted {
        Some((name, encrypted)) if sealer.open(&name, &encrypted).is_err() => Err(format!(
            "{} does not decrypt the private keys in {}. Restore the right key file, or delete \
             both files to start over",
            key_sealer::key_file(file).display(),
            file.display(),
        )),
        _ => Ok(sealer),
    }
}
