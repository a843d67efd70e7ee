//! Where certificates are kept: one SQLite database, in memory or in a file.
//!
//! Private keys are in it only as the vault sealed them.

mod row;
mod schema;
mod vault;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use zeroize::Zeroizing;

use crate::certificate::Facts;
use schema::Problem;
use vault::{Unsealable, Vault};

pub use row::StoredCertificate;
pub(crate) use row::resource_id;

/// The certificates of the emulator's one account.
pub(crate) struct Store {
    vault: Vault,
    /// How many certificates it takes.
    quota: Option<u64>,
    kept: Mutex<Kept>,
}

struct Kept {
    connection: Connection,
    /// Certificates that lists leave out until then.
    lagging: HashMap<i64, Instant>,
}

/// A checked certificate that is to be stored.
pub(crate) struct Upload<'a> {
    pub(crate) name: &'a str,
    pub(crate) cert_pem: &'a str,
    pub(crate) key_pem: &'a str,
    pub(crate) facts: &'a Facts,
    pub(crate) resource_group_id: &'a str,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) client_token: Option<&'a str>,
    /// For how long lists leave it out.
    pub(crate) lag: Option<Duration>,
}

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    /// Stored under this id, now or when its client token came first.
    Stored(i64),
    /// The name is taken; nothing was changed.
    NameTaken,
    /// There are as many certificates as the quota allows.
    QuotaPassed,
    /// The client token came with another upload before.
    TokenMismatch,
}

/// What became of a deletion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delete {
    /// It is gone, now or since its client token came first.
    Deleted,
    /// There is no certificate with this id.
    NotFound,
    /// The client token came with another id before.
    TokenMismatch,
}

/// A certificate with its private key. No `Debug`.
pub(crate) struct Found {
    pub(crate) certificate: StoredCertificate,
    /// `None` for certificates of the first schema, which kept none.
    pub(crate) key: Option<Zeroizing<String>>,
}

impl Store {
    /// Opens `file`, creating it if need be, or a database in memory. Fails with a sentence.
    pub(crate) fn open(file: Option<&Path>, quota: Option<u64>) -> Result<Self, String> {
        let connection = match file {
            None => Connection::open_in_memory().map_err(|error| error.to_string())?,
            Some(file) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
                let open =
                    Connection::open_with_flags(file, flags).map_err(|error| error.to_string());
                open.map_err(|error| format!("{} cannot be opened: {error}", file.display()))?
            }
        };
        schema::prepare(&connection).map_err(|problem| match (problem, file) {
            (Problem::Foreign, Some(file)) => {
                format!("{} was not made by cas-emulator; it is left as it is", file.display())
            }
            (Problem::Newer { version, known }, Some(file)) => format!(
                "{} was made by a newer cas-emulator (schema {version}, this one reads up to {known})",
                file.display()
            ),
            (Problem::Sqlite(error), Some(file)) => format!("{} cannot be used: {error}", file.display()),
            (problem, None) => format!("no database in memory: {problem:?}"),
        })?;
        let vault = match file {
            None => Vault::in_memory()?,
            Some(file) => open_vault(&connection, file)?,
        };
        let kept = Mutex::new(Kept { connection, lagging: HashMap::new() });
        Ok(Self { vault, quota, kept })
    }

    /// Stores a certificate if its name is free. When this returns, the row is on disk.
    pub(crate) fn insert(&self, upload: &Upload<'_>) -> Result<Insert, StoreError> {
        let sealed_key = self.vault.seal(upload.name, upload.key_pem)?;
        let mut kept = self.lock();
        let transaction =
            kept.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(token) = upload.client_token
            && let Some(inserted) = self.repeated(&transaction, token, upload)?
        {
            return Ok(inserted);
        }
        let facts = upload.facts;
        let inserted = transaction
            .prepare_cached(
                "INSERT INTO certificate (name, common_name, sans, issuer, organization, city, province, country,
                                          not_before, not_after, sha1, sha256, serial, algorithm, cert_pem,
                                          sealed_key, resource_group_id, tags, client_token)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
            )?
            .insert(params![
                upload.name,
                facts.common_name,
                facts.sans.join(","),
                facts.issuer,
                facts.organization,
                facts.city,
                facts.province,
                facts.country,
                facts.not_before,
                facts.not_after,
                facts.sha1,
                facts.sha256,
                facts.serial,
                facts.public_key.algorithm.name(),
                upload.cert_pem,
                sealed_key,
                upload.resource_group_id,
                row::tags_text(&upload.tags),
                upload.client_token,
            ]);
        let cert_id = match inserted {
            Ok(cert_id) => cert_id,
            // The only constraint that a complete row with a new token can break is the unique name.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Ok(Insert::NameTaken);
            }
            Err(error) => return Err(error.into()),
        };
        let count: i64 =
            transaction.query_row("SELECT count(*) FROM certificate", [], |row| row.get(0))?;
        if self.quota.is_some_and(|quota| count.unsigned_abs() > quota) {
            return Ok(Insert::QuotaPassed); // what was inserted goes with the transaction
        }
        transaction.commit()?;
        if let Some(until) = upload.lag.and_then(|lag| Instant::now().checked_add(lag)) {
            kept.lagging.insert(cert_id, until);
        }
        Ok(Insert::Stored(cert_id))
    }

    /// What the upload that brought `token` first means for this one; `None` if there was none.
    fn repeated(
        &self,
        transaction: &Transaction<'_>,
        token: &str,
        upload: &Upload<'_>,
    ) -> Result<Option<Insert>, StoreError> {
        let first = transaction
            .prepare_cached("SELECT * FROM certificate WHERE client_token = ?1")?
            .query_row([token], |row| Ok((row::certificate(row)?, row.get("sealed_key")?)))
            .optional()?;
        let Some((first, sealed_key)): Option<(StoredCertificate, Vec<u8>)> = first else {
            return Ok(None);
        };
        let same = first.name == upload.name
            && first.cert_pem == upload.cert_pem
            && first.resource_group_id == upload.resource_group_id
            && first.tags == upload.tags
            && *self.vault.open(&first.name, &sealed_key)? == upload.key_pem;
        Ok(Some(if same { Insert::Stored(first.cert_id) } else { Insert::TokenMismatch }))
    }

    /// Removes a certificate; its name is free then, its id is not. When this returns, that is on disk.
    pub(crate) fn delete(
        &self,
        cert_id: i64,
        client_token: Option<&str>,
    ) -> Result<Delete, StoreError> {
        let mut kept = self.lock();
        let transaction =
            kept.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(token) = client_token {
            let first: Option<i64> = transaction
                .prepare_cached("SELECT cert_id FROM deletion WHERE client_token = ?1")?
                .query_row([token], |row| row.get(0))
                .optional()?;
            if let Some(first) = first {
                return Ok(if first == cert_id { Delete::Deleted } else { Delete::TokenMismatch });
            }
        }
        if transaction.execute("DELETE FROM certificate WHERE cert_id = ?1", [cert_id])? == 0 {
            return Ok(Delete::NotFound);
        }
        if let Some(token) = client_token {
            transaction.execute("INSERT INTO deletion VALUES (?1, ?2)", params![token, cert_id])?;
        }
        transaction.commit()?;
        Ok(Delete::Deleted)
    }

    /// The certificate with this id.
    pub(crate) fn find(&self, cert_id: i64) -> Result<Option<Found>, StoreError> {
        let found = self
            .lock()
            .connection
            .prepare_cached("SELECT * FROM certificate WHERE cert_id = ?1")?
            .query_row([cert_id], |row| Ok((row::certificate(row)?, row.get("sealed_key")?)))
            .optional()?;
        let Some((certificate, sealed_key)): Option<(StoredCertificate, Option<Vec<u8>>)> = found
        else {
            return Ok(None);
        };
        let key =
            sealed_key.map(|sealed| self.vault.open(&certificate.name, &sealed)).transpose()?;
        Ok(Some(Found { certificate, key }))
    }

    /// Everything stored, oldest first.
    pub(crate) fn all(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        let kept = self.lock();
        let mut select =
            kept.connection.prepare_cached("SELECT * FROM certificate ORDER BY cert_id")?;
        let all = select.query_map([], row::certificate)?.collect::<Result<_, _>>()?;
        Ok(all)
    }

    /// What lists show, newest first: certificates appear there only after their lag.
    pub(crate) fn listed(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        let mut listed = self.all()?;
        let now = Instant::now();
        let mut kept = self.lock();
        kept.lagging.retain(|_, until| now < *until);
        listed.retain(|certificate| !kept.lagging.contains_key(&certificate.cert_id));
        listed.reverse();
        Ok(listed)
    }

    /// Forgets everything; the next id is 1 again.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        let mut kept = self.lock();
        kept.lagging.clear();
        kept.connection.execute_batch(
            "BEGIN IMMEDIATE;
             DELETE FROM certificate;
             DELETE FROM deletion;
             DELETE FROM sqlite_sequence WHERE name = 'certificate';
             COMMIT;",
        )?;
        Ok(())
    }

    /// A panic elsewhere leaves no half-done statement behind, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The vault of a data file, if it can open what is in the file.
fn open_vault(connection: &Connection, file: &Path) -> Result<Vault, String> {
    let sealed: Option<(String, Vec<u8>)> = connection
        .query_row(
            "SELECT name, sealed_key FROM certificate WHERE sealed_key IS NOT NULL LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(|error| format!("{} cannot be used: {error}", file.display()))?;
    let vault = Vault::beside(file, sealed.is_some())?;
    match sealed {
        Some((name, sealed)) if vault.open(&name, &sealed).is_err() => Err(format!(
            "{} does not open the private keys in {}. Put the right one back, or delete both files to begin anew",
            vault::key_file(file).display(),
            file.display(),
        )),
        _ => Ok(vault),
    }
}

/// The database failed while the emulator ran. Neither SQLite's errors nor the vault's hold values of the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(String);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<Unsealable> for StoreError {
    fn from(_: Unsealable) -> Self {
        Self("a private key cannot be sealed or opened".to_owned())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificates cannot be read or changed: {}", self.0)
    }
}

impl std::error::Error for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(file: &Path) -> String {
        Store::open(Some(file), None).err().unwrap_or_default()
    }

    #[test]
    fn files_of_others_and_of_the_future_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        std::fs::write(&text, "not a database, but long enough to be looked at as if it were one")
            .unwrap();
        assert!(refusal(&text).ends_with("was not made by cas-emulator; it is left as it is"));

        let other = folder.path().join("other");
        Connection::open(&other)
            .unwrap()
            .execute_batch("CREATE TABLE t (a); PRAGMA user_version = 1")
            .unwrap();
        assert!(refusal(&other).ends_with("was not made by cas-emulator; it is left as it is"));
        assert!(!vault::key_file(&other).exists());

        let future = folder.path().join("future");
        drop(Store::open(Some(&future), None).unwrap());
        Connection::open(&future).unwrap().execute_batch("PRAGMA user_version = 3").unwrap();
        assert!(
            refusal(&future).ends_with("a newer cas-emulator (schema 3, this one reads up to 2)")
        );

        assert!(refusal(&folder.path().join("no/such/folder")).contains("cannot be opened"));
    }

    fn upload<'a>(name: &'a str, facts: &'a Facts) -> Upload<'a> {
        let (cert_pem, key_pem, resource_group_id) = ("pem", "the key", "");
        let (tags, client_token, lag) = (vec![], None, None);
        Upload { name, cert_pem, key_pem, facts, resource_group_id, tags, client_token, lag }
    }

    fn facts() -> Facts {
        crate::certificate::read(include_str!("../tests/data/keys/p256.crt")).unwrap()
    }

    #[test]
    fn a_key_file_that_is_lost_or_anothers_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cas.db");
        let key = vault::key_file(&file);
        drop(Store::open(Some(&file), None).unwrap());
        // As long as nothing is sealed, another key is as good.
        std::fs::remove_file(&key).unwrap();
        let store = Store::open(Some(&file), None).unwrap();
        assert_eq!(store.insert(&upload("a", &facts())), Ok(Insert::Stored(1)));
        drop(store);

        let good = std::fs::read(&key).unwrap();
        std::fs::remove_file(&key).unwrap();
        assert!(refusal(&file).contains("cas.db.key is missing"), "{}", refusal(&file));
        assert!(refusal(&file).contains("delete both files"));
        std::fs::write(&key, "short").unwrap();
        assert!(refusal(&file).contains("a key has 32 bytes"), "{}", refusal(&file));
        std::fs::write(&key, [7; 32]).unwrap();
        assert!(refusal(&file).contains("does not open the private keys"), "{}", refusal(&file));
        std::fs::write(&key, good).unwrap();
        assert_eq!(refusal(&file), "");
    }
}
