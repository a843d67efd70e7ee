//! The schema of the database, and the migration of older files.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

/// Identifies a database of the emulator: `casE`.
const APPLICATION_ID: i64 = 0x6361_7345;

/// The migrations. The schema version of a file is the number of migrations it has seen.
const MIGRATIONS: [&str; 3] = [FIRST, SECOND, THIRD];

/// AUTOINCREMENT, because the ID of a deleted certificate must not be used again.
const FIRST: &str = "
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

/// Schema 1 stored no private keys, so `sealed_key` is nullable.
const SECOND: &str = "
    ALTER TABLE certificate ADD COLUMN sealed_key BLOB;
    ALTER TABLE certificate ADD COLUMN resource_group_id TEXT NOT NULL DEFAULT '';
    ALTER TABLE certificate ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE certificate ADD COLUMN client_token TEXT;
    CREATE UNIQUE INDEX certificate_by_client_token ON certificate (client_token);
    CREATE TABLE deletion (
        client_token TEXT PRIMARY KEY,
        cert_id      INTEGER NOT NULL
    ) STRICT;";

/// The encryption pair of SM2 double certificates; `''` and NULL for all others.
const THIRD: &str = "
    ALTER TABLE certificate ADD COLUMN encrypt_cert_pem TEXT NOT NULL DEFAULT '';
    ALTER TABLE certificate ADD COLUMN sealed_encrypt_key BLOB;";

/// Why a database cannot be used.
#[derive(Debug)]
pub(super) enum SchemaError {
    /// Another program created it.
    Foreign,
    /// A newer emulator created it.
    Newer {
        version: i64,
        supported: i64,
    },
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for SchemaError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            _ => Self::Sqlite(error),
        }
    }
}

/// Creates or migrates the schema. Writes nothing to a file that another program created.
pub(super) fn prepare(connection: &Connection) -> Result<(), SchemaError> {
    connection.busy_timeout(Duration::from_secs(5))?;
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    let empty = application == 0 && version == 0 && objects == 0;
    if !empty && (application != APPLICATION_ID || version < 1) {
        return Err(SchemaError::Foreign);
    }
    let pending = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..));
    let Some(pending) = pending else {
        return Err(SchemaError::Newer {
            version,
            supported: i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
        });
    };
    // A database in memory ignores both settings.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    if !pending.is_empty() {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {}
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}; COMMIT;",
            pending.concat(),
            MIGRATIONS.len(),
        ))?;
    }
    Ok(())
}
