//! Where certificates are kept: one SQLite database, in memory or in a file.
//!
//! Private keys are not kept at all.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params};

use crate::certificate::Facts;

/// Marks a database file as the emulator's: `casE`.
const APPLICATION_ID: i64 = 0x6361_7345;
/// Raised whenever the schema changes, so that a later version can bring older files up to date.
const SCHEMA_VERSION: i64 = 1;

/// AUTOINCREMENT, because an id must never come back after its certificate was deleted.
const SCHEMA: &str = "
    CREATE TABLE certificate (
        cert_id      INTEGER PRIMARY KEY AUTOINCREMENT,
        name         TEXT NOT NULL UNIQUE,
        common_name  TEXT NOT NULL,
        sans         TEXT NOT NULL,
        issuer       TEXT NOT NULL,
        organization TEXT NOT NULL,
        city         TEXT NOT NULL,
        province     TEXT NOT NULL,
        country      TEXT NOT NULL,
        not_before   INTEGER NOT NULL,
        not_after    INTEGER NOT NULL,
        sha1         TEXT NOT NULL,
        sha256       TEXT NOT NULL,
        serial       TEXT NOT NULL,
        algorithm    TEXT NOT NULL,
        cert_pem     TEXT NOT NULL
    ) STRICT;";

/// A stored certificate. Everything but id and name was read from the certificate itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    /// The id the service gave it; counts from 1.
    pub cert_id: i64,
    /// The name it was uploaded under.
    pub name: String,
    /// Common name of the subject; empty if there is none.
    pub common_name: String,
    /// Subject alternative names in the certificate's order.
    pub sans: Vec<String>,
    /// Common name of the issuer, or its organization where it has none.
    pub issuer: String,
    /// Organization of the subject; empty if there is none.
    pub organization: String,
    /// Locality of the subject; empty if there is none.
    pub city: String,
    /// State or province of the subject; empty if there is none.
    pub province: String,
    /// Country of the subject; empty if there is none.
    pub country: String,
    /// Start of the validity.
    pub not_before: SystemTime,
    /// End of the validity.
    pub not_after: SystemTime,
    /// SHA-1 of the leaf certificate, 40 upper-case hexadecimal digits.
    pub sha1: String,
    /// SHA-256 of the leaf certificate, 64 upper-case hexadecimal digits.
    pub sha256: String,
    /// Serial number, lower-case hexadecimal, two digits for each byte.
    pub serial: String,
    /// `RSA`, `ECC`, `SM2` or `Ed25519`.
    pub algorithm: String,
    /// The whole chain as it was uploaded.
    pub cert_pem: String,
}

/// The names of the emulator's one account.
pub(crate) struct Store {
    connection: Mutex<Connection>,
}

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    /// Stored under this id.
    Stored(i64),
    /// The name is taken; nothing was changed.
    NameTaken,
}

impl Store {
    /// Opens `file`, creating it if need be, or a database in memory. Fails with a sentence.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, String> {
        let connection = match file {
            None => Connection::open_in_memory().map_err(|error| error.to_string())?,
            Some(file) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
                let open = Connection::open_with_flags(file, flags).map_err(|error| error.to_string());
                open.map_err(|error| format!("{} cannot be opened: {error}", file.display()))?
            }
        };
        prepare(&connection).map_err(|problem| match (problem, file) {
            (Problem::Foreign, Some(file)) => {
                format!("{} was not made by cas-emulator; it is left as it is", file.display())
            }
            (Problem::Newer(version), Some(file)) => format!(
                "{} was made by a newer cas-emulator (schema {version}, this one reads up to {SCHEMA_VERSION})",
                file.display()
            ),
            (Problem::Sqlite(error), Some(file)) => format!("{} cannot be used: {error}", file.display()),
            (problem, None) => format!("no database in memory: {problem:?}"),
        })?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Stores a certificate if its name is free. When this returns, the row is on disk.
    pub(crate) fn insert(&self, name: &str, cert_pem: &str, facts: &Facts) -> rusqlite::Result<Insert> {
        let connection = self.lock();
        let mut insert = connection.prepare_cached(
            "INSERT INTO certificate (name, common_name, sans, issuer, organization, city, province, country,
                                      not_before, not_after, sha1, sha256, serial, algorithm, cert_pem)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?;
        let inserted = insert.insert(params![
            name,
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
            cert_pem,
        ]);
        match inserted {
            Ok(cert_id) => Ok(Insert::Stored(cert_id)),
            // The only constraint that a complete row can break is the unique name.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Ok(Insert::NameTaken)
            }
            Err(error) => Err(error),
        }
    }

    /// Everything stored, oldest first.
    pub(crate) fn all(&self) -> rusqlite::Result<Vec<StoredCertificate>> {
        let connection = self.lock();
        let mut select = connection.prepare_cached("SELECT * FROM certificate ORDER BY cert_id")?;
        select.query_map([], certificate)?.collect()
    }

    /// Forgets everything; the next id is 1 again.
    pub(crate) fn clear(&self) -> rusqlite::Result<()> {
        self.lock().execute_batch(
            "BEGIN IMMEDIATE;
             DELETE FROM certificate;
             DELETE FROM sqlite_sequence WHERE name = 'certificate';
             COMMIT;",
        )
    }

    /// A panic elsewhere leaves no half-done statement behind, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
enum Problem {
    Foreign,
    Newer(i64),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            _ => Self::Sqlite(error),
        }
    }
}

/// Looks before it writes: a file that is somebody else's is not even switched to WAL.
fn prepare(connection: &Connection) -> Result<(), Problem> {
    connection.busy_timeout(Duration::from_secs(5))?;
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    let empty = application == 0 && version == 0 && objects == 0;
    if !empty && (application != APPLICATION_ID || version < 1) {
        return Err(Problem::Foreign);
    }
    if version > SCHEMA_VERSION {
        return Err(Problem::Newer(version));
    }
    // In memory SQLite answers "memory" here and never syncs.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    if empty {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {SCHEMA}
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        ))?;
    }
    Ok(())
}

fn certificate(row: &Row<'_>) -> rusqlite::Result<StoredCertificate> {
    let sans: String = row.get("sans")?;
    Ok(StoredCertificate {
        cert_id: row.get("cert_id")?,
        name: row.get("name")?,
        common_name: row.get("common_name")?,
        sans: sans.split(',').filter(|san| !san.is_empty()).map(str::to_owned).collect(),
        issuer: row.get("issuer")?,
        organization: row.get("organization")?,
        city: row.get("city")?,
        province: row.get("province")?,
        country: row.get("country")?,
        not_before: time(row.get("not_before")?),
        not_after: time(row.get("not_after")?),
        sha1: row.get("sha1")?,
        sha256: row.get("sha256")?,
        serial: row.get("serial")?,
        algorithm: row.get("algorithm")?,
        cert_pem: row.get("cert_pem")?,
    })
}

fn time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(file: &Path) -> String {
        Store::open(Some(file)).err().unwrap_or_default()
    }

    #[test]
    fn files_of_others_and_of_the_future_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        std::fs::write(&text, "not a database, but long enough to be looked at as if it were one").unwrap();
        assert!(refusal(&text).ends_with("was not made by cas-emulator; it is left as it is"));

        let other = folder.path().join("other");
        Connection::open(&other)
            .unwrap()
            .execute_batch("CREATE TABLE t (a); PRAGMA user_version = 1")
            .unwrap();
        assert!(refusal(&other).ends_with("was not made by cas-emulator; it is left as it is"));

        let future = folder.path().join("future");
        drop(Store::open(Some(&future)).unwrap());
        Connection::open(&future).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
        assert!(refusal(&future).ends_with("a newer cas-emulator (schema 2, this one reads up to 1)"));

        assert!(refusal(&folder.path().join("no/such/folder")).contains("cannot be opened"));
    }
}
