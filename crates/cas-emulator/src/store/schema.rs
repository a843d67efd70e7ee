//! The schema of the database, and the migration of older files.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::account::Account;
use super::{cloud_resources, deployment, tags};

/// Identifies a database of the emulator: `casE`.
const APPLICATION_ID: i64 = 0x6361_7345;

pub(super) type Migration = fn(&Connection) -> rusqlite::Result<()>;

/// The migrations. The schema version of a file is the number of migrations it has seen.
static MIGRATIONS: [Migration; 8] = [
    |connection| connection.execute_batch(FIRST),
    |connection| connection.execute_batch(SECOND),
    |connection| connection.execute_batch(THIRD),
    split_summaries_from_pem,
    |connection| connection.execute_batch(cloud_resources::SCHEMA),
    |connection| connection.execute_batch(deployment::SCHEMA),
    |connection| connection.execute_batch(tags::SCHEMA),
    |connection| connection.execute_batch(EIGHTH),
];

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

/// The tables of schema 4. `certificate` has what lists show, `material` what they never read.
/// Schema 8 has no `search` any more.
const FOURTH_TABLES: &str = "
    ALTER TABLE certificate RENAME TO old_certificate;
    ALTER TABLE deletion RENAME TO old_deletion;
    DROP INDEX certificate_by_client_token;
    CREATE TABLE certificate (
        cert_id           INTEGER PRIMARY KEY AUTOINCREMENT,
        account           INTEGER NOT NULL,
        name              TEXT NOT NULL,
        common_name       TEXT NOT NULL,
        sans              TEXT NOT NULL,
        issuer            TEXT NOT NULL,
        organization      TEXT NOT NULL,
        city              TEXT NOT NULL,
        province          TEXT NOT NULL,
        country           TEXT NOT NULL,
        not_before        INTEGER NOT NULL,
        not_after         INTEGER NOT NULL,
        sha1              TEXT NOT NULL,
        sha256            TEXT NOT NULL,
        serial            TEXT NOT NULL,
        algorithm         TEXT NOT NULL,
        resource_group_id TEXT NOT NULL,
        tags              TEXT NOT NULL,
        client_token      TEXT,
        search            TEXT NOT NULL,
        UNIQUE (account, name)
    ) STRICT;
    CREATE TABLE material (
        cert_id            INTEGER PRIMARY KEY REFERENCES certificate ON DELETE CASCADE,
        cert_pem           TEXT NOT NULL,
        sealed_key         BLOB,
        encrypt_cert_pem   TEXT NOT NULL,
        sealed_encrypt_key BLOB
    ) STRICT;
    CREATE TABLE deletion (
        account      INTEGER NOT NULL,
        client_token TEXT NOT NULL,
        cert_id      INTEGER NOT NULL,
        PRIMARY KEY (account, client_token)
    ) STRICT, WITHOUT ROWID;";

/// How many certificates end on which day, so that counting takes no longer the more there are.
/// Days count from the year 0, the earliest of a certificate: the division must not round up.
const FOURTH_TALLY: &str = "
    CREATE TABLE tally (
        account      INTEGER NOT NULL,
        day          INTEGER NOT NULL,
        certificates INTEGER NOT NULL,
        PRIMARY KEY (account, day)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER certificate_stored AFTER INSERT ON certificate BEGIN
        INSERT INTO tally VALUES (new.account, (new.not_after + 62167219200) / 86400, 1)
        ON CONFLICT DO UPDATE SET certificates = certificates + 1;
    END;
    CREATE TRIGGER certificate_deleted AFTER DELETE ON certificate BEGIN
        UPDATE tally SET certificates = certificates - 1
        WHERE account = old.account AND day = (old.not_after + 62167219200) / 86400;
    END;";

/// Moves the rows of schema 3. The sequence of IDs goes on: a deleted ID is not used again.
const FOURTH_ROWS: &str = "
    INSERT INTO material
        SELECT cert_id, cert_pem, sealed_key, encrypt_cert_pem, sealed_encrypt_key
        FROM old_certificate;
    DELETE FROM sqlite_sequence WHERE name = 'certificate';
    UPDATE sqlite_sequence SET name = 'certificate' WHERE name = 'old_certificate';
    DROP TABLE old_certificate;
    DROP TABLE old_deletion;";

/// The indexes of schema 4: lists and counts read them and no table.
const FOURTH_INDEXES: &str = "
    CREATE UNIQUE INDEX certificate_by_client_token ON certificate (account, client_token)
        WHERE client_token IS NOT NULL;
    CREATE INDEX certificate_by_end ON certificate (account, not_after);
    CREATE INDEX certificate_listed
        ON certificate (account, cert_id, not_after, resource_group_id, search);";

fn split_summaries_from_pem(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(FOURTH_TABLES)?;
    connection.execute_batch(FOURTH_TALLY)?;
    connection.execute(
        "INSERT INTO certificate
         SELECT cert_id, ?1, name, common_name, sans, issuer, organization, city, province, country,
                not_before, not_after, sha1, sha256, serial, algorithm, resource_group_id, tags,
                client_token, ''
         FROM old_certificate",
        [Account::default()],
    )?;
    connection.execute(
        "INSERT INTO deletion SELECT ?1, client_token, cert_id FROM old_deletion
         WHERE client_token IS NOT NULL",
        [Account::default()],
    )?;
    connection.execute_batch(FOURTH_ROWS)?;
    connection.execute_batch(FOURTH_INDEXES)
}

/// Keywords are searched in a text in memory instead, see `search`.
const EIGHTH: &str = "
    DROP INDEX certificate_listed;
    ALTER TABLE certificate DROP COLUMN search;
    CREATE INDEX certificate_listed
        ON certificate (account, cert_id, not_after, resource_group_id);
    CREATE INDEX certificate_by_group
        ON certificate (account, resource_group_id, cert_id, not_after)
        WHERE resource_group_id != '';";

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

/// An empty database in memory.
pub(super) fn in_memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    // Several certificates with their keys fit into a page, so little of it is unused.
    connection.execute_batch("PRAGMA page_size = 32768; PRAGMA foreign_keys = ON")?;
    migrate(&mut connection, &MIGRATIONS)?;
    Ok(connection)
}

/// Statements that delete everything.
pub(super) fn clear() -> String {
    format!(
        "DELETE FROM certificate;
         DELETE FROM deletion;
         {}{}
         DELETE FROM sqlite_sequence;",
        cloud_resources::CLEAR,
        deployment::CLEAR,
    )
}

fn migrate(connection: &mut Connection, pending: &[Migration]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for migrate in pending {
        migrate(&transaction)?;
    }
    transaction.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}",
        MIGRATIONS.len(),
    ))?;
    transaction.commit()
}

/// Checks that the database is new or of an emulator. Writes nothing. Returns its migrations.
pub(super) fn check(connection: &Connection) -> Result<&'static [Migration], SchemaError> {
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
    pending.ok_or(SchemaError::Newer {
        version,
        supported: i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
    })
}

/// Creates or migrates the schema. Writes nothing to a file that another program created.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), SchemaError> {
    let pending = check(connection)?;
    // A database in memory ignores both settings.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")?;
    if !pending.is_empty() {
        migrate(connection, pending)?;
    }
    Ok(())
}
