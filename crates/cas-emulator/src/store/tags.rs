//! Tags and resource groups of certificates, which change after the upload.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::account::Account;
use super::row::{tags_from_json, tags_to_json};

/// Keys and values.
pub(crate) type Tags = Vec<(String, String)>;

/// What an upload with a client token had, if that has changed since: a repeated upload is compared
/// with it.
pub(super) const SCHEMA: &str = "
    CREATE TABLE uploaded_with (
        cert_id           INTEGER PRIMARY KEY REFERENCES certificate ON DELETE CASCADE,
        resource_group_id TEXT NOT NULL,
        tags              TEXT NOT NULL
    ) STRICT;";

/// The tags of a certificate; `None` if the account has no certificate with this ID.
pub(crate) fn of(
    connection: &Connection,
    account: Account,
    cert_id: i64,
) -> rusqlite::Result<Option<Tags>> {
    let select = "SELECT tags FROM certificate WHERE account = ?1 AND cert_id = ?2";
    let tags = |row: &Row<'_>| Ok(tags_from_json(&row.get::<_, String>("tags")?));
    connection.query_row(select, params![account, cert_id], tags).optional()
}

/// The certificates of an account that have tags, oldest first.
pub(crate) fn all(connection: &Connection, account: Account) -> rusqlite::Result<Vec<(i64, Tags)>> {
    let mut select = connection.prepare_cached(
        "SELECT cert_id, tags FROM certificate WHERE account = ?1 AND tags != '[]'
         ORDER BY cert_id",
    )?;
    let tagged =
        |row: &Row<'_>| Ok((row.get("cert_id")?, tags_from_json(&row.get::<_, String>("tags")?)));
    select.query_map([account], tagged)?.collect()
}

/// Replaces the tags of a certificate.
pub(crate) fn set(
    transaction: &Transaction<'_>,
    cert_id: i64,
    tags: &[(String, String)],
) -> rusqlite::Result<()> {
    remember_upload(transaction, cert_id)?;
    let update = "UPDATE certificate SET tags = ?2 WHERE cert_id = ?1";
    transaction.execute(update, params![cert_id, tags_to_json(tags)])?;
    Ok(())
}

/// Moves a certificate to a resource group. Returns whether the account has the certificate.
pub(crate) fn set_resource_group(
    transaction: &Transaction<'_>,
    account: Account,
    cert_id: i64,
    resource_group_id: &str,
) -> rusqlite::Result<bool> {
    remember_upload(transaction, cert_id)?;
    let update =
        "UPDATE certificate SET resource_group_id = ?3 WHERE account = ?1 AND cert_id = ?2";
    Ok(transaction.execute(update, params![account, cert_id, resource_group_id])? > 0)
}

fn remember_upload(transaction: &Transaction<'_>, cert_id: i64) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR IGNORE INTO uploaded_with
         SELECT cert_id, resource_group_id, tags FROM certificate
         WHERE cert_id = ?1 AND client_token IS NOT NULL",
        [cert_id],
    )?;
    Ok(())
}

/// The resource group and the tags of the upload, if they have changed since.
pub(super) fn uploaded_with(
    connection: &Connection,
    cert_id: i64,
) -> rusqlite::Result<Option<(String, Tags)>> {
    let select = "SELECT resource_group_id, tags FROM uploaded_with WHERE cert_id = ?1";
    let uploaded = |row: &Row<'_>| Ok((row.get(0)?, tags_from_json(&row.get::<_, String>(1)?)));
    connection.query_row(select, [cert_id], uploaded).optional()
}
