//! Writing a snapshot.

use std::io::{self, Write};
use std::ops::Deref;

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::certificate::{self, Certificate};
use super::document::{
    ACCESS_KEYS, CERTIFICATES, SEQUENCE_TABLES, SEQUENCES, VERSION, VERSION_MEMBER,
};
use super::error::SnapshotError;
use super::rows::{CloudResource, Contact, Deletion, Job, SnapshotRow, Worker};
use super::seal::{self, SealedFor, Secrets};
use crate::store::error::StoreError;
use crate::store::key_sealer::KeySealer;

/// How many rows are read at once.
const BATCH: i64 = 500;

/// A snapshot to write.
pub(crate) struct Export {
    document: KeySealer,
    sealed_for: Vec<SealedFor>,
}

impl Export {
    /// A snapshot that each of these access keys opens.
    pub(crate) fn new(secrets: &Secrets) -> Result<Self, SnapshotError> {
        let (document, sealed_for) = seal::create(secrets).map_err(SnapshotError::Invalid)?;
        Ok(Self { document, sealed_for })
    }

    /// Writes the document to `to`. `lock` gives a connection, whose content must not change
    /// meanwhile, and which it returns before anything is written.
    pub(in crate::store) fn write<C: Deref<Target = Connection>>(
        &self,
        stored: &KeySealer,
        lock: impl Fn() -> C,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        // The order of the names, with the version before all that depends on it.
        write!(to, "{{\"{ACCESS_KEYS}\":")?;
        serde_json::to_writer(&mut *to, &self.sealed_for)?;
        write!(to, ",\n\"{VERSION_MEMBER}\":{VERSION}")?;
        let mut last = i64::MIN;
        list(to, CERTIFICATES, || {
            let batch = certificate::read(&lock(), last, stored, &self.document);
            let batch = batch.map_err(io::Error::other)?.map_err(StoreError::from);
            let batch = batch.map_err(io::Error::other)?;
            last = batch.last().map_or(last, Certificate::cert_id);
            Ok(batch)
        })?;
        rows::<CloudResource, _>(to, &lock)?;
        rows::<Contact, _>(to, &lock)?;
        rows::<Deletion, _>(to, &lock)?;
        rows::<Job, _>(to, &lock)?;
        rows::<Worker, _>(to, &lock)?;
        write!(to, ",\n\"{SEQUENCES}\":{{")?;
        for (index, table) in SEQUENCE_TABLES.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            let last = sequence(&lock(), table).map_err(io::Error::other)?;
            write!(to, "{separator}\"{table}\":{last}")?;
        }
        to.write_all(b"}}\n")
    }
}

/// The largest ID of a table so far; 0 if it never had a row.
fn sequence(connection: &Connection, table: &str) -> rusqlite::Result<i64> {
    let select = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    let last = connection.query_row(select, [table], |row| row.get(0)).optional()?;
    Ok(last.unwrap_or_default())
}

fn rows<T: SnapshotRow, C: Deref<Target = Connection>>(
    to: &mut dyn Write,
    lock: &impl Fn() -> C,
) -> io::Result<()> {
    let mut offset = 0;
    list(to, T::MEMBER, || {
        let read = |connection: &Connection| {
            let mut select =
                connection.prepare_cached(&format!("{} LIMIT ?1 OFFSET ?2", T::SELECT))?;
            select.query_map([BATCH, offset], T::from_row)?.collect::<rusqlite::Result<Vec<T>>>()
        };
        let batch = read(&lock()).map_err(io::Error::other)?;
        offset += BATCH;
        Ok(batch)
    })
}

/// Writes a member whose value is an array, with an item a line. `next` returns items until it
/// returns none.
fn list<T: Serialize>(
    to: &mut dyn Write,
    member: &str,
    mut next: impl FnMut() -> io::Result<Vec<T>>,
) -> io::Result<()> {
    write!(to, ",\n\"{member}\":[")?;
    let mut separator: &[u8] = b"\n";
    loop {
        let items = next()?;
        if items.is_empty() {
            return to.write_all(b"]");
        }
        for item in items {
            to.write_all(separator)?;
            separator = b",\n";
            serde_json::to_writer(&mut *to, &item)?;
        }
    }
}
