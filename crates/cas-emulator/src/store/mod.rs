//! The certificates of the account, in a SQLite database in memory or in a file.
//!
//! Private keys are stored encrypted. Knows nothing of the API. May use `certificates` and `clock`.

mod key_sealer;
mod row;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior,
    params,
};
use zeroize::Zeroizing;

use crate::certificates::certificate::Leaf;
use crate::clock;
use key_sealer::{KeySealer, SealError};
use schema::SchemaError;

pub use row::StoredCertificate;
pub(crate) use row::resource_id;

/// The certificates of the account.
pub(crate) struct Store {
    sealer: KeySealer,
    /// The largest number of certificates; `None` for any number.
    quota: Option<u64>,
    database: Mutex<Database>,
}

struct Database {
    connection: Connection,
    /// When certificates with a lag appear in lists, by ID.
    listed_from: HashMap<i64, Instant>,
}

/// A certificate chain and its private key, PEM.
#[derive(Clone, Copy)]
pub(crate) struct PemPair<'a> {
    pub(crate) cert_pem: &'a str,
    pub(crate) key_pem: &'a str,
}

/// A certificate to store, with its private key.
pub(crate) struct NewCertificate<'a> {
    pub(crate) name: &'a str,
    /// Of SM2 double certificates, the signing pair.
    pub(crate) pair: PemPair<'a>,
    /// The encryption pair of SM2 double certificates.
    pub(crate) encryption: Option<PemPair<'a>>,
    /// The first certificate of `pair`.
    pub(crate) leaf: &'a Leaf,
    pub(crate) resource_group_id: &'a str,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) client_token: Option<&'a str>,
    /// How long lists omit the certificate.
    pub(crate) lag: Option<Duration>,
}

/// The result of storing a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InsertResult {
    /// Stored with this ID, now or by an earlier call with the same client token.
    Stored(i64),
    /// Another certificate has this name.
    NameTaken,
    /// The quota is used up.
    QuotaExceeded,
    /// An earlier call had the same client token and different parameters.
    TokenMismatch,
}

/// The result of deleting a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DeleteResult {
    /// Deleted, now or by an earlier call with the same client token.
    Deleted,
    /// No certificate has this ID.
    NotFound,
    /// An earlier call had the same client token and a different ID.
    TokenMismatch,
}

/// A stored certificate with its private key. No `Debug`, to keep the key out of logs.
pub(crate) struct CertificateWithKey {
    pub(crate) certificate: StoredCertificate,
    /// `None` for certificates from schema 1, which stored no keys.
    pub(crate) key: Option<Zeroizing<String>>,
    /// The key of the encryption certificate; `None` for other than SM2 double certificates.
    pub(crate) encrypt_key: Option<Zeroizing<String>>,
}

/// What lists select a certificate by.
pub(crate) struct Candidate<'a>(&'a Row<'a>);

impl Candidate<'_> {
    /// Whether the certificate has expired at `now`.
    pub(crate) fn expired(&self, now: SystemTime) -> Result<bool, StoreError> {
        Ok(clock::from_unix_seconds(self.0.get("not_after")?) < now)
    }

    /// The common name, the subject alternative names and the resource ID.
    pub(crate) fn names(&self) -> Result<[String; 3], StoreError> {
        let resource_id = resource_id(self.0.get("cert_id")?);
        Ok([self.0.get("common_name")?, self.0.get("sans")?, resource_id])
    }

    /// The resource group from the upload; empty if missing.
    pub(crate) fn resource_group_id(&self) -> Result<String, StoreError> {
        Ok(self.0.get("resource_group_id")?)
    }
}

impl Store {
    /// Opens `file`, which it creates if missing, or a database in memory. An error is a sentence
    /// for the user.
    pub(crate) fn open(file: Option<&Path>, quota: Option<u64>) -> Result<Self, String> {
        let connection = match file {
            None => Connection::open_in_memory().map_err(|error| error.to_string())?,
            Some(file) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
                let open =
                    Connection::open_with_flags(file, flags).map_err(|error| error.to_string());
                open.map_err(|error| format!("failed to open {}: {error}", file.display()))?
            }
        };
        schema::prepare(&connection).map_err(|error| match (error, file) {
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
        })?;
        let sealer = match file {
            None => KeySealer::in_memory()?,
            Some(file) => open_key_sealer(&connection, file)?,
        };
        let database = Mutex::new(Database { connection, listed_from: HashMap::new() });
        Ok(Self { sealer, quota, database })
    }

    /// Stores a certificate if its name is free. On return, the row is on disk.
    pub(crate) fn insert(&self, new: &NewCertificate<'_>) -> Result<InsertResult, StoreError> {
        let seal = |pair: PemPair<'_>| self.sealer.seal(new.name, pair.key_pem);
        let sealed_key = seal(new.pair)?;
        let sealed_encrypt_key = new.encryption.map(seal).transpose()?;
        let mut database = self.lock();
        let transaction =
            database.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(token) = new.client_token
            && let Some(inserted) = self.repeated(&transaction, token, new)?
        {
            return Ok(inserted);
        }
        let leaf = new.leaf;
        let inserted = transaction
            .prepare_cached(
                "INSERT INTO certificate
                     (name, common_name, sans, issuer, organization, city, province, country,
                      not_before, not_after, sha1, sha256, serial, algorithm, cert_pem,
                      sealed_key, resource_group_id, tags, client_token,
                      encrypt_cert_pem, sealed_encrypt_key)
                 VALUES
                     (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                      ?16, ?17, ?18, ?19, ?20, ?21)",
            )?
            .insert(params![
                new.name,
                leaf.common_name,
                leaf.sans.join(","),
                leaf.issuer,
                leaf.organization,
                leaf.city,
                leaf.province,
                leaf.country,
                leaf.not_before,
                leaf.not_after,
                leaf.sha1,
                leaf.sha256,
                leaf.serial,
                leaf.public_key.algorithm.name(),
                new.pair.cert_pem,
                sealed_key,
                new.resource_group_id,
                row::tags_to_json(&new.tags),
                new.client_token,
                new.encryption.map_or("", |pair| pair.cert_pem),
                sealed_encrypt_key,
            ]);
        let cert_id = match inserted {
            Ok(cert_id) => cert_id,
            // With a new token, the name is the only constraint that can fail.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Ok(InsertResult::NameTaken);
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(quota) = self.quota {
            let count: i64 =
                transaction.query_row("SELECT count(*) FROM certificate", [], |row| row.get(0))?;
            if count.unsigned_abs() > quota {
                // Dropping the transaction rolls back the insert.
                return Ok(InsertResult::QuotaExceeded);
            }
        }
        transaction.commit()?;
        if let Some(until) = new.lag.and_then(|lag| Instant::now().checked_add(lag)) {
            database.listed_from.insert(cert_id, until);
        }
        Ok(InsertResult::Stored(cert_id))
    }

    /// The result for a certificate whose client token was used before; `None` for a new token.
    fn repeated(
        &self,
        transaction: &Transaction<'_>,
        token: &str,
        new: &NewCertificate<'_>,
    ) -> Result<Option<InsertResult>, StoreError> {
        let first = transaction
            .prepare_cached("SELECT * FROM certificate WHERE client_token = ?1")?
            .query_row([token], |row| self.with_keys(row))
            .optional()?;
        let Some(first) = first.transpose()? else { return Ok(None) };
        let is_key = |stored: &Option<Zeroizing<String>>, pair: Option<PemPair<'_>>| {
            stored.as_ref().map(|key| key.as_str()) == pair.map(|pair| pair.key_pem)
        };
        let CertificateWithKey { certificate: first, key, encrypt_key } = first;
        let same = first.name == new.name
            && first.cert_pem == new.pair.cert_pem
            && first.encrypt_cert_pem == new.encryption.map_or("", |pair| pair.cert_pem)
            && first.resource_group_id == new.resource_group_id
            && first.tags == new.tags
            && is_key(&key, Some(new.pair))
            && is_key(&encrypt_key, new.encryption);
        Ok(Some(if same {
            InsertResult::Stored(first.cert_id)
        } else {
            InsertResult::TokenMismatch
        }))
    }

    /// Deletes a certificate. Its name becomes free, its ID does not. On return, the deletion is on
    /// disk.
    pub(crate) fn delete(
        &self,
        cert_id: i64,
        client_token: Option<&str>,
    ) -> Result<DeleteResult, StoreError> {
        let mut database = self.lock();
        let transaction =
            database.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(token) = client_token {
            let first: Option<i64> = transaction
                .prepare_cached("SELECT cert_id FROM deletion WHERE client_token = ?1")?
                .query_row([token], |row| row.get(0))
                .optional()?;
            if let Some(first) = first {
                return Ok(if first == cert_id {
                    DeleteResult::Deleted
                } else {
                    DeleteResult::TokenMismatch
                });
            }
        }
        if transaction.execute("DELETE FROM certificate WHERE cert_id = ?1", [cert_id])? == 0 {
            return Ok(DeleteResult::NotFound);
        }
        if let Some(token) = client_token {
            transaction.execute("INSERT INTO deletion VALUES (?1, ?2)", params![token, cert_id])?;
        }
        transaction.commit()?;
        Ok(DeleteResult::Deleted)
    }

    /// The certificate with this ID.
    pub(crate) fn find(&self, cert_id: i64) -> Result<Option<CertificateWithKey>, StoreError> {
        let found = self
            .lock()
            .connection
            .prepare_cached("SELECT * FROM certificate WHERE cert_id = ?1")?
            .query_row([cert_id], |row| self.with_keys(row))
            .optional()?;
        Ok(found.transpose()?)
    }

    /// A row with its keys decrypted.
    fn with_keys(&self, row: &Row<'_>) -> rusqlite::Result<Result<CertificateWithKey, SealError>> {
        let certificate = row::from_row(row)?;
        let open = |column| {
            let sealed: Option<Vec<u8>> = row.get(column)?;
            let opened = sealed.map(|sealed| self.sealer.open(&certificate.name, &sealed));
            Ok::<_, rusqlite::Error>(opened.transpose())
        };
        Ok(match (open("sealed_key")?, open("sealed_encrypt_key")?) {
            (Ok(key), Ok(encrypt_key)) => Ok(CertificateWithKey { certificate, key, encrypt_key }),
            (Err(error), _) | (_, Err(error)) => Err(error),
        })
    }

    /// All certificates, oldest first.
    pub(crate) fn all(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        let database = self.lock();
        let mut select =
            database.connection.prepare_cached("SELECT * FROM certificate ORDER BY cert_id")?;
        let all = select.query_map([], row::from_row)?.collect::<Result<_, _>>()?;
        Ok(all)
    }

    /// The certificates that lists show, newest first: of those that `selects` accepts, all except
    /// those whose lag has not ended. Returns how many there are, and those in `range`.
    pub(crate) fn listed(
        &self,
        selects: impl Fn(&Candidate<'_>) -> Result<bool, StoreError>,
        range: Range<usize>,
    ) -> Result<(usize, Vec<StoredCertificate>), StoreError> {
        let now = Instant::now();
        let mut database = self.lock();
        database.listed_from.retain(|_, until| now < *until);
        // Reads what `selects` needs: the whole rows of a large account take too long.
        let mut select = database.connection.prepare_cached(
            "SELECT cert_id, not_after, common_name, sans, resource_group_id
             FROM certificate ORDER BY cert_id DESC",
        )?;
        let mut rows = select.query([])?;
        let mut ids: Vec<i64> = Vec::new();
        while let Some(row) = rows.next()? {
            let cert_id = row.get(0)?;
            if !database.listed_from.contains_key(&cert_id) && selects(&Candidate(row))? {
                ids.push(cert_id);
            }
        }
        let mut select =
            database.connection.prepare_cached("SELECT * FROM certificate WHERE cert_id = ?1")?;
        let end = range.end.min(ids.len());
        let selected = ids[range.start.min(end)..end].iter();
        let page = selected.map(|cert_id| select.query_row([cert_id], row::from_row));
        let page = page.collect::<Result<_, _>>()?;
        Ok((ids.len(), page))
    }

    /// Deletes everything. The next ID is 1.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        let mut database = self.lock();
        database.listed_from.clear();
        database.connection.execute_batch(
            "BEGIN IMMEDIATE;
             DELETE FROM certificate;
             DELETE FROM deletion;
             DELETE FROM sqlite_sequence WHERE name = 'certificate';
             COMMIT;",
        )?;
        Ok(())
    }

    /// Ignores poisoning: a panic rolls back its transaction, so the database stays consistent.
    fn lock(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key sealer of a data file, once it has decrypted one of the private keys in the file.
fn open_key_sealer(connection: &Connection, file: &Path) -> Result<KeySealer, String> {
    let encrypted: Option<(String, Vec<u8>)> = connection
        .query_row(
            "SELECT name, sealed_key FROM certificate WHERE sealed_key IS NOT NULL LIMIT 1",
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

/// The database failed while the emulator was running. Displayed as a sentence, which contains no
/// value from the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(String);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<SealError> for StoreError {
    fn from(_: SealError) -> Self {
        Self("failed to encrypt or decrypt a private key".to_owned())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database error: {}", self.0)
    }
}

impl std::error::Error for StoreError {}
