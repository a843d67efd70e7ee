//! Deleting a certificate.

use rusqlite::{Connection, OptionalExtension, params};

use super::account::Account;
use super::error::StoreError;
use super::writer::Change;

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

/// Deletes a certificate, unless the client token was used before.
pub(super) fn delete(
    connection: &Connection,
    account: Account,
    cert_id: i64,
    client_token: Option<&str>,
) -> Result<Change<DeleteResult>, StoreError> {
    if let Some(token) = client_token {
        let first: Option<i64> = connection
            .prepare_cached(
                "SELECT cert_id FROM deletion WHERE account = ?1 AND client_token = ?2",
            )?
            .query_row(params![account, token], |row| row.get(0))
            .optional()?;
        if let Some(first) = first {
            return Ok(Change::Undo(if first == cert_id {
                DeleteResult::Deleted
            } else {
                DeleteResult::TokenMismatch
            }));
        }
    }
    // Its row in `material` goes with it.
    let deleted = connection
        .prepare_cached("DELETE FROM certificate WHERE account = ?1 AND cert_id = ?2")?
        .execute(params![account, cert_id])?;
    if deleted == 0 {
        return Ok(Change::Undo(DeleteResult::NotFound));
    }
    if let Some(token) = client_token {
        connection.execute(
            "INSERT INTO deletion VALUES (?1, ?2, ?3)",
            params![account, token, cert_id],
        )?;
    }
    Ok(Change::Keep(DeleteResult::Deleted))
}
