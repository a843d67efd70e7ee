//! The layout of the database file, and bringing older files up to date.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

/// Marks a database file as the emulator's: `casE`.
const APPLICATION_ID: i64 = 0x6361_7345;

/// What each version added to the one before it. A new file takes all steps, an older one those it lacks.
const STEPS: [&str; 2] = [FIRST, SECOND];

/// AUTOINCREMENT, because an id must never come back after its certificate was deleted.
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

/// Certificates of the first version came without their keys, so `sealed_key` may be null.
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

/// Why a database cannot be used.
#[derive(Debug)]
pub(super) enum Problem {
    Foreign,
    Newer { version: i64, known: i64 },
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
pub(super) fn prepare(connection: &Connection) -> Result<(), Problem> {
    connection.busy_timeout(Duration::from_secs(5))?;
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    let empty = application == 0 && version == 0 && objects == 0;
    if !empty && (application != APPLICATION_ID || version < 1) {
        return Err(Problem::Foreign);
    }
    let steps = usize::try_from(version).ok().and_then(|version| STEPS.get(version..));
    let Some(steps) = steps else {
        return Err(Problem::Newer {
            version,
            known: i64::try_from(STEPS.len()).unwrap_or(i64::MAX),
        });
    };
    // In memory SQLite answers "memory" here and never syncs.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    if !steps.is_empty() {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {}
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}; COMMIT;",
            steps.concat(),
            STEPS.len(),
        ))?;
    }
    Ok(())
}
